"""Generated Python for loops: what a step computes goes to memory that all steps share.

Calls of NumPy functions on short arrays take the time, so a step has as few as possible. In front of the loop stand
the buffers of its intermediates, and the views of these and of the loop's constants. A carried value has one buffer too
where its new value can be written over the old one, and is a new array in each step elsewhere. A concatenation is
assignments to parts of its buffer, or nothing where what is put together is computed there.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from ...ir.graph import Operation, Value
from ...ir.types import TensorType
from ...ops.contraction import PRODUCTS
from ...ops.control import SCAN, Loop
from ...passes.lower.arena import Lifetime, assign
from ...passes.lower.memory import VIEWS, Buffers, may_write_over, roots
from .codegen import Codegen
from .control import CONTROL, bind_results
from .table import dot_into, dtype_text

#: What gives an array again that shows its operand's memory, if that is not contiguous: it may be a copy.
_RESHAPING: Final = frozenset(("tensor.reshape", "tensor.broadcast_in_dim"))

#: Loops of fewer steps have no buffers, which would take longer to make than they save.
FEW: Final = 4


class Step(Codegen):
    """Writes the steps of a `control.scan`."""

    def __init__(self, outer: Codegen, loop: Loop) -> None:
        super().__init__(outer.module[loop.body], outer.module, outer.annotate, outer)
        outer.bodies.append(self.graph)
        self._numbers = outer._numbers
        self.loop = loop
        #: Lines in front of the loop, and in front of all loops around it.
        self.before = self.head
        self.setup: list[str] = outer.setup if isinstance(outer, Step) else self.before
        self._has_buffers = isinstance(outer, Step) or loop.length >= FEW
        #: What a loop's variables run over.
        self.over: dict[str, str] = {}
        count, last = len(loop.carry), len(loop.carry) + len(loop.xs)
        inputs, outputs = self.graph.inputs, self.graph.outputs
        self.carried, self.rows, self.consts = inputs[:count], inputs[count:last], inputs[last:]
        self.nexts, self.stacked = outputs[:count], outputs[count:]
        #: Values that are the same array in every step, and those of them whose elements never change.
        self._fixed: set[Value] = set()
        self._steady: set[Value] = set()
        #: Fixed values that show buffers of this loop alone.
        self._own: set[Value] = set()
        #: Fixed values whose elements lie in order, without gaps.
        self._dense: set[Value] = set()
        #: When operations run, and the last one that reads a value or what shows it.
        self._order = {op: step for step, op in enumerate(self.graph)}
        self._last_read: dict[Value, int] = {}
        for op, step in self._order.items():
            self._last_read.update(dict.fromkeys(roots(op.operands), step))
        #: The memory that a value is written to.
        self._targets: dict[Value, str] = {}
        #: Values that are computed where a concatenation has them: that, and where they begin in it.
        self._parts: dict[Value, tuple[Value, int]] = {}

    def write(self, outer: Codegen) -> None:
        """Write the loop into ``outer``."""
        first, xs, consts = (
            [outer.full(value) for value in part] for part in (self.loop.carry, self.loop.xs, self.loop.consts)
        )
        final, ys = bind_results(outer, self.loop.final), bind_results(outer, self.loop.ys)
        self.names = dict(zip(self.graph.inputs, [*final, *(self.fresh() for _ in xs), *consts], strict=True))
        self._steady.update(self.consts)
        self._fixed.update(self.consts)
        self._carry(first)
        for name, value in zip(ys, self.loop.ys, strict=True):
            self.before.append(f"{name} = np.empty({value.type.shape}, {dtype_text(value.type.dtype)})")
        backward = "[::-1]" if self.loop.op.attributes["reverse"] else ""
        self.over.update({self.names[row]: f"{name}{backward}" for row, name in zip(self.rows, xs, strict=True)})
        early, late = self._stores(ys, backward)
        self._plan()
        self.statements()
        stores = [[f"{place} = {self.full(value)}" for place, value in part] for part in (early, late)]
        results = [self.full(value) for value in self.nexts]
        renamed = [(name, result) for name, result in zip(final, results, strict=True) if name != result]
        ends = [" = ".join(", ".join(side) for side in zip(*renamed, strict=True))] if renamed else []
        body = [*stores[0], *self.lines, *stores[1], *ends] or ["pass"]
        variables, arrays = ", ".join(self.over), ", ".join(self.over.values())
        iterated = arrays if len(self.over) == 1 else f"zip({arrays})"
        outer.lines += [*self.before, f"for {variables} in {iterated}:", *(f"    {line}" for line in body)]

    # --- what crosses steps ----------------------------------------------------------------------

    def _carry(self, first: Sequence[str]) -> None:
        """Name the carried values: one buffer for each that is written over, names that are bound anew elsewhere."""
        for value, following, text in zip(self.carried, self.nexts, first, strict=True):
            name = self.names[value]
            if following is value:
                self._steady.add(value)
                self._fixed.add(value)
            elif self._is_written_over(value, following):
                self._targets[following] = name
                self._fixed |= {value, following}
                self._dense |= {value, following}
                text = f"np.array({text}, order='C')"
            elif not value.type.rank:
                text = f"{text}[()]"
            self.before.append(f"{name} = {text}")

    def _is_written_over(self, value: Value, following: Value) -> bool:
        """Whether the new value of a carried one can be written to where the old one is: by an operation behind which
        nothing reads the old one, and to memory that no other result shows. Old values are stacked before."""
        others = [each for each in self.graph.outputs if each is not following and each is not value]
        if not self._has_buffers or not self._is_writable(following) or {value, following} & roots(others):
            return False
        if self.graph.outputs.count(following) > 1 or value in self.nexts:
            return False
        op = following.owner
        read, written = self._last_read.get(value, -1), self._order[op]
        return read < written or (read == written and self._is_in_place(op, value))

    def _is_in_place(self, op: Operation, value: Value) -> bool:
        """Whether an operation may write over its operand, and none of the others shows that."""
        return may_write_over(op, value) and value not in roots([each for each in op.operands if each is not value])

    def _is_writable(self, value: Value) -> bool:
        """Whether there is an operation that can write a value to memory that is there."""
        op = value.owner
        if op.definition.rules is None or op.name in CONTROL or not value.type.rank:
            return False
        return value not in self.graph.inputs and (op.name == "tensor.concatenate" or self._into(op) is not None)

    def _stores(self, ys: Sequence[str], backward: str) -> tuple[list[tuple[str, Value]], list[tuple[str, Value]]]:
        """What is stored in the stacked results at the beginning of a step, and at its end, and where. What can be is
        written there when it is computed."""
        early: list[tuple[str, Value]] = []
        late: list[tuple[str, Value]] = []
        step = ""
        for name, value in zip(ys, self.stacked, strict=True):
            if not value.type.rank:
                # Rows of one number are numbers, not views: they are stored by their index.
                step = step or self.fresh().replace("v", "i")
                place = f"{name}[{step}]"
            else:
                row = self.fresh()
                self.over[row] = f"{name}{backward}"
                if self._is_writable(value) and value not in self._targets and value.owner.name != "tensor.concatenate":
                    self._targets[value] = row
                    continue
                place = f"{row}[...]"
            (early if value in self.graph.inputs else late).append((place, value))
        if step or not self.over:
            length = self.loop.length
            self.over[step or self.fresh().replace("v", "i")] = (
                f"range({length - 1}, -1, -1)" if backward else f"range({length})"
            )
        return early, late

    # --- what does not ---------------------------------------------------------------------------

    def _plan(self) -> None:
        """Buffers for the intermediates that the next step does not see."""
        if not self._has_buffers:
            return
        seen = roots(self.nexts)
        parts = self._parts = dict(self._find_parts(seen))

        def wanted(value: Value) -> bool:
            free = value not in seen and value not in self._targets and value not in parts
            return free and self._is_writable(value)

        buffers = Buffers(self.graph, wanted)
        lifetimes = list(buffers.lifetimes)
        for part, (whole, _) in parts.items():
            number = buffers.number[whole]
            own = lifetimes[number]
            lifetimes[number] = Lifetime(min(own.first, self._order[part.owner]), own.last, own.nbytes)
        offsets, nbytes = assign(lifetimes)
        if not nbytes:
            return
        memory = self.fresh().replace("v", "m")
        self.setup.append(f"{memory} = np.empty({nbytes}, np.uint8)")
        names = [self.fresh().replace("v", "t") for _ in offsets]
        for name, value, offset in zip(names, buffers.owners, offsets, strict=True):
            shape, dtype = value.type.shape, dtype_text(value.type.dtype)
            self.setup.append(f"{name} = np.ndarray({shape}, {dtype}, {memory}, {offset})")
        self._targets.update({value: names[number] for value, number in buffers.number.items()})
        self._dense.update(buffers.number)
        self._own |= {*buffers.number, *parts}
        self._targets.update({part: self._part(*place, part.type) for part, place in parts.items()})
        self._fixed |= self._own

    def _find_parts(self, seen: set[Value]) -> Iterator[tuple[Value, tuple[Value, int]]]:
        """Values that are computed where a concatenation, their last reader, has them; that, and the place in it."""
        kept = seen | roots(self.stacked)
        found: set[Value] = set()  # and the concatenations that they are in, which have buffers of their own
        for op, step in self._order.items():
            if op.name != "tensor.concatenate" or op.result in seen or op.result in self._targets:
                continue
            for value, begin in _operands_of(op):
                taken = value in found or value in kept or value in self._targets or self._last_read[value] > step
                # A product is written to memory without gaps.
                placed = value.owner.name not in PRODUCTS or op.attributes["axis"] == 0
                if not taken and placed and self._is_writable(value):
                    found |= {value, op.result}
                    yield value, (op.result, begin)

    def _part(self, whole: Value, begin: int, type: TensorType) -> str:
        """The name of a part of a concatenation's buffer."""
        axis = whole.owner.attributes["axis"]
        name = self.fresh().replace("v", "t")
        end = begin + type.shape[axis]
        front = self.setup if whole in self._own else self.before
        front.append(f"{name} = {self._targets[whole]}[{':, ' * axis}{begin}:{end}]")
        return name

    # --- statements ------------------------------------------------------------------------------

    def _statement(self, op: Operation) -> None:
        if op.name in ("tensor.constant", "tensor.iota"):
            self._steady.add(op.result)
            self._fixed.add(op.result)
        if op.name not in VIEWS or not self._is_fixed_view(op):
            super()._statement(op)
            return
        value, x = op.result, op.operands[0]
        for kind in (self._fixed, self._steady, self._own, *([self._dense] if _keeps_order(op) else ())):
            if x in kind:
                kind.add(value)
        start = len(self.lines)
        super()._statement(op)
        self._move(value, start)

    def _move(self, value: Value, start: int) -> None:
        """Bring the lines that make what is fixed from the step to the front."""
        (self.setup if value in self._own else self.before).extend(self.lines[start:])
        del self.lines[start:]

    def _is_fixed_view(self, op: Operation) -> bool:
        x = op.operands[0]
        return x in self._steady or (x in self._fixed and (op.name not in _RESHAPING or x in self._dense))

    def full(self, value: Value) -> str:
        """An expression of ``value`` at its own shape; what is fixed is made in front of the loop."""
        start = len(self.lines)
        name = super().full(value)
        if value in self._fixed:
            self._move(value, start)
        return name

    def _general(self, op: Operation) -> None:
        if op.name != "tensor.concatenate" or op.result not in self._targets:
            super()._general(op)
            return
        whole = op.result
        self.names[whole] = self._targets[whole]
        for value, begin in _operands_of(op):
            if self._parts.get(value) != (whole, begin):
                self.lines.append(f"{self._part(whole, begin, value.type)}[...] = {self.full(value)}")

    def _is_argument(self, x: Value) -> bool:
        return x in self.consts

    def _into(self, op: Operation) -> str | None:
        return dot_into(op) or super()._into(op)

    def _target(self, value: Value) -> str | None:
        return self._targets.get(value)

    def _delete(self, op: Operation) -> None:
        self._last_use[op] = [value for value in self._last_use.get(op, ()) if value not in self._fixed]
        super()._delete(op)


def _operands_of(op: Operation) -> Iterator[tuple[Value, int]]:
    """The operands of a concatenation, and where each begins."""
    begin = 0
    for value in op.operands:
        yield value, begin
        begin += value.type.shape[op.attributes["axis"]]


def _keeps_order(op: Operation) -> bool:
    """Whether a view of an array without gaps has none either."""
    if op.name != "tensor.slice":
        return op.name in ("tensor.reshape", "ad.barrier", "ad.stop_gradient")
    a, shape = op.attributes, op.operands[0].type.shape
    cut = [axis for axis, size in enumerate(shape) if a["sizes"][axis] != size]
    return not cut or (max(cut) == 0 and a["steps"][0] == 1)


def emit_scan(codegen: Codegen, op: Operation) -> None:
    """Write a ``for`` over the rows of what is scanned and of what is stacked, with the body's statements in it."""
    Step(codegen, Loop(op)).write(codegen)


CONTROL[SCAN.name] = emit_scan
