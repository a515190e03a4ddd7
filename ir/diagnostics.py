"""Errors in program text, shown like a compiler's: place, message, the line and a caret."""

from __future__ import annotations

from .errors import ParseError

#: How much of a source line an error quotes on either side of the caret.
_CONTEXT = 100
#: How long a message may become by what it quotes.
_LONGEST = 1000


class Source:
    """A program's text and the name it goes by in errors."""

    __slots__ = ("filename", "text")

    def __init__(self, text: str, filename: str) -> None:
        self.text = text
        self.filename = filename

    def place(self, offset: int) -> tuple[int, int]:
        """Line and column of a character, both counted from 1."""
        return self.text.count("\n", 0, offset) + 1, offset - (self.text.rfind("\n", 0, offset) + 1) + 1

    def error(self, offset: int, message: str) -> ParseError:
        """The error ``file:line:column: error: message``, the source line and a caret under ``offset``."""
        line, column = self.place(offset)
        start = offset - column + 1
        end = self.text.find("\n", offset)
        end = len(self.text) if end < 0 else end
        left, right = max(start, offset - _CONTEXT), min(end, offset + _CONTEXT)
        # One printable character stands for one character, so that the caret stays under its place.
        quoted = "".join([c if c.isprintable() else " " for c in self.text[left:right]])
        caret = " " * (offset - left) + "^"
        if len(message) > _LONGEST:
            message = message[:_LONGEST] + "..."
        # Names in the text may hold line breaks or a terminal's control codes.
        message = "".join([c if c.isprintable() else ascii(c)[1:-1] for c in message])
        shown = f"{self.filename}:{line}:{column}: error: {message}\n  {quoted}\n  {caret}"
        return ParseError(shown, self.filename, line, column)
