"""The programs of the how-to page run as they stand there."""

import re
from pathlib import Path

import pytest

PAGE = Path(__file__).resolve().parents[2] / "docs/how-to/join-from-python.md"
PROGRAMS = re.findall(r"^```python\n(.*?)^```", PAGE.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)


@pytest.mark.parametrize("number", range(len(PROGRAMS)))
def test_program(number, coordinator):
    exec(
        compile(PROGRAMS[number], f"{PAGE.name}#{number}", "exec"),
        {"invite": coordinator.invite(), "__name__": "page"},
    )


def test_there_are_programs():
    assert len(PROGRAMS) >= 3
