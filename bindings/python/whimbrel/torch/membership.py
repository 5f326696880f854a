"""Being in a round, whatever it takes: rounds begun again after an exclusion, membership asked for again
after an eviction, with a log line that says why."""

from __future__ import annotations

import contextlib
import logging
import time
from collections.abc import Callable, Iterable
from typing import Any

from whimbrel import errors
from whimbrel.group import Group
from whimbrel.values import Round
from whimbrel.work import Work

log = logging.getLogger("whimbrel.torch")

GIVE_UP_S = 10.0  # a cancelled op ends without the network; this is for a machine that is very busy


def give_up(works: Iterable[Work[Any]]) -> None:
    """Cancels ops that nobody will wait for any more, and lets them end, so that their memory is free."""
    open_works = [work for work in works if not work.done()]
    for work in open_works:
        work.cancel()
    deadline = time.monotonic() + GIVE_UP_S
    for work in open_works:
        while not work.done() and (left := deadline - time.monotonic()) > 0:
            with contextlib.suppress(errors.Error, TimeoutError, KeyboardInterrupt):
                work.wait(left)


class Membership:
    """Keeps a group in the run's rounds. state_round: the last committed round whose state this peer holds.
    An interrupted wait leaves its op for the next call of begin()."""

    def __init__(self, group: Group, report: Callable[..., None]) -> None:
        self.group = group
        self.state_round = 0
        self._report = report
        self._joining: Work[Group] | None = None
        self._beginning: Work[Round] | None = None

    def begin(self) -> Round:
        """The next round this peer takes part in. Waits as long as that takes; errors that waiting cannot
        mend pass."""
        if self._joining is not None:
            self._join()
        while True:
            try:
                return self._begun()
            except errors.Excluded as error:
                log.warning("left out of a round, beginning the next: %s", error)
                self._report("excluded", reason=str(error))
            except errors.Evicted as error:
                self.rejoin(error)

    def rejoin(self, reason: Exception) -> None:
        """Joins again as a new member; the next round heals it."""
        log.warning("evicted, joining again: %s", reason)
        self._report("evicted", reason=str(reason))
        self._join()

    def _join(self) -> None:
        if self._joining is None:
            self._joining = self.group.join()
        try:
            self._joining.wait()
        except errors.Interrupted:
            raise
        except errors.Error:
            self._joining = None
            raise
        self._joining = None
        log.info("joined again")
        self._report("rejoined")

    def _begun(self) -> Round:
        if self._beginning is None:
            self._beginning = self.group.round_begin(self.state_round)
        try:
            round = self._beginning.wait()
        except errors.Interrupted:
            raise
        except errors.Error:
            self._beginning = None
            raise
        self._beginning = None
        return round

    def give_up(self) -> None:
        """For one that will not call begin() again."""
        give_up(work for work in [self._joining, self._beginning] if work is not None)
