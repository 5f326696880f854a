"""The stage of the demo: its processes, its clock, its log. Acts (acts.py) play on it."""

from __future__ import annotations

import heapq
import itertools
import queue
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

from events import Event, EventLog, make_event, parse_event
from processes import Child

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent
RUN = "demo"


class DemoFailed(Exception):
    """The demo cannot go on; the text says why."""


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Stage:
    """Starts, signals and listens to the coordinator and the replicas. Every event goes to the log, then to
    listeners."""

    def __init__(self, folder: Path, command: Path, replica_flags: list[str], deadline_s: float) -> None:
        if not command.exists():
            raise DemoFailed(f"{command} is missing; ./run build")
        self.log = EventLog(folder / "events.jsonl")
        self.listeners: list[Callable[[Event], None]] = []
        self.replicas: dict[str, Child] = {}
        self.killed: set[str] = set()
        self.coordinator: Child | None = None
        self._folder = folder
        self._replica_flags = replica_flags
        self._deadline = time.monotonic() + deadline_s
        self._deadline_s = deadline_s
        self._lines: queue.Queue = queue.Queue()
        self._timers: list = []
        self._timer_order = itertools.count()
        self._command = command
        self._listen = f"127.0.0.1:{free_port()}"
        self._http = f"127.0.0.1:{free_port()}"
        self._data = folder / "coordinator"
        self._invite = ""

    # ---- processes

    def start_coordinator(self, why: str) -> None:
        command = [
            str(self._command),
            "coordinator",
            "--run",
            RUN,
            "--listen",
            self._listen,
            "--http",
            self._http,
            "--data",
            str(self._data),
        ]
        self.coordinator = Child("coordinator", command, self._lines, self._folder / "coordinator.log")
        self.note(
            "coordinator", "start", why=why, pid=self.coordinator.pid, address=self._listen, http=self._http
        )
        self._wait_for_port()

    def _wait_for_port(self) -> None:
        for _ in range(200):
            if not self.coordinator.alive:
                raise DemoFailed(f"the coordinator ended at once; see {self._folder / 'coordinator.log'}")
            with socket.socket() as probe:
                if probe.connect_ex(tuple_of(self._listen)) == 0:
                    return
            time.sleep(0.05)
        raise DemoFailed(f"the coordinator does not listen on {self._listen}")

    def make_invite(self) -> None:
        command = [str(self._command), "invite", "--data", str(self._data)]
        done = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)
        if done.returncode != 0:
            raise DemoFailed(f"whimbrel invite: {done.stderr.strip()}")
        self._invite = done.stdout.strip()

    def start_replica(self, name: str, why: str) -> None:
        command = [
            sys.executable,
            str(HERE / "train.py"),
            "--name",
            name,
            "--invite",
            self._invite,
            *self._replica_flags,
        ]
        child = Child(name, command, self._lines, self._folder / f"{name}.log", OMP_NUM_THREADS="1")
        self.replicas[name] = child
        self.note(name, "start", why=why, pid=child.pid)

    def kill(self, name: str, why: str, **fields) -> None:
        child = self.coordinator if name == "coordinator" else self.replicas[name]
        self.killed.add(name)
        child.signal(signal.SIGKILL)
        self.note(name, "kill", why=why, **fields)

    def hold(self, name: str) -> None:
        """SIGSTOP, to see what it was doing before anything worse happens to it."""
        self.replicas[name].signal(signal.SIGSTOP)
        self.note(name, "hold")

    def release(self, name: str) -> None:
        self.replicas[name].signal(signal.SIGCONT)
        self.note(name, "release")

    def freeze(self, name: str, why: str, **fields) -> None:
        self.replicas[name].signal(signal.SIGSTOP)
        self.note(name, "freeze", why=why, **fields)

    def thaw(self, name: str) -> None:
        self.replicas[name].signal(signal.SIGCONT)
        self.note(name, "thaw")

    def close(self) -> None:
        """Every process ends here, whatever happened before."""
        children = [*self.replicas.values(), *([self.coordinator] if self.coordinator else [])]
        for child in children:
            child.signal(signal.SIGCONT)
            child.end(patience_s=2.0)
        self.log.close()

    # ---- events

    def note(self, who: str, what: str, **fields) -> None:
        self._tell(make_event(who, what, **fields))

    def after(self, seconds: float, action: Callable[[], None]) -> None:
        heapq.heappush(self._timers, (time.monotonic() + seconds, next(self._timer_order), action))

    @property
    def busy(self) -> bool:
        """Whether something that already happened has not been handled."""
        return not self._lines.empty()

    def step(self) -> None:
        """Handles one event or timer, waiting for it."""
        now = time.monotonic()
        if now >= self._deadline:
            raise DemoFailed(f"not finished after {self._deadline_s:.0f} s")
        if self._timers and self._timers[0][0] <= now:
            heapq.heappop(self._timers)[2]()
            return
        until = min([self._deadline, *(timer[0] for timer in self._timers[:1])])
        try:
            child, line = self._lines.get(timeout=max(0.0, until - now))
        except queue.Empty:
            return
        if line is None:
            self._ended(child)
        elif event := parse_event(line):
            self._tell(event)

    def _tell(self, event: Event) -> None:
        self.log.add(event)
        for listener in self.listeners:
            listener(event)

    def _ended(self, child: Child) -> None:
        code = child.process.returncode
        self.note(child.name, "exit", code=code)
        if code != 0 and child.name not in self.killed:
            tail = (self._folder / f"{child.name}.log").read_text(errors="replace").strip().splitlines()[-3:]
            raise DemoFailed(f"{child.name} ended with code {code}: {' | '.join(tail)}")


def tuple_of(address: str) -> tuple[str, int]:
    host, port = address.rsplit(":", 1)
    return host, int(port)
