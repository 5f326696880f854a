"""A source file as the rules see it: its path from the root, its text, and its code without comments and strings."""

import os
import re
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]

CPP = {".h", ".hpp", ".cpp", ".c", ".cu", ".cuh"}
HASH_COMMENTS = {".py", ".pyi", ".sh", ".cmake", ".toml", ".map"}
HASH_NAMES = {"CMakeLists.txt", "run"}
SKIPPED_FOLDERS = {"build", "demo-report", "stress-out", "__pycache__", "corpus"}
KEPT_HIDDEN = {".ci"}

HIDDEN_TEXT = re.compile(
    r'//[^\n]*|/\*.*?\*/|R"(?P<end>\w*)\(.*?\)(?P=end)"|"(?:\\.|[^"\\\n])*"|(?<![0-9a-fA-F])\'(?:\\.|[^\'\\\n])+\'',
    re.DOTALL)


def blanked(text):
    if text.startswith("/"):
        return re.sub(r"[^\n]", " ", text)
    return text[0] + re.sub(r"[^\n]", " ", text[1:-1]) + text[-1]


@dataclass(frozen=True)
class Source:
    path: str  # from the root, with forward slashes
    text: str

    @property
    def suffix(self):
        return os.path.splitext(self.path)[1]

    @property
    def name(self):
        return self.path.rsplit("/", 1)[-1]

    @property
    def is_cpp(self):
        return self.suffix in CPP

    @property
    def is_hash_commented(self):
        return self.suffix in HASH_COMMENTS or self.name in HASH_NAMES

    @property
    def is_page(self):
        return self.suffix == ".md"

    @cached_property
    def lines(self):
        return self.text.split("\n")

    @cached_property
    def code(self):
        """The text with comments and the insides of literals blanked; offsets and line numbers stay the same."""
        return HIDDEN_TEXT.sub(lambda hit: blanked(hit.group()), self.text)

    def line_of(self, offset):
        return self.text.count("\n", 0, offset) + 1


def read_tree(root):
    """Every file the rules look at, in a fixed order."""
    sources = []
    for folder, folders, names in os.walk(root):
        folders[:] = sorted(
            f for f in folders
            if f not in SKIPPED_FOLDERS and (f in KEPT_HIDDEN or not f.startswith(".")) and not f.endswith(".egg-info"))
        for name in sorted(names):
            path = Path(folder, name)
            source = Source(path.relative_to(root).as_posix(), "")
            if source.is_cpp or source.is_hash_commented or source.is_page:
                sources.append(Source(source.path, path.read_text(encoding="utf-8", errors="replace")))
    return sources
