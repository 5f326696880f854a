"""Group: a peer's handle to one run. Joining and leaving, rounds, collectives, events."""

from __future__ import annotations

import atexit
import weakref
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Literal, TypeVar

from whimbrel import _core
from whimbrel.native import Library, table_address
from whimbrel.values import Commit, Event, GroupInfo, Record, Round, View
from whimbrel.work import Work

T = TypeVar("T")
# A numpy array, a torch CPU tensor, or anything with the buffer protocol or DLPack; of all_reduce also a list of
# such.
Array = TypeVar("Array")
Security = Literal["tls", "none"]
Reduce = Literal["sum", "avg", "min", "max"]
Graph = Literal[
    "ring", "hypercube", "exponential", "one-peer-exponential", "random-matching", "complete", "listed"
]
NonFinite = Literal["exclude", "abort", "allow"]
SameHostPath = Literal["auto", "tcp"]


def _grace_s(grace: float | Literal["learnt"]) -> float:
    """As the core takes it, to which -1 is "learnt"."""
    if grace == "learnt":
        return -1.0
    seconds = float(grace)
    if seconds < 0:
        raise ValueError("grace: 0 or more seconds are needed")
    return seconds


class Group:
    """One peer of one run.

    Nothing is contacted before join(). Use it as a context manager, or close() it: open ops then end with
    Left. Every method may be called from any thread. A group does not survive fork().
    """

    def __init__(
        self,
        invite: str | None = None,
        *,
        run: str | None = None,
        coordinators: str | None = None,
        name: str | None = None,
        region: str | None = None,
        listen: str | None = None,
        advertise: str | None = None,
        identity_file: str | None = None,
        security: Security = "tls",
        fingerprint: int = 0,
        bulk_strands: int = 0,
        worker_threads: int = 0,
        chunk_bytes: int = 0,
        retain_bytes_max: int = 0,
        window_bytes: int = 0,
        outbound_only: bool = False,
        require_reachable: bool = False,
        same_host_path: SameHostPath = "auto",
        rate_limit: int = 0,
        link_rate_limit: int = 0,
    ) -> None:
        """Either an invite or run and coordinators ("HOST:PORT,HOST:PORT") are needed; 0 and None mean the
        default. The fields are those of whim_group_options in whimbrel/group.h.

        same_host_path: how peers of one machine meet; "auto" through shared memory where both are of one
        network namespace, "tcp" never so. rate_limit, link_rate_limit: where set_rate_limits() starts from."""
        self._core = _core.Group(
            security=security,
            invite=invite,
            run=run,
            coordinators=coordinators,
            name=name,
            region=region,
            listen=listen,
            advertise=advertise,
            identity_file=identity_file,
            fingerprint=fingerprint,
            bulk_strands=bulk_strands,
            worker_threads=worker_threads,
            chunk_bytes=chunk_bytes,
            retain_bytes_max=retain_bytes_max,
            window_bytes=window_bytes,
            outbound_only=outbound_only,
            require_reachable=require_reachable,
            same_host_path=same_host_path,
            rate_limit=rate_limit,
            link_rate_limit=link_rate_limit,
        )
        self._names: dict[tuple[str, int], str] = {}  # of everybody this peer has seen in a round
        _open_groups.add(self)

    # ---- membership

    def join(self) -> Work[Group]:
        """Asks for admission; completes with this group once it is admitted: the next round has it. Also
        after an eviction."""
        return self._work(self._core.join(), lambda _: self)

    def leave(self, reason: str | None = None) -> Work[None]:
        """Tells the others, who then go on without waiting for a suspicion. Only close() is left
        afterwards."""
        return self._work(self._core.leave(reason), _nothing)

    def close(self) -> None:
        """Ends everything at once. Open ops complete with Left. Safe to call again. WouldDeadlock inside a
        callback: the group lives on."""
        self._core.close()

    def __enter__(self) -> Group:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def interrupt(self) -> None:
        """Makes waits of other threads end with Interrupted; their ops run on."""
        self._core.interrupt()

    def set_rate_limits(self, rate_limit: int = 0, link_rate_limit: int = 0) -> None:
        """Bounds what this peer sends, in whole bytes per second up to 2**64 - 1: of all its links together,
        and of each; 0: no bound. Bulk waits, control does not. At any time, from any thread; what waits goes on
        under the new ones."""
        self._core.set_rate_limits(rate_limit, link_rate_limit)

    # ---- codecs and reducers of your own

    def add_codec(self, library: Library, symbol: str) -> None:
        """Makes a codec of a native library known to ops from now on, by the name in its table (native.py). library:
        a path or a ctypes.CDLL; symbol: the `whim_codec` that it exports. Invalid: the table or its name; all members
        add the same."""
        _core.add_codec(self._core, table_address(library, symbol))

    def add_reducer(self, library: Library, symbol: str) -> None:
        """The same for a reducer, a `whim_reducer`."""
        _core.add_reducer(self._core, table_address(library, symbol))

    # ---- rounds

    def round_begin(self, state_round: int = 0) -> Work[Round]:
        """Says that this peer is ready; completes when the round begins. state_round: the last committed
        round whose state this peer holds (0: none, it may have to be healed)."""
        return self._work(
            self._core.round_begin(state_round), lambda op: Round.of(self._named(op.round_info()))
        )

    def round_commit(
        self, digest: bytes = bytes(16), data: bytes = b"", *, samples: int = 0, round: int = 0
    ) -> Work[Commit]:
        """Votes for the round with the digest of the state after it, and up to 64 KiB of your own."""
        return self._work(
            self._core.round_commit(digest, data, samples, round),
            lambda op: Commit.of(self._named(op.commit_info())),
            tells_on_error=True,
        )

    def round_record(self, round: int) -> Work[Record]:
        """What the coordinator keeps of a committed round. Invalid when it has no record of that round."""
        return self._work(self._core.round_record(round), lambda op: Record.of(op.record_info()))

    # ---- collectives: all members call the same tag with the same shape; None of them blocks. An
    # option without a word of its own means what it means in all_reduce.

    def all_reduce(
        self,
        x: Array,
        out: Array | None = None,
        *,
        reduce: Reduce = "avg",
        tag: int = 0,
        round: int = 0,
        weight: float = 1.0,
        min_contributors: int = 0,
        grace: float | Literal["learnt"] = 0.0,
        budget: float = 0.0,
        uniform: bool = False,
        non_finite: Literal["exclude", "abort", "allow"] = "exclude",
        priority: int = 0,
        share: int = 1,
        codec: str | None = None,
        plan: str | None = None,
        reducer: str | None = None,
    ) -> Work[Array]:
        """Reduces x over all members into out (default: in place); the same bytes everywhere. x may be a list
        of arrays of one dtype, as a model's parameters are, which one op takes as if they lay behind each
        other; out is then a list, too, and counts and their order are equal on all members. A member's
        death neither fails it nor needs a retry. Completes with the array that holds the result. grace: the op
        does not wait for members that are later than min_contributors of them (by default: more than half) by
        so many seconds; "learnt": as long as those that are no stragglers usually need. Late contributions are
        dropped whole, part by part, and the op's contributor sets say whose; the late still get the result, as
        long as there is room to keep it for them. budget: after so many seconds this peer gives up its own
        part. 0: never; both are rounded up to milliseconds. priority (0 to 2**32 - 1): of ops that are
        open at once, those of a higher one go first on each link, as this peer sends; share (1 to 2**32 - 1):
        equals get bytes in this proportion. Neither needs to be equal on all members. codec: how f32 elements
        of a sum or avg travel, as in docs/reference/codecs.md, for example "int8" or "topk:1/64"; equal on all
        members. With it, non_finite also speaks of elements that are more than the codec holds.
        plan: along which paths it travels; None: what the links make best, or "direct", "ring", "plain-ring",
        "two-level", "forest"; equal on all members. reducer: one of your own, that add_reducer has made known by this
        name, in place of reduce; equal on all members."""
        op = self._core.all_reduce(
            x,
            out,
            reduce,
            tag,
            round,
            weight,
            min_contributors,
            _grace_s(grace),
            budget,
            uniform,
            non_finite,
            priority,
            share,
            codec,
            plan,
            reducer,
        )
        return self._work(op, lambda _: x if out is None else out)

    def reduce_scatter(
        self,
        x: Array,
        out: Array,
        *,
        reduce: Reduce = "avg",
        counts: Sequence[int] = (),
        tag: int = 0,
        round: int = 0,
        weight: float = 1.0,
        min_contributors: int = 0,
        grace: float | Literal["learnt"] = 0.0,
        budget: float = 0.0,
        uniform: bool = False,
        non_finite: Literal["exclude", "abort", "allow"] = "exclude",
        priority: int = 0,
        share: int = 1,
        codec: str | None = None,
        reducer: str | None = None,
    ) -> Work[Array]:
        """Reduces x over all members and gives each its own part, in rank order: out has this one's. counts: the
        parts' elements, one for each member of the round; without, all are as long as out. out may be this
        member's part of x. A member's death leaves its part unmade and fails nobody. Completes with out."""
        op = self._core.reduce_scatter(
            x,
            out,
            reduce,
            list(counts),
            tag,
            round,
            weight,
            min_contributors,
            _grace_s(grace),
            budget,
            uniform,
            non_finite,
            priority,
            share,
            codec,
            reducer,
        )
        return self._work(op, lambda _: out)

    def all_gather(
        self,
        x: Array,
        out: Array,
        *,
        counts: Sequence[int] = (),
        tag: int = 0,
        round: int = 0,
        grace: float | Literal["learnt"] = 0.0,
        budget: float = 0.0,
        priority: int = 0,
        share: int = 1,
        codec: str | None = None,
    ) -> Work[Array]:
        """Puts every member's x behind each other into out, in rank order. counts: elements of each member's x;
        without, all are alike. x may be this member's part of out. What is lost with a member, because no
        survivor has it, is zeros, and the info's runs say so. Completes with out."""
        op = self._core.all_gather(
            x, out, list(counts), tag, round, _grace_s(grace), budget, priority, share, codec
        )
        return self._work(op, lambda _: out)

    def broadcast(
        self,
        x: Array,
        source_rank: int,
        *,
        tag: int = 0,
        round: int = 0,
        grace: float | Literal["learnt"] = 0.0,
        budget: float = 0.0,
        priority: int = 0,
        share: int = 1,
        codec: str | None = None,
    ) -> Work[Array]:
        """Copies x of the member of a birth rank into everybody's x. SourceLost when nobody has all of it. With
        a codec, the source's x too then holds what the codec made of it."""
        op = self._core.broadcast(x, source_rank, tag, round, _grace_s(grace), budget, priority, share, codec)
        return self._work(op, lambda _: x)

    def barrier(
        self,
        *,
        tag: int = 0,
        round: int = 0,
        min_contributors: int = 0,
        grace: float | Literal["learnt"] = 0.0,
        budget: float = 0.0,
        priority: int = 0,
        share: int = 1,
    ) -> Work[None]:
        """Completes once every living member of the round has called it."""
        op = self._core.barrier(tag, round, min_contributors, _grace_s(grace), budget, priority, share)
        return self._work(op, _nothing)

    def agree(
        self,
        values: Array,
        how: Literal["max", "min", "majority", "sum"],
        *,
        tag: int = 0,
        round: int = 0,
        min_contributors: int = 0,
        grace: float | Literal["learnt"] = 0.0,
        budget: float = 0.0,
        priority: int = 0,
        share: int = 1,
    ) -> Work[Array]:
        """Settles a few int64 values among all members, in place."""
        op = self._core.agree(values, how, tag, round, min_contributors, _grace_s(grace), budget, priority, share)
        return self._work(op, lambda _: values)

    # ---- gossip: averaging with neighbours, without waiting for anybody else; each peer has a result of its own.
    # docs/explanation/gossip.md says which graph to take.

    def neighbour_average(
        self,
        x: Array,
        out: Array | None = None,
        *,
        graph: Graph = "ring",
        edges: Sequence[tuple[int, int]] = (),
        steps: int = 1,
        chebyshev: bool = False,
        seed: int = 0,
        first_step: int = 0,
        tag: int = 0,
        round: int = 0,
        non_finite: NonFinite = "exclude",
        grace: float = 0.0,
        budget: float = 0.0,
        priority: int = 0,
        share: int = 1,
        codec: str | None = None,
    ) -> Work[Array]:
        """Averages x, of a float dtype, with the neighbours of a graph, `steps` times (1 to 64), into out (default:
        in place). All members call it. edges: pairs of ranks, of "listed". chebyshev: accelerated, on graphs that stay
        the same. seed: of "random-matching"; first_step: where in the sequence of a graph that changes from step to
        step. A neighbour that is gone leaves its weight to this peer. grace: a neighbour that keeps a step waiting
        for so many seconds is left out by this peer; budget: after so many the op ends with what has been mixed.
        codec: what neighbours get of float32, as in all_reduce, but no sparse one; the mean is kept, and members
        become alike up to what it loses. info().gossip says whose values were mixed at which step."""
        op = _core.neighbour_average(
            self._core,
            x,
            out,
            graph,
            list(edges),
            steps,
            chebyshev,
            seed,
            first_step,
            tag,
            round,
            non_finite,
            grace,
            budget,
            priority,
            share,
            codec,
        )
        return self._work(op, lambda _: x if out is None else out)

    def pair_average(
        self,
        x: Array,
        partner_rank: int | None = None,
        out: Array | None = None,
        *,
        seed: int = 0,
        turn: int = 0,
        tag: int = 0,
        round: int = 0,
        non_finite: NonFinite = "exclude",
        grace: float = 0.0,
        budget: float = 0.0,
        priority: int = 0,
        share: int = 1,
        codec: str | None = None,
    ) -> Work[Array]:
        """Averages x, of a float dtype, with one partner; both end with the same bits, or with a codec with values
        that differ by what it lost. partner_rank: both name each other,
        and nobody else calls it. None: drawn by seed and turn, and all members call it. A partner that is gone or
        later than the budget leaves this peer its own values: info().gossip.mixed is 0."""
        op = _core.pair_average(
            self._core,
            x,
            partner_rank,
            out,
            seed,
            turn,
            tag,
            round,
            non_finite,
            grace,
            budget,
            priority,
            share,
            codec,
        )
        return self._work(op, lambda _: x if out is None else out)

    def _work(
        self, op: _core.Op, result: Callable[[_core.Op], T], *, tells_on_error: bool = False
    ) -> Work[T]:
        return Work(op, result, self._named, tells_on_error=tells_on_error)

    def _named(self, info: Any) -> Any:
        """Decisions and op reports name members by id alone; fills in what they are called."""
        if isinstance(info, list):
            for entry in info:
                self._named(entry)
        elif isinstance(info, dict) and "incarnation" in info:
            key = (info["id"], info["incarnation"])
            if info["name"]:
                self._names[key] = info["name"]
            else:
                info["name"] = self._names.get(key, "")
        elif isinstance(info, dict):
            self._named(list(info.values()))
        return info

    # ---- seeing inside

    def events(self) -> Iterator[Event]:
        """Takes the events that wait, oldest first. Does not block."""
        while (event := self._core.next_event()) is not None:
            yield Event.of(event)

    def fileno(self) -> int:
        """Readable while an event waits: for select() and event loops."""
        return self._core.event_fd()

    def info(self) -> GroupInfo:
        return GroupInfo.of(self._core.info())

    def view(self) -> View:
        return View.of(self._core.view())

    def waiting_for(self) -> str:
        """What the group waits for, in words; "" when for nothing."""
        return self._core.waiting_for()


def _nothing(_: Any) -> None:
    return None


_open_groups: weakref.WeakSet[Group] = weakref.WeakSet()


@atexit.register
def _close_open_groups() -> None:
    """The library's callback thread must be gone before the interpreter is."""
    for group in list(_open_groups):
        group.close()
    _core.finish_closing()
