"""vmap: a function of one example, applied to many at once."""

from __future__ import annotations

from typing import Any

import numpy as np
import optree

from ..ir import Value, user_location
from ..ir.errors import NoAxisError, ShapeError
from . import requests, trees
from .array import TracedArray
from .requests import is_array, record
from .selection import Function, derived, name_of
from .tracing import Trace


def vmap(fun: Function, in_axes: Any = 0, out_axes: Any = 0) -> Function:
    """Apply a function to many examples at once: ``vmap(fun)(*args)`` is what stacking ``fun(*example)`` over the
    examples gives.

    ``in_axes`` says along which axis the examples of an argument lie: an integer for all arguments, or a tuple with an
    entry for each, which is an integer, None (the argument is the same for all examples) or a container of them.
    Keyword arguments are the same for all. ``out_axes`` is where the examples lie in each array of the result: an
    integer, None for what is the same for all examples, or a container of them. It nests, under and over every
    derivative.

    Raises `ShapeError` where arguments have different numbers of examples, or none has any, and where axes do not
    fit the arguments or results.
    """

    @derived(fun, "vmap")
    def mapped(*args: Any, **kwargs: Any) -> Any:
        leaves, structure = trees.flatten(list(args))
        found = _axes_of_arguments(in_axes, args)
        axes = {
            position: axis
            for position, (axis, leaf) in enumerate(zip(found, leaves, strict=True))
            if axis is not None and is_array(leaf)
        }
        chosen = list(axes)
        size = _number_of_examples([(leaves[position], axis) for position, axis in axes.items()])

        def body(trace: Trace, *mapped_leaves: TracedArray) -> Any:
            examples = [_moved(leaf, axes[position], 0) for leaf, position in zip(mapped_leaves, chosen, strict=True)]

            def one_example(*parts: Any) -> Any:
                given = list(leaves)
                for position, part in zip(chosen, parts, strict=True):
                    given[position] = part
                return fun(*trees.unflatten(structure, given), **kwargs)

            recorded = record(one_example, name_of(fun), examples, trace, examples=True)
            one = trace.root.functions[recorded.name]
            results = requests.vmap(trace, recorded, range(len(chosen)), size)
            tree = trees.unflatten(recorded.structure, results)
            differs = _differing(one, len(chosen))
            outputs = [
                _placed(result, axis, value in differs)
                for result, axis, value in zip(
                    results, _broadcast_axes("out_axes", out_axes, tree), one.outputs, strict=False
                )
            ]
            return trees.unflatten(recorded.structure, outputs)

        return requests.run(body, [leaves[position] for position in chosen], f"vmap_{name_of(fun)}")

    return mapped


def _moved(array: Any, source: int, target: int) -> Any:
    return np.moveaxis(array, source, target) if source != target else array


def _differing(one: Trace, count: int) -> set[Value]:
    """The values of a function that may depend on one of its first ``count`` inputs."""
    found = set(one.inputs[:count])
    for op in one.operations:
        if not found.isdisjoint(op.operands):
            found.update(op.results)
    return found


def _placed(result: TracedArray, axis: int | None, differs: bool) -> Any:
    """A result with its examples along ``axis``, or the one that all have."""
    if axis is None:
        if differs:
            raise ShapeError(
                f"vmap: out_axes is None for a result of shape {result.shape[1:]} that depends on the example, at "
                f"{user_location(2)}; say along which axis the examples lie"
            )
        if not len(result):
            raise ShapeError(
                f"vmap: out_axes is None for a result of no example, at {user_location(2)}; give it an axis"
            )
        return result[0]
    if not -result.ndim <= axis < result.ndim:
        raise NoAxisError(
            f"vmap: out_axes is {axis} and the result with its examples has {result.ndim} axes, at {user_location(2)}"
        )
    return _moved(result, 0, axis)


def _is_axis(entry: Any) -> bool:
    return entry is None or (isinstance(entry, int | np.integer) and not isinstance(entry, bool))


def _broadcast_axes(name: str, axes: Any, tree: Any) -> list[int | None]:
    """An axis for each leaf of ``tree``; ``axes`` has its structure, or that of a part from the root."""
    for entry in optree.tree_leaves(axes, none_is_leaf=True, namespace=trees.NAMESPACE):
        if not _is_axis(entry):
            raise ShapeError(
                f"vmap: {name} has {entry!r:.40} of type {type(entry).__name__}, at {user_location(2)}; an axis is an "
                "integer or None"
            )
    found: list[int | None] = []

    def take(axis: int | None, part: Any) -> None:
        found.extend([axis] * len(trees.flatten(part)[0]))

    try:
        optree.tree_map_(take, axes, tree, none_is_leaf=True, namespace=trees.NAMESPACE)
    except ValueError:
        raise ShapeError(
            f"vmap: {name} is {axes!r:.60}, which has not the structure of the {_shown(tree)} that it is for, at "
            f"{user_location(2)}; give an integer, or a container of the same shape"
        ) from None
    return found


def _shown(tree: Any) -> str:
    """How an error speaks of a container."""
    return f"{type(tree).__name__} of {len(trees.flatten(tree)[0])} arrays"


def _axes_of_arguments(in_axes: Any, args: tuple[Any, ...]) -> list[int | None]:
    """The axis of each leaf of the arguments; None where it has no examples."""
    if _is_axis(in_axes):
        in_axes = (in_axes,) * len(args)
    if isinstance(in_axes, tuple | list) and len(in_axes) != len(args):
        raise ShapeError(
            f"vmap: in_axes has {len(in_axes)} entries and {len(args)} positional arguments are given, at "
            f"{user_location(2)}"
        )
    return _broadcast_axes("in_axes", tuple(in_axes) if isinstance(in_axes, list) else in_axes, args)


def _number_of_examples(mapped: list[tuple[Any, int]]) -> int:
    sizes: dict[int, tuple[int, ...]] = {}
    for leaf, axis in mapped:
        shape = np.shape(leaf)
        if not -len(shape) <= axis < len(shape):
            raise ShapeError(
                f"vmap: an argument of shape {shape} has no axis {axis}, at {user_location(2)}; give None in in_axes "
                "for arguments that all examples share"
            )
        sizes[shape[axis]] = shape
    if len(sizes) != 1:
        shown = " and ".join(f"{size} (shape {shape})" for size, shape in sizes.items()) or "none"
        raise ShapeError(f"vmap: the arguments' numbers of examples are {shown}, at {user_location(2)}; one is needed")
    return next(iter(sizes))
