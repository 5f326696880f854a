"""Collectives of three peers: every dtype, weights, in place and out of place, and what the info says."""

import time

import numpy as np
import pytest
import torch
from conftest import WAIT_S, wait_all
from whimbrel import errors

FLOATS = [np.float16, np.float32, np.float64]
INTEGERS = [np.int8, np.int16, np.int32, np.int64, np.uint8, np.uint16, np.uint32, np.uint64]


def test_sum_of_numpy_arrays(trio):
    for dtype in FLOATS + INTEGERS:
        arrays = [(np.arange(5) + n).astype(dtype) for n in range(3)]
        results = wait_all([g.all_reduce(a, reduce="sum") for g, a in zip(trio, arrays, strict=True)])
        for result, array in zip(results, arrays, strict=True):
            assert result is array
            assert result.tolist() == [3, 6, 9, 12, 15], dtype


def test_average_of_torch_tensors(trio):
    for dtype in (torch.float32, torch.float64, torch.float16, torch.bfloat16):
        tensors = [torch.full((2, 3), float(n), dtype=dtype) for n in range(3)]
        outs = [torch.empty_like(t) for t in tensors]
        results = wait_all([g.all_reduce(t, o) for g, t, o in zip(trio, tensors, outs, strict=True)])
        for n, (result, out) in enumerate(zip(results, outs, strict=True)):
            assert result is out
            assert torch.equal(out, torch.ones(2, 3, dtype=dtype)), dtype
            assert torch.equal(tensors[n], torch.full((2, 3), float(n), dtype=dtype)), dtype


def test_weights(trio):
    tensors = [torch.tensor([float(n)]) for n in range(3)]
    wait_all([g.all_reduce(t, weight=w) for g, t, w in zip(trio, tensors, (1.0, 0.0, 3.0), strict=True)])
    assert [t.item() for t in tensors] == [1.5] * 3


def test_all_weights_zero(trio):
    works = [g.all_reduce(torch.ones(1), weight=0.0) for g in trio]
    for work in works:
        with pytest.raises(errors.Weights):
            work.wait(WAIT_S)
        assert isinstance(work.exception(), errors.Weights)


def test_min_and_max(trio):
    low = [np.array([n, -n], np.int32) for n in range(3)]
    high = [a.copy() for a in low]
    wait_all(
        [g.all_reduce(a, reduce="min", tag=1) for g, a in zip(trio, low, strict=True)]
        + [g.all_reduce(a, reduce="max", tag=2) for g, a in zip(trio, high, strict=True)]
    )
    assert [a.tolist() for a in low] == [[0, -2]] * 3
    assert [a.tolist() for a in high] == [[2, 0]] * 3


def test_broadcast_agree_and_barrier(trio):
    arrays = [np.full(1000, n, np.float32) for n in range(3)]
    wait_all([g.broadcast(a, 1) for g, a in zip(trio, arrays, strict=True)])
    assert all((a == 1).all() for a in arrays)
    values = [np.array([n, 7], np.int64) for n in (4, 9, 9)]
    wait_all([g.agree(v, "majority") for g, v in zip(trio, values, strict=True)])
    assert [v.tolist() for v in values] == [[9, 7]] * 3
    wait_all([g.barrier() for g in trio])


def test_large_results_are_the_same_bytes_everywhere(trio):
    rng = np.random.default_rng(1)
    arrays = [rng.standard_normal(300_001).astype(np.float32) for _ in range(3)]
    inputs = [a.copy() for a in arrays]
    works = [g.all_reduce(a) for g, a in zip(trio, arrays, strict=True)]
    wait_all(works)
    assert arrays[0].tobytes() == arrays[1].tobytes() == arrays[2].tobytes()
    assert np.allclose(arrays[0], sum(inputs) / 3, atol=1e-6)
    info = works[0].info()
    assert [m.name for s in info.contributor_sets for m in s.members] == ["peer-0", "peer-1", "peer-2"]
    assert [(run.set, run.first, run.count) for run in info.contributor_runs] == [(0, 0, 300_001)]
    assert info.chunks > 1 and info.chunks_final == info.chunks and info.chunks_resent == 0
    assert info.bytes_sent > 0 and info.bytes_received > 0 and info.elapsed_s > 0
    assert info.gone == [] and not info.excluded_self


def test_a_mismatch_names_both(trio):
    arrays = [np.zeros(4, np.float32), np.zeros(4, np.float32), np.zeros(5, np.float32)]
    works = [g.all_reduce(a) for g, a in zip(trio, arrays, strict=True)]
    for work in works:
        with pytest.raises(errors.Mismatch) as caught:
            work.wait(WAIT_S)
        assert not caught.value.retryable


def test_empty_arrays_synchronise(trio):
    wait_all([g.all_reduce(np.zeros(0, np.float32)) for g in trio])


def test_tag_in_use(trio):
    first = trio[0].all_reduce(np.zeros(4, np.float32), tag=9)
    with pytest.raises(errors.TagInUse):
        trio[0].all_reduce(np.zeros(4, np.float32), tag=9).wait(WAIT_S)
    assert not first.done()
    wait_all([first] + [g.all_reduce(np.zeros(4, np.float32), tag=9) for g in trio[1:]])


def test_non_finite_input_is_left_out(trio):
    tensors = [torch.tensor([1.0]), torch.tensor([float("nan")]), torch.tensor([3.0])]
    wait_all([g.all_reduce(t) for g, t in zip(trio, tensors, strict=True)])
    assert [t.item() for t in tensors] == [2.0] * 3


