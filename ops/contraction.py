"""The product-sum primitive: matrix products of every shape."""

from __future__ import annotations

import functools
import math
import string
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from ..ir.builder import Builder
from ..ir.errors import ShapeConstraint
from ..ir.graph import Operation, Value
from ..ir.types import FLOATING, TensorType
from .definition import Array, Op, operation, sample
from .elementwise import NUMERIC, check_dtype
from .reductions import widened
from .shape import check_same_dtype

#: The operations that sum products.
PRODUCTS: Final = frozenset(("tensor.contract", "ad.contract_no_nan"))


@dataclass(frozen=True)
class Labels:
    """The labels of a contraction's operands and result, one letter for each axis."""

    x: str
    y: str
    out: str


@functools.lru_cache(maxsize=4096)
def parse_spec(spec: str) -> Labels:
    """Read ``"ik,kj->ij"``. Raises `ShapeConstraint` (C4) where it is malformed.

    Labels are ASCII letters, each at most once in an operand; the result's are distinct and from the
    operands.
    """
    inputs, arrow, out = spec.partition("->")
    x, comma, y = inputs.partition(",")
    wrong = ""
    if not arrow or not comma:
        wrong = "it has the form 'ik,kj->ij'"
    for labels in (x, y, out):
        if labels and not (labels.isascii() and labels.isalpha()):
            wrong = wrong or f"{labels!r} has a label that is no ASCII letter"
        if len(set(labels)) != len(labels):
            wrong = wrong or f"{labels!r} repeats a label"
    missing = "".join(label for label in out if label not in x + y)
    if missing:
        wrong = wrong or f"no operand has the result's {missing!r}"
    if wrong:
        raise ShapeConstraint("C4", f"spec is {spec!r}: {wrong}")
    return Labels(x, y, out)


def multiply_adds(op: Operation) -> int:
    """The points of a contraction's iteration space; 0 for any other operation."""
    return points(op.attributes["spec"], *op.operands) if op.name in PRODUCTS else 0


def points(spec: str, x: Value, y: Value) -> int:
    """The points of the iteration space of a contraction of two values."""
    labels = parse_spec(spec)
    sizes = dict(zip(labels.x + labels.y, x.type.shape + y.type.shape, strict=True))
    return math.prod(sizes.values())


@dataclass(frozen=True)
class _Plan:
    """How a contraction becomes one batched matrix product of (batch, rows, inner) and (batch, inner,
    columns): axes to sum first, axes of each operand in order, and the order of the result's axes."""

    sum_x: tuple[int, ...]
    sum_y: tuple[int, ...]
    order_x: tuple[int, ...]
    order_y: tuple[int, ...]
    batch: int
    inner: int
    order_out: tuple[int, ...]


@functools.lru_cache(maxsize=4096)
def _plan(spec: str) -> _Plan:
    labels = parse_spec(spec)
    x = "".join(label for label in labels.x if label in labels.y + labels.out)
    y = "".join(label for label in labels.y if label in labels.x + labels.out)
    batch = "".join(label for label in labels.out if label in x and label in y)
    inner = "".join(label for label in x if label in y and label not in labels.out)
    rows = "".join(label for label in labels.out if label in x and label not in y)
    columns = "".join(label for label in labels.out if label in y and label not in x)
    produced = batch + rows + columns
    return _Plan(
        sum_x=tuple(axis for axis, label in enumerate(labels.x) if label not in x),
        sum_y=tuple(axis for axis, label in enumerate(labels.y) if label not in y),
        order_x=tuple(x.index(label) for label in batch + rows + inner),
        order_y=tuple(y.index(label) for label in batch + inner + columns),
        batch=len(batch),
        inner=len(inner),
        order_out=tuple(produced.index(label) for label in labels.out),
    )


def _sum(x: Array, axes: tuple[int, ...]) -> Array:
    return np.asarray(np.sum(x, axis=axes, dtype=x.dtype)) if axes else x


def _product(x: Array, y: Array, plan: _Plan) -> Array:
    """The product of operands whose axes are in order, with result axes (batch, rows, columns)."""
    batch = x.shape[: plan.batch]
    rows, columns = x.shape[plan.batch : x.ndim - plan.inner], y.shape[plan.batch + plan.inner :]
    if not plan.inner:
        x = x.reshape((*batch, *rows, *(1,) * len(columns)))
        y = y.reshape((*batch, *(1,) * len(rows), *columns))
        return np.asarray(x * y)
    shape = x.shape[x.ndim - plan.inner :]
    count, row_count, column_count, inner = (math.prod(part) for part in (batch, rows, columns, shape))
    stack = (count,) if plan.batch else ()
    left, right = (*stack, row_count, inner), (*stack, inner, column_count)
    product: Array = np.matmul(x.reshape(left), y.reshape(right))
    return product.reshape((*batch, *rows, *columns))


def _repeat_missing(b: Builder, part: Value, labels: str, wanted: str, like: TensorType) -> Value:
    """Repeat ``part`` along the axes of ``like`` whose label it lacks."""
    if labels == wanted:
        return part
    dims = tuple(wanted.index(label) for label in labels)
    return b.broadcast_in_dim(part, shape=like.shape, dims=dims)


def _batched_spec(spec: str, batched: Sequence[bool]) -> str:
    """The spec with one more label for the examples, in front of the batched operands' and the result's."""
    labels = parse_spec(spec)
    new = next(label for label in string.ascii_letters if label not in spec)
    left, right = (new + own if flag else own for own, flag in zip((labels.x, labels.y), batched, strict=True))
    return f"{left},{right}->{new}{labels.out}"


