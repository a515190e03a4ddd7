"""Matrix products of every kind, as contractions with named axes."""

from __future__ import annotations

from collections.abc import Sequence
from string import ascii_letters
from typing import Any

import numpy as np

from ...ir import user_location
from ...ir.errors import ShapeError
from ..array import TracedArray
from ..functions import implements
from ..lifting import loop_dtypes, promote
from ..operands import BOOL, INT64, as_traced, axis_of, cast, emit, no_out, permute, reshape, truth
from ..ufuncs import apply, composes
from .shapes import moveaxis


def contract(x: TracedArray, y: TracedArray, x_labels: str, y_labels: str, out: str, dtype: Any = None) -> TracedArray:
    """Sum of products over the labels not in ``out``. A label of size 1 in one operand broadcasts."""
    dtype = promote(x, y) if dtype is None else dtype
    inner = INT64 if dtype == BOOL else dtype
    sizes: dict[str, int] = {}
    for labels, array in ((x_labels, x), (y_labels, y)):
        for label, size in zip(labels, array.shape, strict=True):
            if sizes.setdefault(label, size) == 1:
                sizes[label] = size
            elif size not in (1, sizes[label]):
                raise ShapeError(
                    f"a product of shapes {x.shape} and {y.shape} meets sizes {sizes[label]} and {size}, at "
                    f"{user_location(2)}; "
                    "they must be equal"
                )
    x, x_labels = _without_ones(x, x_labels, y_labels, sizes)
    y, y_labels = _without_ones(y, y_labels, x_labels, sizes)
    result = emit("contract", cast(x, inner), cast(y, inner), spec=f"{x_labels},{y_labels}->{out}")
    return truth(result) if dtype == BOOL else result


def _without_ones(x: TracedArray, labels: str, others: str, sizes: dict[str, int]) -> tuple[TracedArray, str]:
    """``x`` without the axes of size 1 that the other operand's size takes the place of."""
    dropped = {
        label
        for label, size in zip(labels, x.shape, strict=True)
        if size == 1 and label in others and sizes[label] != 1
    }
    if not dropped:
        return x, labels
    shape = tuple(size for label, size in zip(labels, x.shape, strict=True) if label not in dropped)
    return reshape(x, shape), "".join(label for label in labels if label not in dropped)


def _product(name: str, x: TracedArray, y: TracedArray, x_core: str, y_core: str, out: str, dtype: Any) -> TracedArray:
    """A product of the last axes, over batch axes that broadcast."""
    if x.ndim < len(x_core) or y.ndim < len(y_core):
        raise ShapeError(
            f"{name} of shapes {x.shape} and {y.shape}, at {user_location(2)}; it takes {len(x_core)} and "
            f"{len(y_core)} "
            "dimensions or more"
        )
    common = [label for label in x_core if label in y_core]
    for label in common:
        sizes = x.shape[x.ndim - len(x_core) + x_core.index(label)], y.shape[y.ndim - len(y_core) + y_core.index(label)]
        if sizes[0] != sizes[1]:
            raise ShapeError(
                f"{name} of shapes {x.shape} and {y.shape} meets sizes {sizes[0]} and {sizes[1]}, at "
                f"{user_location(2)}; they must be equal"
            )
    batch = ascii_letters[:26]
    ranks = x.ndim - len(x_core), y.ndim - len(y_core)
    labels = batch[: max(ranks)]
    x_batch, y_batch = (labels[len(labels) - rank :] for rank in ranks)
    return contract(x, y, x_batch + x_core, y_batch + y_core, labels + out, dtype)


def matrix_product(name: str, x: Any, y: Any, dtype: Any = None) -> TracedArray:
    """``x @ y``: vectors lose the axis that is summed over. `ShapeError` where the sizes differ."""
    x, y = as_traced(x), as_traced(y)
    if not x.ndim or not y.ndim:
        raise ShapeError(f"{name} of shapes {x.shape} and {y.shape}, at {user_location(2)}; for numbers use *")
    x_core = "K" if x.ndim == 1 else "IK"
    y_core = "K" if y.ndim == 1 else "KJ"
    out = ("I" if x.ndim > 1 else "") + ("J" if y.ndim > 1 else "")
    return _product(name, x, y, x_core, y_core, out, dtype)


@composes(np.matmul)
def _matmul(x: Any, y: Any) -> TracedArray:
    return matrix_product("np.matmul", x, y, loop_dtypes(np.matmul, (x, y))[2])


@implements(np.linalg.matmul)
def _linalg_matmul(x1: Any, x2: Any, /) -> TracedArray:
    return matrix_product("np.linalg.matmul", x1, x2)


def conjugated(x: TracedArray) -> TracedArray:
    """The complex conjugate."""
    return emit("conj", x) if x.dtype.kind == "c" else x


for _name, _cores in {"vecdot": ("K", "K", ""), "matvec": ("IK", "K", "I"), "vecmat": ("K", "KJ", "J")}.items():
    if hasattr(np, _name):

        @composes(getattr(np, _name))
        def _core_product(x: Any, y: Any, name: str = _name, cores: tuple[str, str, str] = _cores) -> TracedArray:
            x, y = as_traced(x), as_traced(y)
            if name != "matvec":
                x = conjugated(x)
            return _product(f"np.{name}", x, y, *cores, None)


