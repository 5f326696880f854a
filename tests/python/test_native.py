"""Codecs and reducers from a native library, which the test compiles: ops use them, what is broken is named, and a
member that lacks one ends the op for all."""

import ctypes
import subprocess
from pathlib import Path

import numpy as np
import pytest
import whimbrel
from conftest import WAIT_S, wait_all
from whimbrel import errors, native


@pytest.fixture(scope="module")
def library(tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp("native") / "libtables.so"
    source = Path(__file__).with_name("native_tables.c")
    flags = ["-std=c99", "-O2", "-shared", "-fPIC", "-ffp-contract=off", "-I", whimbrel.include_dir()]
    subprocess.run(["cc", *flags, source, "-o", path, "-lm"], check=True)
    return path


def test_conformance_says_what_is_broken(library):
    assert "test-half" in native.codec_conformance(library, "upper_half")
    assert "test-middle" in native.reducer_conformance(ctypes.CDLL(library), "middle_value")
    with pytest.raises(errors.BrokenContract, match="truncated"):
        native.codec_conformance(library, "careless")


def test_ops_use_them(trio, library):
    for group in trio:
        group.add_codec(library, "upper_half")
        group.add_reducer(library, "middle_value")
    xs = [np.full(5000, x, np.float32) for x in (1.0, 2.0, 6.0)]
    works = [g.all_reduce(x, codec="test-half", reducer="test-middle") for g, x in zip(trio, xs, strict=True)]
    wait_all(works)
    for x in xs:
        assert x.tolist() == [3.5] * 5000
    assert works[0].info().bytes_sent < 5000 * 4
    outs = [np.zeros(4, np.float32) for _ in trio]
    xs = [np.arange(12, dtype=np.float32) * (n + 1) for n in range(3)]
    wait_all([g.reduce_scatter(x, o, reducer="test-middle") for g, x, o in zip(trio, xs, outs, strict=True)])
    assert np.concatenate(outs).tolist() == (np.arange(12) * 2.0).tolist()


@pytest.mark.parametrize("op", ["all_reduce", "pair_average"])
def test_chunks_larger_than_what_a_late_member_takes_wait_for_it(trio, library, op):
    """Of 384 KiB each; whoever has not called the op takes 320 KiB."""
    for group in trio:
        group.add_codec(library, "fat")
    members = trio if op == "all_reduce" else [trio[0], trio[1]]
    xs = [np.full(1 << 18, 3.0 * n, np.float32) for n in range(len(members))]
    partners = [{}] * 3 if op == "all_reduce" else [{"partner_rank": 1}, {"partner_rank": 0}]
    works = []
    for group, x, partner in zip(members, xs, partners, strict=False):
        works.append(getattr(group, op)(x, codec="test-fat", **partner))
        # As much again over the same links, behind what was sent ahead.
        wait_all([g.all_reduce(np.ones(1 << 18, np.float32), tag=9) for g in trio])
    wait_all(works)
    for x in xs:
        assert (x == np.mean([3.0 * n for n in range(len(members))])).all()


def test_error_feedback_knows_them(trio, library):
    for group in trio:
        group.add_codec(library, "upper_half")
    sent = [np.full(100, 1 + 2.0**-12 * n, np.float32) for n in range(3)]
    feedbacks = [whimbrel.ErrorFeedback(100) for _ in trio]
    for feedback, x in zip(feedbacks, sent, strict=True):
        feedback.apply(x)
    works = [g.all_reduce(x.copy(), codec="test-half") for g, x in zip(trio, sent, strict=True)]
    wait_all(works)
    with pytest.raises(errors.Invalid, match="group"):
        feedbacks[2].stage(works[2])
    feedbacks[2].stage(works[2], trio[2])
    feedbacks[2].commit()
    assert feedbacks[2].save(np.empty(100, np.float32)).tolist() == [2.0**-11] * 100


def test_a_member_that_lacks_one_ends_it_for_all(trio, library):
    for group in trio[:2]:
        group.add_reducer(library, "middle_value")
    works = [g.all_reduce(np.ones(4, np.float32), reducer="test-middle") for g in trio]
    for work in works:
        with pytest.raises(errors.Mismatch, match="test-middle"):
            work.wait(WAIT_S)


def test_what_is_not_there_is_said(trio, library):
    with pytest.raises(ValueError, match="exports no variable nothing"):
        trio[0].add_codec(library, "nothing")
    with pytest.raises(OSError, match="missing"):
        trio[0].add_codec("./missing.so", "upper_half")
    trio[0].add_codec(library, "upper_half")
    with pytest.raises(errors.Invalid, match="test-half"):
        trio[0].add_codec(library, "upper_half")
