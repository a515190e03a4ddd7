"""Where values lie in memory that they share: first fit, larger ones first.

The offsets of values that are alive at one time do not overlap. Greedy by size: Pisarchyk and Lee, "Efficient Memory
Management for Deep Neural Net Inference" (2020), section 5.2.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

#: Every value starts at a multiple of this many bytes: a cache line, and the widest vector register.
ALIGNMENT: Final = 64


@dataclass(frozen=True)
class Lifetime:
    """A buffer of ``nbytes`` that is in use from step ``first`` to step ``last``, both included."""

    first: int
    last: int
    nbytes: int


def assign(lifetimes: Sequence[Lifetime]) -> tuple[list[int], int]:
    """The offset of each buffer, and the bytes that all need together."""
    count = len(lifetimes)
    offsets = np.zeros(count, np.int64)
    #: Those that have a place, by where they start: offset, end, first and last step.
    placed = np.zeros((4, 0), np.int64)
    for number in sorted(range(count), key=lambda each: -lifetimes[each].nbytes):
        own = lifetimes[number]
        size = aligned(own.nbytes)
        alive = placed[:2, (placed[2] <= own.last) & (own.first <= placed[3])]
        # Behind those that start earlier, up to the next one; at last behind all.
        free_from = np.maximum.accumulate(np.append(0, alive[1]))
        fits = np.append(alive[0] - free_from[:-1] >= size, True)
        start = free_from[int(np.argmax(fits))]
        offsets[number] = start
        entry = np.array((start, start + size, own.first, own.last))
        placed = np.insert(placed, int(np.searchsorted(placed[0], start)), entry, axis=1)
    return offsets.tolist(), int(placed[1].max(initial=0))


def aligned(nbytes: int) -> int:
    """The next multiple of `ALIGNMENT`."""
    return -(-nbytes // ALIGNMENT) * ALIGNMENT
