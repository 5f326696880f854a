"""The demo's report: one self-contained page, and its pictures as files."""

from __future__ import annotations

import base64
from html import escape
from pathlib import Path

from charts import draw_rounds, draw_training, names_of, round_times
from corpus import Corpus
from events import Event
from live import survival
from settings import Settings
from verdict import FREEZE_LIMIT_S, Summary

STYLE = """
body { font: 15px/1.5 system-ui, sans-serif; color: #222; }
body { max-width: 1100px; margin: 2em auto; padding: 0 1em; }
img { width: 100%; height: auto; }
table { border-collapse: collapse; font-size: 13px; }
th, td { border-bottom: 1px solid #ddd; padding: 2px 9px; text-align: left; }
td.number { text-align: right; font-variant-numeric: tabular-nums; }
td.in { background: #d6e9d8; text-align: center; }
td.void { color: #bbb; text-align: center; }
code { font-size: 90%; }
.pass { color: #2a6f37; } .fail { color: #a4161a; }
"""


def write_report(
    folder: Path, events: list[Event], summary: Summary, settings: Settings, corpus: Corpus
) -> None:
    pictures = []
    if any(e["what"] == "train" for e in events):
        draw_training(events, corpus.unigram_entropy(), folder / "training.png")
        draw_rounds(events, folder / "rounds.png")
        pictures = ["training.png", "rounds.png"]
    page = "\n".join(
        [
            "<!doctype html><html lang='en'><meta charset='utf-8'><title>whimbrel demo</title>",
            f"<style>{STYLE}</style>",
            "<h1>whimbrel demo</h1>",
            f"<p class='{'fail' if summary.problems else 'pass'}'><b><code>{escape(summary.line)}</code></b></p>",
            "".join(f"<p class='fail'>{escape(problem)}</p>" for problem in summary.problems[1:]),
            numbers(summary, settings, corpus),
            *(
                f"<p><img alt='{name}' src='data:image/png;base64,{encoded(folder / name)}'></p>"
                for name in pictures
            ),
            "<h2>What happened</h2>",
            happenings(events),
            "<h2>Rounds</h2>",
            "<p>A green cell: the coordinator recorded the replica as contributor; ● its work is in the average; "
            "the position is that of its data loader, as committed with the round.</p>",
            round_table(events, summary),
            "</html>\n",
        ]
    )
    (folder / "index.html").write_text(page, encoding="utf-8")


def encoded(path: Path) -> str:
    return base64.b64encode(path.read_bytes()).decode()


def numbers(summary: Summary, settings: Settings, corpus: Corpus) -> str:
    rows = {
        "corpus": f"{corpus.source}, {len(corpus.train):,} characters and {len(corpus.held_out):,} held out",
        "final held-out loss": f"{summary.loss:.4f} nats per character (mean of {settings.final_evals} evaluations)",
        "unigram entropy": f"{corpus.unigram_entropy():.4f} nats per character",
        "rounds": f"{summary.rounds} of {settings.inner_steps} optimizer steps with batch {settings.batch} each",
        "outer step": f"Nesterov, rate {settings.outer_lr}, momentum {settings.outer_momentum}",
        "deaths, joins": f"{summary.deaths}, {summary.joins}",
        "others finished after a freeze": ", ".join(
            f"{seconds:.2f} s ({name}; at most {FREEZE_LIMIT_S:.0f} s)" for name, seconds in summary.freezes.items()
        )
        or "nobody froze",
        "digest of all live replicas": f"<code>{escape(summary.digest)}</code>",
    }
    return (
        "<table>"
        + "".join(f"<tr><th>{key}</th><td>{value}</td></tr>" for key, value in rows.items())
        + "</table>"
    )


def happenings(events: list[Event]) -> str:
    texts = {
        "start": lambda e: f"starts: {e['why']}",
        "kill": lambda e: f"SIGKILL {e['why']}",
        "freeze": lambda e: f"SIGSTOP {e['why']}",
        "thaw": lambda e: "SIGCONT",
        "out": lambda e: f"is told that it was {e['how']}: {e['reason']}",
        "rejoined": lambda e: "has joined again",
        "exit": lambda e: f"ended with code {e['code']}",
        "note": lambda e: e["text"],
    }
    start = events[0]["t"] if events else 0.0
    rows = []
    for e in events:
        text = texts[e["what"]](e) if e["what"] in texts else None
        if e["what"] == "begin":
            parts = [f"goes on without {name}: {reason}" for name, reason in e["left"] if e["rank"] == 0]
            parts += [f"is healed by {e['healed_by']}"] if e["healed_by"] else []
            text = f"round {e['round']}: " + "; ".join(parts) if parts else None
        elif e["what"] == "reduce" and e["gone"]:
            text = f"round {e['round']}: {survival(e)}"
        if text:
            rows.append(
                f"<tr><td class='number'>{e['t'] - start:.1f} s</td><td>{escape(e['who'])}</td>"
                f"<td>{escape(text)}</td></tr>"
            )
    return "<table>" + "".join(rows) + "</table>"


def round_table(events: list[Event], summary: Summary) -> str:
    names, times = names_of(events), round_times(events)
    positions = {e["round"]: e["positions"] for e in events if e["what"] == "record"}
    losses = {e["round"]: e["loss"] for e in events if e["what"] == "eval"}
    head = "".join(f"<th>{escape(name)}</th>" for name in names)
    rows = []
    for round, digest in sorted(summary.digests.items()):
        part = times.get(round, {})
        cells = ""
        for name in names:
            if name in summary.contributors.get(round, []):
                mark = "●" if name in summary.reduced.get(round, []) else ""
                cells += f"<td class='in'>{mark} {positions.get(round, {}).get(name, '')}</td>"
            else:
                cells += "<td class='void'>–</td>"
        loss = f"{losses[round]:.4f}" if round in losses else ""
        measured = (
            f"{part.get('train', 0):.2f}",
            f"{part.get('reduce', 0):.3f}",
            f"{part.get('commit', 0):.3f}",
            f"{part.get('bytes', 0) / 1e6:.1f}",
        )
        rows.append(
            f"<tr><td class='number'>{round}</td><td class='number'>{loss}</td>{cells}"
            + "".join(f"<td class='number'>{value}</td>" for value in measured)
            + f"<td><code>{digest[:16]}</code></td></tr>"
        )
    return (
        f"<table><tr><th>round</th><th>held out</th>{head}<th>train s</th><th>all-reduce s</th><th>commit s</th>"
        f"<th>MB</th><th>digest</th></tr>{''.join(rows)}</table>"
    )
