"""Healing when the member that lends its state dies before it has lent anything."""

import numpy as np
import pytest
import whimbrel
from conftest import WAIT_S, begin, commit
from test_diloco import run_replicas
from whimbrel import _core
from whimbrel.torch import healing


def make_state(value: float) -> _core.Diloco:
    state = _core.Diloco(np.full(50_000, value, np.float32), 0.7, 0.9)
    state.apply(np.full(50_000, 0.1, np.float32))
    state.commit()
    return state


def heal_without_the_donor(make_group, holders: int):
    """`holders` members with equal state and a newcomer begin a round, and its donor dies at once.

    The states of the others after healing, those who held it first."""
    groups = [make_group(f"holder-{n}") for n in range(holders)]
    begin(groups)
    commit(groups)
    newcomer = make_group("newcomer")
    waiting = newcomer.round_begin()
    with pytest.raises(TimeoutError):
        waiting.wait(0.3)
    rounds = [*begin(groups, state_round=1), waiting.wait(WAIT_S)]
    donor = rounds[0].donor_rank
    members = list(zip([*groups, newcomer], rounds, strict=True))
    states = [make_state(9.0 if round.heal_self else 1.0) for _, round in members]
    members[donor][0].close()
    jobs = [
        lambda group=group, round=round, state=state: healing.heal(group, round, state)
        for (group, round), state in zip(members, states, strict=True)
        if round.rank != donor
    ]
    run_replicas(jobs)
    return [state for (_, round), state in zip(members, states, strict=True) if round.rank != donor]


def test_another_holder_takes_over(make_group):
    second_holder, newcomer = heal_without_the_donor(make_group, holders=2)
    assert second_holder.digest() == make_state(1.0).digest()
    assert newcomer.digest() == second_holder.digest()


def test_without_any_holder_the_state_is_lost(make_group):
    with pytest.raises(whimbrel.SourceLost, match="nobody holds"):
        heal_without_the_donor(make_group, holders=1)
