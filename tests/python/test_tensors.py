"""Lists of arrays in one all_reduce: as one buffer, in place and not; what is refused; what must be equal."""

import numpy as np
import pytest
from conftest import WAIT_S, wait_all
from whimbrel import errors

SHAPES = [(300, 70), (70,), (), (0, 4), (1,), (1000, 13), (3,)]


def tensors_of(n: int) -> list[np.ndarray]:
    """As a model has them: some tiny, one without elements, none next to another."""
    rng = np.random.default_rng(n)
    return [np.asarray(rng.standard_normal(shape), np.float32) for shape in SHAPES]


def flat(tensors) -> np.ndarray:
    return np.concatenate([t.reshape(-1) for t in tensors])


def expected(trio) -> np.ndarray:
    buffers = [flat(tensors_of(n)) for n in range(3)]
    wait_all([g.all_reduce(b, tag=9) for g, b in zip(trio, buffers, strict=True)])
    return buffers[0]


def test_in_place_as_one_buffer(trio):
    lists = [tensors_of(n) for n in range(3)]
    works = [g.all_reduce(tensors) for g, tensors in zip(trio, lists, strict=True)]
    results = wait_all(works)
    assert all(result is tensors for result, tensors in zip(results, lists, strict=True))
    mean = expected(trio)
    assert all(flat(tensors).tobytes() == mean.tobytes() for tensors in lists)
    assert [(run.first, run.count) for run in works[0].info().contributor_runs] == [(0, mean.size)]


def test_out_of_place_and_with_a_codec(trio):
    ins = [tuple(tensors_of(n)) for n in range(3)]
    outs = [[np.empty_like(t) for t in tensors] for tensors in ins]
    wait_all([g.all_reduce(i, o, codec="int8") for g, i, o in zip(trio, ins, outs, strict=True)])
    for n, tensors in enumerate(ins):
        assert flat(tensors).tobytes() == flat(tensors_of(n)).tobytes()
    assert all(flat(tensors).tobytes() == flat(outs[0]).tobytes() for tensors in outs)
    assert np.allclose(flat(outs[0]), expected(trio), atol=0.1)


def test_parameters_of_a_module(trio):
    torch = pytest.importorskip("torch")
    modules = [torch.nn.Sequential(torch.nn.Linear(20, 30), torch.nn.LayerNorm(30)) for _ in trio]
    before = [[p.detach().clone() for p in module.parameters()] for module in modules]
    lists = [[p.detach() for p in module.parameters()] for module in modules]
    wait_all([g.all_reduce(tensors) for g, tensors in zip(trio, lists, strict=True)])
    for module in modules:
        for p, parts in zip(module.parameters(), zip(*before, strict=True), strict=True):
            assert torch.allclose(p, sum(parts) / 3, atol=1e-6)


def test_no_arrays_synchronise(trio):
    assert wait_all([g.all_reduce([]) for g in trio]) == [[], [], []]


def test_lists_that_are_refused(trio):
    group = trio[0]
    with pytest.raises(TypeError, match=r"x\[1\]: differs from x\[0\] in dtype"):
        group.all_reduce([np.zeros(2, np.float32), np.zeros(2, np.float64)])
    with pytest.raises(TypeError, match=r"out: 1 arrays for the 2 of x"):
        group.all_reduce([np.zeros(2), np.zeros(2)], [np.zeros(2)])
    with pytest.raises(TypeError, match=r"out\[1\]: differs from x\[1\] in size or dtype"):
        group.all_reduce([np.zeros(2), np.zeros(2)], [np.zeros(2), np.zeros(3)])
    with pytest.raises(TypeError, match=r"out: x is a list"):
        group.all_reduce([np.zeros(2)], np.zeros(2))
    array = np.zeros(4)
    with pytest.raises(errors.Invalid, match="out of tensor 1 overlaps out of tensor 0"):
        group.all_reduce([array[:3], array[1:]])


def test_lists_that_differ_are_a_mismatch(trio):
    lists = [[np.zeros(n + 1), np.zeros(5 - n)] for n in (1, 1, 2)]
    for work in [g.all_reduce(arrays) for g, arrays in zip(trio, lists, strict=True)]:
        with pytest.raises(errors.Mismatch, match="in 2 tensors"):
            work.wait(WAIT_S)
