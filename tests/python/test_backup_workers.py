"""Backup workers over real groups: one member is always late, and all come to wait for the others alone."""

import re
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
import whimbrel
from conftest import WAIT_S, begin, commit

COUNT = 60_000
ETA = SMOOTHNESS = 0.5
LATE_S, GRACE_S = 0.25, 0.06


def reduce_late(groups, xs, outs, **options):
    works = [group.all_reduce(x, out, **options) for group, x, out in zip(groups[:-1], xs, outs)]
    time.sleep(LATE_S)
    works.append(groups[-1].all_reduce(xs[-1], outs[-1], **options))
    for work in works:
        work.wait(WAIT_S)
    return works


def norm2(x):
    return float(np.dot(x.astype(np.float64), x.astype(np.float64)))


def test_a_straggler_is_not_waited_for(trio):
    random = np.random.default_rng(1)
    policies = [whimbrel.BackupWorkers(len(trio), ETA) for _ in trio]
    assert policies[0].choose() == 3
    x, chosen = 4.0, []
    for _ in range(12):
        loss = SMOOTHNESS / 2 * x * x * COUNT
        gradients = [(SMOOTHNESS * x + random.uniform(-0.05, 0.05, COUNT)).astype(np.float32) for _ in trio]
        means = [np.empty_like(gradient) for gradient in gradients]
        wait_for = {"min_contributors": policies[0].choose(), "grace": GRACE_S}
        works = reduce_late(trio, gradients, means, **wait_for)
        seen = [
            policy.measure(work, norm2(gradient), norm2(mean), loss)
            for policy, work, gradient, mean in zip(policies, works, gradients, means)
        ]
        reduce_late(trio, seen, seen, tag=1, **wait_for)
        for policy, agreed in zip(policies, seen):
            policy.observe_list(agreed)
        assert len({policy.choose() for policy in policies}) == 1
        chosen.append(policies[0].choose())
        if chosen[-3:] == [chosen[-1]] * 3 and chosen[-1] < 3:
            break
        x -= ETA * float(means[0][0])
        commit(trio)
        begin(trio)
    assert chosen[-1] < 3


def test_the_loop_of_the_how_to_trains(make_group):
    text = (Path(__file__).parents[2] / "docs/how-to/wait-for-fewer.md").read_text()
    loop: dict = {}
    exec(re.search(r"```python\n(.*?)```", text, re.DOTALL).group(1), loop)
    rounds, eta = 6, 0.25
    groups = [make_group(f"peer-{n}") for n in range(3)]
    starts = [np.full(1000, 8.0 + n, np.float32) for n in range(3)]  # the donor's are everybody's

    def descend(group, parameters):
        loop["train"](group, rounds, eta, lambda x: (float(x @ x) / 2, x.copy()), parameters)

    with ThreadPoolExecutor(3) as threads:
        for done in [threads.submit(descend, *pair) for pair in zip(groups, starts)]:
            done.result(WAIT_S)
    assert all(np.array_equal(start, starts[0]) for start in starts)
    assert 0 < starts[0][0] <= 10 * (1 - eta) ** (rounds - 1), "one round may have gone to nobody's state"


def test_steps_are_observed_by_hand():
    policy = whimbrel.BackupWorkers(4, 0.5, min_contributors_min=2, window=10)
    loss = 100.0
    for _ in range(20):
        k = policy.choose()
        arrivals = [0.0, 0.01, 0.02, 2.0][:k]
        policy.observe(
            contributors=k, arrivals=arrivals, closed=arrivals[-1], mean_norm2=loss, variance=0.1, loss=loss
        )
        loss *= 0.9
    assert policy.choose() == 2
    policy.resize(1)
    assert policy.choose() == 1


def test_what_cannot_be_is_refused():
    step = {"contributors": 2, "arrivals": [0, 1], "closed": 1, "mean_norm2": 1, "variance": 1, "loss": 1}
    policy = whimbrel.BackupWorkers(3, 0.5)
    for change, error, words in [
        ({"contributors": 4}, whimbrel.Invalid, "contributors 4: from 1 to 3"),
        ({"loss": float("nan")}, whimbrel.NonFinite, "loss is nan"),
        ({"variance": -1}, whimbrel.Invalid, "variance is -1"),
        ({"arrivals": [1, 0]}, whimbrel.Invalid, "arrival 1 does not ascend"),
        ({"closed": -1}, ValueError, "closed: seconds"),
    ]:
        with pytest.raises(error, match=words):
            policy.observe(**{**step, **change})
    with pytest.raises(ValueError, match="another number of members"):
        policy.observe_list([0.0])
    with pytest.raises(whimbrel.Invalid, match="nobody roots"):
        policy.observe_list([0.0] * 13)
    with pytest.raises(whimbrel.Invalid, match="eta"):
        whimbrel.BackupWorkers(3, 0.0)
