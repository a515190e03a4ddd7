"""Generated Python: one readable line an operation, on the scheduled graph.

NumPy broadcasts by itself, so a constant that fills a shape is written as a number, and a broadcast that
only element-wise operations read is not materialised. Large intermediates are dropped after their last use.
"""

from __future__ import annotations

import functools
import itertools
from collections.abc import Callable, Sequence
from typing import Any, Final

import numpy as np

from ...ir.attributes import Dense
from ...ir.graph import Graph, Operation, Value
from ...ir.module import Module
from ...ir.types import TensorType, bfloat16
from ...ops.contraction import PRODUCTS, multiply_adds
from ...ops.kernel import FUSED
from ...passes.lower.memory import VIEWS
from .bufferize import offsets_of
from .control import CONTROL
from .numbers import literal, named
from .selection import select
from .sines import by_tangent, cosine, sine, sines
from .table import LOWERINGS, Lowering, dtype_text, into_of, mul_no_nan, pad_around, template_of

#: Intermediates of at least this many bytes are deleted as soon as nothing needs them.
DELETE_FROM: Final = 1 << 16
#: BLAS takes several threads for products of as many multiply-adds, or not much more.
THREADED_FROM: Final = 1 << 14
_PLAIN: Final = Lowering()
#: What every program may name; functions without NumPy's name in front, which would be looked up at each call.
_GLOBALS: Final[dict[str, Any]] = {
    **{name: value for name, value in vars(np).items() if isinstance(value, np.ufunc)},
    **{name: getattr(np, name) for name in ("concatenate", "where", "zeros")},
    **{function.__name__: function for function in (mul_no_nan, select, sine, cosine, sines)},
    "np": np,
    "bfloat16": bfloat16.type,
}


