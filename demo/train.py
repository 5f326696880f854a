#!/usr/bin/env python3
"""One replica of the demo: an ordinary PyTorch training loop with whimbrel's DiLoCo hooked to its optimizer.

Everything it does and sees is printed as JSON lines (events.py); the orchestrator listens.
"""

from __future__ import annotations

import argparse
import json
import select
import threading
import time
from collections.abc import Callable

import torch
import whimbrel
from corpus import Sampler, held_out_windows, load_corpus
from events import make_event, print_event
from model import Gpt, make_model
from settings import Settings
from whimbrel.torch import DiLoCo, Progress

EVENTS_SHOWN = {
    whimbrel.EventKind.COORDINATOR_LOST,
    whimbrel.EventKind.COORDINATOR_BACK,
    whimbrel.EventKind.OP_PAUSED,
    whimbrel.EventKind.WAITING,
}


class Reporter:
    """Turns what DiLoCo and the group say into events."""

    def __init__(self, name: str, group: whimbrel.Group) -> None:
        self.name = name
        self.group = group
        self._asked: list[whimbrel.Work] = []
        threading.Thread(target=self._watch_group, name="events", daemon=True).start()

    def emit(self, what: str, **fields) -> None:
        print_event(make_event(self.name, what, **fields))

    def observe(self, progress: Progress) -> None:
        getattr(self, f"_on_{progress.what}")(**progress.fields)

    def _on_begin(self, round: whimbrel.Round, healed: bool) -> None:
        donor = round.participants[round.donor_rank].name if healed and round.donor_rank is not None else None
        self.emit(
            "begin",
            round=round.round,
            epoch=round.epoch,
            rank=round.rank,
            healed_by=donor,
            members=[m.name for m in round.participants],
            joined=[m.name for m in round.joined],
            left=[[m.name, m.reason] for m in round.left],
            excluded=[[m.name, m.reason] for m in round.excluded],
        )

    def _on_reduce_begin(self, round: whimbrel.Round) -> None:
        self.emit("reduce_begin", round=round.round)

    def _on_reduce(self, info: whimbrel.OpInfo) -> None:
        everyone = {m.name for s in info.contributor_sets for m in s.members}
        self.emit(
            "reduce",
            round=info.round,
            seconds=info.elapsed_s,
            sent=info.bytes_sent,
            received=info.bytes_received,
            contributors=sorted(everyone),
            gone=[m.name for m in info.gone],
            resent=info.chunks_resent,
            adopted=info.chunks_adopted,
            sets=len(info.contributor_sets),
        )

    def _on_reduce_failed(self, reason: str) -> None:
        self.emit("note", text=f"the all-reduce brought nothing: {reason}")

    def _on_commit(self, commit: whimbrel.Commit | None, digest: bytes, seconds: float) -> None:
        if commit is not None:
            self.emit(
                "commit",
                round=commit.round,
                committed=commit.committed,
                reason=commit.reason,
                digest=commit.digest.hex(),
                mine=digest.hex(),
                seconds=seconds,
            )

    def _on_excluded(self, reason: str) -> None:
        self.emit("out", how="excluded", reason=reason)

    def _on_missed(self, reason: str) -> None:
        self.emit("out", how="missed the last round", reason=reason)

    def _on_evicted(self, reason: str) -> None:
        self.emit("out", how="evicted", reason=reason)

    def _on_rejoined(self) -> None:
        self.emit("rejoined")

    def ask_record(self, round: whimbrel.Round) -> None:
        """What the coordinator has on disk about a round; printed when it answers."""
        names = {(m.id, m.incarnation): m.name for m in round.participants}

        def print_record(work: whimbrel.Work[whimbrel.Record]) -> None:
            if work.exception() is None:
                record = work.wait(0)
                contributors = [names.get((v.id, v.incarnation), v.id[:8]) for v in record.votes]
                positions = {
                    json.loads(v.data)["replica"]: json.loads(v.data)["position"] for v in record.votes
                }
                self.emit(
                    "record",
                    round=record.round,
                    contributors=contributors,
                    positions=positions,
                    digest=record.digest.hex(),
                )

        self._asked = [work for work in self._asked if not work.done()]
        self._asked.append(self.group.round_record(round.round))
        self._asked[-1].add_done_callback(print_record)

    def finish(self) -> None:
        """Waits until everything asked has been answered and printed."""
        for work in self._asked:
            work.wait(10)

    def _watch_group(self) -> None:
        while select.select([self.group], [], []):
            for event in self.group.events():
                if event.kind in EVENTS_SHOWN:
                    self.emit("note", kind=event.kind.name.lower(), text=event.text)


