#!/usr/bin/env python3
"""The demo: a coordinator and four replicas, each a process of its own, train a GPT on real text. One
replica is killed in the middle of an all-reduce, another joins, one freezes for ten seconds, the
coordinator is killed and restarted.

Prints live what happens and why, writes a report, and ends with one line, "demo: PASS ..." or "demo: FAIL
...", that agrees with the exit code. --compare then trains one process on the same number of samples.
"""

from __future__ import annotations

import argparse
import shutil
import signal
import time
from pathlib import Path

from acts import Play, demo_acts
from corpus import Corpus, load_corpus
from live import Live
from report import write_report
from settings import Settings
from stage import ROOT, DemoFailed, Stage
from verdict import FREEZE_LIMIT_S, Summary, summarise

REPORT_FILES = ("events.jsonl", "index.html", "training.png", "rounds.png", "coordinator.log", "replica-*.log")


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--text", metavar="FILE", help="train on this text instead of Python's standard library"
    )
    parser.add_argument(
        "--rounds", type=int, default=Settings.rounds, help="outer steps (default %(default)s)"
    )
    parser.add_argument(
        "--inner-steps",
        type=int,
        default=Settings.inner_steps,
        help="optimizer steps between two outer steps (default %(default)s)",
    )
    parser.add_argument("--seed", type=int, default=Settings.seed)
    parser.add_argument("--quiet", action="store_true", help="no acts: nothing dies, freezes or joins")
    parser.add_argument(
        "--compare", action="store_true", help="also train one process and compare the losses"
    )
    parser.add_argument(
        "--timeout", type=float, default=720, metavar="S", help="give up after so many seconds"
    )
    parser.add_argument(
        "--command",
        type=Path,
        default=ROOT / "build/release/bin/whimbrel",
        metavar="PROGRAM",
        help="the whimbrel command (default build/release/bin/whimbrel)",
    )
    parser.add_argument("--report", type=Path, default=ROOT / "demo-report", metavar="FOLDER")
    arguments = parser.parse_args()
    if arguments.inner_steps < 2 and not arguments.quiet:
        parser.error("--inner-steps: at least 2, as one replica freezes between two steps; or --quiet")
    return arguments


def clear_report(folder: Path) -> None:
    """An empty folder for the report: what an earlier run left there goes, other folders stay as they are."""
    if folder.exists() and not folder.is_dir():
        raise SystemExit(f"demo: FAIL --report {folder} is not a folder")
    if folder.is_dir() and any(folder.iterdir()):
        if not (folder / "events.jsonl").is_file():
            raise SystemExit(
                f"demo: FAIL --report {folder} holds files that are no report of the demo; give another or an empty one"
            )
        shutil.rmtree(folder / "coordinator", ignore_errors=True)
        for pattern in REPORT_FILES:
            for path in folder.glob(pattern):
                path.unlink()
    folder.mkdir(parents=True, exist_ok=True)


def play(arguments: argparse.Namespace, settings: Settings, corpus: Corpus) -> Summary:
    """Runs the whole story and writes the report, also of a run that failed."""
    start = time.time()
    flags = [
        "--rounds",
        str(settings.rounds),
        "--inner-steps",
        str(settings.inner_steps),
        "--seed",
        str(settings.seed),
    ]
    flags += ["--text", arguments.text] if arguments.text else []
    stage = Stage(arguments.report, arguments.command, flags, arguments.timeout)
    live = Live(start)
    stage.listeners.append(live)
    story = Play([] if arguments.quiet else demo_acts(settings.rounds, settings.inner_steps), stage)
    failure = None
    try:
        stage.start_coordinator("the run begins")
        stage.make_invite()
        for number in range(1, settings.replicas + 1):
            stage.start_replica(f"replica-{number}", "a founder")
        while any(child.alive for child in stage.replicas.values()) or stage.busy:
            stage.step()
    except (DemoFailed, KeyboardInterrupt) as error:
        failure = str(error) or "interrupted"
    finally:
        stage.close()
    summary = summarise(stage.log.events, settings, story.unfinished, corpus.unigram_entropy())
    if failure:
        summary.problems.insert(0, failure)
    live.say(f"writing {arguments.report}/index.html")
    write_report(arguments.report, stage.log.events, summary, settings, corpus)
    return summary


def print_table(summary: Summary) -> None:
    print(
        "\nround  recorded by the coordinator                          in the average" + " " * 24 + "digest"
    )
    short = {round: " ".join(names) for round, names in summary.contributors.items()}
    for round, digest in sorted(summary.digests.items()):
        averaged = " ".join(name.removeprefix("replica-") for name in summary.reduced.get(round, []))
        recorded = short.get(round, "no record").replace("replica-", "")
        print(f"{round:5d}  {recorded:50s}  {averaged:36s}  {digest[:16]}")
    print()
    for name, seconds in summary.freezes.items():
        print(f"the others finished the all-reduce {seconds:.2f} s after {name} froze (at most {FREEZE_LIMIT_S:.0f} s)")


def compare(summary: Summary, settings: Settings, corpus: Corpus) -> None:
    from compare import train_alone

    print(f"\none process, batch {settings.replicas * settings.batch}, {settings.steps} steps:", flush=True)
    alone = train_alone(settings, corpus)
    ratio = summary.loss / alone
    entropy = corpus.unigram_entropy()
    print(
        f"held-out loss: replicas {summary.loss:.4f}, one process {alone:.4f}, ratio {ratio:.4f} (at most 1.05); "
        f"unigram entropy {entropy:.4f}"
    )
    if ratio > 1.05:
        summary.problems.append(f"the ratio of losses is {ratio:.4f}, above 1.05")
    if alone > 0.9 * entropy:
        summary.problems.append("one process alone is not well below the unigram entropy")


def main() -> int:
    arguments = parse_arguments()
    signal.signal(signal.SIGTERM, lambda *_: (_ for _ in ()).throw(KeyboardInterrupt("terminated")))
    settings = Settings(rounds=arguments.rounds, inner_steps=arguments.inner_steps, seed=arguments.seed)
    corpus = load_corpus(arguments.text)
    clear_report(arguments.report)
    print(
        f"corpus: {corpus.source}, {len(corpus.train)} characters to train on, {len(corpus.held_out)} held out, "
        f"unigram entropy {corpus.unigram_entropy():.4f} nats per character",
        flush=True,
    )
    try:
        summary = play(arguments, settings, corpus)
        print_table(summary)
        if arguments.compare and not summary.problems:
            compare(summary, settings, corpus)
    except DemoFailed as error:
        summary = Summary(problems=[str(error)])
    for problem in summary.problems[1:]:
        print(f"also: {problem}")
    print(summary.line, flush=True)
    return 1 if summary.problems else 0


if __name__ == "__main__":
    raise SystemExit(main())