class Codegen:
    """Writes the program of one graph, and of the functions of ``module`` that its loops and choices run."""

    def __init__(self, graph: Graph, module: Module, annotate: bool = False, outer: Codegen | None = None) -> None:
        self.graph = graph
        self.module = module
        self.annotate = annotate
        #: How many times as large the values are of which this is a part.
        self.cut = 1.0
        #: Shared by all functions of a program: globals, the sources written, Python names by function.
        self.namespace: dict[str, Any] = dict(_GLOBALS) if outer is None else outer.namespace
        self.sources: list[str] = [] if outer is None else outer.sources
        self.functions: dict[str, str] = {} if outer is None else outer.functions
        #: What runs a kernel, by name: the functions for a block and for what is left, and what `Kernel` takes besides.
        self.kernels: dict[str, tuple[list[str], tuple[Any, ...]]] = {} if outer is None else outer.kernels
        #: Functions whose statements stand within others.
        self.bodies: list[Graph] = [] if outer is None else outer.bodies
        self.lines: list[str] = []
        #: What comes before the program's lines.
        self.head: list[str] = []
        self._places = offsets_of(graph)
        self._arena: dict[tuple[int, TensorType], str] = {}
        self._numbers = itertools.count(1)
        #: The variable that holds a value at its full shape.
        self.names: dict[Value, str] = {value: f"a{i}" for i, value in enumerate(graph.inputs)}
        #: A value's unbroadcast stand-in: its expression and shape.
        self.compact: dict[Value, tuple[str, tuple[int, ...]]] = {}
        self._splats: dict[Value, Dense] = {}
        #: 0-d values in the form that operations on arrays take, and in that which operations on numbers take.
        self._arrays: dict[Value, str] = {}
        self._numbers_of: dict[Value, str] = {}
        self._constants: dict[Dense, str] = {}
        self._last_use = self._find_last_uses()
        self._storage: dict[Value, Value] = {}
        #: Results that may show memory of anything.
        self._borrowed: set[Value] = set()

    def program(self) -> str:
        """The whole source, which ends in ``def program(...)``."""
        self.sources.append(self._function("program", self._results))
        return "\n\n".join(self.sources)

    @property
    def calls_blas(self) -> bool:
        """Whether the program has a product for which BLAS takes several threads; kernels' sums are products."""
        graphs = [self.graph, *(self.module[name] for name in self.functions), *self.bodies]
        regions = [region for graph in graphs for op in graph for region in op.regions]
        if any(op.name == "tensor.reduce_sum" for region in regions for op in region):
            return True
        return any(multiply_adds(op) >= THREADED_FROM for graph in (*graphs, *regions) for op in graph)

    def inner(self, name: str) -> str:
        """The Python name of a function of the module, which is written before this one."""
        if name not in self.functions:
            self.functions[name] = f"{name}_"
            inner = Codegen(self.module[name], self.module, self.annotate, self)
            self.sources.append(inner._function(f"{name}_", inner._values))
        return self.functions[name]

    def statements(self) -> None:
        """Write all operations, but for the return."""
        for op in self.graph:
            self._statement(op)
            self._delete(op)

    def _statement(self, op: Operation) -> None:
        start = len(self.lines)
        self._operation(op)
        if self.annotate and len(self.lines) > start:
            self.lines[-1] += f"  # {_comment(op)}"

    def _function(self, name: str, results: Callable[[], str]) -> str:
        self.statements()
        arena = ["arena"] if self._places else []
        arguments = ", ".join([*arena, *(self.names[value] for value in self.graph.inputs)])
        returned = results()
        body = "\n    ".join([*self.head, *self.lines, f"return {returned}"])
        return f"def {name}({arguments}):\n    {body}\n"

    def fresh(self) -> str:
        """The name of a variable that no other has."""
        return f"v{next(self._numbers)}"

    # --- operands --------------------------------------------------------------------------------

    def bind(self, prefix: str, value: Any) -> str:
        """A global name for a value that the source cannot spell."""
        name = f"{prefix}{len(self.namespace) - len(_GLOBALS)}"
        self.namespace[name] = value
        return name

    def full(self, value: Value) -> str:
        """An expression of ``value`` at its own shape."""
        name = self.names.get(value)
        if name is not None:
            return name
        if value in self._splats:
            dense = self._splats[value]
            name = self._constants.get(dense)
            if name is None:
                name = self._constants[dense] = self.bind("c", dense.expand() if dense.type.rank else dense.data[()])
        else:
            expression, _ = self.compact[value]
            name = self.fresh()
            self.lines.append(f"{name} = np.broadcast_to({expression}, {value.type.shape})")
        self.names[value] = name
        return name

    def _short(self, value: Value, among_arrays: bool, spelt: bool) -> tuple[str, tuple[int, ...]]:
        """The cheapest expression that broadcasts to ``value``, and its shape. A number among numbers is ``spelt``,
        if Python can, where another operand has a type for it to take."""
        if value in self._splats:
            scalar = Dense(self._splats[value].data)
            text = named(scalar, self.namespace) if among_arrays else literal(scalar) if spelt else None
            if text is None:
                text = self._constants.get(scalar)
                if text is None:
                    text = self._constants[scalar] = self.bind("c", scalar.data[()])
            return text, ()
        if value in self.compact and value not in self.names:
            return self.compact[value]
        return self.full(value) if among_arrays else self._for_numbers(value), value.type.shape

    def _broadcasting(self, op: Operation) -> list[str]:
        """Operands of an element-wise operation, left to NumPy to broadcast."""
        wanted = op.result.type.shape
        spelt = len(op.operands) == 2 and op.name != "ad.mul_no_nan" and not self._splats.keys() >= set(op.operands)
        short = [self._short(value, bool(wanted), spelt) for value in op.operands]
        shapes = [shape for _, shape in short]
        if wanted not in shapes and np.broadcast_shapes(*shapes) != wanted:
            short[0] = (self.full(op.operands[0]), wanted)
        return [text for text, _ in short]

    # --- operations ------------------------------------------------------------------------------

    def _operation(self, op: Operation) -> None:
        if op.name == "tensor.constant":
            self._constant(op)
        elif op.name == "tensor.iota" and op.result.type.nbytes < DELETE_FROM:
            self.names[op.result] = self.bind("c", op.definition.rules.evaluate(**op.attributes))
        elif op.name == "tensor.broadcast_in_dim":
            self._broadcast(op)
        elif op.name in CONTROL:
            CONTROL[op.name](self, op)
            if op.definition is not FUSED:
                self._borrowed.update(op.results)
        else:
            self._general(op)

    def _constant(self, op: Operation) -> None:
        dense: Dense = op.attributes["value"]
        if dense.is_splat:
            self._splats[op.result] = dense
        else:
            self.names[op.result] = self.bind("c", dense.expand())

    def _broadcast(self, op: Operation) -> None:
        x = op.operands[0]
        if not x.type.rank and x not in self._splats:
            self.compact[op.result] = (self._for_arrays(x, len(self.graph.uses(op.result))), ())
            self._storage[op.result] = self._root(x)
            return
        expression, natural = self._unrepeated(op)
        if natural != x.type.shape:
            name = self.fresh()
            self.lines.append(f"{name} = {expression}")
            expression = name
        self.compact[op.result] = (expression, natural)
        self._storage[op.result] = self._root(x)

    def _unrepeated(self, op: Operation) -> tuple[str, tuple[int, ...]]:
        """What NumPy broadcasts to the result of a broadcast, and its shape."""
        x, dims = op.operands[0], op.attributes["dims"]
        kept = [x.type.shape[dims.index(axis)] if axis in dims else 1 for axis in range(op.result.type.rank)]
        while kept and kept[0] == 1:
            del kept[0]
        natural = tuple(kept)
        source = self.full(x)
        return source if natural == x.type.shape else f"{source}.reshape({natural})", natural

    def _for_arrays(self, x: Value, uses: int) -> str:
        """A 0-d value that operations on arrays read: where that is more than once, as the array that each would
        make of it."""
        if uses > 1 and x not in self._arrays:
            name = self._arrays[x] = self.fresh()
            self.lines.append(f"{name} = np.asarray({self.full(x)})")
        return self._arrays.get(x) or self.full(x)

    def _for_numbers(self, x: Value) -> str:
        """A 0-d value that operations on numbers read: an argument is an array, with which they take ten times as
        long."""
        if not self._is_argument(x):
            return self.full(x)
        name = self._numbers_of.get(x)
        if name is None:
            name = self._numbers_of[x] = self.fresh()
            self.head.append(f"{name} = {self.names[x]}[()]")
        return name

    def _is_number(self, x: Value) -> bool:
        """Whether a 0-d value is one of NumPy's numbers, and no array, for certain."""
        op = x.owner
        if op.definition is FUSED:
            return True
        if op.definition.rules is None or op.name in VIEWS or template_of(op) is None:
            return False
        return op.definition.rules.cls.elementwise or op.name.startswith("tensor.reduce_") or op.name in PRODUCTS

    def _is_argument(self, x: Value) -> bool:
        """Whether a value came into the function as an array."""
        return x in self.graph.inputs

    def _general(self, op: Operation) -> None:
        into = self._into(op)
        target = None if into is None else self._target(op.result)
        template = self._template(op) if into is None or target is None else into
        if template is not None and op.definition.rules.cls.elementwise:
            operands = self._broadcasting(op)
        else:
            operands = [self.full(value) for value in op.operands]
        if target is not None:
            assert template is not None
            self.lines.append(template.format(*operands, out=target))
            self.names[op.result] = target
            return
        around = pad_around(op) if op.name == "tensor.pad" else None
        if around is not None:
            name = self.names[op.result] = self.fresh()
            self.lines.append(f"{name} = zeros({op.result.type.shape}, {dtype_text(op.result.type.dtype)})")
            self.lines.append(around.format(*operands, out=name))
            return
        expression = self._call(op, operands) if template is None else template.format(*operands)
        targets = []
        for result in op.results:
            self.names[result] = self.fresh()
            targets.append(self.names[result])
        self.lines.append(f"{', '.join(targets)} = {expression}")
        if op.name in VIEWS:
            self._storage[op.result] = self._root(op.operands[0])

    def _call(self, op: Operation, operands: Sequence[str]) -> str:
        """A call of the operation's kernel, or of its reference meaning."""
        kernel = LOWERINGS.get(op.name, _PLAIN).kernel or op.definition.rules.evaluate
        if op.attributes:
            kernel = functools.partial(kernel, **op.attributes)
        return f"{self.bind(f'{op.definition.mnemonic}_', kernel)}({', '.join(operands)})"

    def _template(self, op: Operation) -> str | None:
        """The code of an operation; None where a function has to be called."""
        function = by_tangent(op, self.cut)
        return f"{function}({{0}})" if function else template_of(op)

    def _into(self, op: Operation) -> str | None:
        """The code of an operation that writes to memory which is there."""
        function = by_tangent(op, self.cut)
        if function:
            return f"{function}({{0}}, {{out}})"
        return into_of(op) if len(op.results) == 1 else None

    def _target(self, value: Value) -> str | None:
        """The name of memory that is there for a value; None where there is none."""
        return self.place(value)

    def place(self, value: Value) -> str | None:
        """The name of a value's place in the arena; None where it has none."""
        offset = self._places.get(value)
        if offset is None:
            return None
        name = self._arena.get((offset, value.type))
        if name is None:
            name = self._arena[offset, value.type] = f"m{len(self._arena)}"
            shape, dtype = value.type.shape, dtype_text(value.type.dtype)
            self.head.append(f"{name} = np.ndarray({shape}, {dtype}, arena, {offset})")
        return name

    # --- memory ----------------------------------------------------------------------------------

    def _root(self, value: Value) -> Value:
        """The value whose memory ``value`` shows."""
        return self._storage.get(value, value)

    def _find_last_uses(self) -> dict[Operation, list[Value]]:
        """Large intermediates by the operation behind which nothing reads them. A broadcast that is not
        materialised is read through its source, which lives as long."""
        last: dict[Value, Operation] = {}
        for op in self.graph:
            for value in op.operands:
                last[value] = op
                while value.owner.name == "tensor.broadcast_in_dim":
                    value = value.owner.operands[0]
                    last[value] = op
        kept = set(self.graph.outputs)
        for value in self.graph.outputs:
            while value.owner.name == "tensor.broadcast_in_dim":
                value = value.owner.operands[0]
                kept.add(value)
        found: dict[Operation, list[Value]] = {}
        for value, op in last.items():
            made = value.owner.name not in ("tensor.constant", "func.argument")
            if value.type.nbytes >= DELETE_FROM and value not in kept and made:
                found.setdefault(op, []).append(value)
        return found

    def _delete(self, op: Operation) -> None:
        names = [
            self.names[value]
            for value in self._last_use.get(op, ())
            if value in self.names and self.names[value][0] == "v"
        ]
        if names:
            self.lines.append(f"del {', '.join(names)}")

    def _results(self) -> str:
        """The outputs: scalars for 0-d, and memory that nothing else shows."""
        shown: set[Value] = set(self.graph.inputs)
        parts = []
        for value in self.graph.outputs:
            root = self._root(value)
            text = self.full(value)
            constant = value in self._splats or root.owner.name in ("tensor.constant", "tensor.iota")
            if value.type.rank == 0:
                text = text if constant or self._is_number(value) else f"{text}[()]"
            elif root in shown or constant or value in self.compact or root in self._borrowed:
                text = f"np.array({text})"
            shown.add(root)
            parts.append(text)
        return _tuple(parts)

    def _values(self) -> str:
        """The outputs of an inner function, as they are."""
        return _tuple([self.full(value) for value in self.graph.outputs])


def _tuple(parts: Sequence[str]) -> str:
    return "(" + ", ".join(parts) + ("," if len(parts) == 1 else "") + ")"


def _comment(op: Operation) -> str:
    location = op.location
    derived = f", order {location.order} of {location.origin}" if location.order else ""
    place = f", {location.file}:{location.line}" if location else ""
    return f"{op.name}{derived}{place}".replace("\n", " ")
