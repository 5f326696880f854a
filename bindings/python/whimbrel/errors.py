"""Exceptions, one for each result code that is an error, made from the library's one list of them.

    Error                   everything whimbrel raises for a result code
      UsageError            -1xx  the caller's mistake
      MachineError          -2xx  this machine
      LinkError             -3xx  a link or the other side
      ViewError             -4xx  the view moved
      MembershipError       -5xx  this peer is out
      DataError             -6xx  the data was refused
      BugError              -9xx  a bug in whimbrel

Below these stands a class for each code, named as the code: E_TAG_IN_USE is TagInUse, E_EVICTED is Evicted.
"""

from __future__ import annotations

import re

from whimbrel import _core


_NAME_THE_PEER = {"E_SOURCE_LOST", "E_NON_FINITE"}  # the lost source; whose input it is


class Error(Exception):
    """A call or op of whimbrel failed."""

    status: str = ""  # "E_EVICTED"
    value: int = 0  # the number the C API has for it
    retryable: bool = False  # the same call can succeed later, perhaps after joining again

    def __init__(self, detail: str = "") -> None:
        super().__init__(detail)
        self.detail = detail
        # The member at fault, as the library prints it ("3f9a01bc#4"), where the detail of this code names just
        # that one; else None: details of other codes also name this peer, or one that only reported.
        members = set(re.findall(r"\b[0-9a-f]{8}#\d+\b", detail)) if self.status in _NAME_THE_PEER else set()
        self.peer: str | None = members.pop() if len(members) == 1 else None


class UsageError(Error):
    """The caller's mistake."""


class MachineError(Error):
    """This machine refused."""


class LinkError(Error):
    """A link or the other side failed."""


class ViewError(Error):
    """The view moved, or the round or op ended without a result."""


class MembershipError(Error):
    """This peer is not, or no longer, a member."""


class DataError(Error):
    """The data cannot be worked with."""


class BugError(Error):
    """A bug in whimbrel: please report the detail."""


_RANGES = {
    1: UsageError,
    2: MachineError,
    3: LinkError,
    4: ViewError,
    5: MembershipError,
    6: DataError,
    9: BugError,
}


def class_name(status: str) -> str:
    """E_TAG_IN_USE -> TagInUse."""
    return "".join(word.capitalize() for word in status.removeprefix("E_").split("_"))


def _make_classes() -> dict[int, type[Error]]:
    classes = {}
    for status, value, retryable, text in _core.status_list():
        if value < 0:
            fields = {
                "__doc__": text[0].upper() + text[1:] + ".",
                "__module__": __name__,
                "status": status,
                "value": value,
                "retryable": retryable,
            }
            classes[value] = type(class_name(status), (_RANGES[-value // 100],), fields)
    return classes


_CLASSES = _make_classes()
_TEXTS = {value: text for _, value, _, text in _core.status_list()}
globals().update({cls.__name__: cls for cls in _CLASSES.values()})
__all__ = ["Error", *(cls.__name__ for cls in (*_RANGES.values(), *_CLASSES.values()))]


def make_error(value: int, detail: str) -> Error:
    """The exception of a result code; the extension raises what this returns. Without a detail, the code's text."""
    return _CLASSES.get(value, BugError)(detail or _TEXTS.get(value, ""))
