"""checkpoint: less memory for more time in reverse mode."""

from __future__ import annotations

from typing import Any

from ..ops.control import CHECKPOINT, call_attributes
from . import trees
from .array import TracedArray
from .lifting import own_value
from .requests import emit, hand_on_guards, record
from .selection import Function, derived, name_of
from .tracing import current_trace


def checkpoint(fun: Function) -> Function:
    """``fun`` with derivatives that keep its inputs alone: reverse mode computes ``fun`` again when it gets there.

    Memory falls to what one run of ``fun`` needs, time rises by that run (Griewank and Walther, Evaluating Derivatives,
    chapter 12). Values, derivatives of every order and mode, and batches are those of ``fun``. In the body of a `scan`
    the steps keep their carry and nothing else. It may be nested, and used as a decorator; ``fun`` takes and returns
    whatever a function to differentiate does.
    """

    @derived(fun, "checkpoint")
    def checkpointed(*args: Any, **kwargs: Any) -> Any:
        trace = current_trace()
        if trace is None:
            return fun(*args, **kwargs)
        leaves, structure = trees.flatten((args, kwargs))
        # Arrays and numbers that are not traced reach the function as they are; it captures what it uses.
        positions = [i for i, leaf in enumerate(leaves) if isinstance(leaf, TracedArray)]

        def call(*inner: TracedArray) -> Any:
            given = list(leaves)
            for position, leaf in zip(positions, inner, strict=True):
                given[position] = leaf
            inner_args, inner_kwargs = trees.unflatten(structure, given)
            return fun(*inner_args, **inner_kwargs)

        arguments = [TracedArray(trace, own_value(leaves[i], trace), leaves[i]._weak) for i in positions]
        recorded = record(call, name_of(fun), arguments, trace)
        attributes = {**call_attributes(recorded.name), "tangents": 0, "after": ()}
        results = emit(trace, CHECKPOINT, recorded.operands, attributes, recorded.outputs)
        return trees.unflatten(recorded.structure, hand_on_guards(trace, recorded.decisions, results))

    return checkpointed
