"""What a kernel's parameters stand for, and kernels with them."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from ...ir.graph import Operation, Value
from .driver import Kernel
from .expressions import TRITON_NAMES, computed, stored


@dataclass(frozen=True)
class Check:
    """A bound that a kernel checks: the operation, the axis, its size."""

    op: Operation
    axis: int
    size: int


@dataclass(eq=False)
class Checks:
    """The bounds that a program checks, by number; a kernel that finds one broken writes 1 and the index."""

    found: list[Check] = field(default_factory=list)


@dataclass(frozen=True, eq=False)
class Temporary:
    """Memory that a few kernels share: so many elements of a type."""

    size: int
    element: str
    what: str

    @property
    def nbytes(self) -> int:
        """Bytes of it."""
        return self.size * np.dtype(self.element).itemsize


#: What a kernel's parameter stands for: a value in memory, the program's checks, shared memory, or a number.
Slot = Value | Checks | Temporary | int


@dataclass(frozen=True)
class Launch:
    """A kernel, and what its pointers stand for."""

    kernel: Kernel
    slots: tuple[Slot, ...]
    #: Kernels that compute the same, of which the fastest may be chosen.
    others: tuple[Kernel, ...] = ()

    def with_numbers(self, *numbers: int) -> Launch:
        """The kernel with other numbers in the places of its last parameters."""
        return Launch(self.kernel, (*self.slots[: -len(numbers)], *numbers))


def computed_name(slot: Slot) -> str:
    """What follows a load from a slot, so that it gives the element type that is computed in."""
    if not isinstance(slot, Value):
        return ""
    dtype = slot.type.dtype
    return f".to(tl.{computed(dtype)})" if computed(dtype) != TRITON_NAMES[dtype] else ""


def element_of(slot: Slot) -> str:
    """The element type that a slot's address points to."""
    if isinstance(slot, Value):
        return stored(slot.type.dtype)
    return slot.element if isinstance(slot, Temporary) else "int64"


def shown(slot: Slot) -> str:
    """A slot in a comment."""
    if isinstance(slot, Checks):
        return "where broken bounds are told"
    if isinstance(slot, Temporary):
        return f"{slot.what}, {slot.size} of {slot.element}"
    if isinstance(slot, int):
        return "a number"
    return f"{slot.owner.name} {slot.type}"
