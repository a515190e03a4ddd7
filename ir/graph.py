"""The program graph: SSA over one networkx multigraph.

Nodes are operations. An edge runs from the operation that produces a value to one that uses it; its
key is ``(result index, operand index)``. Beside the edges the operations stand in a linked list,
the *program order*, in which every value is defined before it is used, so a pass walks the program
without sorting it. This module alone changes either.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import networkx as nx

from .definition import OpDefinition
from .display import Displayed
from .location import UNKNOWN, Location
from .types import TensorType


class Value(Displayed):
    """The ``index``-th result of the operation ``owner``. ``name`` is a hint for printing."""

    __slots__ = ("index", "name", "owner", "type")

    def __init__(self, owner: Operation, index: int, type: TensorType, name: str = "") -> None:
        self.owner = owner
        self.index = index
        self.type = type
        self.name = name

    def __repr__(self) -> str:
        return f"<Value {self.owner.name}#{self.index}: {self.type}>"


class Operation:
    """One node: ``definition``, ``operands``, ``results``, ``attributes``, ``regions``, ``location``.

    An operation is made detached and enters a graph by `Graph.insert`. Its operands are changed by
    the graph only.
    """

    __slots__ = (
        "attributes",
        "definition",
        "graph",
        "location",
        "name",
        "next",
        "operands",
        "previous",
        "regions",
        "results",
    )

    def __init__(
        self,
        definition: OpDefinition,
        operands: tuple[Value, ...],
        attributes: Mapping[str, Any],
        result_types: Sequence[TensorType],
        regions: tuple[Graph, ...] = (),
        location: Location = UNKNOWN,
    ) -> None:
        self.definition = definition
        #: Dialect and mnemonic, such as ``tensor.sin``.
        self.name = definition.name
        self.operands = operands
        self.attributes = attributes
        self.results = tuple([Value(self, index, type) for index, type in enumerate(result_types)])
        self.regions = regions
        self.location = location
        self.graph: Graph | None = None
        self.previous: Operation | None = None
        self.next: Operation | None = None

    @property
    def result(self) -> Value:
        """The only result."""
        (value,) = self.results
        return value

    def __repr__(self) -> str:
        return f"<Operation {self.name}>"


def _no_inference(operands: Sequence[TensorType], attributes: Mapping[str, Any]) -> tuple[TensorType, ...]:
    return ()


#: The pseudo-operations at a graph's two ends; they are not in the registry and not in program order.
ARGUMENT = OpDefinition("func.argument", (), (), _no_inference)
RETURN = OpDefinition("func.return", ("values",), (), _no_inference, variadic=True)


def make_argument(type: TensorType, name: str = "", location: Location = UNKNOWN) -> Value:
    """A function's argument that belongs to no graph yet; see `Graph.adopt_input`."""
    value = Operation(ARGUMENT, (), {}, (type,), (), location).results[0]
    value.name = name
    return value


