"""make_graph: the program of a function, to look at or to give to passes."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import Any

from ..ir import Module, TensorType
from . import trees
from .array import TracedArray
from .requests import check_result, is_array, root_argument, traced
from .selection import Function, argument_names, name_of
from .tracing import Trace, active


def make_graph(fun: Function) -> Function:
    """Trace a function: ``make_graph(fun)(*args, **kwargs)`` is its `Module`, before any pass.

    Arrays and numbers among the arguments become inputs; a `TensorType` among them is an input without numbers, on
    which Python cannot decide. Arrays that the function captures become inputs behind them. Derivatives inside it stand
    as requests (`ad.vjp`, `ad.jvp`): the pass ``expand-ad`` makes them.
    """

    @functools.wraps(fun, updated=())
    def module_of(*args: Any, **kwargs: Any) -> Module:
        return trace_function(fun, args, kwargs).build_module()

    return module_of


def trace_function(fun: Function, args: Sequence[Any], kwargs: dict[str, Any]) -> Trace:
    """Trace a function as `make_graph` does; the inputs' arrays are known to the trace."""
    leaves, structure = trees.flatten((tuple(args), kwargs))
    root = Trace(name_of(fun))
    names = argument_names(fun, range(len(args)), [len(trees.flatten(each)[0]) for each in args])
    with active(root):
        inputs = [_input(root, leaf) for leaf in leaves]
        for each, name in zip((x for x in inputs if isinstance(x, TracedArray)), names, strict=False):
            each._value.name = name
        given, keywords = trees.unflatten(structure, inputs)
        results, _ = trees.flatten(fun(*given, **keywords))
        root.finish([traced(check_result(each, root.name), root)._value for each in results])
    return root


def _input(root: Trace, leaf: Any) -> Any:
    if isinstance(leaf, TensorType):
        return TracedArray(root, root.add_input(leaf))
    return root_argument(root, leaf) if is_array(leaf) and not isinstance(leaf, bool) else leaf
