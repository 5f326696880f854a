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
from whimbrel.torch.interrupts import held_back
from whimbrel.values import Round
from whimbrel.work import Work

log = logging.getLogger("whimbrel.torch")

ON_WAIT_S = 5.0
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
    An interrupted wait leaves its op for the next call of begin(). A round lasts until its part in it is done:
    the others wait for that, whatever interrupts this peer."""

    def __init__(self, group: Group, report: Callable[..., None]) -> None:
        self.group = group
        self.state_round = 0
        self._report = report
        self._joining: Work[Group] | None = None
        self._beginning: Work[Round] | None = None
        self._past: Work[Round] | None = None  # the beginning of a round whose part is done

    @property
    def in_round(self) -> bool:
        """A round has begun here, and its part is still to be done."""
        begun = self._beginning
        return begun is not None and begun is not self._past and begun.done() and begun.exception() is None

    def done(self) -> None:
        """The part in this round is done, or cannot be."""
        self._past = self._beginning

    def begin(self, on_wait: Callable[[], None] | None = None) -> Round:
        """The round this peer is in, else the next it takes part in. Waits as long as that takes, and calls
        on_wait every few seconds; errors that waiting cannot mend pass, and those of on_wait."""
        if self._joining is not None:
            self._join()
        while True:
            try:
                return self._begun(on_wait)
            except errors.Evicted as error:
                self.rejoin(error)

    def rejoin(self, reason: Exception) -> None:
        """Joins again as a new member; the next round heals it."""
        self.done()
        log.warning("evicted, joining again: %s", reason)
        self._report("evicted", reason=str(reason))
        self._join()

    def _join(self) -> None:
        if self._joining is None:
            with held_back():
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

    def _begun(self, on_wait: Callable[[], None] | None) -> Round:
        if self._beginning is None or self._beginning is self._past:
            with held_back():
                self._beginning = self.group.round_begin(self.state_round)
        try:
            while True:
                try:
                    return self._beginning.wait(ON_WAIT_S if on_wait else None)
                except TimeoutError:
                    if on_wait:
                        on_wait()
        except errors.Interrupted:
            raise
        except errors.Error:
            self._beginning = None
            raise

    def give_up(self) -> None:
        """For one that will not call begin() again."""
        give_up(work for work in [self._joining, self._beginning] if work is not None)