@torch.no_grad()
def evaluate(model: Gpt, windows: tuple[torch.Tensor, torch.Tensor]) -> float:
    return float(model.loss(*windows))


def replicate(arguments: argparse.Namespace) -> None:
    """Everything around the loop: data, model, membership."""
    settings = Settings(rounds=arguments.rounds, inner_steps=arguments.inner_steps, seed=arguments.seed)
    model = make_model(settings.seed)
    optimizer = torch.optim.AdamW(model.parameters(), betas=(0.9, 0.95), weight_decay=settings.weight_decay)
    corpus = load_corpus(arguments.text)
    held_out = held_out_windows(corpus, settings.eval_samples, model.options.context)
    sampler = Sampler(
        corpus.train,
        seed=settings.seed,
        replica=arguments.name,
        batch=settings.batch,
        context=model.options.context,
    )

    with whimbrel.Group(arguments.invite, name=arguments.name, listen="127.0.0.1:0") as group:
        reporter = Reporter(arguments.name, group)
        group.join().wait()
        reporter.emit("admitted", peer=group.info().id)
        diloco = DiLoCo(
            model,
            optimizer,
            group,
            sync_every=settings.inner_steps,
            outer_lr=settings.outer_lr,
            outer_momentum=settings.outer_momentum,
            rounds_max=settings.rounds,
            commit_data=lambda: json.dumps(
                {"replica": arguments.name, "position": sampler.position}
            ).encode(),
            samples=lambda: settings.inner_steps * settings.batch,
            observer=reporter.observe,
        )

        def after_round(round: whimbrel.Round) -> None:
            """The model is what all replicas hold; the first of them measures it."""
            reporter.ask_record(round)
            if round.rank == 0 and diloco.outer_steps % settings.eval_every == 0:
                reporter.emit("eval", round=round.round, step=diloco.step, loss=evaluate(model, held_out))

        train(model, optimizer, sampler, diloco, settings, reporter, after_round)
        if diloco.committed >= settings.rounds:  # else it missed the last round, as it has said
            reporter.emit(
                "done", round=diloco.committed, outer_steps=diloco.outer_steps, digest=diloco.digest().hex()
            )
        reporter.finish()
        group.leave("finished").wait(10)


def train(
    model: Gpt,
    optimizer: torch.optim.Optimizer,
    sampler: Sampler,
    diloco: DiLoCo,
    settings: Settings,
    reporter: Reporter,
    after_round: Callable[[whimbrel.Round], None],
) -> None:
    """The loop: nothing in it communicates."""
    round = diloco.round
    while not diloco.finished:
        began = time.monotonic()
        for parameters in optimizer.param_groups:
            parameters["lr"] = settings.learning_rate_at(diloco.step)
        loss = model.loss(*sampler.next())
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), settings.clip_norm)
        optimizer.step()
        optimizer.zero_grad()

        reporter.emit("train", round=round.round, step=diloco.step, loss=loss.item())
        if diloco.committed >= round.round:  # that step ended the round
            after_round(round)
        round = diloco.round
        time.sleep(max(0.0, began + 1 / settings.steps_per_second_max - time.monotonic()))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--name", required=True)
    parser.add_argument("--invite", required=True)
    parser.add_argument("--rounds", type=int, default=Settings.rounds)
    parser.add_argument("--inner-steps", type=int, default=Settings.inner_steps)
    parser.add_argument("--seed", type=int, default=Settings.seed)
    parser.add_argument("--text")
    torch.set_num_threads(1)
    replicate(parser.parse_args())


if __name__ == "__main__":
    main()
