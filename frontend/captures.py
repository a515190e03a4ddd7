"""Arrays that a traced function captures: hidden inputs, read when the program runs.

A function may change such an array while it is being traced (a scratch array in a loop). Each use must then see what
was there at that moment, so small arrays are remembered as they were, and a large one that changed is an error.
"""

from __future__ import annotations

import zlib
from typing import Any, Final

import numpy as np

from ..ir import Value, user_location
from ..ir.errors import TraceError
from .devices import DeviceArray

#: Arrays of up to this many bytes are remembered whole, larger ones by a checksum.
REMEMBERED: Final = 1 << 16


class Capture:
    """One state of a captured array: its input, and what the array held when it was first used."""

    __slots__ = ("array", "content", "place", "value")

    def __init__(self, value: Value, array: Any) -> None:
        self.value = value
        self.array = array
        self.content = _content(array)
        self.place = user_location(3)

    def is_current(self) -> bool:
        """Whether a further use of the array may share the input. (A large array is checked at the end.)"""
        return not isinstance(self.content, bytes) or self.content == _content(self.array)

    def remembered(self) -> Any:
        """The array's state, for use while the function is traced."""
        if not isinstance(self.content, bytes):
            return self.array
        return np.frombuffer(self.content, self.array.dtype).reshape(self.array.shape)

    def settled(self) -> Any:
        """The array itself, whose contents later calls read, or the state that it had if it changed since.

        Raises `TraceError` for a large array that changed.
        """
        if self.content == _content(self.array):
            return self.array
        if isinstance(self.content, bytes):
            return self.remembered()
        raise TraceError(
            f"an array of shape {self.array.shape} was changed in place while the function that captured it at "
            f"{self.place} was traced: let the function work on a copy, `array.copy()`"
        )


def _content(array: Any) -> bytes | int:
    if type(array) is DeviceArray:
        return id(array)  # nothing changes it
    if array.nbytes <= REMEMBERED:
        return bytes(array.tobytes())
    return zlib.crc32(np.ascontiguousarray(array).view(np.uint8).reshape(-1).data)
