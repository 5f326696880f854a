#!/usr/bin/env python3
"""Checks the whole tree against the house rules: tidy.py [--root DIR] [--fix].

Prints one line PATH:LINE: MESSAGE for each finding and exits with 1 if there are any. --fix rewrites the tables in
docs/ that are made from headers first."""

import argparse
import sys
from pathlib import Path

from arrows import check_includes, check_link_line
from form import check_form
from pages import check_links, check_modules, check_tables, with_fresh_tables
from purity import check_purity
from source import ROOT, read_tree


def findings_of(source, root):
    for rule in (check_includes, check_link_line, check_purity, check_form):
        yield from rule(source)
    for rule in (check_links, check_tables):
        yield from rule(source, root)


def findings_in(root):
    for source in read_tree(root):
        for line, message in findings_of(source, root):
            yield source.path, line, message
    yield from check_modules(root)


def refresh_tables(root):
    for source in read_tree(root):
        fresh = with_fresh_tables(source, root) if source.is_page else source.text
        if fresh != source.text:
            (root / source.path).write_text(fresh, encoding="utf-8")
            print(f"made anew: {source.path}")


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--root", type=Path, default=ROOT)
    parser.add_argument("--fix", action="store_true")
    options = parser.parse_args()
    if options.fix:
        refresh_tables(options.root)
    findings = list(findings_in(options.root))
    for path, line, message in findings:
        print(f"{path}:{line}: {message}")
    print(f"tidy: {len(findings)} findings in {len(read_tree(options.root))} files")
    return 1 if findings else 0


if __name__ == "__main__":
    sys.exit(main())
