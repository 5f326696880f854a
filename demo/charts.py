"""The report's pictures: losses and membership over time, bytes and time by round."""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path

import matplotlib

matplotlib.use("Agg")

import matplotlib.pyplot as plt
from events import Event
from matplotlib.axes import Axes

COLOURS = ["#1b6ca8", "#c8553d", "#3a7d44", "#8e5ea2", "#c69214", "#4a4e69", "#0f8b8d", "#a23e48"]
SMOOTHING = 10  # steps
LABELS = {
    "kill": ("SIGKILL", "center", 0.41),
    "freeze": ("SIGSTOP", "right", 0.41),
    "thaw": ("SIGCONT", "center", -0.41),
    "rejoined": ("joined again", "left", 0.41),
}


def names_of(events: list[Event]) -> list[str]:
    return sorted({e["who"] for e in events if e["who"].startswith("replica-")})


def colour_of(names: list[str]) -> dict[str, str]:
    return {name: COLOURS[n % len(COLOURS)] for n, name in enumerate(names)} | {"coordinator": "#555555"}


def draw_training(events: list[Event], entropy: float, path: Path) -> None:
    """Loss of every replica, and below it on the same clock who was in and what happened."""
    start, names = events[0]["t"], names_of(events)
    colours = colour_of(names)
    figure, (losses, members) = plt.subplots(
        2, 1, figsize=(12, 8), sharex=True, height_ratios=(3, 2), layout="constrained"
    )
    for name in names:
        points = [(e["t"] - start, e["loss"]) for e in events if e["what"] == "train" and e["who"] == name]
        if points:
            losses.plot(
                *zip(*smoothed(points), strict=True), color=colours[name], linewidth=1, alpha=0.8, label=name
            )
    held_out = sorted((e["t"] - start, e["loss"]) for e in events if e["what"] == "eval")
    if held_out:
        losses.plot(*zip(*held_out, strict=True), "k.-", linewidth=1.5, label="held out")
    losses.axhline(entropy, color="#999999", linestyle="--", linewidth=1, label="unigram entropy")
    losses.set_ylabel("nats per character")
    losses.set_title("Training loss of each replica, and the held-out loss of what they share")
    losses.legend(loc="upper right", fontsize=8)
    losses.grid(alpha=0.3)
    draw_membership(members, events, start, ["coordinator", *names], colours)
    figure.savefig(path, dpi=110)
    plt.close(figure)


def smoothed(points: list[tuple[float, float]]) -> list[tuple[float, float]]:
    return [
        (
            points[n][0],
            sum(loss for _, loss in points[max(0, n - SMOOTHING + 1) : n + 1]) / min(n + 1, SMOOTHING),
        )
        for n in range(len(points))
    ]


def spans(events: list[Event], name: str, start: float) -> list[tuple[float, float, str]]:
    """(begin, end, state) of a process: "starting", "in", "frozen", "out"."""
    found, state, since = [], None, 0.0
    for e in events:
        if e["who"] != name:
            continue
        now = e["t"] - start
        new = {
            "start": "in" if name == "coordinator" else "starting",
            "begin": "in",
            "freeze": "frozen",
            "thaw": "out",
            "out": "out",
            "kill": None,
            "exit": None,
        }.get(e["what"], state)
        if new != state:
            if state is not None:
                found.append((since, now, state))
            state, since = new, now
    if state is not None:
        found.append((since, events[-1]["t"] - start, state))
    return found


def draw_membership(
    axes: Axes, events: list[Event], start: float, names: list[str], colours: dict[str, str]
) -> None:
    looks = {
        "in": {},
        "starting": {"alpha": 0.25},
        "frozen": {"alpha": 0.35, "hatch": "///"},
        "out": {"alpha": 0.25, "hatch": "xx"},
    }
    for row, name in enumerate(reversed(names)):
        for begin, end, state in spans(events, name, start):
            axes.barh(
                row,
                end - begin,
                left=begin,
                height=0.6,
                color=colours[name],
                edgecolor="white",
                linewidth=0,
                **looks[state],
            )
        for e in events:
            if e["who"] == name and e["what"] in LABELS:
                text, side, height = LABELS[e["what"]]
                at = e["t"] - start
                axes.plot(at, row, "kX" if e["what"] == "kill" else "kd", markersize=8)
                axes.annotate(text, (at, row + height), fontsize=7, ha=side, va="center")
    axes.set_yticks(range(len(names)), list(reversed(names)))
    axes.set_xlabel("seconds since the start")
    axes.set_title("Who is in (pale: starting or out; hatched: frozen)", fontsize=10)
    axes.grid(axis="x", alpha=0.3)


def round_times(events: list[Event]) -> dict[int, dict[str, float]]:
    """For each round, the median over its replicas: seconds of training, all-reduce and commit, and bytes
    moved."""
    begun: dict[tuple[str, int], float] = {}
    samples: dict[int, dict[str, list[float]]] = defaultdict(lambda: defaultdict(list))
    for e in events:
        key = (e["who"], e.get("round", 0))
        if e["what"] == "begin":
            begun[key] = e["t"]
        elif e["what"] == "reduce_begin" and key in begun:
            samples[e["round"]]["train"].append(e["t"] - begun[key])
        elif e["what"] == "reduce":
            samples[e["round"]]["reduce"].append(e["seconds"])
            samples[e["round"]]["bytes"].append(float(e["sent"] + e["received"]))
        elif e["what"] == "commit":
            samples[e["round"]]["commit"].append(e["seconds"])
    return {
        round: {key: sorted(values)[len(values) // 2] for key, values in parts.items()}
        for round, parts in sorted(samples.items())
    }


def draw_rounds(events: list[Event], path: Path) -> None:
    times = round_times(events)
    rounds = list(times)
    figure, (seconds, moved) = plt.subplots(
        2, 1, figsize=(12, 6), sharex=True, height_ratios=(2, 1), layout="constrained"
    )
    below = [0.0] * len(rounds)
    for part, label, colour in (
        ("train", "inner steps", "#b8c5d6"),
        ("reduce", "all-reduce, with waiting", "#1b6ca8"),
        ("commit", "commit", "#c8553d"),
    ):
        values = [times[round].get(part, 0.0) for round in rounds]
        seconds.bar(rounds, values, bottom=below, label=label, color=colour)
        below = [b + v for b, v in zip(below, values, strict=True)]
    seconds.set_ylabel("seconds")
    seconds.set_title("Time of a round (median of its replicas)")
    seconds.legend(fontsize=8, loc="upper right")
    seconds.xaxis.get_major_locator().set_params(integer=True)
    moved.bar(rounds, [times[round].get("bytes", 0.0) / 1e6 for round in rounds], color="#3a7d44")
    moved.set_ylabel("MB sent and received")
    moved.set_xlabel("round")
    moved.set_title("Payload of the all-reduce of one replica (median)", fontsize=10)
    for axes in (seconds, moved):
        axes.grid(axis="y", alpha=0.3)
    figure.savefig(path, dpi=110)
    plt.close(figure)
