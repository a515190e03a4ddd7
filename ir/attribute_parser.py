"""Types and attributes from tokens: the lower half of the parser."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, NoReturn, TypeVar

import numpy as np

from .attributes import Dense, SymbolRef
from .diagnostics import Source
from .lexer import Token, tokenize
from .literals import ElementError, float_from_bits, parse_elements, unquote
from .printer import ALIGNMENT
from .types import BOOL, COMPLEX, DTYPES_BY_NAME, TensorType

#: How deep lists, regions and arrays may nest; arrays may have no more dimensions.
MAX_DEPTH = 32
#: How many elements a type may have: a splat of more is written in a few bytes.
MAX_ELEMENTS = 1 << 40
#: How many digits an integer may have: reading one takes quadratic time.
MAX_DIGITS = 640

T = TypeVar("T")
_TYPE = re.compile(r"tensor<((?:[0-9]+x)*)(.+)>")


class AttributeParser:
    """A position in a list of tokens, and what can be read there without knowing the program."""

    def __init__(self, source: Source) -> None:
        self.source = source
        self.tokens = tokenize(source)
        self.blobs: dict[str, bytes] = {}
        self._types: dict[str, TensorType] = {}
        self.seek(0)

    # --- tokens ----------------------------------------------------------------------------------

    def seek(self, index: int) -> None:
        """Go to a token."""
        self.index = index
        self.token: Token = self.tokens[index]

    def advance(self) -> Token:
        """Take the current token; the last one, ``end``, stays."""
        token = self.token
        if token.kind != "end":
            self.index += 1
            self.token = self.tokens[self.index]
        return token

    def accept(self, kind: str) -> bool:
        """Take the current token if it is of this kind."""
        if self.token.kind != kind:
            return False
        self.advance()
        return True

    def accept_word(self, word: str) -> bool:
        """Take the current token if it is this word."""
        if self.token.kind != "name" or self.token.text != word:
            return False
        self.advance()
        return True

    def expect(self, kind: str, what: str = "") -> Token:
        """Take a token of this kind, or fail saying that ``what`` is expected."""
        if self.token.kind != kind:
            self.unexpected(what or f"'{kind}'")
        return self.advance()

    def expect_word(self, word: str) -> None:
        """Take this word, or fail."""
        if not self.accept_word(word):
            self.unexpected(f"'{word}'")

    def comma_separated(self, end: str, read: Callable[[], T]) -> list[T]:
        """Any number of items, separated by commas, and the token behind them."""
        items: list[T] = []
        if not self.accept(end):
            items.append(read())
            while self.accept(","):
                items.append(read())
            self.expect(end)
        return items

    def unexpected(self, what: str) -> NoReturn:
        """Fail at the current token."""
        text = self.token.text
        found = f"{text[:40]!a}" if text else "the end of the program"
        self.fail(f"expected {what}, found {found}")

    def fail(self, message: str, offset: int | None = None) -> NoReturn:
        """Fail at ``offset``, by default at the current token."""
        raise self.source.error(self.token.offset if offset is None else offset, message)

    # --- words and types -------------------------------------------------------------------------

    def integer(self) -> int:
        """An integer."""
        token = self.expect("int", "an integer")
        if len(token.text) > MAX_DIGITS:
            self.fail(f"an integer of {len(token.text)} digits; {MAX_DIGITS} is the most", token.offset)
        return int(token.text)

    def string(self) -> str:
        """A string in quotes."""
        token = self.expect("string", "a string")
        return self._unquote(token.text, token.offset)

    def symbol(self) -> str:
        """``@name`` or ``@"any name"``."""
        return self.name_of(self.expect("symbol", "a function's name such as @f"))

    def name_of(self, token: Token) -> str:
        """The name behind the mark of a symbol or label."""
        name = token.text[1:]
        return self._quoted_name(name, token.offset) if name.startswith('"') else name

    def _quoted_name(self, literal: str, offset: int) -> str:
        name = self._unquote(literal, offset)
        try:
            name.encode()
        except UnicodeEncodeError:
            self.fail("a name with a lone surrogate, which is no character", offset)
        return name

    def _unquote(self, literal: str, offset: int) -> str:
        try:
            return unquote(literal)
        except ValueError as error:
            self.fail(str(error), offset)

    def type(self) -> TensorType:
        """``tensor<2x3xf32>``."""
        token = self.expect("type", "a type such as tensor<2x3xf32>")
        found = self._types.get(token.text)
        if found is None:
            found = self._types[token.text] = self._new_type(token)
        return found

    def _new_type(self, token: Token) -> TensorType:
        found = _TYPE.fullmatch(token.text)
        assert found is not None, "the lexer makes no other type tokens"
        sizes = found[1].split("x")[:-1]
        dtype = self.dtype(found[2], token.offset)
        if len(sizes) > MAX_DEPTH:
            self.fail(f"a type of {len(sizes)} dimensions; {MAX_DEPTH} is the most", token.offset)
        shape = []
        elements = 1
        for size in sizes:
            shape.append(int(size) if len(size) <= MAX_DIGITS else MAX_ELEMENTS + 1)
            elements *= max(shape[-1], 1)
        if elements > MAX_ELEMENTS:
            self.fail(f"a type of more than {MAX_ELEMENTS} elements", token.offset)
        return TensorType(tuple(shape), dtype)

    def dtype(self, name: str, offset: int) -> np.dtype[Any]:
        """An element type by name."""
        found = DTYPES_BY_NAME.get(name)
        if found is None:
            self.fail(f"unknown element type '{name[:40]}'; known are {', '.join(DTYPES_BY_NAME)}", offset)
        return found

    # --- attributes ------------------------------------------------------------------------------

    def dictionary(self) -> dict[str, Any]:
        """``{name = attribute, ...}``."""
        self.expect("{")
        found: dict[str, Any] = {}

        def read() -> None:
            at = self.token
            if self.accept("string"):
                key = self._quoted_name(at.text, at.offset)
            else:
                key = self.expect("name", "an attribute's name").text
            if key in found:
                self.fail(f"attribute {key[:80]!a} is given twice", at.offset)
            self.expect("=")
            found[key] = self.attribute(0)

        self.comma_separated("}", read)
        return found

    def attribute(self, depth: int) -> Any:
        """One attribute of any kind."""
        token = self.token
        reader = _READERS.get(token.kind)
        if reader is None:
            self.unexpected("an attribute")
        return reader(self, depth)

    def _list(self, depth: int) -> tuple[Any, ...]:
        if depth >= MAX_DEPTH:
            self.fail(f"lists are nested more than {MAX_DEPTH} deep")
        self.expect("[")
        return tuple(self.comma_separated("]", lambda: self.attribute(depth + 1)))

    def _float(self) -> float:
        token = self.advance()
        number = float(token.text)
        if number - number != 0.0:
            self.fail(f"{token.text[:40]} is too large for f64", token.offset)
        return number

    def _bits(self) -> float:
        token = self.advance()
        self.expect(":", "': f64'")
        self.expect_word("f64")
        try:
            return float_from_bits(token.text)
        except ValueError as error:
            self.fail(str(error), token.offset)

    def _word(self) -> Any:
        token = self.advance()
        if token.text in ("true", "false"):
            return token.text == "true"
        if token.text == "dense":
            return self._dense()
        if token.text == "dense_resource":
            return self._resource()
        return self.dtype(token.text, token.offset)

    # --- arrays ----------------------------------------------------------------------------------

    def _dense(self) -> Dense:
        at = self.expect("<")
        elements: list[Token] = []
        pairs: set[bool] = set()
        shape = None if self.token.kind == ">" else self._elements(elements, pairs, 0)
        self.expect(">")
        self.expect(":", "':' and the array's type")
        type = self.type()
        if shape is None:
            if type.size:
                self.fail(f"no elements for {type.size} of a {type}", at.offset)
            return Dense(np.empty(type.shape, type.dtype), type)
        if pairs != {type.dtype in COMPLEX}:
            wanted = "pairs (real, imaginary)" if type.dtype in COMPLEX else "single numbers"
            self.fail(f"the elements of a {type} are {wanted}", at.offset)
        if shape not in ((), type.shape):
            self.fail(f"elements of shape {list(shape)} for a {type}", at.offset)
        try:
            array = parse_elements([token.text for token in elements], type.dtype)
        except ElementError as error:
            self.fail(str(error), elements[error.index].offset)
        return Dense(array.reshape(shape), type)

    def _elements(self, into: list[Token], pairs: set[bool], depth: int) -> tuple[int, ...]:
        """Read nested lists of numbers; returns their shape."""
        if self.token.kind != "[":
            self._element(into, pairs)
            return ()
        if depth >= MAX_DEPTH:
            self.fail(f"arrays are nested more than {MAX_DEPTH} deep")
        self.advance()
        inner = self._elements(into, pairs, depth + 1)
        count = 1
        while self.accept(","):
            at = self.token
            shape = self._elements(into, pairs, depth + 1)
            if shape != inner:
                self.fail(f"an element of shape {list(shape)} among others of shape {list(inner)}", at.offset)
            count += 1
        self.expect("]")
        return (count, *inner)

    def _element(self, into: list[Token], pairs: set[bool]) -> None:
        pair = self.accept("(")
        pairs.add(pair)
        into.append(self._number())
        if pair:
            self.expect(",")
            into.append(self._number())
            self.expect(")")

    def _number(self) -> Token:
        token = self.token
        if token.kind not in ("float", "int", "hex") and token.text not in ("true", "false"):
            self.unexpected("a number, true or false")
        return self.advance()

    def _resource(self) -> Dense:
        self.expect("<")
        name = self.expect("name", "a resource's name")
        self.expect(">")
        self.expect(":", "':' and the array's type")
        type = self.type()
        blob = self.blobs.get(name.text)
        if blob is None:
            self.fail(f"there is no resource {name.text[:80]}", name.offset)
        if len(blob) != len(ALIGNMENT) + type.nbytes:
            self.fail(
                f"resource {name.text[:80]} has {len(blob)} bytes, and a {type} needs {len(ALIGNMENT)} for the "
                f"alignment and {type.nbytes} for the elements",
                name.offset,
            )
        if type.dtype == BOOL and blob[len(ALIGNMENT) :].strip(b"\0\1"):
            self.fail(f"resource {name.text[:80]} has bytes other than 0 and 1 for an i1", name.offset)
        return Dense(np.ndarray(type.shape, type.dtype, blob, len(ALIGNMENT)), type)


_READERS: dict[str, Callable[[AttributeParser, int], Any]] = {
    "name": lambda parser, depth: parser._word(),
    "dtype": lambda parser, depth: parser._word(),
    "int": lambda parser, depth: parser.integer(),
    "float": lambda parser, depth: parser._float(),
    "hex": lambda parser, depth: parser._bits(),
    "string": lambda parser, depth: parser.string(),
    "symbol": lambda parser, depth: SymbolRef(parser.symbol()),
    "type": lambda parser, depth: parser.type(),
    "[": lambda parser, depth: parser._list(depth),
}
