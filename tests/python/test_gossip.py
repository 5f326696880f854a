"""Gossip of three peers: with neighbours and in pairs, what the info says, and a neighbour that goes."""

import numpy as np
import pytest
from conftest import WAIT_S, wait_all
from whimbrel import errors


def arrays(count=1000):
    return [np.full(count, 3.0 * n, np.float32) for n in range(3)]


def test_a_complete_graph_gives_the_mean(trio):
    inputs, outs = arrays(), arrays()
    works = [g.neighbour_average(x, o, graph="complete") for g, x, o in zip(trio, inputs, outs, strict=True)]
    for rank, (work, out) in enumerate(zip(works, outs, strict=True)):
        assert work.wait(WAIT_S) is out
        assert np.allclose(out, 3.0)
        info = work.info()
        assert (info.gossip.steps, info.gossip.steps_min, info.gossip.mixed) == (1, 1, 2)
        assert [(m.step, m.first, m.count) for m in info.gossip.mixes] == [(0, 0, 1000)]
        mixed = info.contributor_sets[info.gossip.mixes[0].set].members
        assert [m.rank for m in mixed] == [r for r in range(3) if r != rank]
        assert info.contributor_runs == []


def test_a_line_by_its_edges_accelerated(trio):
    xs = arrays()
    wait_all(
        [
            g.neighbour_average(x, graph="listed", edges=[(0, 1), (2, 1)], steps=4, chebyshev=True)
            for g, x in zip(trio, xs, strict=True)
        ]
    )
    assert np.allclose(np.mean(xs, axis=0), 3.0, atol=1e-5)
    assert np.max(xs) - np.min(xs) < 6 * (2 / 3) ** 4


def test_random_matchings_keep_the_mean(trio):
    xs = arrays()
    for turn in range(4):
        wait_all(
            [
                g.neighbour_average(x, graph="random-matching", seed=7, first_step=turn)
                for g, x in zip(trio, xs, strict=True)
            ]
        )
    assert np.allclose(np.mean(xs, axis=0), 3.0, atol=1e-5)


def test_a_pair_that_names_each_other(trio):
    xs = arrays()
    works = [trio[0].pair_average(xs[0], 2), trio[2].pair_average(xs[2], 0)]
    wait_all(works)
    assert xs[0].tolist() == xs[2].tolist() == [3.0] * 1000
    assert [w.info().gossip.mixed for w in works] == [1, 1]


def test_drawn_pairs_leave_one_of_three_alone(trio):
    xs = arrays()
    works = [g.pair_average(x, seed=1, turn=5) for g, x in zip(trio, xs, strict=True)]
    wait_all(works)
    assert sorted(w.info().gossip.mixed for w in works) == [0, 1, 1]
    assert np.allclose(np.mean(xs, axis=0), 3.0)


def test_a_late_partner_costs_the_budget(trio):
    x = np.ones(10, np.float32)
    work = trio[0].pair_average(x, 1, budget=0.05)
    work.wait(WAIT_S)
    assert work.info().gossip.mixed == 0
    assert x.tolist() == [1.0] * 10


def test_a_neighbour_that_goes_leaves_its_weight(trio):
    xs = arrays(4)
    works = [trio[n].neighbour_average(xs[n]) for n in (0, 1)]
    trio[2].leave().wait(WAIT_S)
    wait_all(works)
    assert [m.rank for m in works[0].info().gossip.lost] == [2]
    assert np.allclose(xs[0], 1.0) and np.allclose(xs[1], 2.0)  # a third of each other, two of their own


def test_what_is_refused(trio):
    x = np.ones(4, np.float32)
    with pytest.raises(errors.Unsupported, match="floats only"):
        trio[0].neighbour_average(np.ones(4, np.int32))
    with pytest.raises(errors.Unsupported, match="sparse"):
        trio[0].neighbour_average(x, codec="topk:1/64")
    with pytest.raises(ValueError, match="graph"):
        trio[0].neighbour_average(x, graph="star")
    with pytest.raises(ValueError, match="steps"):
        trio[0].neighbour_average(x, steps=0)
    with pytest.raises(errors.Invalid, match="itself"):
        trio[0].pair_average(x, 0).wait(WAIT_S)
    works = [g.neighbour_average(x.copy(), steps=s) for g, s in zip(trio, (1, 2, 1), strict=True)]
    for work in works:
        with pytest.raises(errors.Mismatch, match="2 steps"):
            work.wait(WAIT_S)


def test_a_codec_keeps_the_mean(trio):
    xs = arrays()
    works = [
        g.neighbour_average(x, graph="complete", codec="int8") for g, x in zip(trio, xs, strict=True)
    ]
    wait_all(works)
    assert np.allclose(np.mean(xs, axis=0), 3.0, atol=1e-5)
    assert np.max(xs) - np.min(xs) < 6 / 100
    assert works[0].info().bytes_sent < 3 * 1000 * 4


@pytest.mark.parametrize("dtype", [np.float64, np.float16])
def test_every_float(trio, dtype):
    xs = [np.full(10, 3.0 * n, dtype) for n in range(3)]
    wait_all([trio[0].pair_average(xs[0], 2), trio[2].pair_average(xs[2], 0)])
    assert xs[0].tolist() == xs[2].tolist() == [3.0] * 10