@implements(np.linalg.vecdot)
def _linalg_vecdot(x1: Any, x2: Any, /, *, axis: int = -1) -> TracedArray:
    x, y = (moveaxis(as_traced(each), axis, -1) for each in (x1, x2))
    return apply(np.vecdot, x, y)


@implements(np.dot)
def dot(a: Any, b: Any, out: Any = None) -> TracedArray:
    no_out("np.dot", out)
    x, y = as_traced(a), as_traced(b)
    if not x.ndim or not y.ndim:
        return apply(np.multiply, x, y)
    if x.ndim <= 2 and y.ndim <= 2:
        return matrix_product("np.dot", x, y)
    return tensordot(x, y, ((x.ndim - 1,), (max(y.ndim - 2, 0),)))


@implements(np.vdot)
def vdot(a: Any, b: Any, /) -> TracedArray:
    x, y = as_traced(a), as_traced(b)
    return matrix_product("np.vdot", conjugated(reshape(x, (x.size,))), reshape(y, (y.size,)))


@implements(np.inner)
def inner(a: Any, b: Any, /) -> TracedArray:
    x, y = as_traced(a), as_traced(b)
    if not x.ndim or not y.ndim:
        return apply(np.multiply, x, y)
    return tensordot(x, y, ((x.ndim - 1,), (y.ndim - 1,)))


@implements(np.outer, np.linalg.outer)
def outer(a: Any, b: Any, out: Any = None) -> TracedArray:
    no_out("np.outer", out)
    x, y = as_traced(a), as_traced(b)
    return contract(reshape(x, (x.size,)), reshape(y, (y.size,)), "i", "j", "ij")


@implements(np.tensordot, np.linalg.tensordot)
def tensordot(a: Any, b: Any, axes: Any = 2) -> TracedArray:
    x, y = as_traced(a), as_traced(b)
    if isinstance(axes, int | np.integer):
        count = int(axes)
        pairs: Any = (range(x.ndim - count, x.ndim), range(count))
    else:
        pairs = tuple((each,) if isinstance(each, int | np.integer) else tuple(each) for each in axes)
    first, second = ([axis_of(axis, array.ndim) for axis in each] for array, each in zip((x, y), pairs, strict=True))
    if len(first) != len(second):
        raise ShapeError(
            f"tensordot sums {len(first)} axes with {len(second)}, at {user_location(2)}; give as many for both"
        )
    letters = ascii_letters[: x.ndim + y.ndim]
    x_labels, y_labels = letters[: x.ndim], list(letters[x.ndim :])
    for left, right in zip(first, second, strict=True):
        if x.shape[left] != y.shape[right]:
            raise ShapeError(
                f"tensordot of shapes {x.shape} and {y.shape} meets sizes {x.shape[left]} and {y.shape[right]}, at "
                f"{user_location(2)}; they must be equal"
            )
        y_labels[right] = x_labels[left]
    out = [label for axis, label in enumerate(x_labels) if axis not in first]
    out += [label for axis, label in enumerate(y_labels) if axis not in second]
    return contract(x, y, x_labels, "".join(y_labels), "".join(out))


@implements(np.kron)
def kron(a: Any, b: Any) -> TracedArray:
    x, y = as_traced(a), as_traced(b)
    rank = max(x.ndim, y.ndim)
    left, right = ((1,) * (rank - each.ndim) + each.shape for each in (x, y))
    x = reshape(x, tuple(size for each in left for size in (each, 1)))
    y = reshape(y, tuple(size for each in right for size in (1, each)))
    product: TracedArray = apply(np.multiply, x, y)
    return reshape(product, tuple(p * q for p, q in zip(left, right, strict=True)))


# --- einsum --------------------------------------------------------------------------------------


def _interleaved(operands: Sequence[Any]) -> tuple[str, list[Any]]:
    """``einsum(x, [0, 1], y, [1, 2], [0, 2])`` as subscripts and operands."""

    def text(labels: Any) -> str:
        return "".join("..." if label is Ellipsis else ascii_letters[label] for label in labels)

    count = len(operands) // 2
    subscripts = ",".join(text(each) for each in operands[1 : 2 * count : 2])
    if len(operands) % 2:
        subscripts += "->" + text(operands[-1])
    return subscripts, list(operands[0 : 2 * count : 2])


