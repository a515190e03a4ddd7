"""Strings and numbers as the text of a program writes them, exact to the last bit.

Finite numbers are decimal (the shortest that reads back to the same bits); infinities and NaNs are
the bits in hexadecimal, as in MLIR: ``0x7FC00000``.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Sequence
from typing import Any

import numpy as np

from .types import BOOL, COMPLEX, DTYPE_NAMES, FLOATING, INTEGER

Array = np.ndarray[Any, Any]

_ESCAPE = re.compile(r"\\(n|t|\"|\\|[0-9A-Fa-f]{2})|\\")
_NAMED = {"n": b"\n", "t": b"\t", '"': b'"', "\\": b"\\"}


def quote(text: str) -> str:
    """A string literal: what cannot be printed is escaped as the bytes of its UTF-8."""
    if text.isprintable() and '"' not in text and "\\" not in text:
        return f'"{text}"'
    return '"' + "".join([_quote_character(character) for character in text]) + '"'


def _quote_character(character: str) -> str:
    if character in '"\\':
        return "\\" + character
    if character.isprintable():
        return character
    # A lone surrogate is legal in a Python string and must survive, though UTF-8 has no place for it.
    return "".join(f"\\{byte:02X}" for byte in character.encode("utf-8", "surrogatepass"))


def unquote(literal: str) -> str:
    """The string that a literal with its quotes stands for; ValueError where an escape is wrong."""
    body = literal[1:-1]
    if "\\" not in body:
        return body
    parts: list[bytes] = []
    end = 0
    for match in _ESCAPE.finditer(body):
        code = match.group(1)
        if code is None:
            raise ValueError(f"unknown escape {body[match.start() : match.start() + 2]!r}")
        parts.append(body[end : match.start()].encode("utf-8", "surrogatepass"))
        parts.append(_NAMED.get(code) or bytes.fromhex(code))
        end = match.end()
    parts.append(body[end:].encode("utf-8", "surrogatepass"))
    try:
        return b"".join(parts).decode("utf-8", "surrogatepass")
    except UnicodeDecodeError:
        raise ValueError("escaped bytes that are not UTF-8") from None


def _with_point(text: str) -> str:
    """MLIR's decimal numbers have a point: ``1e-10`` becomes ``1.0e-10``."""
    mantissa, e, exponent = text.partition("e")
    return f"{mantissa if '.' in mantissa else mantissa + '.0'}{e}{exponent}"


def float_text(value: float) -> str:
    """A Python float; infinities and NaNs carry their type: ``0x7FF0000000000000 : f64``."""
    if value - value == 0.0:
        return _with_point(float.__repr__(value))
    return f"0x{struct.unpack('<Q', struct.pack('<d', value))[0]:016X} : f64"


def float_from_bits(literal: str) -> float:
    """The Python float of 64 bits in hexadecimal; ValueError where they are more."""
    bits = int(literal, 16)
    if bits >= 1 << 64:
        raise ValueError(f"{literal[:40]} is more than the 64 bits of f64")
    number: float = struct.unpack("<d", struct.pack("<Q", bits))[0]
    return number


def _bits(array: Array) -> Array:
    return array.view(f"u{array.dtype.itemsize}")


def element_texts(data: Array) -> list[str]:
    """The elements of an array, in C order."""
    flat, dtype = data.reshape(-1), data.dtype
    if dtype == BOOL:
        return ["true" if element else "false" for element in flat.tolist()]
    if dtype in INTEGER:
        return [str(element) for element in flat.tolist()]
    if dtype in COMPLEX:
        parts = element_texts(flat.view(f"f{dtype.itemsize // 2}"))
        return [f"({real}, {imaginary})" for real, imaginary in zip(parts[::2], parts[1::2], strict=True)]
    width = 2 * dtype.itemsize
    return [
        _finite_text(element) if finite else f"0x{bits:0{width}X}"
        for element, bits, finite in zip(flat, _bits(flat).tolist(), np.isfinite(flat).tolist(), strict=True)
    ]


def _finite_text(element: Any) -> str:
    text = str(element)
    # NumPy's text is the shortest for its own types; other types and double rounding get all digits.
    if np.float64(text).astype(element.dtype) != element:
        text = float.__repr__(float(element))
    return _with_point(text)


class ElementError(ValueError):
    """An element that its type cannot hold; ``index`` says which."""

    def __init__(self, index: int, message: str) -> None:
        super().__init__(message)
        self.index = index


def parse_elements(texts: Sequence[str], dtype: np.dtype[Any]) -> Array:
    """A 1-d array of ``dtype`` from literals. Of a complex type, each number is two literals.

    Raises `ElementError` where a literal is of another kind or does not fit.
    """
    if dtype == BOOL:
        return np.array([_boolean(index, text) for index, text in enumerate(texts)], dtype)
    if dtype in INTEGER:
        return np.array([_integer(index, text, dtype) for index, text in enumerate(texts)], dtype)
    if dtype in COMPLEX:
        return parse_elements(texts, np.dtype(f"f{dtype.itemsize // 2}")).view(dtype)
    assert dtype in FLOATING
    return _parse_floats(texts, dtype)


def _boolean(index: int, text: str) -> bool:
    if text not in ("true", "false"):
        raise ElementError(index, f"an element of type i1 is true or false, not {text[:40]}")
    return text == "true"


def _integer(index: int, text: str, dtype: np.dtype[Any]) -> int:
    bounds = np.iinfo(dtype)
    if not text.lstrip("-").isdecimal():
        raise ElementError(index, f"an element of type {DTYPE_NAMES[dtype]} is an integer, not {text[:40]}")
    # No integer type needs more digits, and reading very long ones takes quadratic time.
    number = int(text) if len(text) <= 64 else bounds.max + 1
    if not bounds.min <= number <= bounds.max:
        raise ElementError(index, f"{text[:40]} is outside {DTYPE_NAMES[dtype]}'s [{bounds.min}, {bounds.max}]")
    return number


def _parse_floats(texts: Sequence[str], dtype: np.dtype[Any]) -> Array:
    name, bits = DTYPE_NAMES[dtype], 8 * dtype.itemsize
    numbers = np.zeros(len(texts), np.float64)
    patterns: dict[int, int] = {}
    for index, text in enumerate(texts):
        if text.startswith("0x"):
            patterns[index] = int(text, 16)
            if patterns[index] >= 1 << bits:
                raise ElementError(index, f"{text[:40]} is more than the {bits} bits of {name}")
        elif "." in text:
            numbers[index] = float(text)
        else:
            raise ElementError(
                index, f"an element of type {name} is a number with a point, such as 2.0, not {text[:40]}"
            )
    with np.errstate(all="ignore"):
        array = numbers.astype(dtype)
    infinite = np.flatnonzero(np.isinf(array))
    if infinite.size:
        index = int(infinite[0])
        raise ElementError(index, f"{texts[index][:40]} is too large for {name}")
    for index, pattern in patterns.items():
        _bits(array)[index] = pattern
    return array
