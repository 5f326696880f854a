"""The other side of --compare: one process that trains on as many samples, batch = replicas x batch,
without whimbrel."""

from __future__ import annotations

import os

import torch
from corpus import Corpus, Sampler, held_out_windows
from model import make_model
from settings import Settings


def train_alone(settings: Settings, corpus: Corpus) -> float:
    """Mean of the last evaluations, at the same steps as in the demo."""
    torch.set_num_threads(os.cpu_count() or 1)
    model = make_model(settings.seed)
    optimizer = torch.optim.AdamW(model.parameters(), betas=(0.9, 0.95), weight_decay=settings.weight_decay)
    context = model.options.context
    held_out = held_out_windows(corpus, settings.eval_samples, context)
    samplers = [
        Sampler(
            corpus.train,
            seed=settings.seed,
            replica=f"replica-{n + 1}",
            batch=settings.batch,
            context=context,
        )
        for n in range(settings.replicas)
    ]
    evaluations = []
    for step in range(settings.steps):
        for parameters in optimizer.param_groups:
            parameters["lr"] = settings.learning_rate_at(step)
        batches = [sampler.next() for sampler in samplers]
        model.loss(torch.cat([x for x, _ in batches]), torch.cat([y for _, y in batches])).backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), settings.clip_norm)
        optimizer.step()
        optimizer.zero_grad()
        if (step + 1) % (settings.inner_steps * settings.eval_every) == 0:
            with torch.no_grad():
                evaluations.append(float(model.loss(*held_out)))
            print(f"  step {step + 1:5d}  held-out loss {evaluations[-1]:.4f}", flush=True)
    last = evaluations[-settings.final_evals :]
    return sum(last) / len(last)
