"""What goes wrong in the demo, one act after the other: each waits for its round, strikes, and is over once
the run has digested it. Acts do not overlap, however fast or slow the machine is."""

from __future__ import annotations

import time

from events import Event
from stage import DemoFailed, Stage

FREEZE_S = 10.0
OUTAGE_S = 5.0
LOOK_S = 0.5  # what a stopped process had said has arrived; well below the 2 s after which it is evicted


class Act:
    """on_event() is told everything that happens while the act is on; it sets `over`."""

    title = ""

    def __init__(self, from_round: int) -> None:
        self.from_round = from_round
        self.over = False

    def on_event(self, event: Event, stage: Stage) -> None:
        raise NotImplementedError


class KillInAllReduce(Act):
    """SIGKILL for a replica in an all-reduce that nobody has finished. Over when the others train without it.

    Whether it is in one is known only of a process that stands still: it is stopped when it says that it has
    begun, and killed when after LOOK_S no one has said that the op is over. Otherwise it may go on until the
    next round."""

    def __init__(self, from_round: int, victim: str) -> None:
        super().__init__(from_round)
        self.victim = victim
        self.title = f"{victim} is killed in an all-reduce"
        self.held: int | None = None  # in whose all-reduce it stands still
        self.round: int | None = None  # in which it died
        self._finished: set[int] = set()  # rounds whose all-reduce somebody has finished

    def on_event(self, event: Event, stage: Stage) -> None:
        if event["what"] == "reduce":
            self._finished.add(event["round"])
        if self.round is not None:
            self.over = event["what"] == "begin" and event["round"] > self.round
            self.over = self.over and self.victim not in event["members"]
        elif event["who"] == self.victim and event["what"] == "reduce_begin" and self.held is None:
            if event["round"] >= self.from_round and event["round"] not in self._finished:
                self.held = event["round"]
                stage.hold(self.victim)
                stage.after(LOOK_S, lambda: self._look(stage))

    def _look(self, stage: Stage) -> None:
        if self.held in self._finished:
            self.held = None
            stage.release(self.victim)
        else:
            self.round = self.held
            stage.kill(self.victim, f"in the middle of the all-reduce of round {self.round}", round=self.round)


class Join(Act):
    """A new replica. Over when it trains with the others."""

    def __init__(self, from_round: int, name: str) -> None:
        super().__init__(from_round)
        self.name = name
        self.title = f"{name} joins"
        self.started = False

    def on_event(self, event: Event, stage: Stage) -> None:
        if not self.started:
            if event["what"] == "begin" and event["round"] >= self.from_round:
                stage.start_replica(self.name, "a new machine joins")
                self.started = True
        elif event["who"] == self.name and event["what"] == "commit" and event["committed"]:
            self.over = True


class Freeze(Act):
    """SIGSTOP for a while, shortly before an all-reduce. Over when the victim was told that it is out, has
    joined again and trains."""

    def __init__(self, from_round: int, victim: str, inner_steps: int) -> None:
        super().__init__(from_round)
        self.victim = victim
        self.title = f"{victim} freezes for {FREEZE_S:.0f} s"
        self.held: int | None = None  # in which round it stands still
        self.told: str | None = None
        self._inner_steps = inner_steps
        self._since = 0.0
        self._steps_before = max(1, inner_steps - 2)  # of the round: two are left
        self._begun: set[int] = set()  # rounds whose all-reduce the victim has begun

    def on_event(self, event: Event, stage: Stage) -> None:
        if event["who"] != self.victim:
            return
        if event["what"] == "reduce_begin":
            self._begun.add(event["round"])
        if self.held is None:
            if event["what"] == "train" and event["round"] >= self.from_round and self._is_last(event):
                self.held, self._since = event["round"], time.time()
                stage.hold(self.victim)
                stage.after(LOOK_S, lambda: self._look(stage))
        elif event["what"] == "out":
            self.told = event["reason"]
        elif event["what"] == "commit" and event["committed"] and self.told is not None:
            self.over = True

    def _is_last(self, event: Event) -> bool:
        return event["step"] % self._inner_steps == self._steps_before and event["round"] not in self._begun

    def _look(self, stage: Stage) -> None:
        """It must not have contributed to the all-reduce that the others are to finish without it."""
        if self.held in self._begun:
            self.held = None
            stage.release(self.victim)
        else:
            stage.freeze(self.victim, f"for {FREEZE_S:.0f} s", round=self.held, since=self._since)
            stage.after(FREEZE_S - LOOK_S, lambda: stage.thaw(self.victim))


class KillCoordinator(Act):
    """SIGKILL for the coordinator, and a new one on the same disk and port. Over when a later round is
    committed."""

    title = "the coordinator is killed and restarted"

    def __init__(self, from_round: int) -> None:
        super().__init__(from_round)
        self.round: int | None = None  # in which it died
        self.back = False

    def on_event(self, event: Event, stage: Stage) -> None:
        if self.round is None:
            if event["what"] == "train" and event["round"] >= self.from_round:
                self.round = event["round"]
                stage.kill("coordinator", f"while round {self.round} trains")
                stage.after(OUTAGE_S, lambda: self._restart(stage))
        elif self.back and event["what"] == "commit" and event["committed"] and event["round"] > self.round:
            self.over = True

    def _restart(self, stage: Stage) -> None:
        stage.start_coordinator("again, on the same disk and port")
        self.back = True


class Play:
    """The acts in order; the next one goes on when the last is over."""

    def __init__(self, acts: list[Act], stage: Stage) -> None:
        self.acts = acts
        self._stage = stage
        stage.listeners.append(self._on_event)

    def _on_event(self, event: Event) -> None:
        act = next((act for act in self.acts if not act.over), None)
        if act is None:
            return
        act.on_event(event, self._stage)
        if event["what"] == "done" and not act.over:
            raise DemoFailed(
                f"the last round was over before the story was; unfinished: {'; '.join(self.unfinished)}"
            )

    @property
    def unfinished(self) -> list[str]:
        return [act.title for act in self.acts if not act.over]


def demo_acts(rounds: int, inner_steps: int) -> list[Act]:
    """All four, spread over the run so that quiet rounds lie between them and at the end."""
    at = [max(2, rounds * share // 100) for share in (10, 20, 35, 65)]
    return [
        KillInAllReduce(at[0], "replica-2"),
        Join(at[1], "replica-5"),
        Freeze(at[2], "replica-3", inner_steps),
        KillCoordinator(at[3]),
    ]
