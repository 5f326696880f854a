#!/usr/bin/env python3
"""Writes whimbrel/errors.pyi: the exceptions that whimbrel/errors.py makes at import, spelled out for type
checkers.

Run it with the interpreter whimbrel is installed in after status_list.h has changed; tests/python checks
the result.
"""

import sys
from pathlib import Path

from whimbrel import errors

HEAD = '''"""The exceptions of whimbrel, written by make_error_stubs.py from the library's list of result codes."""

class Error(Exception):
    status: str
    value: int
    retryable: bool
    detail: str
    peer: str | None
    def __init__(self, detail: str = "") -> None: ...

'''
TAIL = """
def class_name(status: str) -> str: ...
def make_error(value: int, detail: str) -> Error: ...
"""


def stubs() -> str:
    classes = [getattr(errors, name) for name in errors.__all__ if name != "Error"]
    lines = [f"class {cls.__name__}({cls.__bases__[0].__name__}): ...\n" for cls in classes]
    names = "".join(f'    "{name}",\n' for name in errors.__all__)
    return HEAD + "".join(lines) + TAIL + f"\n__all__ = [\n{names}]\n"


if __name__ == "__main__":
    target = Path(__file__).resolve().parents[1] / "whimbrel/errors.pyi"
    target.write_text(stubs(), encoding="utf-8")
    print(f"wrote {target}", file=sys.stderr)