@operation("tensor.contract")
class Contract(Op):
    """Sum of products of two operands over the labels that ``spec`` does not keep: ``"ik,kj->ij"``.

    Every axis has a label, an ASCII letter. A label in both operands and the result is a batch axis, in
    both operands only it is summed over; one in a single operand and not in the result is summed before.
    (C1) each operand has as many labels as axes, (C2) a label has one size, (C3) the operands have one
    element type, a number of any kind but bool, (C4) the spec is well formed: labels are distinct within an operand and
    within the result, and the result's are among the operands'. 16-bit floating point numbers are
    accumulated in float32.
    """

    linear_in = (("x",), ("y",))
    samples = (
        sample((2, 3), (3, 4), spec="ik,kj->ij"),
        sample((2, 3), (4, 3), spec="ik,jk->ji"),
        sample((3,), (3,), spec="i,i->"),
        sample((2,), (3,), spec="i,j->ij"),
        sample((3,), (3,), spec="i,i->i"),
        sample((2, 2, 3), (2, 3, 2), spec="bik,bkj->bij"),
        sample((2, 3, 2), (3, 2, 4), spec="ibk,bkj->jbi"),
        sample((2, 3, 4), (4, 3), spec="ijk,kj->i"),
        sample((2, 3), (3, 2), spec="ab,bc->b"),
        sample((), (2,), spec=",i->i"),
        sample((2, 0), (0, 3), spec="ik,kj->ij"),
    )

    @staticmethod
    def infer(x: TensorType, y: TensorType, *, spec: str) -> TensorType:
        labels = parse_spec(spec)
        sizes: dict[str, int] = {}
        for position, (type, names) in enumerate(((x, labels.x), (y, labels.y))):
            if type.rank != len(names):
                raise ShapeConstraint(
                    "C1", f"operand {position} has rank {type.rank} and {len(names)} labels in {spec!r}"
                )
            for name, size in zip(names, type.shape, strict=True):
                if sizes.setdefault(name, size) != size:
                    raise ShapeConstraint("C2", f"dim {name} is {sizes[name]} in operand 0 and {size} in operand 1")
        check_same_dtype("C3", x, y)
        check_dtype("C3", x, NUMERIC)
        return x.with_shape(tuple(sizes[name] for name in labels.out))

    @staticmethod
    def evaluate(x: Array, y: Array, *, spec: str) -> Any:
        plan = _plan(spec)
        left = _sum(widened(x), plan.sum_x).transpose(plan.order_x)
        right = _sum(widened(y), plan.sum_y).transpose(plan.order_y)
        return _product(left, right, plan).transpose(plan.order_out).astype(x.dtype, copy=False)

    @staticmethod
    def batch(b: Builder, size: int, batched: Sequence[bool], x: Value, y: Value, *, spec: str) -> Value:
        return b.contract(x, y, spec=_batched_spec(spec, batched))

    @staticmethod
    def transpose_x(b: Builder, ct: Value, x: Value, y: Value, *, spec: str) -> Value:
        labels = parse_spec(spec)
        known = "".join(label for label in labels.x if label in labels.out + labels.y)
        part = b.contract(ct, y, spec=f"{labels.out},{labels.y}->{known}")
        return _repeat_missing(b, part, known, labels.x, x.type)

    @staticmethod
    def transpose_y(b: Builder, ct: Value, x: Value, y: Value, *, spec: str) -> Value:
        labels = parse_spec(spec)
        known = "".join(label for label in labels.y if label in labels.out + labels.x)
        part = b.contract(x, ct, spec=f"{labels.x},{labels.out}->{known}")
        return _repeat_missing(b, part, known, labels.y, y.type)


@operation("ad.contract_no_nan")
class ContractNoNan(Contract):
    """`tensor.contract` in which an exactly zero element of ``x`` adds zero, even where ``y`` is NaN or infinite.

    What `ad.mul_no_nan` is to products: `transpose` writes it where ``x`` is a cotangent that was cut by a
    `tensor.select`. (C1), (C2), (C3) and (C4) are those of `tensor.contract`; (C5) the operands are floating point.
    """

    @staticmethod
    def infer(x: TensorType, y: TensorType, *, spec: str) -> TensorType:
        result = Contract.infer(x, y, spec=spec)
        check_dtype("C5", x, FLOATING)
        return result

    @staticmethod
    def evaluate(x: Array, y: Array, *, spec: str) -> Any:
        product = Contract.evaluate(x, y, spec=spec)
        if np.isfinite(np.sum(widened(product))):
            return product  # no element is NaN or infinite
        finite = np.isfinite(y)
        clean = Contract.evaluate(x, np.where(finite, y, np.zeros((), y.dtype)), spec=spec)
        reached = Contract.evaluate(np.not_equal(x, 0).astype(np.float32), (~finite).astype(np.float32), spec=spec) > 0
        return np.where(reached, product, clean)

    @staticmethod
    def batch(b: Builder, size: int, batched: Sequence[bool], x: Value, y: Value, *, spec: str) -> Value:
        return b.contract_no_nan(x, y, spec=_batched_spec(spec, batched))

    @staticmethod
    def transpose_y(b: Builder, ct: Value, x: Value, y: Value, *, spec: str) -> Value:
        labels = parse_spec(spec)
        known = "".join(label for label in labels.y if label in labels.out + labels.x)
        part = b.contract_no_nan(x, ct, spec=f"{labels.x},{labels.out}->{known}")
        return _repeat_missing(b, part, known, labels.y, y.type)
