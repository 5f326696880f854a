#!/usr/bin/env python3
"""docs/reference/cli.md against the built program: each command's section lists exactly the flags, and the defaults,
that its --help prints."""

import re
import subprocess
import sys

from source import ROOT

PAGE = ROOT / "docs/reference/cli.md"


def output_of(program, *arguments):
    return subprocess.run([program, *arguments], capture_output=True, text=True, check=True).stdout


def commands_of(program, *prefix):
    """Every command that has flags of its own: `links`, `bench links`."""
    _, _, listed = output_of(program, *prefix, "--help").partition("Subcommands:")
    if not listed:
        return [" ".join(prefix)]
    names = re.findall(r"^  ([\w-]+) ", listed, re.MULTILINE)
    return [command for name in names for command in commands_of(program, *prefix, name)]


def flags_of_help(text):
    """Each flag with its default, "" where --help shows none."""
    return {name: default or "" for name, default in
            re.findall(r"^  (--[\w-]+)(?: [A-Z]+(?:\S* in \[[^\]]*\]|:\{[^}]*\})?(?:=(\S+))?)?", text, re.MULTILINE)}


def flags_of_page(page, command):
    """The same from the table of the command's section; None when there is no section."""
    section = re.search(rf"^## whimbrel {command}\n(.*?)(?=^## |\Z)", page, re.MULTILINE | re.DOTALL)
    if not section:
        return None
    return {name: default.strip(" `") for name, default in
            re.findall(r"^\| `(--[\w-]+)[^`]*` \| ([^|]*) \|", section[1], re.MULTILINE)}


def findings(page, helps):
    for command, text in helps.items():
        said, real = flags_of_page(page, command), flags_of_help(text)
        if said is None:
            yield f"no section for whimbrel {command}"
            continue
        for name in sorted(real.keys() ^ said.keys()):
            yield f"whimbrel {command}: {name} is only in {'--help' if name in real else 'the page'}"
        for name in sorted(real.keys() & said.keys()):
            if real[name] and real[name] != said[name]:
                yield f"whimbrel {command}: the default of {name} is {real[name]}, the page says {said[name]}"


def main():
    program = sys.argv[1]
    helps = {command: output_of(program, *command.split(), "--help") for command in commands_of(program)}
    found = list(findings(PAGE.read_text(encoding="utf-8"), helps))
    for message in found:
        print(f"{PAGE.relative_to(ROOT)}: {message}")
    flags = sum(len(flags_of_help(text)) for text in helps.values())
    print(f"tidy_cli: {len(found)} findings, {flags} flags of {len(helps)} commands")
    return 1 if found or not flags else 0


if __name__ == "__main__":
    sys.exit(main())
