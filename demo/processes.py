"""Child processes of the demo: started, listened to, signalled, and gone when the demo ends, however it
ends."""

from __future__ import annotations

import ctypes
import os
import queue
import signal
import subprocess
import threading
from pathlib import Path

PR_SET_PDEATHSIG = 1
_libc = ctypes.CDLL(None)


def _die_with_parent() -> None:
    _libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


class Child:
    """One process. Its standard output comes line by line as (child, line) in the queue, then (child,
    None)."""

    def __init__(
        self, name: str, command: list[str], lines: queue.Queue, log: Path, **environment: str
    ) -> None:
        self.name = name
        self._lines = lines
        self._log = log.open("ab")
        self.process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=self._log,
            text=True,
            errors="replace",
            env=os.environ | environment,
            preexec_fn=_die_with_parent,
            start_new_session=True,
        )
        threading.Thread(target=self._read, name=f"read {name}", daemon=True).start()

    def _read(self) -> None:
        for line in self.process.stdout:
            self._lines.put((self, line.rstrip("\n")))
        self.process.wait()
        self._lines.put((self, None))

    @property
    def pid(self) -> int:
        return self.process.pid

    @property
    def alive(self) -> bool:
        return self.process.poll() is None

    def signal(self, number: signal.Signals) -> None:
        if self.alive:
            self.process.send_signal(number)

    def end(self, patience_s: float = 5.0) -> None:
        """Asks, waits a little, then kills. A stopped process can only be killed."""
        self.signal(signal.SIGTERM)
        try:
            self.process.wait(patience_s)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self._log.close()
