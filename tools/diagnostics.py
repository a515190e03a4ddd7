"""--split-input-file and --verify-diagnostics: many programs in a file, and the errors that they must give.

Comments say what is expected, as MLIR's do: ``// expected-error@+1 {{part of the message}}``. The place is
``@+N`` or ``@-N`` lines away, ``@above``, ``@below``, ``@unknown`` for an error that has no place in the file (a
pass's), or, left out, the comment's own line.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from ..ir.errors import MixadError, ParseError

_SEPARATOR = re.compile(r"^[ \t]*// -----[ \t]*\r?$", re.MULTILINE)
_EXPECTED = re.compile(r"//[^\n]*?expected-error(?:@(above|below|unknown|[+-]\d{1,9}))? *\{\{(.*?)\}\}")
_NEAR = {None: 0, "above": -1, "below": 1}


def split(text: str) -> list[str]:
    """The programs between lines ``// -----``, each behind as many empty lines as keep its line numbers."""
    parts, start = [], 0
    for match in [*_SEPARATOR.finditer(text), None]:
        end = len(text) if match is None else match.start()
        parts.append("\n" * text.count("\n", 0, start) + text[start:end])
        start = end if match is None else match.end()
    return parts


@dataclass(frozen=True)
class Expected:
    """An error that must come: ``line`` is None where it has no place, ``at`` is the comment's line."""

    line: int | None
    message: str
    at: int


def expected_errors(text: str) -> list[Expected]:
    """The errors that a program's comments announce."""
    found = []
    for match in _EXPECTED.finditer(text):
        at = text.count("\n", 0, match.start()) + 1
        place = match[1]
        line = None if place == "unknown" else at + (_NEAR[place] if place in _NEAR else int(place))
        found.append(Expected(line, match[2], at))
    return found


def mismatches(text: str, filename: str, error: MixadError | None) -> list[str]:
    """How the error that a program gave differs from those announced; empty where it is the one."""
    wanted = expected_errors(text)
    wrong = []
    if error is not None:
        line = error.line if isinstance(error, ParseError) else None
        match = next((each for each in wanted if each.line == line and each.message in str(error)), None)
        if match is None:
            place = f"{filename}:{line}" if line else filename
            wrong.append(f"{place}: error: unexpected error: {error}")
        else:
            wanted.remove(match)
    return wrong + [f'{filename}:{each.at}: error: expected error "{each.message}" was not produced' for each in wanted]
