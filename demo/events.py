"""What happens in a demo run, as JSON lines: replicas print them, the orchestrator collects them, the
report reads them.

Every event has t (seconds, wall clock), who (a replica, "coordinator" or "demo") and what:

  the orchestrator:  start why pid · kill why [round] · hold · release · freeze why round since · thaw ·
                     exit code
  a replica:         admitted peer · begin · train · reduce_begin · reduce · commit · record · eval · out ·
                     rejoined · note · done
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

Event = dict[str, Any]


def make_event(who: str, what: str, **fields: Any) -> Event:
    return {"t": time.time(), "who": who, "what": what, **fields}


def print_event(event: Event) -> None:
    """One line at once: the orchestrator acts on it while the replica goes on."""
    sys.stdout.write(json.dumps(event) + "\n")
    sys.stdout.flush()


def parse_event(line: str) -> Event | None:
    """The event of a line, or None for anything else a process may print."""
    try:
        event = json.loads(line)
    except ValueError:
        return None
    return event if isinstance(event, dict) and {"t", "who", "what"} <= event.keys() else None


class EventLog:
    """All events of a run in memory and in a file."""

    def __init__(self, path: Path) -> None:
        self.events: list[Event] = []
        self._file = path.open("w", encoding="utf-8")

    def add(self, event: Event) -> None:
        self.events.append(event)
        self._file.write(json.dumps(event) + "\n")
        self._file.flush()

    def of(self, what: str, who: str | None = None) -> Iterator[Event]:
        return (e for e in self.events if e["what"] == what and who in (None, e["who"]))

    def close(self) -> None:
        self._file.close()


def read_events(path: Path) -> list[Event]:
    with path.open(encoding="utf-8") as lines:
        return [event for line in lines if (event := parse_event(line))]
