"""Making operations: types inferred, constraints checked, locations attached.

A `Builder` writes into any sink with `append`: a `Graph`, or the list on which tracing records.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Protocol

from .definition import OpDefinition, lookup
from .errors import ConstraintError, DTypeConstraint, DTypeError, ShapeError
from .graph import Graph, Operation, Value
from .location import UNKNOWN, Location


class Sink(Protocol):
    """What a builder writes into."""

    def append(self, op: Operation, /) -> None:
        """Take an operation at the end."""


class Builder:
    """Creates operations at an insertion point.

    Every registered operation of the tensor dialect is a method: ``b.mul(x, y)``,
    ``b.reduce_sum(x, axes=(0,))``; a method returns the result (a tuple of several).
    ``location`` is given to each operation made.
    """

    __slots__ = ("before", "location", "sink")

    def __init__(self, sink: Sink, before: Operation | None = None, location: Location = UNKNOWN) -> None:
        self.sink = sink
        self.before = before
        self.location = location

    def create(
        self,
        definition: OpDefinition,
        operands: tuple[Value, ...],
        attributes: Mapping[str, Any],
        regions: tuple[Graph, ...] = (),
    ) -> Operation:
        """Make an operation, infer its result types and insert it.

        Raises `ShapeError` or `DTypeError` naming operation, constraint, numbers and user's line.
        """
        try:
            types = definition.infer([value.type for value in operands], attributes)
        except ConstraintError as error:
            raise located(definition.name, error, self.location) from None
        op = Operation(definition, operands, attributes, types, regions, self.location)
        if self.before is None:
            self.sink.append(op)
        else:
            assert isinstance(self.sink, Graph)
            self.sink.insert(op, self.before)
        return op

    def build(self, name: str, *operands: Value, **attributes: Any) -> Operation:
        """Make an operation by its full name."""
        return self.create(lookup(name), operands, attributes)

    if TYPE_CHECKING:

        def __getattr__(self, name: str) -> Callable[..., Value]: ...


def located(name: str, error: ConstraintError, location: Location) -> ShapeError | DTypeError:
    """The public error for a broken constraint of operation ``name``."""
    where = f", at {location}" if location else ""
    kind = DTypeError if isinstance(error, DTypeConstraint) else ShapeError
    return kind(f"{name} {error}{where}")


def install_method(definition: OpDefinition) -> None:
    """Give `Builder` a method for an operation, named by its mnemonic."""
    attributes_of: Sequence[str] = definition.attributes
    if len(definition.operands) == 1 and not definition.variadic and not attributes_of:

        def unary(self: Builder, x: Value) -> Any:
            results = self.create(definition, (x,), {}).results
            return results[0] if len(results) == 1 else results

        setattr(Builder, definition.mnemonic, unary)
        return

    def method(self: Builder, *operands: Value, **attributes: Any) -> Any:
        results = self.create(definition, operands, attributes).results
        return results[0] if len(results) == 1 else results

    method.__name__ = definition.mnemonic
    method.__doc__ = definition.doc
    setattr(Builder, definition.mnemonic, method)
