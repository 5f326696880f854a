"""DiLoCo for plain modules: every replica trains alone for `sync_every` optimizer steps, then they agree.

    diloco = DiLoCo(model, optimizer, group, sync_every=20)
    ...                                       # the training loop, unchanged

At each outer step the replicas average how far they have moved from the anchor they share (the
pseudo-gradient), the C++ core takes a Nesterov step with it, and the round's commit makes it final. The
anchor, the outer momentum and the number of outer steps are the same on all members bit for bit; the inner
optimizer is each replica's own.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn
from torch.optim import Optimizer

from whimbrel import _core, errors
from whimbrel.group import Group
from whimbrel.torch import healing
from whimbrel.torch.interrupts import held_back
from whimbrel.torch.membership import Membership, give_up
from whimbrel.torch.parameters import FlatParameters
from whimbrel.values import Commit, Round
from whimbrel.work import Work

log = logging.getLogger("whimbrel.torch")

REDUCE_TAG = 0x7772_6564_0000
RECORD_S = 5.0
RECORDS_KEPT = 16  # rounds of which a coordinator keeps the record
HEALS_MAX = 8  # rounds in a row in which the others heal without this replica, before it says so


@dataclass(frozen=True)
class Progress:
    """Something that happened, for an observer: "begin" (round, healed), "reduce_begin" (round), "reduce"
    (info), "reduce_failed" (reason), "commit" (commit, digest, seconds), "excluded", "evicted" (reason),
    "rejoined", "missed" (reason: the last round was committed without this replica)."""

    what: str
    fields: dict[str, Any]


@dataclass(frozen=True)
class _Vote:
    work: Work[Commit]
    digest: bytes
    start: float
    round: int


class RunIsOver(RuntimeError):
    """The last round (rounds_max) was committed without this replica: nobody will give it the run's state."""


