"""Codecs and reducers of your own, from a native library.

The group's threads call them, several at once, and heartbeats wait behind them; so they are functions of C (or C++,
Rust, Zig ...), not of Python, whose interpreter's lock one long import can hold for seconds. A library has a table
for each, a `whim_codec` or `whim_reducer` of whimbrel/custom.h, as a variable that it exports:

    headers=$(python -c 'import whimbrel; print(whimbrel.include_dir())')
    cc -O2 -shared -fPIC -ffp-contract=off -I "$headers" mine.c -o libmine.so

    print(whimbrel.native.codec_conformance("./libmine.so", "mine_codec"))  # in your tests
    group.add_codec("./libmine.so", "mine_codec")
    group.all_reduce(x, codec="mine-codec")
"""

from __future__ import annotations

import ctypes
import os
from pathlib import Path

from whimbrel import _core
from whimbrel.errors import BrokenContract

# A path, or a library that is loaded already.
Library = str | os.PathLike[str] | ctypes.CDLL


def include_dir() -> Path:
    """Where the headers are that such a library is compiled with."""
    return Path(__file__).with_name("include")


def table_address(library: Library, symbol: str) -> int:
    """Where an exported variable is. The library stays loaded until the process ends. OSError when it cannot be
    loaded, ValueError when it has no such variable."""
    if not isinstance(library, ctypes.CDLL):
        library = ctypes.CDLL(os.fspath(library))
    try:
        return ctypes.addressof(ctypes.c_char.in_dll(library, symbol))
    except ValueError as error:
        raise ValueError(f"{library._name} exports no variable {symbol}: {error}") from error


def codec_conformance(library: Library, symbol: str) -> str:
    """Tries whether a codec keeps its contract, and answers with the report of whim_codec_conformance. BrokenContract,
    with the report, when a property is broken. Takes well below a second."""
    return _sound(*_core.codec_conformance(table_address(library, symbol)))


def reducer_conformance(library: Library, symbol: str) -> str:
    """The same for a reducer (whim_reducer_conformance)."""
    return _sound(*_core.reducer_conformance(table_address(library, symbol)))


def _sound(kept: bool, report: str) -> str:
    if not kept:
        raise BrokenContract(report)
    return report