def _explicit(subscripts: str, arrays: list[TracedArray]) -> tuple[list[str], str]:
    """The labels of each operand and of the result, without an Ellipsis and with an explicit result."""
    text = subscripts.replace(" ", "")
    inputs, arrow, out = text.partition("->")
    terms = inputs.split(",")
    problem = ""
    if len(terms) != len(arrays):
        problem = f"it names {len(terms)} operands and {len(arrays)} are given"
    elif any(not (c.isascii() and c.isalpha()) for c in text.replace("...", "").replace(",", "").replace("->", "")):
        problem = "labels are ASCII letters"
    if problem:
        raise ShapeError(f"einsum {subscripts!r}, at {user_location(3)}: {problem}")
    free = [letter for letter in reversed(ascii_letters) if letter not in text]
    extra = [x.ndim - len(term.replace("...", "")) for term, x in zip(terms, arrays, strict=True)]
    rank = max([0, *(count for term, count in zip(terms, extra, strict=True) if "..." in term)])
    if rank > len(free):
        raise ShapeError(
            f"einsum {subscripts!r}, at {user_location(3)}: it needs more than {len(ascii_letters)} labels"
        )
    batch = "".join(free[:rank])
    full = []
    for term, count, x in zip(terms, extra, arrays, strict=True):
        if count < 0 or (count and "..." not in term):
            raise ShapeError(
                f"einsum {subscripts!r}, at {user_location(3)}: {term!r} does not label an array of dimension {x.ndim}"
            )
        full.append(term.replace("...", batch[rank - count :]))
    if not arrow:
        joined = "".join(terms).replace(".", "")
        out = "..." + "".join(sorted({label for label in joined if joined.count(label) == 1}))
    out = out.replace("...", batch)
    for label in out:
        if out.count(label) > 1 or all(label not in term for term in full):
            raise ShapeError(
                f"einsum {subscripts!r}, at {user_location(3)}: the result's {label!r} is repeated or in no operand"
            )
    return full, out


def _take_diagonals(x: TracedArray, labels: str) -> tuple[TracedArray, str]:
    """``x`` with each label once: a repeated label reads the diagonal."""
    while len(set(labels)) < len(labels):
        label = next(each for each in labels if labels.count(each) > 1)
        first = labels.index(label)
        second = labels.index(label, first + 1)
        if x.shape[first] != x.shape[second]:
            raise ShapeError(
                f"label {label!r} has sizes {x.shape[first]} and {x.shape[second]}, at {user_location(2)}; they "
                "must be equal"
            )
        x = diagonal_of(x, 0, first, second)
        labels = "".join(each for axis, each in enumerate(labels) if axis not in (first, second)) + label
    return x, labels


def diagonal_of(x: TracedArray, offset: int, axis1: int, axis2: int) -> TracedArray:
    """The diagonal of two axes, which becomes the last axis."""
    rows, columns = x.shape[axis1], x.shape[axis2]
    size = max(0, min(rows, columns - offset) if offset >= 0 else min(rows + offset, columns))
    count = np.arange(size)
    low, high = max(-offset, 0), max(offset, 0)
    index: list[Any] = [as_traced(count + low), as_traced(count + high)]
    found = emit("gather", x, *index, axes=(axis1, axis2))
    return permute(found, [*range(1, found.ndim), 0])


def _summed(x: TracedArray, labels: str, keep: str) -> tuple[TracedArray, str]:
    axes = tuple(axis for axis, label in enumerate(labels) if label not in keep)
    if not axes:
        return x, labels
    return emit("reduce_sum", x, axes=axes), "".join(label for label in labels if label in keep)


@implements(np.einsum)
def einsum(
    *operands: Any, dtype: Any = None, optimize: Any = False, order: str = "K", casting: str = "safe"
) -> TracedArray:
    subscripts, given = (operands[0], list(operands[1:])) if isinstance(operands[0], str) else _interleaved(operands)
    arrays = [as_traced(each) for each in given]
    terms, out = _explicit(subscripts, arrays)
    common = promote(*arrays) if dtype is None else np.dtype(dtype)
    inner = INT64 if common == BOOL else common
    pairs = [_take_diagonals(cast(x, inner), term) for x, term in zip(arrays, terms, strict=True)]
    for positions in _order(pairs, out):
        chosen = [pairs.pop(position) for position in sorted(positions, reverse=True)][::-1]
        others = "".join(labels for _, labels in pairs) + out
        while len(chosen) > 1:
            (x, x_labels), (y, y_labels) = chosen.pop(0), chosen.pop(0)
            needed = others + "".join(labels for _, labels in chosen)
            kept = "".join(dict.fromkeys(label for label in x_labels + y_labels if label in needed))
            chosen.insert(0, (contract(x, y, x_labels, y_labels, kept), kept))
        pairs.append(chosen[0])
    ((x, labels),) = pairs
    x, labels = _summed(x, labels, out)
    result = permute(x, [labels.index(label) for label in out])
    result = TracedArray(result._trace, result._value)
    return truth(result) if common == BOOL else result


def _order(pairs: list[tuple[TracedArray, str]], out: str) -> list[Sequence[int]]:
    """Which operands to contract, step by step: NumPy's greedy plan."""
    if len(pairs) < 3:
        return [tuple(range(len(pairs)))]
    sizes: dict[str, int] = {}
    for x, labels in pairs:
        for label, size in zip(labels, x.shape, strict=True):
            sizes[label] = max(size, sizes.get(label, 0))
    stand_ins = [np.broadcast_to(0.0, [sizes[label] for label in labels]) for _, labels in pairs]
    subscripts = ",".join(labels for _, labels in pairs) + "->" + out
    return np.einsum_path(subscripts, *stand_ins, optimize="greedy")[0][1:]
