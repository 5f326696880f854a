"""What the library reports, as plain frozen values."""

from __future__ import annotations

import enum
from dataclasses import dataclass, fields
from typing import Any


def _take(cls: type, source: dict[str, Any], **replaced: Any) -> Any:
    """An instance of a dataclass from the entries of a dictionary that it names."""
    return cls(**{f.name: replaced.get(f.name, source.get(f.name)) for f in fields(cls)})


@dataclass(frozen=True)
class Member:
    """One peer of the run. (id, incarnation) names it for ever; what a list does not know is "", 0 or
    None."""

    id: str
    incarnation: int
    name: str
    rank: int | None
    region: str
    addresses: str
    reason: str  # of those who left, were excluded or diverged: why
    by_own_wish: bool
    is_self: bool
    outbound_only: bool  # nobody can dial it
    epoch: int  # of those who left: the first view without it

    def __str__(self) -> str:
        return f"{self.name} ({self.id[:8]}#{self.incarnation})"


def members(entries: list[dict[str, Any]]) -> list[Member]:
    return [_take(Member, entry) for entry in entries]


@dataclass(frozen=True)
class ContributorSet:
    """Whose contributions some elements of a result were made from."""

    members: list[Member]  # in birth rank order
    elements: int  # how many


@dataclass(frozen=True)
class ContributorRun:
    """Elements first .. first + count - 1 of a result were made from contributor_sets[set]."""

    set: int
    first: int
    count: int


@dataclass(frozen=True)
class OpInfo:
    """How a collective went."""

    round: int
    tag: int
    epoch: int
    excluded_self: bool  # this peer's contribution may be missing; the result is exact all the same
    contributor_sets: list[ContributorSet]
    contributor_runs: list[ContributorRun]
    gone: list[Member]  # evicted or excluded before it completed
    birth_members: int
    elapsed_s: float
    bytes_sent: int
    bytes_received: int
    chunks: int
    chunks_final: int
    chunks_resent: int
    chunks_refolded: int
    chunks_adopted: int
    partial_from_gone: int
    plan: str | None  # along which paths it went: "direct", "ring", "two-level" or "forest"

    @classmethod
    def of(cls, source: dict[str, Any]) -> OpInfo:
        sets = [ContributorSet(members(s["members"]), s["elements"]) for s in source["contributor_sets"]]
        runs = [ContributorRun(*run) for run in source["contributor_runs"]]
        return _take(cls, source, contributor_sets=sets, contributor_runs=runs, gone=members(source["gone"]))


@dataclass(frozen=True)
class Round:
    """A round as it began."""

    round: int
    epoch: int
    rank: int
    committed: int  # last committed round when this one began; 0: none
    heal_self: bool  # this peer holds no current state
    healing_any: bool  # somebody does not: all broadcast from donor_rank
    donor_rank: int | None
    participants: list[Member]
    joined: list[Member]
    left: list[Member]
    excluded: list[Member]

    @property
    def world_size(self) -> int:
        return len(self.participants)

    @classmethod
    def of(cls, source: dict[str, Any]) -> Round:
        lists = {key: members(source[key]) for key in ("participants", "joined", "left", "excluded")}
        return _take(cls, source, **lists)


@dataclass(frozen=True)
class Commit:
    """How a round ended."""

    round: int
    committed: bool
    reason: str  # of an abort
    digest: bytes
    contributors: list[Member]
    diverged: list[Member]

    @classmethod
    def of(cls, source: dict[str, Any]) -> Commit:
        lists = {key: members(source[key]) for key in ("contributors", "diverged")}
        return _take(cls, source, **lists)


@dataclass(frozen=True)
class Vote:
    """What one contributor brought to a committed round."""

    id: str
    incarnation: int
    samples: int
    data: bytes


@dataclass(frozen=True)
class Record:
    """What the coordinator keeps of a committed round."""

    round: int
    epoch: int
    participants: int
    digest: bytes
    votes: list[Vote]

    @classmethod
    def of(cls, source: dict[str, Any]) -> Record:
        return _take(cls, source, votes=[_take(Vote, vote) for vote in source["votes"]])


@dataclass(frozen=True)
class Link:
    """The link to a member since it was opened, as this end sees it; what is not known yet is 0. See group.h."""

    up: bool
    silent_s: float
    rtt_min_s: float
    rtt_smoothed_s: float
    rtt_p99_s: float
    queueing_delay_s: float
    path_rtt_s: float
    rate_sent_bytes_per_s: int
    rate_received_bytes_per_s: int
    bytes_retransmitted: int
    strands_open: int
    strands_used: int
    strands_reason: str
    pace_bytes_per_s: int  # that bulk leaves at, at most; 0: no bound
    pace_reason: str
    lossy: bool  # losses are random
    via: str  # id of the peer that relays the link; "" when it is direct
    bytes_sent: int
    bytes_received: int
    messages_sent: int
    messages_received: int
    bulk_frames_sent: int
    bulk_frames_received: int
    bulk_frames_resent: int
    strands_lost: int
    bytes_copied: int  # of payloads, sent once more unasked


@dataclass(frozen=True)
class View:
    """Who is in, in rank order, and the links to them."""

    epoch: int
    members: list[Member]
    links: list[Link]

    @classmethod
    def of(cls, source: dict[str, Any]) -> View:
        links = [_take(Link, entry["link"]) for entry in source["members"]]
        return cls(source["epoch"], members(source["members"]), links)


@dataclass(frozen=True)
class GroupInfo:
    """This peer's own standing."""

    id: str
    name: str
    run: str
    listen: str
    advertise: str
    incarnation: int
    epoch: int
    round: int
    rank: int | None
    world_size: int
    coordinator_connected: bool
    ops_open: int
    ops_completed: int
    ops_failed: int
    bytes_sent: int
    bytes_received: int

    @classmethod
    def of(cls, source: dict[str, Any]) -> GroupInfo:
        return _take(cls, source)


class EventKind(enum.IntEnum):
    """The kinds of whimbrel/events.h, and UNKNOWN for what a newer library may add."""

    UNKNOWN = -1
    JOINED = 0
    VIEW_CHANGED = 1
    EVICTED = 2
    COORDINATOR_LOST = 3
    COORDINATOR_BACK = 4
    PEER_SUSPECTED = 5
    PEER_BACK = 6
    OP_PAUSED = 7
    DIVERGED = 8
    WAITING = 9
    PEER_ROUTED = 10
    NOT_REACHED = 11

    @classmethod
    def _missing_(cls, value: object) -> EventKind:
        return cls.UNKNOWN


@dataclass(frozen=True)
class Event:
    """Something that happened to the group without being asked for: one line of what and why."""

    kind: EventKind
    round: int
    epoch: int
    member: str  # id of the member it is about, or ""
    incarnation: int
    text: str

    @classmethod
    def of(cls, source: dict[str, Any]) -> Event:
        return _take(cls, source, kind=EventKind(source["kind"]))
