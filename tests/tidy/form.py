"""The form of every file: it opens by saying what it is for, fits a screen in width and a sitting in length."""

import re

LINE_CHARACTERS_MAX = 120
FILE_LINES_MAX = 500

UNFINISHED = re.compile(r"\b(?:TO" r"DO|FIX" r"ME|XX" r"X)\b")
FIRST_WORDS = {"cpp": ("//", "/*"), "hash": ("#", '"""', "'''", "/*")}


def check_form(source):
    if source.is_page:
        return
    yield from check_opening(source)
    if len(source.lines) - 1 > FILE_LINES_MAX:
        yield FILE_LINES_MAX, f"{len(source.lines) - 1} lines; at most {FILE_LINES_MAX}"
    if source.text and not source.text.endswith("\n"):
        yield len(source.lines), "no newline at the end"
    for number, line in enumerate(source.lines, 1):
        if len(line) > LINE_CHARACTERS_MAX:
            yield number, f"{len(line)} characters; at most {LINE_CHARACTERS_MAX}"
        if "\t" in line:
            yield number, "tab"
        if line != line.rstrip():
            yield number, "space at the end of the line"
        if UNFINISHED.search(line):
            yield number, "unfinished work belongs into an issue"


def check_opening(source):
    """The first line, after a shebang or #pragma once, begins the comment that says what the file is for."""
    openings = FIRST_WORDS["cpp" if source.is_cpp else "hash"]
    lines = [line for line in source.lines if line.strip()]
    while lines and (lines[0].startswith("#!") or lines[0].strip() == "#pragma once"):
        lines.pop(0)
    if lines and not lines[0].startswith(openings):
        yield 1, "does not open with a comment that says what the file is for"
