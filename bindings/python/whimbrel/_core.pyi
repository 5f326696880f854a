"""The extension module over the C API. Use the package's Python layer instead."""

from collections.abc import Callable, Sequence
from typing import Any

def version() -> str: ...
def status_list() -> list[tuple[str, int, bool, str]]: ...
def log_filter(filter: str) -> None:
    """Replaces what WHIMBREL_LOG says: "warn", "info,transport=debug", "off"; "" goes back to it."""

def finish_closing() -> None:
    """Waits until groups that went away inside a callback are destroyed."""

def digest(x: Any) -> bytes:
    """XXH3-128 of an array's bytes."""

class Op:
    def poll(self) -> int: ...
    def wait(self, timeout_s: float | None = None) -> int: ...
    def cancel(self) -> None: ...
    def waiting_for(self) -> str: ...
    def error(self) -> tuple[int, str]: ...
    def when_done(self, fn: Callable[[], Any]) -> None: ...
    def info(self) -> dict[str, Any]: ...
    def round_info(self) -> dict[str, Any]: ...
    def commit_info(self) -> dict[str, Any]: ...
    def record_info(self) -> dict[str, Any]: ...

class Group:
    def __init__(
        self,
        *,
        security: str,
        invite: str | None,
        run: str | None,
        coordinators: str | None,
        name: str | None,
        region: str | None,
        listen: str | None,
        advertise: str | None,
        identity_file: str | None,
        fingerprint: int,
        bulk_strands: int,
        worker_threads: int,
        chunk_bytes: int,
        retain_bytes_max: int,
        window_bytes: int,
        outbound_only: bool,
        require_reachable: bool,
        same_host_path: str,
        rate_limit: int,
        link_rate_limit: int,
    ) -> None: ...
    def close(self) -> None: ...
    def join(self) -> Op: ...
    def leave(self, reason: str | None) -> Op: ...
    def interrupt(self) -> None: ...
    def set_rate_limits(self, rate_limit: int, link_rate_limit: int) -> None: ...
    def round_begin(self, state_round: int) -> Op: ...
    def round_commit(self, digest: bytes, data: bytes, samples: int, round: int) -> Op: ...
    def round_record(self, round: int) -> Op: ...
    def all_reduce(
        self,
        x: Any,
        out: Any,
        reduce: str,
        tag: int,
        round: int,
        weight: float,
        min_contributors: int,
        grace_s: float,
        budget_s: float,
        uniform: bool,
        non_finite: str,
        priority: int,
        share: int,
        codec: str | None,
        plan: str | None,
        reducer: str | None,
    ) -> Op: ...
    def reduce_scatter(
        self,
        x: Any,
        out: Any,
        reduce: str,
        counts: list[int],
        tag: int,
        round: int,
        weight: float,
        min_contributors: int,
        grace_s: float,
        budget_s: float,
        uniform: bool,
        non_finite: str,
        priority: int,
        share: int,
        codec: str | None,
        reducer: str | None,
    ) -> Op: ...
    def all_gather(
        self,
        x: Any,
        out: Any,
        counts: list[int],
        tag: int,
        round: int,
        grace_s: float,
        budget_s: float,
        priority: int,
        share: int,
        codec: str | None,
    ) -> Op: ...
    def broadcast(
        self,
        x: Any,
        source_rank: int,
        tag: int,
        round: int,
        grace_s: float,
        budget_s: float,
        priority: int,
        share: int,
        codec: str | None,
    ) -> Op: ...
    def barrier(
        self,
        tag: int,
        round: int,
        min_contributors: int,
        grace_s: float,
        budget_s: float,
        priority: int,
        share: int,
    ) -> Op: ...
    def agree(
        self,
        values: Any,
        how: str,
        tag: int,
        round: int,
        min_contributors: int,
        grace_s: float,
        budget_s: float,
        priority: int,
        share: int,
    ) -> Op: ...
    def next_event(self) -> dict[str, Any] | None: ...
    def event_fd(self) -> int: ...
    def info(self) -> dict[str, Any]: ...
    def waiting_for(self) -> str: ...
    def view(self) -> dict[str, Any]: ...

def neighbour_average(
    group: Group,
    x: Any,
    out: Any,
    graph: str,
    edges: list[tuple[int, int]],
    steps: int,
    chebyshev: bool,
    seed: int,
    first_step: int,
    tag: int,
    round: int,
    non_finite: str,
    grace_s: float,
    budget_s: float,
    priority: int,
    share: int,
    codec: str | None,
) -> Op: ...
def pair_average(
    group: Group,
    x: Any,
    partner_rank: int | None,
    out: Any,
    seed: int,
    turn: int,
    tag: int,
    round: int,
    non_finite: str,
    grace_s: float,
    budget_s: float,
    priority: int,
    share: int,
    codec: str | None,
) -> Op: ...

def add_codec(group: Group, address: int) -> None: ...
def add_reducer(group: Group, address: int) -> None: ...
def codec_conformance(address: int) -> tuple[bool, str]: ...
def reducer_conformance(address: int) -> tuple[bool, str]: ...

class Floats:
    """A flat float32 buffer of the library's; has the buffer protocol."""

    def __len__(self) -> int: ...

class Diloco:
    def __init__(self, initial: Any, outer_lr: float, outer_momentum: float) -> None: ...
    def contribute(self, live: Any, out: Any) -> None: ...
    def apply(self, mean: Any) -> None: ...
    def commit(self) -> None: ...
    def abort(self) -> None: ...
    def heal(self, steps: int) -> None: ...
    def digest(self) -> bytes: ...
    def anchor(self) -> Floats: ...
    def momentum(self) -> Floats: ...
    @property
    def steps(self) -> int: ...
    @property
    def provisional(self) -> bool: ...

class BackupWorkers:
    def __init__(self, members: int, eta: float, min_contributors_min: int, window: int) -> None: ...
    def choose(self) -> int: ...
    def resize(self, members: int) -> None: ...
    def observe(
        self,
        contributors: int,
        arrivals: Sequence[float],
        closed: float,
        mean_norm2: float,
        variance: float,
        loss: float,
    ) -> None: ...
    def measure(self, op: Op, own_norm2: float, mean_norm2: float, loss: float) -> list[float]: ...
    def observe_list(self, seen: Sequence[float]) -> None: ...

class ErrorFeedback:
    def __init__(self, count: int, beta: float) -> None: ...
    def __len__(self) -> int: ...
    def apply(self, update: Any, out: Any) -> None: ...
    def stage(self, op: Op, group: Group | None) -> None: ...
    def commit(self) -> None: ...
    def abort(self) -> None: ...
    def save(self, residual: Any) -> None: ...
    def restore(self, residual: Any) -> None: ...
