"""Operations that move elements, reduce and contract, in StableHLO."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from ...ir.graph import Operation
from ...ir.types import BOOL, COMPLEX, INTEGER, TensorType, bfloat16
from ...ops.contraction import parse_spec
from .elementwise import Row
from .writer import Tensor, Writer, integers

NARROW = (np.dtype(np.float16), bfloat16)


def _wide(w: Writer, x: Tensor) -> Tensor:
    """16-bit floating point numbers are accumulated in float32."""
    return w.convert(x, np.float32) if x.type.dtype in NARROW else x


# --- creation ------------------------------------------------------------------------------------


def constant(w: Writer, op: Operation) -> Tensor:
    """A constant."""
    return w.constant(op.attributes["value"])


def iota(w: Writer, op: Operation) -> Tensor:
    """Counting along an axis."""
    return w.iota(op.result.type, op.attributes["axis"])


def barrier(w: Writer, op: Operation, x: Tensor, *after: Tensor) -> Tensor:
    """``x``, which XLA neither computes earlier nor shares; the other results are not used."""
    operands = [x, *after]
    name = w.fresh()
    count = f":{len(operands)}" if after else ""
    w.write(f"{name}{count} = ", "optimization_barrier", operands, [each.type for each in operands])
    return Tensor(f"{name}#0" if after else name, x.type)


# --- shape ---------------------------------------------------------------------------------------


def reshape(w: Writer, op: Operation, x: Tensor) -> Tensor:
    """Another shape."""
    return w.reshape(x, op.attributes["shape"])


def transpose(w: Writer, op: Operation, x: Tensor) -> Tensor:
    """Axes in another order."""
    return w.transpose(x, op.attributes["permutation"])


def broadcast_in_dim(w: Writer, op: Operation, x: Tensor) -> Tensor:
    """Repetition."""
    return w.broadcast(x, op.attributes["shape"], op.attributes["dims"])


def concatenate(w: Writer, op: Operation, *operands: Tensor) -> Tensor:
    """One behind the other."""
    return w.op("concatenate", operands, op.result.type, dimension=f"{op.attributes['axis']} : i64")


def reverse(w: Writer, op: Operation, x: Tensor) -> Tensor:
    """The opposite order."""
    return w.reverse(x, op.attributes["axes"])


def pad(w: Writer, op: Operation, x: Tensor) -> Tensor:
    """Zeros around and between."""
    a = op.attributes
    return w.pad(x, 0, a["low"], a["high"], a["interior"])


def _forward(
    starts: Sequence[int], sizes: Sequence[int], steps: Sequence[int]
) -> tuple[list[int], list[int], list[int]]:
    """A slice's lowest positions, positive steps, and the axes that it reads backward."""
    ends = [start + (size - 1) * step for start, size, step in zip(starts, sizes, steps, strict=True)]
    low = [min(pair) if size else 0 for pair, size in zip(zip(starts, ends, strict=True), sizes, strict=True)]
    return low, [abs(step) for step in steps], [axis for axis, step in enumerate(steps) if step < 0]


def slice(w: Writer, op: Operation, x: Tensor) -> Tensor:
    """StableHLO's slices go forward: one that goes backward is reversed."""
    a = op.attributes
    low, steps, backward = _forward(a["starts"], a["sizes"], a["steps"])
    limits = [
        start + (size - 1) * step + 1 if size else start
        for start, size, step in zip(low, a["sizes"], steps, strict=True)
    ]
    part = w.op(
        "slice",
        [x],
        op.result.type,
        start_indices=integers(low),
        limit_indices=integers(limits),
        strides=integers(steps),
    )
    return w.reverse(part, backward)


def insert_slice(w: Writer, op: Operation, x: Tensor, update: Tensor) -> Tensor:
    """The update, and a mask of where it lies, padded to the shape of ``x``; the mask chooses."""
    if not update.type.size:
        return x
    sizes = update.type.shape
    low, steps, backward = _forward(op.attributes["starts"], sizes, op.attributes["steps"])
    high = [
        length - 1 - start - (size - 1) * step
        for length, start, size, step in zip(x.type.shape, low, sizes, steps, strict=True)
    ]
    interior = [step - 1 for step in steps]
    placed = w.pad(w.reverse(update, backward), 0, low, high, interior)
    mask = w.pad(w.full(update.type.with_dtype(BOOL), True), False, low, high, interior)
    return w.select(mask, placed, x)


# --- reductions ----------------------------------------------------------------------------------


def reduction(name: str, initial: complex) -> Row:
    """The row of a reduction that starts from a number of every type."""

    def row(w: Writer, op: Operation, x: Tensor) -> Tensor:
        return w.convert(w.reduce(_wide(w, x), op.attributes["axes"], name, initial), x.type.dtype)

    return row


def _bound(type: TensorType, name: str) -> float:
    """What every number of the type is compared with to start a maximum or minimum."""
    if type.dtype in INTEGER:
        limits = np.iinfo(type.dtype)
        return limits.min if name == "maximum" else limits.max
    return -math.inf if name == "maximum" else math.inf


def extremum(name: str) -> Row:
    """The row of a maximum or minimum over axes."""
    return lambda w, op, x: w.reduce(x, op.attributes["axes"], name, _bound(x.type, name))


