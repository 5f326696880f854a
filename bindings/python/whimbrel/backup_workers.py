"""Backup workers: how many contributions the next all-reduce should wait for (DBW, arXiv 2004.14696).

policy = whimbrel.BackupWorkers(members=round.world_size, eta=0.1)  # eta: size of a step
wait_for = {"min_contributors": policy.choose(), "grace": 0.02}
work = group.all_reduce(gradient, mean, **wait_for)
work.wait()
seen = policy.measure(work, norm2(gradient), norm2(mean), loss)
group.all_reduce(seen, tag=1, **wait_for).wait()  # now all members hold the same numbers
policy.observe_list(seen)
"""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from typing import Any

from whimbrel import _core
from whimbrel.work import Work


class BackupWorkers:
    """Chooses min_contributors so that the loss falls fastest in time; all members until the losses of two steps are
    known. All members of an op need the same number, so all observe the same: begin anew together unless a round
    goes on from one that was committed, with nobody joined or healed; resize() together when members are gone. The
    formulas and ranges are in whimbrel/backup_workers.h; Invalid and NonFinite name what is wrong. One thread at a
    time."""

    def __init__(self, members: int, eta: float, *, min_contributors_min: int = 1, window: int = 5) -> None:
        self._core = _core.BackupWorkers(members, eta, min_contributors_min, window)

    def choose(self) -> int:
        """min_contributors of the next op."""
        return self._core.choose()

    def resize(self, members: int) -> None:
        """The round has so many participants now, the others being gone."""
        self._core.resize(members)

    def observe(
        self,
        *,
        contributors: int,
        arrivals: Sequence[float],
        closed: float,
        mean_norm2: float,
        variance: float,
        loss: float,
    ) -> None:
        """Takes a step in. contributors: whose mean the result is; arrivals: seconds from the start of the op,
        ascending, of those that came before waiting ended at `closed`; mean_norm2: squared norm of the result;
        variance: sum |x - mean|^2 / (contributors - 1); loss: before the step."""
        self._core.observe(contributors, arrivals, closed, mean_norm2, variance, loss)

    def measure(self, work: Work[Any], own_norm2: float, mean_norm2: float, loss: float) -> array[float]:
        """What this member saw of a completed all-reduce: arrivals, contributors and the given numbers, the squared
        norms of what it gave and of the result, and its own loss before the step. The mean of all members'
        (float64, "avg") is what observe_list takes."""
        return array("d", self._core.measure(work._op, own_norm2, mean_norm2, loss))

    def observe_list(self, seen: Sequence[float]) -> None:
        """Takes in the mean of what members measured."""
        self._core.observe_list(seen)
