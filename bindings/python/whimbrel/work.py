"""Work: something that has been started and completes once. Wait for it, await it, or leave it alone."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Generator
from typing import Any, Generic, TypeVar

from whimbrel import _core, errors
from whimbrel.values import OpInfo

T = TypeVar("T")


class Work(Generic[T]):
    """An op of a group. What it borrows (the arrays of a collective) stays alive until it has completed,
    also when this object is dropped. Thread-safe."""

    def __init__(
        self,
        op: _core.Op,
        result: Callable[[_core.Op], T],
        named: Callable[[Any], Any],
        *,
        tells_on_error: bool = False,
    ) -> None:
        """Made by a group. result: what the completed op brought; named: fills in what members are called;
        tells_on_error: it may have brought something although it ended with an error."""
        self._op = op
        self._result = result
        self._named = named
        self._tells_on_error = tells_on_error

    def wait(self, timeout: float | None = None) -> T:
        """The op's result, when it has one. TimeoutError after `timeout` seconds: the op runs on. Ctrl-C
        ends the wait within 100 ms and nothing else."""
        status = self._op.wait(timeout)
        if status > 0:
            raise TimeoutError(self.waiting_for() or "still running")
        if status < 0:
            raise self._error(status)
        return self._result(self._op)

    def done(self) -> bool:
        return self._op.poll() <= 0

    def exception(self) -> Exception | None:
        """The error the op ended with; None when it has completed well or still runs."""
        status = self._op.poll()
        return self._error(status) if status < 0 else None

    def outcome(self) -> T | None:
        """What the op brought, of a commit also when it ended with an error (it may have gone on without this
        peer); None when it brought nothing, or still runs."""
        status = self._op.poll()
        if status > 0 or (status < 0 and not self._tells_on_error):
            return None
        try:
            return self._result(self._op)
        except errors.WrongState:
            return None

    def info(self) -> OpInfo:
        """Who contributed, what was moved, how long it took. Not known before the end."""
        return OpInfo.of(self._named(self._op.info()))

    def waiting_for(self) -> str:
        """What it waits for, in words; "" when it has completed."""
        return self._op.waiting_for()

    def cancel(self) -> None:
        """Gives up this peer's own part: the op ends here with Cancelled and goes on among the others."""
        self._op.cancel()

    def add_done_callback(self, fn: Callable[[Work[T]], Any]) -> None:
        """Calls fn(self) once, on a thread of the library, when the op has completed; at once when it
        already has."""
        self._op.when_done(lambda: fn(self))

    def __await__(self) -> Generator[Any, None, T]:
        loop = asyncio.get_running_loop()
        completed = loop.create_future()

        def wake() -> None:
            if not completed.done():
                completed.set_result(None)

        def from_library_thread(_: Work[T]) -> None:
            with contextlib.suppress(RuntimeError):  # the loop was closed: nobody waits any more
                loop.call_soon_threadsafe(wake)

        self.add_done_callback(from_library_thread)
        yield from completed
        return self.wait(0)

    def _error(self, status: int) -> Exception:
        ended, detail = self._op.error()
        return errors.make_error(status, detail if ended == status else "")
