"""vmap: a function of one example, applied to many at once."""

from __future__ import annotations

from typing import Any

import numpy as np
import optree

from ..ir import user_location
from ..ir.errors import ShapeError
from . import requests, trees
from .array import TracedArray
from .requests import is_array, record
from .selection import Function, derived, name_of
from .tracing import Trace


def vmap(fun: Function, in_axes: Any = 0, out_axes: int = 0) -> Function:
    """Apply a function to many examples at once: ``vmap(fun)(*args)`` is what stacking ``fun(*example)`` over the
    examples gives.

    ``in_axes`` says along which axis the examples of an argument lie: an integer for all arguments, or a tuple with an
    entry for each, which is an integer, None (the argument is the same for all examples) or a container of them.
    Keyword arguments are the same for all. ``out_axes`` is where the examples lie in each array of the result. It
    nests, under and over every derivative.

    Raises `ShapeError` where arguments have different numbers of examples, or none has any.
    """

    @derived(fun, "vmap")
    def mapped(*args: Any, **kwargs: Any) -> Any:
        leaves, structure = trees.flatten(list(args))
        axes = {
            position: axis for position, axis in enumerate(_axes_of_leaves(in_axes, args, leaves)) if axis is not None
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
            outputs = requests.vmap(trace, recorded, range(len(chosen)), size)
            return trees.unflatten(recorded.structure, [_moved(each, 0, out_axes) for each in outputs])

        return requests.run(body, [leaves[position] for position in chosen], f"vmap_{name_of(fun)}")

    return mapped


def _moved(array: Any, source: int, target: int) -> Any:
    return np.moveaxis(array, source, target) if source != target else array


def _axes_of_leaves(in_axes: Any, args: tuple[Any, ...], leaves: list[Any]) -> list[int | None]:
    """The axis of each leaf; None where it has no examples."""
    if isinstance(in_axes, int):
        in_axes = (in_axes,) * len(args)
    if len(in_axes) != len(args):
        raise ShapeError(
            f"vmap: in_axes has {len(in_axes)} entries and {len(args)} positional arguments are given, at "
            f"{user_location(2)}"
        )
    axes: list[int | None] = []
    for entry, arg in zip(in_axes, args, strict=True):
        if entry is None or isinstance(entry, int):
            axes += [entry] * len(trees.flatten(arg)[0])
        else:
            axes += optree.broadcast_prefix(entry, arg, none_is_leaf=True, namespace=trees.NAMESPACE)
    return [axis if is_array(leaf) else None for axis, leaf in zip(axes, leaves, strict=True)]


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