def position(name: str) -> Row:
    """The row of argmax or argmin: the least position at which the extremum, or a NaN, stands."""

    def row(w: Writer, op: Operation, x: Tensor) -> Tensor:
        axis = op.attributes["axis"]
        if x.type.dtype == BOOL:
            x = w.convert(x, np.uint8)
        found = w.reduce(x, (axis,), name, _bound(x.type, name))
        kept = [each for each in range(x.type.rank) if each != axis]
        here = w.compare(x, w.broadcast(found, x.type.shape, kept), "eq")
        here = w.binary("or", here, w.compare(x, x, "ne"))
        count = x.type.with_dtype(np.int64)
        places = w.select(here, w.iota(count, axis), w.full(count, x.type.shape[axis]))
        return w.reduce(places, (axis,), "minimum", x.type.shape[axis])

    return row


def cumsum(w: Writer, op: Operation, x: Tensor) -> Tensor:
    """Windows as long as the axis, which begin (end, from its end) outside of it."""
    axis, size = op.attributes["axis"], x.type.shape[op.attributes["axis"]]
    if not x.type.size:
        return x
    wide = _wide(w, x)
    window = [1] * x.type.rank
    window[axis] = size
    padding = [[0, 0] for _ in window]
    padding[axis] = [0, size - 1] if op.attributes["reverse"] else [size - 1, 0]
    total = w.op(
        "reduce_window",
        [wide, w.full(TensorType((), wide.type.dtype), 0)],
        wide.type,
        w.combiner("add", wide.type.dtype),
        window_dimensions=integers(window),
        padding=f"dense<{padding}> : tensor<{x.type.rank}x2xi64>",
    )
    return w.convert(total, x.type.dtype)


# --- products and factors ------------------------------------------------------------------------


def _summed(w: Writer, x: Tensor, labels: str, used: str) -> tuple[Tensor, str]:
    """``x`` summed over the axes whose label is not ``used``, and the labels left."""
    lone = [axis for axis, label in enumerate(labels) if label not in used]
    return w.reduce(x, lone, "add", 0), "".join(label for label in labels if label in used)


def contract(w: Writer, op: Operation, x: Tensor, y: Tensor) -> Tensor:
    """A dot_general, whose result has batch axes, those of ``x`` and those of ``y``; then a transpose."""
    if not (x.type.size and y.type.size):
        return w.full(op.result.type, 0)
    spec = parse_spec(op.attributes["spec"])
    left, x_labels = _summed(w, _wide(w, x), spec.x, spec.y + spec.out)
    right, y_labels = _summed(w, _wide(w, y), spec.y, spec.x + spec.out)
    shared = [label for label in x_labels if label in y_labels]
    batch = [label for label in shared if label in spec.out]
    inner = [label for label in shared if label not in spec.out]
    numbers = [
        f"{side}_{what}_dimensions = [{', '.join(str(labels.index(label)) for label in chosen)}]"
        for what, chosen in (("batching", batch), ("contracting", inner))
        for side, labels in (("lhs", x_labels), ("rhs", y_labels))
        if chosen
    ]
    produced = [*batch, *(label for label in x_labels + y_labels if label not in shared)]
    sizes = dict(zip(x_labels + y_labels, left.type.shape + right.type.shape, strict=True))
    # Without this a GPU or TPU may round the operands to fewer bits than their type has.
    highest = ", ".join(["#stablehlo<precision HIGHEST>"] * 2)
    product = w.op(
        "dot_general",
        [left, right],
        left.type.with_shape(tuple(sizes[label] for label in produced)),
        dot_dimension_numbers=f"#stablehlo.dot<{', '.join(numbers)}>",
        precision_config=f"[{highest}]",
    )
    return w.convert(w.transpose(product, [produced.index(label) for label in spec.out]), x.type.dtype)


def contract_no_nan(w: Writer, op: Operation, x: Tensor, y: Tensor) -> Tensor:
    """The contraction, without the elements of ``y`` that meet zeros of ``x`` alone where they are not finite."""
    zero = w.full(y.type, 0)
    finite = w.op("is_finite", [y], y.type.with_dtype(np.bool_))
    clean = contract(w, op, x, w.select(finite, y, zero))
    hits = w.convert(w.compare(x, w.full(x.type, 0), "ne"), x.type.dtype)
    reached = contract(w, op, hits, w.select(finite, zero, w.full(y.type, 1)))
    return w.select(w.compare(reached, w.full(reached.type, 0), "gt"), contract(w, op, x, y), clean)


def cholesky(w: Writer, op: Operation, x: Tensor) -> Tensor:
    """The factor of the matrix made Hermitian. StableHLO leaves open what stands above the diagonal."""
    if not x.type.size:
        return x
    rank = x.type.rank
    adjoint = w.transpose(x, [*range(rank - 2), rank - 1, rank - 2])
    if x.type.dtype in COMPLEX:
        adjoint = w.conj(adjoint)
    half = w.binary("multiply", w.binary("add", x, adjoint), w.full(x.type, 0.5))
    factor = w.op("cholesky", [half], x.type, lower="true")
    counts = x.type.with_dtype(np.int64)
    below = w.compare(w.iota(counts, rank - 2), w.iota(counts, rank - 1), "ge")
    return w.select(below, factor, w.full(x.type, 0))
