"""Being in a round, whatever it takes: rounds begun again after an exclusion, membership asked for again
after an eviction, with a log line that says why."""

from __future__ import annotations

import logging
from collections.abc import Callable

from whimbrel import errors
from whimbrel.group import Group
from whimbrel.values import Round

log = logging.getLogger("whimbrel.torch")


class Membership:
    """Keeps a group in the run's rounds. state_round: the last committed round whose state this peer
    holds."""

    def __init__(self, group: Group, report: Callable[..., None]) -> None:
        self.group = group
        self.state_round = 0
        self._report = report

    def begin(self) -> Round:
        """The next round this peer takes part in. Waits as long as that takes; errors that waiting cannot
        mend pass."""
        while True:
            try:
                return self.group.round_begin(self.state_round).wait()
            except errors.Excluded as error:
                log.warning("left out of a round, beginning the next: %s", error)
                self._report("excluded", reason=str(error))
            except errors.Evicted as error:
                self.rejoin(error)

    def rejoin(self, reason: Exception) -> None:
        """Joins again as a new member; the next round heals it."""
        log.warning("evicted, joining again: %s", reason)
        self._report("evicted", reason=str(reason))
        self.group.join().wait()
        log.info("joined again")
        self._report("rejoined")
