"""Pipelines as text: ``name{option=value,...}``, ``name(inner,passes)``, joined by commas.

Options are spelled with dashes. A tuple's items are separated by commas (``wrt=0,1``).
"""

from __future__ import annotations

import dataclasses
import re
from typing import Any, NoReturn

from ..ir.errors import PassError
from .manager import Pass, pass_options, registered_passes, unknown_pass

_TOKEN = re.compile(r"\s*([A-Za-z_][\w.-]*|-?\d+\.\d*(?:e-?\d+)?|-?\d+|[{}(),=])")


def pass_text(each: Pass) -> str:
    """One pass as a pipeline spells it; options at their default are left out."""
    options = []
    inner = ""
    for item in dataclasses.fields(each):  # type: ignore[arg-type]
        value = getattr(each, item.name)
        if item.name == "passes":
            inner = "(" + ",".join(str(nested) for nested in value) + ")"
        elif value != item.default:
            options.append(f"{item.name.replace('_', '-')}={_value_text(value)}")
    return each.name + (f"{{{','.join(options)}}}" if options else "") + inner


def _value_text(value: Any) -> str:
    if isinstance(value, tuple):
        return ",".join(map(_value_text, value)) or "none"
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)


def parse_pipeline(text: str) -> list[Pass]:
    """The passes that ``text`` names. Raises `PassError` with the column of what is wrong."""
    reader = _Reader(text)
    passes = reader.passes() if reader.tokens else []
    if reader.position < len(reader.tokens):
        reader.fail(f"unexpected '{reader.tokens[reader.position][0]}'")
    return passes


class _Reader:
    def __init__(self, text: str) -> None:
        self.text = text
        self.tokens: list[tuple[str, int]] = []
        self.position = 0
        self.depth = 0
        at = 0
        while at < len(text.rstrip()):
            match = _TOKEN.match(text, at)
            if match is None:
                raise PassError(f"pipeline '{text}': unexpected {text[at:].strip()[:1]!r} at column {at + 1}")
            self.tokens.append((match[1], match.start(1)))
            at = match.end()

    def fail(self, message: str) -> NoReturn:
        column = self.tokens[self.position][1] + 1 if self.position < len(self.tokens) else len(self.text) + 1
        raise PassError(f"pipeline '{self.text}': {message} at column {column}")

    def peek(self, ahead: int = 0) -> str:
        at = self.position + ahead
        return self.tokens[at][0] if at < len(self.tokens) else ""

    def take(self, token: str) -> bool:
        if self.peek() == token:
            self.position += 1
            return True
        return False

    def passes(self) -> list[Pass]:
        self.depth += 1
        if self.depth > 50:
            self.fail("passes are nested deeper than 50")
        found = [self.one_pass()]
        while self.take(","):
            found.append(self.one_pass())
        self.depth -= 1
        return found

    def one_pass(self) -> Pass:
        name = self.peek()
        if not re.match(r"[A-Za-z_]", name):
            self.fail("a pass's name is expected")
        cls = registered_passes().get(name)
        if cls is None:
            self.fail(str(unknown_pass(name)))
        self.position += 1
        options = self.options(cls) if self.take("{") else {}
        if self.take("("):
            if not any(item.name == "passes" for item in dataclasses.fields(cls)):  # type: ignore[arg-type]
                self.fail(f"'{name}' takes no passes inside parentheses")
            options["passes"] = tuple(self.passes()) if self.peek() != ")" else ()
            if not self.take(")"):
                self.fail("')' is expected")
        return cls(**options)

    def options(self, cls: type[Pass]) -> dict[str, Any]:
        known = pass_options(cls)
        options: dict[str, Any] = {}
        while not self.take("}"):
            key = self.peek()
            if key not in known:
                listed = ", ".join(known) or "none"
                self.fail(f"'{cls.name}' has no option '{key}' (it has: {listed}),")
            if key.replace("-", "_") in options:
                self.fail(f"option '{key}' is given twice,")
            self.position += 1
            if not self.take("="):
                self.fail("'=' is expected")
            start = self.position
            values = [self.value()]
            while self.peek() == "," and self.peek(2) != "=":
                self.position += 1
                values.append(self.value())
            options[key.replace("-", "_")] = self.convert(key, known[key], values, start)
            if not self.take(",") and self.peek() != "}":
                self.fail("',' or '}' is expected")
        return options

    def value(self) -> str:
        token = self.peek()
        if token in ("", "{", "}", "(", ")", ",", "="):
            self.fail("a value is expected")
        self.position += 1
        return token

    def convert(self, key: str, default: Any, values: list[str], start: int) -> Any:
        try:
            if default is None or isinstance(default, tuple):
                return () if values == ["none"] else tuple(int(value) for value in values)
            (text,) = values
            if isinstance(default, bool):
                return {"true": True, "false": False}[text]
            return type(default)(text)
        except (ValueError, KeyError):
            self.position = start
            self.fail(f"option '{key}' takes {_KINDS[type(default)]}, not '{','.join(values)}',")


_KINDS = {
    tuple: "integers, or none",
    type(None): "integers, or none",
    bool: "'true' or 'false'",
    int: "an integer",
    float: "a number",
    str: "a name",
}
