"""Healing: members without the run's state get it from one that has it, by broadcasts in which all take
part.

The broadcasts work in place on the outer algorithm's own arrays: a member that holds the state is sent what
it has.
"""

from __future__ import annotations

import torch

from whimbrel import _core, errors
from whimbrel.group import Group
from whimbrel.values import Round

TAG = 0x7768_6561_6C00  # tags of ours in a round; the application's own are below


def needed(round: Round) -> bool:
    """All members answer alike. Before anything is committed the lowest rank's parameters are everyone's."""
    return round.healing_any or round.committed == 0


def heal(group: Group, round: Round, state: _core.Diloco) -> None:
    """Gives `state` of the round's donor to everybody. A donor that dies half-way is replaced by the lowest
    rank that holds the state; SourceLost when there is none."""
    donor = round.donor_rank if round.donor_rank is not None else 0
    holds_state = round.committed == 0 or not round.heal_self
    for attempt in range(round.world_size):
        try:
            _broadcast(group, donor, state, TAG + 8 * attempt)
            return
        except errors.SourceLost:
            donor = _lowest_holder(group, round.rank if holds_state else None, TAG + 8 * attempt + 7)
    raise errors.SourceLost("every member that held the state is gone")


def _broadcast(group: Group, donor: int, state: _core.Diloco, tag: int) -> None:
    steps = torch.tensor([state.steps])
    arrays = [steps, state.anchor(), state.momentum()]
    works = [group.broadcast(array, donor, tag=tag + n) for n, array in enumerate(arrays) if len(array)]
    lost = None
    for work in works:  # all of them: what is still under way would write into the arrays
        try:
            work.wait()
        except errors.SourceLost as error:
            lost = error
    if lost is not None:
        raise lost
    state.heal(int(steps[0]))


def _lowest_holder(group: Group, mine: int | None, tag: int) -> int:
    none = 2**32
    rank = torch.tensor([none if mine is None else mine])
    group.agree(rank, "min", tag=tag).wait()
    if int(rank[0]) == none:
        raise errors.SourceLost("nobody holds the run's state")
    return int(rank[0])
