"""Where values lie in memory that they share: first fit, larger ones first.

The offsets of values that are alive at one time do not overlap. Greedy by size: Pisarchyk and Lee, "Efficient Memory
Management for Deep Neural Net Inference" (2020), section 5.2.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

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
    offsets = [0] * len(lifetimes)
    placed: list[int] = []
    total = 0
    for number in sorted(range(len(lifetimes)), key=lambda each: -lifetimes[each].nbytes):
        own = lifetimes[number]
        start = 0
        for other in placed:
            theirs = lifetimes[other]
            if theirs.first <= own.last and own.first <= theirs.last:
                if offsets[other] - start >= own.nbytes:
                    break
                start = max(start, aligned(offsets[other] + theirs.nbytes))
        offsets[number] = start
        total = max(total, aligned(start + own.nbytes))
        placed.append(number)
        placed.sort(key=offsets.__getitem__)
    return offsets, total


def aligned(nbytes: int) -> int:
    """The next multiple of `ALIGNMENT`."""
    return -(-nbytes // ALIGNMENT) * ALIGNMENT
