"""Coordinator: the one authority of a run, here inside a Python process. `whimbrel coordinator` is the same
as a command."""

from __future__ import annotations

from os import PathLike, fspath
from typing import Literal


class Coordinator:
    """Starts a coordinator with its own threads; on the same data_dir it resumes the run. A context
    manager."""

    def __init__(
        self,
        run: str,
        data_dir: str | PathLike[str],
        *,
        listen: str | None = None,
        http: str | None = None,
        advertise: str | None = None,
        security: Literal["tls", "none"] = "tls",
        open_admission: bool = False,
        replicas_min: int = 0,
        round_grace_ms: int = 0,
        suspect_after_ms: int = 0,
        dial_back: bool = True,
    ) -> None:
        from whimbrel import _coordinator  # here, so that a trainer does not load SQLite and an HTTP server

        self._core = _coordinator.Coordinator(
            run=run,
            data_dir=fspath(data_dir),
            security=security,
            listen=listen,
            http=http,
            advertise=advertise,
            open_admission=open_admission,
            replicas_min=replicas_min,
            round_grace_ms=round_grace_ms,
            suspect_after_ms=suspect_after_ms,
            dial_back=dial_back,
        )

    @property
    def address(self) -> str:
        """Where peers connect, with the real port."""
        return self._core.address()

    @property
    def http_address(self) -> str:
        """Where /healthz, /metrics and /state are; "" when nowhere."""
        return self._core.http_address()

    def invite(self, expires_s: int = 0) -> str:
        """A word that admits any number of peers until it expires; 0: in 30 days."""
        return self._core.invite(expires_s)

    def stop(self) -> None:
        """Stops it. Peers keep training; the same data_dir resumes the run."""
        self._core.stop()

    def __enter__(self) -> Coordinator:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()
