"""The numbers of the demo, tuned once (see README.md), shared by the replicas and the single process of
--compare."""

from __future__ import annotations

import math
from dataclasses import dataclass


@dataclass(frozen=True)
class Settings:
    seed: int = 1
    replicas: int = 4
    rounds: int = 40
    inner_steps: int = 20  # H: optimizer steps between two outer steps
    batch: int = 4  # samples of one replica's step
    learning_rate: float = 8e-4  # AdamW, at its peak
    learning_rate_end: float = 0.1  # share of the peak left at the end of the cosine
    warmup_steps: int = 50
    weight_decay: float = 0.1
    clip_norm: float = 1.0
    outer_lr: float = 1.0
    outer_momentum: float = 0.75
    steps_per_second_max: float = 10.0  # leaves a fast machine time for the story: a freeze lasts ten seconds
    eval_every: int = 2  # rounds
    eval_samples: int = 64  # windows of the held-out text
    final_evals: int = 3  # the final loss is the mean of so many

    @property
    def steps(self) -> int:
        return self.rounds * self.inner_steps

    def learning_rate_at(self, step: int) -> float:
        """Linear warm-up, then a cosine. A function of the run's step, so a joiner is where everyone is."""
        if step < self.warmup_steps:
            return self.learning_rate * (step + 1) / self.warmup_steps
        done = min(1.0, (step - self.warmup_steps) / max(1, self.steps - self.warmup_steps))
        falling = 0.5 * (1 + math.cos(math.pi * done))
        return self.learning_rate * (self.learning_rate_end + (1 - self.learning_rate_end) * falling)
