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
from whimbrel.torch.membership import Membership
from whimbrel.torch.parameters import FlatParameters
from whimbrel.values import Round

log = logging.getLogger("whimbrel.torch")

REDUCE_TAG = 0x7772_6564_0000


@dataclass(frozen=True)
class Progress:
    """Something that happened, for an observer: "begin" (round, healed), "reduce_begin" (round), "reduce"
    (info), "reduce_failed" (reason), "commit" (commit, digest, seconds), "excluded", "evicted" (reason),
    "rejoined"."""

    what: str
    fields: dict[str, Any]


class DiLoCo:
    """Hooks the optimizer of a module to a group that has joined.

    Once constructed the module holds the run's parameters; after every `sync_every`-th optimizer step it
    does again. A replica that was evicted (it froze, or lost its links) joins again by itself and is
    healed: its module then holds the run's parameters, and what it had learnt since its last outer step is
    gone. A round that is aborted leaves the module as it is, and the next round proposes what was learnt
    again.
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
        samples: int | Callable[[], int] = 0,
        commit_data: Callable[[], bytes] | None = None,
        rounds_max: int | None = None,
        observer: Callable[[Progress], Any] | None = None,
    ) -> None:
        """weight: how much this replica's contribution counts, for example its tokens; asked at each outer
        step. samples, commit_data: kept with each round beside the vote (positions of the data loader, at
        most 64 KiB). rounds_max: the round after whose commit the replica trains alone; see `finished`."""
        if sync_every < 1:
            raise ValueError("sync_every must be at least 1")
        self.group = group
        self.sync_every = sync_every
        self.finished = False
        self.local_steps = 0  # since the last outer step
        self._weight, self._samples, self._commit_data = weight, samples, commit_data
        self._rounds_max = rounds_max
        self._observer = observer
        self._parameters = FlatParameters(model)
        self._scratch = self._parameters.new()
        self._state = _core.Diloco(self._parameters.read(self._scratch), outer_lr, outer_momentum)
        self._anchor = torch.frombuffer(self._state.anchor(), dtype=torch.float32)
        self._membership = Membership(group, self._report)
        self._begin()
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

    # ---- one outer step

    def _after_inner_step(self) -> None:
        self.local_steps += 1
        if self.local_steps < self.sync_every or self.finished:
            return
        self.local_steps = 0
        try:
            self._outer_step()
        except errors.Evicted as error:
            self._membership.rejoin(error)
        if self._rounds_max is not None and self.committed >= self._rounds_max:
            self.finished = True
        else:
            self._begin()

    def _outer_step(self) -> None:
        mean = self._reduce()
        if mean is None:
            return
        self._state.apply(mean)
        try:
            final = self._commit()
        except BaseException:
            self._state.abort()
            raise
        if final:
            self._state.commit()
            self._membership.state_round = self._round.round
            self._parameters.write(self._anchor)
        else:
            self._state.abort()

    def _reduce(self) -> torch.Tensor | None:
        """The average pseudo-gradient; None when the op ended on all members without a result."""
        self._parameters.read(self._scratch)
        self._state.contribute(self._scratch, self._scratch)
        work = self.group.all_reduce(
            self._scratch, reduce="avg", tag=REDUCE_TAG, round=self._round.round, weight=_value(self._weight)
        )
        self._report("reduce_begin", round=self._round)
        try:
            mean = work.wait()
        except (errors.TooFew, errors.Weights, errors.StaleRound) as error:
            log.warning("round %d brings nothing: %s", self._round.round, error)
            self._report("reduce_failed", reason=str(error))
            return None
        self._report("reduce", info=work.info())
        return mean

    def _commit(self) -> bool:
        """Votes with the digest of the provisional state. True when the round was committed with just
        that."""
        digest = self._state.digest()
        start = time.monotonic()
        work = self.group.round_commit(
            digest,
            self._commit_data() if self._commit_data else b"",
            samples=int(_value(self._samples)),
            round=self._round.round,
        )
        try:
            commit = work.wait()
        except (errors.RoundAborted, errors.Diverged, errors.Excluded, errors.StaleRound) as error:
            log.warning("round %d: %s", self._round.round, error)
            commit = work.outcome()  # the round may have been committed with this very state all the same
        self._report("commit", commit=commit, digest=digest, seconds=time.monotonic() - start)
        return commit is not None and commit.committed and commit.digest == digest

    def _begin(self) -> None:
        """Enters the next round with the run's state."""
        while True:
            self._round = self._membership.begin()
            try:
                if healing.needed(self._round):
                    self._heal()
            except errors.Evicted as error:
                self._membership.rejoin(error)
            else:
                break
        self._report("begin", round=self._round, healed=self._round.heal_self)

    def _heal(self) -> None:
        healing.heal(self.group, self._round, self._state)
        if self._round.heal_self or self._round.committed == 0:
            self._parameters.write(self._anchor)
            self._membership.state_round = self._round.committed

    def _report(self, what: str, **fields: Any) -> None:
        if self._observer is not None:
            self._observer(Progress(what, fields))


def _value(number: Any) -> Any:
    return number() if callable(number) else number
