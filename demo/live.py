"""The live view: one line a round, and one for everything out of the ordinary and its reason."""

from __future__ import annotations

import sys
import time

from events import Event


def survival(reduce: Event) -> str:
    """How an all-reduce ended that lost somebody."""
    gone, had = reduce["gone"], reduce["contributors"]
    arrived = [name for name in gone if name in had]
    part = f"; what had arrived from {', '.join(arrived)} counts" if arrived else ""
    return (
        f"the survivors finished the same all-reduce without {', '.join(gone)}; it holds the work of "
        f"{', '.join(name for name in had if name not in gone)}{part}"
    )


class Live:
    """Prints what it is told. Many replicas tell the same: the first to say a thing is quoted."""

    def __init__(self, start: float) -> None:
        self._start = start
        self._losses: dict[int, dict[str, list[float]]] = {}  # round -> replica -> losses
        self._reduce: dict[int, Event] = {}
        self._members: dict[int, list[str]] = {}
        self._said: set[str | int] = set()
        self._away = False
        self._colour = sys.stdout.isatty()

    def __call__(self, event: Event) -> None:
        handler = getattr(self, f"_on_{event['what']}", None)
        if handler is not None:
            handler(event)

    def say(self, text: str, *, strong: bool = False, at: float | None = None) -> None:
        seconds = (time.time() if at is None else at) - self._start
        if strong and self._colour:
            text = f"\033[1m{text}\033[0m"
        print(f"[{seconds:6.1f} s] {text}", flush=True)

    def once(self, text: str, at: float) -> None:
        if text not in self._said:
            self._said.add(text)
            self.say(text, at=at)

    def _on_start(self, event: Event) -> None:
        self.say(f"** {event['who']} starts: {event['why']} (pid {event['pid']})", strong=True, at=event["t"])

    def _on_kill(self, event: Event) -> None:
        self.say(f"** SIGKILL {event['who']} {event['why']}", strong=True, at=event["t"])

    def _on_freeze(self, event: Event) -> None:
        self.say(f"** SIGSTOP {event['who']} {event['why']}", strong=True, at=event["t"])

    def _on_thaw(self, event: Event) -> None:
        self.say(f"** SIGCONT {event['who']}", strong=True, at=event["t"])

    def _on_out(self, event: Event) -> None:
        self.say(f"   {event['who']} is told that it was {event['how']}: {event['reason']}", at=event["t"])

    def _on_rejoined(self, event: Event) -> None:
        self.say(f"   {event['who']} has joined again by itself", at=event["t"])

    def _on_note(self, event: Event) -> None:
        """Every replica notices that the coordinator went away and came back; it is said once."""
        away = {"coordinator_lost": True, "coordinator_back": False}.get(event.get("kind"))
        if away is None:
            self.once(f"   {event['text']}", event["t"])
        elif away != self._away:
            self._away = away
            self.say(
                f"   the coordinator {'is away, training goes on' if away else 'is back'}: {event['text']}",
                at=event["t"],
            )

    def _on_admitted(self, event: Event) -> None:
        self.say(f"   {event['who']} is admitted as {event['peer'][:8]}", at=event["t"])

    def _on_begin(self, event: Event) -> None:
        self._members.setdefault(event["round"], event["members"])
        for name, reason in event["left"]:
            self.once(f"   round {event['round']} goes on without {name}: {reason}", event["t"])
        for name, reason in event["excluded"]:
            self.once(f"   round {event['round']} leaves out {name}: {reason}", event["t"])
        if event["healed_by"] and event["round"] == 1:
            self.once(f"   the founders start from the parameters of {event['healed_by']}", event["t"])
        elif event["healed_by"]:
            self.say(
                f"   {event['who']} is healed by {event['healed_by']} and trains from round {event['round']}",
                at=event["t"],
            )

    def _on_train(self, event: Event) -> None:
        self._losses.setdefault(event["round"], {}).setdefault(event["who"], []).append(event["loss"])

    def _on_reduce(self, event: Event) -> None:
        self._reduce.setdefault(event["round"], event)
        if event["gone"]:
            self.once(f"   round {event['round']}: {survival(event)}", event["t"])

    def _on_commit(self, event: Event) -> None:
        round = event["round"]
        if round in self._said:
            return
        self._said.add(round)
        if not event["committed"]:
            self.say(f"round {round:3d} aborted: {event['reason']}", at=event["t"])
            return
        losses = [sum(values) / len(values) for values in self._losses.pop(round, {}).values()]
        loss = sum(losses) / len(losses) if losses else float("nan")
        reduce = self._reduce.get(round, {"seconds": 0.0, "contributors": []})
        members = " ".join(name.removeprefix("replica-") for name in self._members.get(round, []))
        training = f"train loss {loss:.3f}  in: {members:10s}"
        reducing = f"all-reduce of {len(reduce['contributors'])} {reduce['seconds'] * 1e3:5.0f} ms"
        committing = f"commit {event['seconds'] * 1e3:4.0f} ms  digest {event['digest'][:12]}"
        self.say(f"round {round:3d}  {training} {reducing}  {committing}", at=event["t"])

    def _on_eval(self, event: Event) -> None:
        self.say(f"           held-out loss {event['loss']:.4f} after {event['step']} steps", at=event["t"])

    def _on_done(self, event: Event) -> None:
        self.say(f"   {event['who']} has finished with digest {event['digest']}", at=event["t"])
