"""Program text to tokens, in one pass of one regular expression."""

from __future__ import annotations

import re
from typing import NamedTuple

from .diagnostics import Source

_IDENTIFIER = r"[A-Za-z_][A-Za-z0-9_$.]*"
_STRING = r'"[^"\\\n]*(?:\\.[^"\\\n]*)*"'
# Possessive repeats (++): white space never matches in two ways, whatever follows it.
_SPACE = r"(?:[ \t\r\n]++|//[^\n]*+)*+"
_SKIP = re.compile(_SPACE)
_TOKEN = re.compile(
    rf"""{_SPACE}(?:
      (?P<value>   %[A-Za-z0-9_$.]+(?:\#[0-9]+)? )
    | (?P<type>    tensor<(?:[0-9]+x)*(?:[a-z]+[0-9]+|complex<f[0-9]+>)> )
    | (?P<dtype>   complex<f[0-9]+> )
    | (?P<name>    {_IDENTIFIER} )
    | (?P<mark>    -> | \{{-\# | \#-\}} | [(){{}}\[\]<>,:=] )
    | (?P<hex>     0x[0-9A-Fa-f]+ )
    | (?P<float>   -?[0-9]+\.[0-9]*(?:[eE][-+]?[0-9]+)? )
    | (?P<int>     -?[0-9]+ )
    | (?P<string>  {_STRING} )
    | (?P<symbol>  @(?:{_IDENTIFIER}|{_STRING}) )
    | (?P<label>   \^(?:{_IDENTIFIER}|{_STRING}) )
    )""",
    re.VERBOSE,
)
_LEGAL_NAME = re.compile(_IDENTIFIER)


class Token(NamedTuple):
    """One token: its ``kind`` (the mark itself for punctuation), text and offset in the source."""

    kind: str
    text: str
    offset: int


def is_identifier(text: str) -> bool:
    """Whether ``text`` can be written without quotes."""
    return _LEGAL_NAME.fullmatch(text) is not None


def tokenize(source: Source) -> list[Token]:
    """All tokens, ended by one of kind ``end``. Raises a located `ParseError` at any other character."""
    text, offset = source.text, 0
    tokens: list[Token] = []
    match, append = _TOKEN.match, tokens.append
    while found := match(text, offset):
        kind = found.lastgroup or ""
        word = found[kind]
        offset = found.end()
        append(Token(word if kind == "mark" else kind, word, offset - len(word)))
    skipped = _SKIP.match(text, offset)
    end = offset if skipped is None else skipped.end()
    if end < len(text):
        what = "a string that does not end on its line" if '"' in text[end : end + 2] else f"character {text[end]!a}"
        raise source.error(end, f"unexpected {what}")
    append(Token("end", "", end))
    return tokens
