"""Error feedback: what a codec left out of what this peer sent is added to what it sends next.

feedback = whimbrel.ErrorFeedback(x.numel())
feedback.apply(update, x)  # x = update + residual
work = group.all_reduce(x, codec="topk:1/64")
work.wait()
feedback.stage(work)
committed = ...  # the round's commit
feedback.commit() if committed else feedback.abort()
"""

from __future__ import annotations

from typing import TypeVar

from whimbrel import _core
from whimbrel.group import Group
from whimbrel.work import Work

Array = TypeVar("Array")


class ErrorFeedback:
    """The residual of one tensor, float32, zero at first. It is this peer's own and changes only with commit().
    With beta 1 nothing is ever lost; below, old errors are forgotten. One thread at a time."""

    def __init__(self, count: int, beta: float = 1.0) -> None:
        self._core = _core.ErrorFeedback(count, beta)

    def __len__(self) -> int:
        return len(self._core)

    def apply(self, update: Array, out: Array | None = None) -> Array:
        """Writes update + beta * residual to out (default: update itself), remembers it and returns it: what
        the op is to be given."""
        into = update if out is None else out
        self._core.apply(update, into)
        return into

    def stage(self, work: Work, group: Group | None = None) -> None:
        """Works out from the completed all-reduce of what apply gave what its codec left out; all of it where
        this peer is not among the contributors. WrongState, Unsupported or NonFinite when that cannot be.
        group: the op's, needed where its codec is one of add_codec."""
        self._core.stage(work._op, None if group is None else group._core)

    def commit(self) -> None:
        """The round was committed: what is staged is the residual now."""
        self._core.commit()

    def abort(self) -> None:
        """It was not, or the op failed: the residual is as before."""
        self._core.abort()

    def save(self, residual: Array) -> Array:
        """Copies the residual of the last commit, for this peer's own checkpoint."""
        self._core.save(residual)
        return residual

    def restore(self, residual: Array) -> None:
        """Takes a saved residual back and drops what is staged."""
        self._core.restore(residual)