def test_closing_one_does_not_fail_the_others(trio):
    arrays = [np.full(8, n, np.float32) for n in range(3)]
    works = [g.all_reduce(a) for g, a in zip(trio[:2], arrays, strict=False)]
    trio[2].close()
    wait_all(works)
    assert arrays[0].tolist() == arrays[1].tolist() == [0.5] * 8
    assert [m.name for m in works[0].info().gone] == ["peer-2"]


def test_codecs(trio):
    inputs = [torch.sin(torch.arange(20_000) * float(n + 1)) for n in range(3)]
    exact = sum(inputs) / 3
    for codec, most in (("int8", 0.02), ("int4:block=64", 0.5), ("topk:1/64", 10.0)):
        works = [g.all_reduce(x.clone(), codec=codec) for g, x in zip(trio, inputs, strict=True)]
        results = [work.wait() for work in works]
        assert all(torch.equal(results[0], other) for other in results[1:]), codec
        assert (results[0] - exact).abs().max() <= most, codec
        assert 0 < works[0].info().bytes_sent < inputs[0].nbytes, codec


def test_plans(trio):
    for plan, ran in (("ring", "ring"), ("forest", "forest"), (None, "direct")):
        arrays = [np.arange(1000, dtype=np.float32) * n for n in range(3)]
        works = [g.all_reduce(a, plan=plan) for g, a in zip(trio, arrays, strict=True)]
        wait_all(works)
        assert all(np.array_equal(arrays[0], a) for a in arrays)
        assert np.allclose(arrays[0], np.arange(1000))
        assert works[0].info().plan == ran
    with pytest.raises(errors.Invalid, match="two-level"):
        trio[0].all_reduce(np.zeros(4, np.float32), plan="star")


def test_what_codecs_refuse(trio):
    with pytest.raises(errors.Invalid, match="int9"):
        trio[0].all_reduce(np.zeros(4, np.float32), codec="int9")
    with pytest.raises(errors.Unsupported, match="f32"):
        trio[0].all_reduce(np.zeros(4, np.float64), codec="int8")


def test_a_broadcast_through_a_codec(trio):
    arrays = [np.full(5000, float(n) / 3, np.float32) for n in range(3)]
    wait_all([g.broadcast(a, 2, codec="e4m3") for g, a in zip(trio, arrays, strict=True)])
    assert arrays[0].tobytes() == arrays[1].tobytes() == arrays[2].tobytes()
    assert abs(arrays[0][0] - 2 / 3) < 0.05


def test_all_gather_and_reduce_scatter(trio):
    outs = [np.zeros(12, np.int32) for _ in trio]
    wait_all([g.all_gather(np.full(4, n, np.int32), out) for n, (g, out) in enumerate(zip(trio, outs, strict=True))])
    assert all(out.tolist() == [0] * 4 + [1] * 4 + [2] * 4 for out in outs)
    counts = (5, 0, 2)
    parts = [torch.empty(n) for n in counts]
    wait_all(
        [
            g.reduce_scatter(torch.arange(7.0) * (n + 1), part, reduce="sum", counts=counts)
            for n, (g, part) in enumerate(zip(trio, parts, strict=True))
        ]
    )
    assert torch.equal(torch.cat(parts), torch.arange(7.0) * 6)


def test_parts_fill_their_arrays(trio):
    four = np.zeros(4, np.int32)
    for length, counts in ((11, ()), (11, (4, 4, 4)), (13, (4, 4, 4)), (0, ()), (12, (4, 2**63, 2**63))):
        with pytest.raises(TypeError, match="out"):
            trio[0].all_gather(four, np.zeros(length, np.int32), counts=counts)
        with pytest.raises(TypeError, match="x"):
            trio[0].reduce_scatter(np.zeros(length, np.int32), four, reduce="sum", counts=counts)
    for length in (8, 16):  # of a round of two or of four
        with pytest.raises(errors.Invalid, match="the round has 3"):
            trio[0].all_gather(four, np.zeros(length, np.int32)).wait(WAIT_S)
        with pytest.raises(errors.Invalid, match="the round has 3"):
            trio[0].reduce_scatter(np.zeros(length, np.int32), four, reduce="sum").wait(WAIT_S)
    outs = [np.zeros(0, np.int32) for _ in trio]
    wait_all([g.all_gather(np.zeros(0, np.int32), out) for g, out in zip(trio, outs, strict=True)])


def test_a_result_is_given_out_when_it_is_there(trio):
    work = trio[0].all_reduce(np.ones(4, np.float32), tag=5)
    assert work.outcome() is None
    others = [g.all_reduce(np.ones(4, np.float32), tag=5) for g in trio[1:]]
    wait_all([work, *others])
    assert work.outcome().tolist() == [1.0] * 4
    lost = trio[0].all_reduce(np.ones(4, np.float32), tag=6)
    lost.cancel()
    with pytest.raises(errors.Cancelled):
        lost.wait(WAIT_S)
    assert lost.outcome() is None


def test_the_longest_grace_is_not_learnt(trio):
    works = [g.all_reduce(np.ones(4, np.float32), grace=float("inf"), min_contributors=2) for g in trio[:2]]
    time.sleep(2.5)  # longer than one that is learnt begins with
    works.append(trio[2].all_reduce(np.ones(4, np.float32), grace=float("inf"), min_contributors=2))
    wait_all(works)
    assert [len(s.members) for s in works[0].info().contributor_sets] == [3]
