"""The libraries export exactly the functions that symbols.txt lists: `check_symbols.py LIST LIBRARY...`.

A line of the list is `LIBRARY FUNCTION`. With --write the list is made anew."""

import subprocess
import sys
from pathlib import Path


def exported(library):
    out = subprocess.run(["nm", "-D", "--defined-only", library], check=True, capture_output=True, text=True).stdout
    name = Path(library).name.split(".")[0]
    return {f"{name} {line.split()[-1].split('@')[0]}" for line in out.splitlines()}


def main(arguments):
    write = "--write" in arguments
    listing, *libraries = [a for a in arguments if a != "--write"]
    found = set().union(*map(exported, libraries))
    if write:
        Path(listing).write_text("".join(f"{line}\n" for line in sorted(found)))
        return 0
    wanted = set(Path(listing).read_text().splitlines())
    for line in sorted(found - wanted):
        print(f"exported and not listed: {line}")
    for line in sorted(wanted - found):
        print(f"listed and not exported: {line}")
    return 0 if found == wanted else 1


sys.exit(main(sys.argv[1:]))