class DiLoCo:
    """Hooks the optimizer of a module to a group that has joined.

    Once constructed the module holds the run's parameters; after every `sync_every`-th optimizer step it
    does again. A replica that was evicted (it froze, or lost its links) joins again by itself and is
    healed: its module then holds the run's parameters, and what it had learnt since its last outer step is
    gone. A round that is aborted leaves the module as it is, and the next round proposes what was learnt
    again. Ctrl-C in an outer step ends that step and nothing else: train on, or stop.
    """

    def __init__(
        self,
        model: nn.Module,
        inner_optimizer: Optimizer,
        group: Group,
        *,
        sync_every: int,
        outer_lr: float = 0.7,
        outer_momentum: float = 0.9,
        weight: float | Callable[[], float] = 1.0,
        codec: str | None = None,
        samples: int | Callable[[], int] = 0,
        commit_data: Callable[[], bytes] | None = None,
        rounds_max: int | None = None,
        observer: Callable[[Progress], Any] | None = None,
    ) -> None:
        """weight: how much this replica's contribution counts, for example its tokens; asked at each outer
        step. codec: how pseudo-gradients travel, as in docs/reference/codecs.md, for example "int8"; the same on
        all replicas. samples, commit_data: kept with each round beside the vote (positions of the data loader, at
        most 64 KiB). rounds_max: the round after whose commit the replica trains alone; see `finished`; the
        same on all replicas. One that misses it finishes without the run's state, and says so ("missed"): it leaves
        the group then, or closes it. RunIsOver when that is so to begin with."""
        if sync_every < 1:
            raise ValueError("sync_every must be at least 1")
        self.group = group
        self.sync_every = sync_every
        self.finished = False
        self.local_steps = 0  # since the last outer step
        self._weight, self._samples, self._commit_data = weight, samples, commit_data
        self._codec = codec
        self._rounds_max = rounds_max
        self._observer = observer
        self._parameters = FlatParameters(model)
        self._scratch = self._parameters.new()
        self._state = _core.Diloco(self._parameters.read(self._scratch), outer_lr, outer_momentum)
        self._anchor = torch.frombuffer(self._state.anchor(), dtype=torch.float32)
        self._membership = Membership(group, self._report)
        self._vote: _Vote | None = None  # for the provisional state
        self._cut_short = False
        self._residue: torch.Tensor | None = None  # what the module's dtype cannot hold of the anchor
        self._waiting_for = ""
        self._record: Work[Any] | None = None  # of a round that may have been the last
        self._healed = False  # in the round this replica is in, or it needed nothing
        self._first: bytes | None = None  # digest of the state that all began with
        self._healing: healing.Healing | None = None  # under way
        try:
            self._begin()
        except BaseException:
            self._drop_healing()
            self._membership.give_up()
            raise
        self._hook = inner_optimizer.register_step_post_hook(lambda *_: self._after_inner_step())

    @property
    def round(self) -> Round:
        """The round this replica trains in, as it began."""
        return self._round

    @property
    def committed(self) -> int:
        """The last committed round whose state this replica holds; 0: none."""
        return self._membership.state_round

    @property
    def outer_steps(self) -> int:
        """Outer steps of the run behind the state this replica holds."""
        return self._state.steps

    @property
    def step(self) -> int:
        """Optimizer steps of the run up to here, the same on all replicas: what a learning rate schedule
        counts."""
        return self.outer_steps * self.sync_every + self.local_steps

    def digest(self) -> bytes:
        """Of anchor, momentum and outer steps: equal on all replicas between outer steps."""
        return self._state.digest()

    def detach(self) -> None:
        """Takes the hook off: the optimizer's steps are plain ones from now on."""
        self._hook.remove()

    # ---- one outer step. A Ctrl-C may end it anywhere; the next optimizer step then takes up what was left

    def _after_inner_step(self) -> None:
        self.local_steps += 1
        if self._cut_short:
            self._scratch = self._parameters.new()  # an op of the old round may still borrow the other
            if self._end_round(self._propose):
                self.local_steps = 0
                return
        if self.local_steps < self.sync_every or self.finished:
            return
        self.local_steps = 0
        self._cut_short = True  # until the next round has begun
        self._end_round(self._propose)

    def _end_round(self, propose: Callable[[], None]) -> bool:
        """Proposes what was learnt, unless that was done, waits for the outcome of what was proposed, and begins
        the next round. The others wait for a proposal to the round this replica is in. Whether it proposed."""
        owes = self._healed and self._membership.in_round
        try:
            if owes:
                propose()
            if self._vote is not None:
                self._settle(self._vote)
        except errors.Evicted as error:
            self._membership.rejoin(error)
        if self._rounds_max is not None and self.committed >= self._rounds_max:
            self.finished = True
        else:
            try:
                self._begin()
            except RunIsOver as error:
                self.finished = True
                self._membership.give_up()
                log.warning("%s", error)
                self._report("missed", reason=str(error))
        self._cut_short = False
        return owes

    def _propose(self) -> None:
        """The provisional outer step, and the vote for it."""
        mean = self._reduce()
        if mean is None:
            return
        try:
            self._state.apply(mean)
            self._cast_vote()
        except BaseException:
            if self._state.provisional:
                self._state.abort()
            raise

    def _reduce(self) -> torch.Tensor | None:
        """The average pseudo-gradient; None when the op ended without a result."""
        self._parameters.read(self._scratch)
        if self._residue is not None:
            self._scratch += self._residue  # how far the module has moved is no rounding of the anchor's
        self._state.contribute(self._scratch, self._scratch)
        weight = _value(self._weight)
        with held_back():
            self._membership.done()  # also where it is refused: asked again it would be again
            work = self.group.all_reduce(
                self._scratch,
                reduce="avg",
                tag=REDUCE_TAG,
                round=self._round.round,
                weight=weight,
                codec=self._codec,
            )
        try:
            self._report("reduce_begin", round=self._round)
            mean = work.wait()
        except (errors.TooFew, errors.Weights, errors.Excluded, errors.StaleRound) as error:
            log.warning("round %d brings nothing: %s", self._round.round, error)
            self._report("reduce_failed", reason=str(error))
            return None
        except BaseException:
            give_up([work])
            raise
        self._report("reduce", info=work.info())
        return mean

    def _cast_vote(self) -> None:
        """Votes with the digest of the provisional state."""
        digest = self._state.digest()
        data = self._commit_data() if self._commit_data else b""
        samples = int(_value(self._samples))
        start = time.monotonic()
        with held_back():
            work = self.group.round_commit(digest, data, samples=samples, round=self._round.round)
            self._vote = _Vote(work, digest, start, self._round.round)

    def _settle(self, vote: _Vote) -> None:
        """Waits for the round's outcome, and takes or undoes the provisional state. An interrupted wait
        leaves everything as it is."""
        try:
            commit: Commit | None = vote.work.wait()
        except (errors.RoundAborted, errors.Diverged, errors.Excluded, errors.StaleRound) as error:
            log.warning("round %d: %s", vote.round, error)
            commit = vote.work.outcome()  # the round may have been committed with this very state all the same
        except errors.Interrupted:
            raise
        except errors.Error:
            self._take(vote, final=False)
            raise
        self._report("commit", commit=commit, digest=vote.digest, seconds=time.monotonic() - vote.start)
        self._take(vote, final=commit is not None and commit.committed and commit.digest == vote.digest)

    def _take(self, vote: _Vote, *, final: bool) -> None:
        """Safe to be called again after a Ctrl-C inside."""
        if self._state.provisional and not final:
            self._state.abort()
        elif self._state.provisional:
            self._state.commit()
        if final:
            self._membership.state_round = vote.round
            self._write_anchor()
        self._vote = None

    def _begin(self) -> None:
        """Enters the next round with the run's state."""
        left_behind = 0
        while True:
            if not self._membership.in_round:
                self._healed = False
                self._drop_healing()
            self._round = self._membership.begin(self._on_wait)
            try:
                if not self._healed and healing.needed(self._round):
                    self._heal()
                self._healed = True
            except errors.Evicted as error:
                self._membership.rejoin(error)
            except (errors.StaleRound, errors.Excluded, errors.SourceLost) as error:
                self._membership.done()
                left_behind += 1
                if left_behind == HEALS_MAX:
                    raise
                log.warning("left behind in round %d, beginning the next: %s", self._round.round, error)
                self._report("excluded", reason=str(error))
            else:
                break
        self._cut_short = False
        self._report("begin", round=self._round, healed=self._round.heal_self)

    def _on_wait(self) -> None:
        """Says why nothing begins. Whoever missed the last round waits in vain: those that hold its state begin
        no other."""
        why = self.group.waiting_for()
        if why and why != self._waiting_for:
            log.warning("waiting: %s", why)
        self._waiting_for = why
        if self._rounds_max is None:
            return
        for number in range(self._rounds_max, self._rounds_max + RECORDS_KEPT):  # aborted rounds have a number too
            if self._record is None:
                self._record = self.group.round_record(number)
            try:
                self._record.wait(RECORD_S)
            except TimeoutError:
                return  # asked again next time
            except errors.Invalid:
                self._record = None
            else:
                raise RunIsOver(
                    f"round {number}, the last, was committed without this replica: begin with the state of a"
                    " replica that has it"
                )

    def _heal(self) -> None:
        """An interrupted wait leaves the healing for the next call: the others wait for this replica's part."""
        if self._healing is None:
            self._healing = healing.Healing(self.group, self._round, self._state)
        if self._round.heal_self:
            self._membership.state_round = 0  # half-way the arrays hold some of both states
        try:
            if not self._healing.finished:
                self._healing.finish()
        except errors.Interrupted:
            raise
        except Exception:
            self._drop_healing()
            raise
        self._membership.state_round = self._round.committed
        outdated = self._round.heal_self
        first = self._first
        if self._round.committed == 0:
            # All take the donor's bits, again and again until a round is committed. A module that has learnt
            # from these very bits keeps what it learnt.
            first = self._state.digest()
            outdated = first != self._first
        if outdated:
            self._write_anchor()
        self._first = first  # last: a call that was interrupted writes again

    def _write_anchor(self) -> None:
        """To the module. What its dtype rounds away is no movement of this replica's: the next contribution is
        without it."""
        self._parameters.write(self._anchor)
        if not self._parameters.exact:
            self._residue = self._anchor - self._parameters.read(self._parameters.new())

    def _drop_healing(self) -> None:
        if self._healing is not None:
            self._healing.give_up()
            self._healing = None

    def _report(self, what: str, **fields: Any) -> None:
        if self._observer is not None:
            self._observer(Progress(what, fields))


def _value(number: Any) -> Any:
    return number() if callable(number) else number
