"""The quick start in whimbrel.h is, line by line, the program that is compiled and run:
`check_quick_start.py HEADER PROGRAM.c BINARY SCRATCH_DIRECTORY`."""

import shutil
import subprocess
import sys
from pathlib import Path


def quoted(header):
    """The indented lines of the header's comment that begins with 'Quick start'."""
    comment = header.split("/* Quick start", 1)[1].split("*/\n#ifndef", 1)[0].rstrip()
    lines = comment.splitlines()[1:]
    code = [line for line in lines if line.startswith(" *     ") or line.strip() == "*"]
    return [line[7:] for line in code]


def main(header, source, binary, scratch):
    shown = [line for line in quoted(Path(header).read_text()) if line]
    real = [line for line in Path(source).read_text().splitlines() if line]
    for one, other in zip(shown + [None] * len(real), real + [None] * len(shown)):
        if one != other:
            print(f"whimbrel.h says: {one}\nthe program says: {other}")
            return 1
    shutil.rmtree(scratch, ignore_errors=True)  # an old one would resume a run whose peers are gone
    ran = subprocess.run([binary, scratch], capture_output=True, text=True, timeout=120)
    print(ran.stdout + ran.stderr)
    return 0 if ran.returncode == 0 and ran.stdout == "2 3 4 5\n" else 1


sys.exit(main(*sys.argv[1:]))
