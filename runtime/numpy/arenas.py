"""Memory that programs and kernels lend each other from call to call."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

import numpy as np

Memory = np.ndarray[Any, Any]
#: A thread keeps as many bytes for its next call; what is larger goes back to the system.
KEPT: Final = 1 << 28
_LINE: Final = 64


class _Free(threading.local):
    """The memory that a thread has kept and that nothing uses now."""

    def __init__(self) -> None:
        self.blocks: list[Memory] = []


_free: Final = _Free()


@contextmanager
def memory(nbytes: int) -> Iterator[Memory]:
    """At least ``nbytes`` bytes that nobody else uses, aligned to a cache line. Raises MemoryError where there is no
    room."""
    free = _free.blocks
    fitting = [index for index, block in enumerate(free) if block.nbytes >= nbytes]
    if fitting:
        found = free.pop(min(fitting, key=lambda index: free[index].nbytes))
    else:
        if free:
            free.pop()  # too small: the one that takes its place serves both
        found = _allocated(nbytes)
    try:
        yield found
    finally:
        if sum(block.nbytes for block in free) + found.nbytes <= KEPT:
            free.append(found)


def _allocated(nbytes: int) -> Memory:
    try:
        whole = np.empty(nbytes + _LINE, np.uint8)
    except MemoryError as error:
        raise MemoryError(
            f"no room for {nbytes:,} bytes of intermediates; jit(..., memory_budget=bytes) and checkpoint keep fewer"
        ) from error
    first = -whole.ctypes.data % _LINE
    return whole[first : first + nbytes]
