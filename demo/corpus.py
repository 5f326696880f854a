"""The demo's text: what is trained on, what is held out, and which samples a replica sees when.

The default is the source of the Python standard library found on this machine: real text that every machine
with Python has. Samples are a pure function of (seed, replica, position), so a position is all that a
commit has to say about the data a replica has consumed.
"""

from __future__ import annotations

import sysconfig
import zlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

CORPUS_BYTES_MAX = 6_000_000
SPLIT_BYTES = 32_768  # the text is cut into pieces of so many characters ...
HELD_OUT_EVERY = 16  # ... and the last of every so many pieces is held out


@dataclass(frozen=True)
class Corpus:
    source: str
    train: np.ndarray  # uint8, values below 128
    held_out: np.ndarray

    def unigram_entropy(self) -> float:
        """Nats per character of a model that knows only how frequent each character is."""
        counts = np.bincount(self.held_out, minlength=128)
        shares = counts[counts > 0] / counts.sum()
        return float(-(shares * np.log(shares)).sum())


def standard_library_text() -> bytes:
    """All modules that are pure ASCII, sorted by path, up to CORPUS_BYTES_MAX."""
    root = Path(sysconfig.get_paths()["stdlib"])
    parts, total = [], 0
    for path in sorted(root.rglob("*.py")):
        if {"site-packages", "dist-packages", "test", "tests"} & set(path.relative_to(root).parts):
            continue
        text = path.read_bytes()
        if text.isascii():
            parts.append(text)
            total += len(text)
        if total >= CORPUS_BYTES_MAX:
            break
    return b"".join(parts)[:CORPUS_BYTES_MAX]


def load_corpus(text_file: str | None = None) -> Corpus:
    """The standard library's source, or text_file with everything outside ASCII shown as '?'."""
    if text_file is None:
        source, text = "Python standard library", standard_library_text()
    else:
        source = text_file
        text = Path(text_file).read_text(encoding="utf-8", errors="replace").encode("ascii", errors="replace")
        text = text[:CORPUS_BYTES_MAX]
    pieces = [text[at : at + SPLIT_BYTES] for at in range(0, len(text), SPLIT_BYTES)]
    if len(pieces) < HELD_OUT_EVERY:
        raise SystemExit(
            f"{source}: {len(text)} characters are too few; {SPLIT_BYTES * HELD_OUT_EVERY} are needed"
        )
    held = HELD_OUT_EVERY - 1
    train = b"".join(piece for n, piece in enumerate(pieces) if n % HELD_OUT_EVERY != held)
    held_out = b"".join(pieces[held::HELD_OUT_EVERY])
    return Corpus(source, np.frombuffer(train, np.uint8), np.frombuffer(held_out, np.uint8))


class Sampler:
    """Endless batches of random windows; position counts the batches and can be set."""

    def __init__(self, text: np.ndarray, *, seed: int, replica: str, batch: int, context: int) -> None:
        self.text, self.batch, self.context = text, batch, context
        self.key = (seed << 32) | zlib.crc32(replica.encode())
        self.position = 0

    def next(self) -> tuple[Tensor, Tensor]:
        draw = np.random.Generator(np.random.Philox(key=self.key, counter=[0, 0, 0, self.position]))
        self.position += 1
        return windows(self.text, draw.integers(0, len(self.text) - self.context, self.batch), self.context)


def windows(text: np.ndarray, starts: np.ndarray, context: int) -> tuple[Tensor, Tensor]:
    """Inputs and targets (one character further) of the windows that begin at starts."""
    rows = torch.from_numpy(text[starts[:, None] + np.arange(context + 1)].astype(np.int64))
    return rows[:, :-1].contiguous(), rows[:, 1:].contiguous()


def held_out_windows(corpus: Corpus, count: int, context: int) -> tuple[Tensor, Tensor]:
    """Evenly spaced windows of the held-out text: the same for everyone, always."""
    starts = np.linspace(0, len(corpus.held_out) - context - 1, count).astype(np.int64)
    return windows(corpus.held_out, starts, context)
