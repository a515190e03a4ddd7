"""What an operation's attributes may hold, and how two of them compare.

An attribute is a bool, int, float, str, `numpy.dtype`, `TensorType`, `SymbolRef`, `Dense`, or a
tuple of attributes. All are immutable.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from .types import DTYPE_NAMES, TensorType


class SymbolRef:
    """A reference to a function of the module by name, printed ``@name``."""

    __slots__ = ("name",)

    def __init__(self, name: str) -> None:
        self.name = name

    def __eq__(self, other: object) -> bool:
        return isinstance(other, SymbolRef) and self.name == other.name

    def __hash__(self) -> int:
        return hash(("@", self.name))

    def __repr__(self) -> str:
        return f"@{self.name}"


class Dense:
    """A constant array, compared by its bits (so NaN equals itself, and 0.0 differs from -0.0).

    ``data`` is a read-only array of ``type.dtype``: either of ``type.shape``, or 0-d for a *splat*,
    one number repeated over ``type.shape``.
    """

    __slots__ = ("_bytes", "data", "type")

    def __init__(self, data: Any, type: TensorType | None = None) -> None:
        array = np.array(data, dtype=None if type is None else type.dtype, order="C")
        if type is None:
            type = TensorType(array.shape, array.dtype)
        if array.shape not in ((), type.shape):
            raise ValueError(f"dense data of shape {array.shape} cannot fill a {type}")
        array.flags.writeable = False
        self.data: np.ndarray[Any, Any] = array
        self.type = type
        self._bytes: bytes | None = None

    @property
    def is_splat(self) -> bool:
        """Whether one number fills the whole shape."""
        return self.data.ndim == 0

    def bits(self) -> bytes:
        """The data's bytes, in C order."""
        if self._bytes is None:
            self._bytes = self.data.tobytes()
        return self._bytes

    def expand(self) -> np.ndarray[Any, Any]:
        """The whole array, read-only; a splat is broadcast without copying."""
        return np.broadcast_to(self.data, self.type.shape)

    def __eq__(self, other: object) -> bool:
        return (
            isinstance(other, Dense)
            and self.type is other.type
            and self.is_splat == other.is_splat
            and self.bits() == other.bits()
        )

    def __hash__(self) -> int:
        return hash((self.type, self.bits()))

    def __repr__(self) -> str:
        shown = self.data.item() if self.is_splat else f"array of {self.data.size}"
        return f"Dense({shown}, {self.type})"


def attribute_text(value: Any) -> str:
    """A text that two attributes share only when they are equal, type and bits included."""
    if isinstance(value, Dense):
        return f"dense:{value.type}:{value.is_splat}:{value.bits().hex()}"
    if isinstance(value, tuple):
        if {int}.issuperset(map(type, value)):
            return repr(value)
        return f"({','.join([attribute_text(item) for item in value])})"
    if isinstance(value, np.dtype):
        return DTYPE_NAMES[value]
    if isinstance(value, float):
        return value.hex()
    return repr(value)


def is_attribute(value: Any) -> bool:
    """Whether ``value`` may stand in an operation's attributes."""
    if isinstance(value, tuple):
        return all(is_attribute(item) for item in value)
    if isinstance(value, np.dtype):
        return value in DTYPE_NAMES
    return isinstance(value, bool | int | float | str | TensorType | SymbolRef | Dense)
