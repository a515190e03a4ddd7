"""Pullbacks and pushforwards: derivatives that are applied later, and more than once.

Outside a trace the derivative program is split at its seeds: the first part runs once and keeps its
residuals. Inside a trace each application is a request of its own, and common subexpressions are shared.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..ir import TensorType, Value
from . import requests, trees
from .array import TracedArray
from .execution import find_programs, input_arrays
from .requests import Recorded, record, root_argument, traced
from .seeds import seed_array, seed_leaves, seed_value
from .selection import Function, Selection, name_of
from .tracing import Trace, active, current_trace


class LinearMap:
    """A derivative at a point: the pullback of `vjp` or the pushforward of `linearize`."""

    def __init__(self, kind: str, fun: Function, primals: Sequence[Any], has_aux: bool) -> None:
        self.kind = kind
        self.fun = fun
        self.has_aux = has_aux
        self.chosen = Selection(kind, range(len(primals)), primals)
        self.wrt = range(len(self.chosen.leaves))
        self.recorded: Recorded
        self._trace: Trace | None = None
        self._residuals: list[Any] = []
        self._backward: Any = None

    def record(self, trace: Trace, leaves: Sequence[TracedArray]) -> Recorded:
        """Trace the function."""
        return record(
            lambda *inner: self.chosen.call(self.fun, inner, {}),
            name_of(self.fun),
            leaves,
            trace,
            self.has_aux,
            self.chosen.names(self.fun),
        )

    def seed_types(self, recorded: Recorded) -> list[TensorType]:
        """Types of what is seeded: outputs for a pullback, inputs for a pushforward."""
        if self.kind == "vjp":
            return [recorded.outputs[index] for index in recorded.differentiable]
        return [recorded.operands[index].type for index in self.wrt]

    def request(
        self, trace: Trace, recorded: Recorded, seeds: Sequence[Value]
    ) -> tuple[list[TracedArray], list[TracedArray]]:
        """Write the request: outputs and derivatives."""
        make = requests.vjp if self.kind == "vjp" else requests.jvp
        return make(trace, recorded, self.wrt, seeds)

    # --- the point -------------------------------------------------------------------------------

    def in_trace(self, trace: Trace) -> list[Any]:
        """The function's outputs, recorded in ``trace``."""
        self._trace = trace
        self.recorded = self.record(trace, [traced(leaf, trace) for leaf in self.chosen.leaves])
        return requests.call(trace, self.recorded)

    def at_once(self) -> list[Any]:
        """The function's outputs, computed now; the residuals are kept."""
        count = 0
        positions: list[int] = []

        def record_program(lift: frozenset[int]) -> Trace:
            nonlocal count, positions
            root = Trace(f"{self.kind}_{name_of(self.fun)}", None, lift)
            with active(root):
                recorded = self.record(root, [root_argument(root, leaf) for leaf in self.chosen.leaves])
                self.recorded = recorded
                seeds = [root.add_input(type) for type in self.seed_types(recorded)]
                positions = [root.inputs.index(seed) for seed in seeds]
                outputs, derived = self.request(root, recorded, seeds)
                count = len(outputs)
                root.finish([each._value for each in (*outputs, *derived)])
            return root

        def split(trace: Trace) -> str:
            seeds = f"seeds={','.join(map(str, positions))}," if positions else ""
            return f"split{{{seeds}outputs={count}}}"

        found, programs, numbers = find_programs(record_program, extra_passes=split)
        seeds = [found.inputs[position] for position in positions]
        results = programs["forward"].run(*input_arrays(found, seeds), *numbers)
        self._residuals = list(results[count:])
        self._backward = programs["backward"].run
        return list(results[:count])

    # --- applying --------------------------------------------------------------------------------

    def apply(self, leaves: Sequence[Any]) -> list[Any]:
        """The derivative of flat seeds."""
        types = self.seed_types(self.recorded)
        trace = current_trace()
        if trace is None:
            seeds = [
                seed_array(leaf, type, self.kind, f"seed {i}")
                for i, (leaf, type) in enumerate(zip(leaves, types, strict=True))
            ]
            return list(self._backward(*self._residuals, *seeds))
        values = [
            seed_value(trace, leaf, type, self.kind, f"seed {i}")
            for i, (leaf, type) in enumerate(zip(leaves, types, strict=True))
        ]
        if self._trace is None or not trace.owns(self._trace):
            recorded = self.record(trace, [traced(leaf, trace) for leaf in self.chosen.leaves])
        else:
            operands = [trace.adopt(value, self._trace) for value in self.recorded.operands]
            recorded = Recorded(**{**vars(self.recorded), "operands": operands})
        _, derived = self.request(trace, recorded, values)
        return list(derived)

    def pull(self, cotangent: Any) -> Any:
        """The gradients of the function's arguments, as a tuple, for a cotangent of its output."""
        leaves = seed_leaves(self.kind, cotangent, self.recorded.structure)
        wanted = set(self.recorded.differentiable)
        return self.chosen.result(self.apply([leaf for index, leaf in enumerate(leaves) if index in wanted]))

    def push(self, *tangents: Any) -> Any:
        """The tangent of the function's output, for tangents of its arguments."""
        leaves = seed_leaves(self.kind, list(tangents), self.chosen.structure)
        pushed = dict(zip(self.recorded.differentiable, self.apply(leaves), strict=True))
        return trees.unflatten(
            self.recorded.structure,
            [
                pushed[i] if i in pushed else requests.zeros_of(type)
                for i, type in enumerate(self.recorded.outputs[: self.recorded.count])
            ],
        )


def linear_map(kind: str, fun: Function, primals: Sequence[Any], has_aux: bool) -> Any:
    """``(out, map)`` or ``(out, map, aux)`` for `vjp` and `linearize`."""
    found = LinearMap(kind, fun, primals, has_aux)
    trace = current_trace()
    outputs = found.at_once() if trace is None else found.in_trace(trace)
    recorded = found.recorded
    out = trees.unflatten(recorded.structure, outputs[: recorded.count])
    apply = found.pull if kind == "vjp" else found.push
    if not has_aux:
        return out, apply
    return out, apply, trees.unflatten(recorded.aux_structure, outputs[recorded.count :])
