"""Where an operation comes from: the user's file and line, and what it was derived from."""

from __future__ import annotations

import os
import sys
from types import CodeType, FrameType
from typing import Final

_PACKAGE: Final = os.path.dirname(os.path.dirname(os.path.abspath(__file__))) + os.sep
#: Folders of the repository that hold programs written with mixad, not mixad itself.
_USER_CODE: Final = tuple(_PACKAGE + folder + os.sep for folder in ("tests", "examples", "benchmarks", "docs"))


class Location:
    """A place in the user's source, and the derivation that led from there.

    ``file``, ``line``, ``function`` name the user's line. An operation made by differentiation also
    has ``origin``, the name of the user's operation that it was derived from, and ``order``, how
    many times (0 for an operation that the user wrote).
    """

    __slots__ = ("_derived", "file", "function", "line", "order", "origin")

    def __init__(self, file: str, line: int, function: str = "", origin: str = "", order: int = 0) -> None:
        self.file = file
        self.line = line
        self.function = function
        self.origin = origin
        self.order = order
        self._derived: dict[str, Location] | None = None

    def derived(self, operation: str) -> Location:
        """The location of what differentiating ``operation``, which stands here, produces."""
        if self._derived is None:
            self._derived = {}
        found = self._derived.get(operation)
        if found is None:
            origin = self.origin or operation
            found = Location(self.file, self.line, self.function, origin, self.order + 1)
            self._derived[operation] = found
        return found

    def key(self) -> tuple[str, int, str, str, int]:
        """All fields, for comparison."""
        return self.file, self.line, self.function, self.origin, self.order

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Location) and self.key() == other.key()

    def __hash__(self) -> int:
        return hash(self.key())

    def __bool__(self) -> bool:
        return bool(self.file)

    def __str__(self) -> str:
        if not self.file:
            return "an unknown place"
        return f"{self.file}:{self.line}" + (f" in {self.function}" if self.function else "")

    def __repr__(self) -> str:
        return f"Location({', '.join(map(repr, self.key()))})"


UNKNOWN: Final = Location("", 0)

_of_code: dict[CodeType, dict[int, Location]] = {}
_is_user: dict[str, bool] = {}


def _user_file(file: str) -> bool:
    found = _is_user.get(file)
    if found is None:
        path = os.path.abspath(file) if not file.startswith("<") else file
        ours = path.startswith(_PACKAGE) and not path.startswith(_USER_CODE)
        found = not ours and f"{os.sep}numpy{os.sep}" not in path and file != "<__array_function__ internals>"
        _is_user[file] = found
    return found


def user_location(depth: int = 1) -> Location:
    """The innermost caller outside mixad and NumPy. ``depth`` frames are skipped without a look."""
    frame: FrameType | None = sys._getframe(depth)
    while frame is not None:
        code = frame.f_code
        if _user_file(code.co_filename):
            lines = _of_code.get(code)
            if lines is None:
                if len(_of_code) > 10_000:
                    _of_code.clear()
                lines = _of_code.setdefault(code, {})
            found = lines.get(frame.f_lasti)
            if found is None:
                found = Location(code.co_filename, frame.f_lineno or 0, code.co_name)
                lines[frame.f_lasti] = found
            return found
        frame = frame.f_back
    return UNKNOWN
