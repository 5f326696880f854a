"""What may be passed as memory, what is refused and how, and that borrowed memory outlives the Work
object."""

import array
import gc
import time
import weakref
from collections.abc import Iterator

import numpy as np
import pytest
import torch
import whimbrel
from conftest import begin, wait_all


@pytest.fixture(scope="module")
def alone(tmp_path_factory) -> Iterator[whimbrel.Group]:
    with whimbrel.Coordinator(
        "buffers", tmp_path_factory.mktemp("buffers"), listen="127.0.0.1:0"
    ) as coordinator, whimbrel.Group(coordinator.invite(), name="alone", listen="127.0.0.1:0") as group:
        group.join().wait(10)
        begin([group])
        yield group


@pytest.mark.parametrize(
    ("x", "words"),
    [
        ([1.0, 2.0], "neither the buffer protocol nor DLPack"),
        (np.zeros((4, 4), np.float32)[:, 1], "not contiguous"),
        (np.zeros((4, 4), np.float32).T[1:], "not contiguous"),
        (np.zeros(4, np.complex64), "format 'Zf'"),
        (np.zeros(4, np.dtype(">f4")), "format '>f'"),
        (np.zeros(4, bool), "format '\\?'"),
        (b"abc", "read-only"),
        (torch.zeros(4, 4)[:, 1], "not contiguous"),
        (torch.zeros(4, dtype=torch.complex64), "elements of another kind"),
        (torch.zeros(4, requires_grad=True), "gives no memory"),
        (torch.zeros(4, device="meta"), "gives no memory"),
    ],
)
def test_refused_with_a_type_error(alone, x, words):
    with pytest.raises(TypeError, match=words):
        alone.all_reduce(x)


def test_a_read_only_input_needs_an_output(alone):
    x, out = np.arange(4, dtype=np.float32), np.zeros(4, np.float32)
    x.flags.writeable = False
    with pytest.raises(TypeError, match="read-only"):
        alone.all_reduce(x)
    alone.all_reduce(x, out).wait(10)
    assert out.tolist() == [0, 1, 2, 3]


def test_input_and_output_must_match(alone):
    x = np.zeros(4, np.float32)
    for out in (np.zeros(5, np.float32), np.zeros(4, np.float64)):
        with pytest.raises(TypeError, match="differs"):
            alone.all_reduce(x, out)
    with pytest.raises(TypeError, match="int64"):
        alone.agree(x, "max")


def test_unknown_words_are_value_errors(alone):
    x = np.zeros(4, np.float32)
    with pytest.raises(ValueError, match="'avg', 'max', 'min', 'sum'"):
        alone.all_reduce(x, reduce="median")
    with pytest.raises(ValueError, match="16 bytes"):
        alone.round_commit(b"short")
    with pytest.raises(ValueError, match="65536"):
        alone.round_commit(data=bytes(65537))


def test_other_buffers(alone):
    numbers = array.array("d", [1.0, 2.0])
    data = bytearray(b"\x01\x02")
    assert alone.all_reduce(numbers, reduce="sum").wait(10) is numbers
    assert alone.all_reduce(data, reduce="max").wait(10) == b"\x01\x02"
    assert numbers.tolist() == [1.0, 2.0]


def test_borrowed_memory_outlives_the_work(trio):
    x = np.full(50_000, 1.0, np.float32)
    gone = weakref.ref(x)
    trio[0].all_reduce(x)  # the Work is dropped at once
    del x
    gc.collect()
    assert gone() is not None
    others = [np.full(50_000, float(n), np.float32) for n in (2, 3)]
    wait_all([g.all_reduce(a) for g, a in zip(trio[1:], others, strict=True)])
    assert all((a == 2.0).all() for a in others)
    for _ in range(100):
        if gone() is None:
            break
        gc.collect()
        time.sleep(0.05)
    assert gone() is None, "nobody needs the array any more, and it is still held"


def test_digests_are_of_the_bytes():
    x = np.arange(100, dtype=np.float32)
    assert whimbrel.digest(x) == whimbrel.digest(torch.arange(100, dtype=torch.float32))
    assert whimbrel.digest(x) != whimbrel.digest(x[:-1])
    assert len(whimbrel.digest(b"")) == 16
