"""Batching: an operation done for many examples at once.

A batched value has its examples along a leading axis. What that means for an operation follows from its
attributes, whose names mean the same in every operation: axes move by one, shapes get a leading size. An operation for
which that is not the whole story states ``batch(b, size, batched, x, y, *, attribute)`` itself: its
operands with flags that say which are batched, and the batched result.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final

from ..ir.builder import Builder
from ..ir.errors import DefinitionError
from ..ir.graph import Operation, Value


def _later(value: tuple[int, ...]) -> tuple[int, ...]:
    return tuple(axis + 1 for axis in value)


#: What an attribute is behind a leading axis of the given size, by its name.
ATTRIBUTES: Final[dict[str, Callable[[Any, int], Any]]] = {
    "axis": lambda axis, size: axis + 1,
    "axes": lambda axes, size: _later(axes),
    "dims": lambda dims, size: (0, *_later(dims)),
    "permutation": lambda permutation, size: (0, *_later(permutation)),
    "shape": lambda shape, size: (size, *shape),
    "sizes": lambda sizes, size: (size, *sizes),
    "starts": lambda starts, size: (0, *starts),
    "steps": lambda steps, size: (1, *steps),
    "low": lambda low, size: (0, *low),
    "high": lambda high, size: (0, *high),
    "interior": lambda interior, size: (0, *interior),
    "direction": lambda direction, size: direction,
    "dtype": lambda dtype, size: dtype,
    "reverse": lambda reverse, size: reverse,
    "n": lambda n, size: n,
    "function": lambda function, size: function,
    "cutoff": lambda cutoff, size: cutoff,
}


def with_batch(b: Builder, value: Value, batched: bool, size: int) -> Value:
    """``value`` with the batch axis: repeated along it where it has none."""
    if batched:
        return value
    shape = value.type.shape
    repeated: Value = b.broadcast_in_dim(value, shape=(size, *shape), dims=tuple(range(1, len(shape) + 1)))
    return repeated


def can_batch(rules: Any) -> bool:
    """Whether an operation has a batching rule, its own or the common one."""
    return hasattr(rules.cls, "batch") or all(name in ATTRIBUTES for name in rules.attributes)


def batch(
    b: Builder, op: Operation, operands: Sequence[Value], batched: Sequence[bool], size: int
) -> tuple[Value, ...]:
    """The results of ``op`` for ``size`` examples, all batched.

    ``operands`` stand for its own, those with a flag in ``batched`` with a leading axis of ``size``.
    Raises `DefinitionError` for an operation without a rule.
    """
    rules = op.definition.rules
    if hasattr(rules.cls, "batch"):
        found = rules.cls.batch(b, size, batched, *operands, **op.attributes)
        return found if isinstance(found, tuple) else (found,)
    if not can_batch(rules):
        unknown = [name for name in rules.attributes if name not in ATTRIBUTES]
        raise DefinitionError(
            f"'{op.name}' at {op.location} has no batching rule: state `batch`, since nothing says what its attributes "
            f"{', '.join(unknown)} are behind a leading axis"
        )
    values = [with_batch(b, value, flag, size) for value, flag in zip(operands, batched, strict=True)]
    attributes = {name: ATTRIBUTES[name](value, size) for name, value in op.attributes.items()}
    return b.create(op.definition, tuple(values), attributes).results
