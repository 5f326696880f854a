"""Ctrl-C at a moment when it does no harm."""

from __future__ import annotations

import contextlib
import os
import signal
import threading
from collections.abc import Iterator
from types import FrameType


@contextlib.contextmanager
def held_back() -> Iterator[None]:
    """A Ctrl-C inside comes when the block is over: what was started there has been noted. For calls that do not
    block. Python runs signal handlers on the main thread alone; elsewhere nothing is held back."""
    before = signal.getsignal(signal.SIGINT)
    # None: a handler that is not Python's, which could not be put back from here.
    if threading.current_thread() is not threading.main_thread() or before is None:
        yield
        return
    pressed: list[FrameType | None] = []
    signal.signal(signal.SIGINT, lambda _, frame: pressed.append(frame))
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
        if pressed and callable(before):
            before(signal.SIGINT, pressed[0])
        elif pressed:
            os.kill(os.getpid(), signal.SIGINT)
