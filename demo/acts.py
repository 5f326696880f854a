"""What goes wrong in the demo, one act after the other: each waits for its round, strikes, and is over once
the run has digested it. Acts do not overlap, however fast or slow the machine is."""

from __future__ import annotations

from events import Event
from stage import DemoFailed, Stage

FREEZE_S = 10.0
OUTAGE_S = 5.0


class Act:
    """on_event() is told everything that happens while the act is on; it sets `over`."""

    title = ""

    def __init__(self, from_round: int) -> None:
        self.from_round = from_round
        self.over = False

    def on_event(self, event: Event, stage: Stage) -> None:
        raise NotImplementedError


class KillInAllReduce(Act):
    """SIGKILL for a replica that has just started an all-reduce. Over when the others train without it."""

    def __init__(self, from_round: int, victim: str) -> None:
        super().__init__(from_round)
        self.victim = victim
        self.title = f"{victim} is killed in an all-reduce"
        self.round: int | None = None  # in which it died

    def on_event(self, event: Event, stage: Stage) -> None:
        if self.round is None:
            if (
                event["who"] == self.victim
                and event["what"] == "reduce_begin"
                and event["round"] >= self.from_round
            ):
                stage.kill(self.victim, f"in the middle of the all-reduce of round {event['round']}")
                self.round = event["round"]
        elif event["what"] == "begin" and event["round"] > self.round and self.victim not in event["members"]:
            self.over = True


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
    """SIGSTOP for a while. Over when the victim was told that it is out, has joined again and trains."""

    def __init__(self, from_round: int, victim: str) -> None:
        super().__init__(from_round)
        self.victim = victim
        self.title = f"{victim} freezes for {FREEZE_S:.0f} s"
        self.frozen = False
        self.told: str | None = None

    def on_event(self, event: Event, stage: Stage) -> None:
        if event["who"] != self.victim:
            return
        if not self.frozen:
            if event["what"] == "train" and event["round"] >= self.from_round:
                stage.freeze(self.victim, f"for {FREEZE_S:.0f} s")
                stage.after(FREEZE_S, lambda: stage.thaw(self.victim))
                self.frozen = True
        elif event["what"] == "out":
            self.told = event["reason"]
        elif event["what"] == "commit" and event["committed"] and self.told is not None:
            self.over = True


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


def demo_acts(rounds: int) -> list[Act]:
    """All four, spread over the run so that quiet rounds lie between them and at the end."""
    at = [max(2, rounds * share // 100) for share in (10, 20, 35, 65)]
    return [
        KillInAllReduce(at[0], "replica-2"),
        Join(at[1], "replica-5"),
        Freeze(at[2], "replica-3"),
        KillCoordinator(at[3]),
    ]
