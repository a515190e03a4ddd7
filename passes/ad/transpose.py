"""transpose: the linear part of a function, turned around.

Walks the linear operations from last to first and pulls cotangents from the linear outputs to the
linear inputs, with one transpose rule an operation: this is reverse mode.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ...ir.builder import Builder
from ...ir.errors import PassError
from ...ir.graph import Graph, Operation, Value
from ...ir.module import Module
from ...ir.types import FLOATING
from ...ops.contraction import parse_spec
from ...ops.definition import Rules, check_rule, zeros
from ..manager import Pass, PassLog, register_pass
from ..scope import one_function
from .control import CONTROL, pull_control
from .custom import CUSTOM, LINEAR, pull_custom, pull_linear


@register_pass("transpose")
@dataclass(frozen=True)
class Transpose(Pass):
    """Replace a function's linear part (see linearize) by its transpose: the linear outputs become inputs for
    their cotangents, the linear inputs become outputs, their gradients."""

    function: str = ""

    def run(self, module: Module, log: PassLog) -> bool:
        """Raises `PassError` for a function without a linear part."""
        graph = one_function(module, self.function)
        if "linear_inputs" not in graph.attributes:
            raise PassError(f"@{graph.name} has no linear part to transpose; run linearize first")
        log.count("transposed", transpose(graph, module))
        return True


def transpose(graph: Graph, module: Module, cut: bool = False) -> int:
    """Transpose in place; returns how many operations were transposed. ``module`` has the custom rules. With
    ``cut`` the cotangents of the outputs were cut by a select, so that their zeros absorb NaN and infinity."""
    return _Transposition(graph, module, cut).run()


class _Transposition:
    """One run of the pass over one graph."""

    def __init__(self, graph: Graph, module: Module, cut_outputs: bool) -> None:
        self.graph = graph
        self.module = module
        self.cut_outputs = cut_outputs
        self.linear_inputs = [graph.inputs[i] for i in graph.attributes["linear_inputs"]]
        self.linear_outputs = [graph.outputs[i] for i in graph.attributes["linear_outputs"]]
        self.linear: set[Value] = set(self.linear_inputs)
        self.operations: list[Operation] = []
        for op in graph:
            if any(value in self.linear for value in op.operands):
                self.operations.append(op)
                self.linear.update(op.results)
        self.cotangents: dict[Value, list[Value]] = {}
        #: Cotangents that a select has cut: exactly zero where the other branch was taken.
        self.cut: set[Value] = set()

    def run(self) -> int:
        graph = self.graph
        seeds = []
        for value in self.linear_outputs:
            seed = graph.add_input(value.type, f"{value.name}_ct" if value.name else "ct")
            seeds.append(seed)
            if self.cut_outputs:
                self.cut.add(seed)
            if value in self.linear:
                self.cotangents.setdefault(value, []).append(seed)
        count = 0
        for op in reversed(self.operations):
            count += self._pull(op)
        self._finish()
        graph.attributes["linear_inputs"] = tuple(range(len(graph.inputs) - len(seeds), len(graph.inputs)))
        return count

    def _pull(self, op: Operation) -> bool:
        """Pull the cotangents of one operation's results to its operands."""
        b = Builder(self.graph, None, op.location)
        pulled = [self._sum(value) for value in op.results]
        if all(value is None for value in pulled):
            return False
        cut = op.name == "tensor.select" or any(value in self.cut for value in pulled)
        if cut and op.name != "tensor.select":
            b = AbsorbingBuilder(self.graph, None, op.location)
            b.cotangents = {value for value in pulled if value is not None}
        if op.name == LINEAR.name:
            found = pull_linear(b, self.graph, op, pulled, self.module)
        elif op.name in CONTROL:
            found = pull_control(b, self.graph, op, pulled, self.module)
        elif op.name == CUSTOM.name:
            found = pull_custom(b, self.graph, op, pulled, [value in self.linear for value in op.operands], self.module)
        else:
            rules: Rules = op.definition.rules
            found = rules.transpose(b, op, pulled, [value in self.linear for value in op.operands])
        for position, cotangent in enumerate(found):
            value = op.operands[position]
            if cotangent is None:
                continue
            check_rule("transpose", op, cotangent, [value.type])
            self.cotangents.setdefault(value, []).append(cotangent)
            # The first factor of these is a cotangent that was cut before: so is what goes to the second.
            if cut or (op.name in ("ad.mul_no_nan", "ad.contract_no_nan") and position == 1):
                self.cut.add(cotangent)
        return True

    def _sum(self, value: Value) -> Value | None:
        """The cotangent of ``value``: the sum of what its uses contributed, in order."""
        parts = self.cotangents.pop(value, None)
        if parts is None:
            return None
        total = parts[0]
        b = Builder(self.graph, None, parts[-1].owner.location)
        for part in parts[1:]:
            total = b.add(total, part)
        if len(parts) > 1 and all(part in self.cut for part in parts):
            self.cut.add(total)
        return total

    def _finish(self) -> None:
        """Return the gradients, and erase the linear operations and inputs."""
        graph, attributes = self.graph, self.graph.attributes
        b = Builder(graph)
        gradients = [self._sum(value) or zeros(b, value.type) for value in self.linear_inputs]
        gone = set(attributes["linear_outputs"])
        kept = [value for index, value in enumerate(graph.outputs) if index not in gone]
        graph.set_outputs([*kept, *gradients])
        attributes["linear_outputs"] = tuple(range(len(kept), len(kept) + len(gradients)))
        for op in reversed(self.operations):
            if graph.is_used(op):
                raise PassError(
                    f"a transpose rule uses the tangent '{op.name}' at {op.location}: of a linear operand only the "
                    "type may be used"
                )
            graph.erase(op)
        for index in sorted(attributes["linear_inputs"], reverse=True):
            graph.remove_input(index)


