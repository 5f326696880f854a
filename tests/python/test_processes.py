"""Replicas as processes: one is killed inside an all-reduce, one freezes; the others end with the same
state."""

from __future__ import annotations

import queue
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

REPLICA = Path(__file__).with_name("replica.py")
LIMIT_S = 90.0


class Replica:
    """A child process and what it has printed: (what, round, note)."""

    def __init__(self, name: str, invite: str, seed: int, rounds: int) -> None:
        self.name = name
        self.seen: list[tuple[str, int, str]] = []
        self._lines: queue.Queue = queue.Queue()
        self.process = subprocess.Popen(
            [sys.executable, str(REPLICA), invite, name, str(seed), str(rounds)],
            stdout=subprocess.PIPE,
            text=True,
        )
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self) -> None:
        for line in self.process.stdout:
            what, round, *note = line.rstrip("\n").split(" ", 2)
            self._lines.put((what, int(round), note[0] if note else ""))

    def until(self, what: str, from_round: int = 0) -> tuple[str, int, str]:
        deadline = time.monotonic() + LIMIT_S
        while True:
            entry = self._lines.get(timeout=max(0.1, deadline - time.monotonic()))
            self.seen.append(entry)
            if entry[0] == what and entry[1] >= from_round:
                return entry


@pytest.fixture
def start(coordinator):
    replicas = []

    def one(name: str, rounds: int) -> Replica:
        replicas.append(Replica(name, coordinator.invite(), len(replicas), rounds))
        return replicas[-1]

    yield one
    for replica in replicas:
        replica.process.kill()
        replica.process.wait()


def test_one_is_killed_in_an_all_reduce(start):
    first, second, victim = replicas = [start(f"r{n}", rounds=40) for n in range(3)]
    for replica in replicas:
        replica.until("begin", from_round=3)
    victim.until("reduce_begin", from_round=3)
    victim.process.send_signal(signal.SIGKILL)
    done = [replica.until("done") for replica in (first, second)]
    assert done[0] == done[1]
    assert done[0][1] == 40
    members = [note for what, _, note in first.seen if what == "begin"]
    assert any("r2" in note for note in members) and "r2" not in members[-1]
    assert not any(what == "reduce_failed" for what, _, _ in first.seen + second.seen)


def test_one_that_freezes_is_told_and_comes_back(start):
    first, frozen = replicas = [start(f"r{n}", rounds=150) for n in range(2)]
    for replica in replicas:
        replica.until("begin", from_round=3)
    frozen.process.send_signal(signal.SIGSTOP)
    first.until("commit", from_round=first.until("reduce_begin")[1] + 2)  # goes on alone
    time.sleep(1.0)
    frozen.process.send_signal(signal.SIGCONT)
    assert frozen.until("evicted")[2], "told why"
    frozen.until("rejoined")
    done = [replica.until("done") for replica in replicas]
    assert done[0] == done[1]
