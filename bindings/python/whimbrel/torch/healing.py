"""Healing: members without the run's state get it from one that has it, by broadcasts in which all take
part.

The broadcasts work in place on the outer algorithm's own arrays: a member that holds the state is sent what
it has.
"""

from __future__ import annotations

from typing import Any

import torch

from whimbrel import _core, errors
from whimbrel.group import Group
from whimbrel.torch.interrupts import held_back
from whimbrel.torch.membership import give_up
from whimbrel.values import Round
from whimbrel.work import Work

TAG = 0x7768_6561_6C00  # tags of ours in a round; the application's own are below
NOBODY = 2**32


def needed(round: Round) -> bool:
    """All members answer alike. Before anything is committed the lowest rank's parameters are everyone's."""
    return round.healing_any or round.committed == 0


def heal(group: Group, round: Round, state: _core.Diloco) -> None:
    """Gives `state` of the round's donor to everybody. A donor that dies half-way is replaced by the lowest
    rank that holds the state; SourceLost when there is none."""
    Healing(group, round, state).finish()


class Healing:
    """One healing, which may be interrupted: all members wait for each other's part in it, so who was
    interrupted calls finish() again."""

    def __init__(self, group: Group, round: Round, state: _core.Diloco) -> None:
        self._group, self._round, self._state = group, round, state
        self._donor = round.donor_rank if round.donor_rank is not None else 0
        self._holds_state = round.committed == 0 or not round.heal_self
        self._attempt = 0
        self.finished = False
        self._steps = torch.tensor([state.steps])
        self._broadcasts: list[Work[Any]] = []
        self._poll: Work[torch.Tensor] | None = None  # for another donor

    def finish(self) -> None:
        while self._attempt < self._round.world_size:
            try:
                if self._poll is None:
                    self._broadcast()
                    self.finished = True
                    return
                self._donor = self._lowest_holder(self._poll)
                self._attempt += 1
                self._broadcasts, self._poll = [], None
            except errors.SourceLost:
                if self._poll is not None:
                    raise
                with held_back():
                    self._poll = self._ask_for_holders()
        raise errors.SourceLost("every member that held the state is gone")

    def give_up(self) -> None:
        """For one that will not finish: what is still under way would write into the state."""
        give_up([*self._broadcasts, *([self._poll] if self._poll is not None else [])])

    def _broadcast(self) -> None:
        if not self._broadcasts:
            self._steps[0] = self._state.steps
        arrays: list[Any] = [self._steps, self._state.anchor(), self._state.momentum()]
        tag = TAG + 8 * self._attempt
        there = [(n, array) for n, array in enumerate(arrays) if len(array)]
        for n, array in there[len(self._broadcasts) :]:  # an interrupted call has made the first of them
            with held_back():
                work = self._group.broadcast(array, self._donor, tag=tag + n, round=self._round.round)
                self._broadcasts.append(work)
        lost = None
        for work in self._broadcasts:  # all of them: what is still under way would write into the arrays
            try:
                work.wait()
            except errors.SourceLost as error:
                lost = error
        if lost is not None:
            raise lost
        self._state.heal(int(self._steps[0]))

    def _ask_for_holders(self) -> Work[torch.Tensor]:
        rank = torch.tensor([self._round.rank if self._holds_state else NOBODY])
        return self._group.agree(rank, "min", tag=TAG + 8 * self._attempt + 7, round=self._round.round)

    @staticmethod
    def _lowest_holder(poll: Work[torch.Tensor]) -> int:
        rank = int(poll.wait()[0])
        if rank == NOBODY:
            raise errors.SourceLost("nobody holds the run's state")
        return rank