class AbsorbingBuilder(Builder):
    """Writes products with a cut cotangent so that its exact zeros absorb NaN and infinity.

    Transpose rules write the cotangent first: ``b.mul(ct, residual)``, ``b.div(ct, residual)``. Of a contraction it is
    either operand; ``cotangents`` are the ones being pulled.
    """

    __slots__ = ("cotangents",)
    cotangents: set[Value]

    def mul(self, x: Value, y: Value) -> Value:
        """A product; absorbing unless ``y`` is surely finite."""
        name = "tensor.mul" if _surely_finite(y) else "ad.mul_no_nan"
        return self.build(name, x, y).result

    def contract(self, x: Value, y: Value, *, spec: str) -> Value:
        """A contraction; absorbing unless the residual is surely finite."""
        cotangent, residual = (y, x) if y in self.cotangents else (x, y)
        if _surely_finite(residual) or residual.type.dtype not in FLOATING:
            return self.build("tensor.contract", x, y, spec=spec).result
        if cotangent is y:
            labels = parse_spec(spec)
            spec = f"{labels.y},{labels.x}->{labels.out}"
        return self.build("ad.contract_no_nan", cotangent, residual, spec=spec).result

    def div(self, x: Value, y: Value) -> Value:
        """A quotient; absorbing unless ``y`` is a constant."""
        if _surely_finite(y):
            return self.build("tensor.div", x, y).result
        return self.build("ad.mul_no_nan", x, self.build("tensor.reciprocal", y).result).result


def _surely_finite(value: Value, depth: int = 4) -> bool:
    """Whether ``value`` is made of finite, non-zero constants and truth values alone, whatever the inputs."""
    op = value.owner
    if op.name == "tensor.constant":
        data = op.attributes["value"].data
        return bool(np.all(np.isfinite(data)) and np.all(data != 0))
    if depth and op.name in ("tensor.broadcast_in_dim", "tensor.reshape"):
        return _surely_finite(op.operands[0], depth - 1)
    if depth and op.name == "tensor.select":
        return all(_surely_finite(branch, depth - 1) for branch in op.operands[1:])
    return op.name == "tensor.convert" and not op.operands[0].type.differentiable
