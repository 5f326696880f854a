"""What the Python tests share: a coordinator in this process, and groups of one run.

All ops are asynchronous, so one thread can play several peers: start for all, then wait for all.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator

import pytest

# Threads of the library write between pytest's dots. For the whole story of a failure: WHIMBREL_LOG=info.
os.environ.setdefault("WHIMBREL_LOG", "warn")

import whimbrel  # noqa: E402

WAIT_S = 30.0

# A shell starts what it runs in the background with Ctrl-C ignored, and we inherit that.
signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture
def coordinator(tmp_path) -> Iterator[whimbrel.Coordinator]:
    with whimbrel.Coordinator(
        "test", tmp_path / "coordinator", listen="127.0.0.1:0", http="127.0.0.1:0"
    ) as coordinator:
        yield coordinator


@pytest.fixture
def make_group(coordinator) -> Iterator[Callable[..., whimbrel.Group]]:
    """Makes groups that are closed after the test; make_group(name, joined=False) does not join."""
    groups = []

    def make(name: str, *, joined: bool = True, **options) -> whimbrel.Group:
        options.setdefault("listen", "127.0.0.1:0")
        groups.append(whimbrel.Group(coordinator.invite(), name=name, worker_threads=1, **options))
        if joined:
            groups[-1].join().wait(WAIT_S)
        return groups[-1]

    yield make
    for group in groups:
        group.close()


@pytest.fixture
def trio(make_group) -> list[whimbrel.Group]:
    """Three members, in rank order, that have begun the first round."""
    groups = [make_group(f"peer-{n}") for n in range(3)]
    begin(groups)
    return groups


def begin(groups: list[whimbrel.Group], state_round: int = 0) -> list[whimbrel.Round]:
    return [work.wait(WAIT_S) for work in [group.round_begin(state_round) for group in groups]]


def commit(groups: list[whimbrel.Group], digest: bytes = bytes(16), **options) -> list[whimbrel.Commit]:
    return [work.wait(WAIT_S) for work in [group.round_commit(digest, **options) for group in groups]]


def wait_all(works: list[whimbrel.Work]) -> list:
    return [work.wait(WAIT_S) for work in works]