class Graph(Displayed):
    """One function: inputs, operations in program order, outputs.

    ``attributes`` carries what passes tell each other about the function (see docs/ir.md).
    """

    def __init__(self, name: str, attributes: Mapping[str, Any] | None = None) -> None:
        self.name = name
        self.attributes: dict[str, Any] = dict(attributes or {})
        self._network: nx.MultiDiGraph[Operation] = nx.MultiDiGraph()
        #: networkx's own {producer: {user: {(result, operand): data}}}; its public views are several times slower.
        self._adjacency: dict[Operation, dict[Operation, dict[tuple[int, int], Any]]]
        self._adjacency = self._network._adj  # type: ignore[attr-defined]
        self._arguments: list[Value] = []
        self._exit = Operation(RETURN, (), {}, ())
        self._exit.graph = self
        self._network.add_node(self._exit)
        self._first: Operation = self._exit
        self._count = 0

    # --- looking ---------------------------------------------------------------------------------

    @property
    def inputs(self) -> tuple[Value, ...]:
        """The function's arguments."""
        return tuple(self._arguments)

    @property
    def outputs(self) -> tuple[Value, ...]:
        """The values that the function returns."""
        return self._exit.operands

    @property
    def end(self) -> Operation:
        """The return operation: the insertion point behind all others."""
        return self._exit

    @property
    def network(self) -> nx.MultiDiGraph[Operation]:
        """A read-only view, for networkx's own algorithms. Arguments and the return are nodes too."""
        return self._network.copy(as_view=True)

    def __len__(self) -> int:
        return self._count

    def __iter__(self) -> Iterator[Operation]:
        """The operations in program order. The current one may be erased, and others inserted."""
        op = self._first
        while op is not self._exit:
            following = op.next
            yield op
            # The successor is read again where it was replaced or preceded by new operations meanwhile.
            op = op.next if op.graph is self else following  # type: ignore[assignment]

    def __reversed__(self) -> Iterator[Operation]:
        """The operations from last to first. The current one may be erased."""
        op = self._exit.previous
        while op is not None:
            before = op.previous
            yield op
            op = op.previous if op.graph is self else before

    def uses(self, value: Value) -> list[tuple[Operation, int]]:
        """Who uses ``value``, as (operation, operand index); the return operation included."""
        index = value.index
        return [
            (user, key[1]) for user, edges in self._adjacency[value.owner].items() for key in edges if key[0] == index
        ]

    def is_used(self, op: Operation) -> bool:
        """Whether any result of ``op`` has a use."""
        return bool(self._adjacency[op])

    def has_one_use(self, value: Value) -> bool:
        """Whether exactly one operand is ``value``."""
        adjacent = self._adjacency[value.owner]
        return len(adjacent) == 1 and len(self.uses(value)) == 1

    # --- changing --------------------------------------------------------------------------------

    def add_input(self, type: TensorType, name: str = "", location: Location = UNKNOWN) -> Value:
        """Append an argument."""
        value = make_argument(type, name, location)
        self.adopt_input(value)
        return value

    def adopt_input(self, value: Value) -> None:
        """Append an argument that was made elsewhere (by tracing) and belongs to no graph yet."""
        value.owner.graph = self
        self._network.add_node(value.owner)
        self._arguments.append(value)

    def remove_input(self, index: int) -> None:
        """Remove an argument that nothing uses."""
        value = self._arguments[index]
        if self.is_used(value.owner):
            raise ValueError(f"argument {index} of @{self.name} is in use and cannot be removed")
        del self._arguments[index]
        self._network.remove_node(value.owner)
        value.owner.graph = None

    def reorder_inputs(self, order: Sequence[int]) -> None:
        """Make the argument at ``order[i]`` the ``i``-th."""
        if sorted(order) != list(range(len(self._arguments))):
            raise ValueError(f"{list(order)} is no permutation of {len(self._arguments)} arguments")
        self._arguments = [self._arguments[index] for index in order]

    def insert(self, op: Operation, before: Operation | None = None) -> Operation:
        """Put a detached operation into the program, by default at its end."""
        anchor = self._exit if before is None else before
        op.graph = self
        op.next = anchor
        op.previous = anchor.previous
        if anchor.previous is None:
            self._first = op
        else:
            anchor.previous.next = op
        anchor.previous = op
        self._count += 1
        network = self._network
        network.add_node(op)
        for position, value in enumerate(op.operands):
            network.add_edge(value.owner, op, (value.index, position))
        return op

    def append(self, op: Operation) -> None:
        """`insert` at the end: the sink protocol of `Builder`."""
        self.insert(op)

    def erase(self, op: Operation) -> None:
        """Remove an operation whose results nothing uses."""
        if self.is_used(op):
            raise ValueError(f"{op.name} is in use and cannot be erased")
        self._unlink(op)
        self._count -= 1
        self._network.remove_node(op)
        op.graph = None

    def move(self, op: Operation, before: Operation) -> None:
        """Move an operation in program order; its edges stay."""
        if op is before:
            return
        self._unlink(op)
        op.next, op.previous = before, before.previous
        if before.previous is None:
            self._first = op
        else:
            before.previous.next = op
        before.previous = op

    def _unlink(self, op: Operation) -> None:
        if op.previous is None:
            assert op.next is not None
            self._first = op.next
        else:
            op.previous.next = op.next
        if op.next is not None:
            op.next.previous = op.previous

    def set_operand(self, op: Operation, position: int, value: Value) -> None:
        """Let operand ``position`` of ``op`` be ``value``."""
        old = op.operands[position]
        self._network.remove_edge(old.owner, op, (old.index, position))
        self._network.add_edge(value.owner, op, (value.index, position))
        op.operands = (*op.operands[:position], value, *op.operands[position + 1 :])

    def set_outputs(self, values: Iterable[Value]) -> None:
        """Let the function return ``values``."""
        op = self._exit
        for position, old in enumerate(op.operands):
            self._network.remove_edge(old.owner, op, (old.index, position))
        op.operands = tuple(values)
        for position, value in enumerate(op.operands):
            self._network.add_edge(value.owner, op, (value.index, position))

    def replace_all_uses(self, old: Value, new: Value) -> None:
        """Let everything that used ``old`` use ``new``."""
        if old is new:
            return
        changed: dict[Operation, dict[int, Value]] = {}
        for user, position in self.uses(old):
            changed.setdefault(user, {})[position] = new
        self._set_many(changed)

    def replace(self, op: Operation, values: Sequence[Value]) -> None:
        """Let ``values`` stand for the results of ``op``, and erase it."""
        changed: dict[Operation, dict[int, Value]] = {}
        for user, edges in self._adjacency[op].items():
            changed[user] = {position: values[index] for index, position in edges}
        self._set_many(changed)
        for result, value in zip(op.results, values, strict=True):
            if result.name and not value.name:
                value.name = result.name
        self.erase(op)

    def _set_many(self, changed: Mapping[Operation, Mapping[int, Value]]) -> None:
        network = self._network
        for user, at in changed.items():
            operands = list(user.operands)
            for position, value in at.items():
                old = operands[position]
                network.remove_edge(old.owner, user, (old.index, position))
                network.add_edge(value.owner, user, (value.index, position))
                operands[position] = value
            user.operands = tuple(operands)

    # --- copying ---------------------------------------------------------------------------------

    def clone(self, name: str | None = None) -> Graph:
        """A copy that shares no node with this graph."""
        copy = Graph(self.name if name is None else name, self.attributes)
        mapping: dict[Value, Value] = {}
        for value in self._arguments:
            mapping[value] = copy.add_input(value.type, value.name, value.owner.location)
        copy.set_outputs(self.copy_into(copy, mapping))
        return copy

    def copy_into(self, target: Graph, mapping: dict[Value, Value], before: Operation | None = None) -> list[Value]:
        """Copy the operations into ``target``; ``mapping`` gives the arguments' stand-ins, and is
        filled with every other value's. Returns the stand-ins of the outputs."""
        copy_operations(self, target, mapping, before)
        return [mapping[value] for value in self.outputs]

    def absorb(self, other: Graph, arguments: Sequence[Value], before: Operation) -> list[Value]:
        """Move the operations of ``other``, which is used up, to ``before``; ``arguments`` stand for its
        inputs. Returns its outputs, now values of this graph. Costs no copies: the smaller program moves into the
        larger one's network."""
        outputs = other.outputs
        other.set_outputs(())
        given = dict(zip(other.inputs, arguments, strict=True))
        outputs = tuple(given.get(value, value) for value in outputs)
        operations = list(other)
        uses = {value: other.uses(value) for value in given}
        other._network.remove_nodes_from([value.owner for value in given] + [other._exit])
        small, large = self._network, other._network
        if len(large) < len(small):
            small, large = large, small
        large.add_nodes_from(small)
        large.add_edges_from(small.edges(keys=True))
        self._network = large
        self._adjacency = large._adj  # type: ignore[attr-defined]
        for op in operations:
            op.graph = self
        self._link(operations, before)
        for value, places in uses.items():
            for user, position in places:
                stand_in = given[value]
                large.add_edge(stand_in.owner, user, (stand_in.index, position))
                user.operands = (*user.operands[:position], stand_in, *user.operands[position + 1 :])
        return list(outputs)

    def _link(self, operations: Sequence[Operation], before: Operation) -> None:
        """Put operations that are linked to each other before one of this graph's."""
        if not operations:
            return
        first, last, previous = operations[0], operations[-1], before.previous
        first.previous, last.next, before.previous = previous, before, last
        if previous is None:
            self._first = first
        else:
            previous.next = first
        self._count += len(operations)

    # --- showing ---------------------------------------------------------------------------------

    def to_networkx(self) -> nx.MultiDiGraph[int]:
        """A copy as a plain networkx graph, which the caller may change.

        Nodes are numbers in program order: arguments, operations, the return. Each has ``name`` (the operation's),
        ``value`` (such as ``%3``), ``type``, ``label``, ``attributes``, ``order`` (of the derivative) and ``location``.
        Edges have ``value`` and ``type``, and ``result`` and ``operand``, the indices at both ends, as their key.
        """
        from .export import to_networkx

        return to_networkx(self)

    def to_dot(self) -> str:
        """Graphviz's text: a box an operation, an edge an operand with its shape."""
        from .export import to_dot

        return to_dot(self)

    def __str__(self) -> str:
        from .printer import print_graph

        return print_graph(self)


def copy_operations(
    operations: Iterable[Operation], target: Graph, mapping: dict[Value, Value], before: Operation | None = None
) -> None:
    """Copy operations into ``target``, in their order. ``mapping`` gives the stand-ins of what they use, and is filled
    with those of their results."""
    for op in operations:
        operands = tuple([mapping[value] for value in op.operands])
        regions = tuple([region.clone() for region in op.regions])
        types = [value.type for value in op.results]
        copied = Operation(op.definition, operands, op.attributes, types, regions, op.location)
        for value, fresh in zip(op.results, copied.results, strict=True):
            fresh.name = value.name
            mapping[value] = fresh
        target.insert(copied, before)
