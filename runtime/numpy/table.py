"""What the NumPy backend runs, and the code it writes for each operation.

One row an operation: its element types, and a template (or a function of the operation that gives one).
``{0}`` is the first operand. An operation without a row is written as the NumPy function that is its reference
meaning, or calls the reference meaning where that is more than one function.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from ...ir.definition import registered
from ...ir.graph import Operation
from ...ir.types import COMPLEX, DTYPE_NAMES
from ...ops.contraction import parse_spec
from ..support import Support, SupportTable
from .control import CONTROL

Ints = tuple[int, ...]
#: Elements in a row from which on BLAS's scalar product pays for its call.
LONG_ROW: Final = 32

#: Text with ``{0}``, ``{1}``, ... for operands, or what gives it (None: use the reference meaning).
Template = str | Callable[[Operation], str | None] | None


@dataclass(frozen=True)
class Lowering:
    """One row: how the operation is written. ``kernel`` is called where there is no template, in place of the reference
    meaning. ``into`` writes the result to ``{out}``; a
    NumPy function that is the reference meaning does without being told."""

    template: Template = None
    kernel: Callable[..., Any] | None = None
    into: Template = None


def template_of(op: Operation) -> str | None:
    """The code of one operation; None where a function has to be called."""
    lowering = LOWERINGS.get(op.name)
    if lowering is not None:
        return lowering.template(op) if callable(lowering.template) else lowering.template
    meaning = op.definition.rules.evaluate
    if isinstance(meaning, np.ufunc):
        return f"{meaning.__name__}({', '.join(f'{{{index}}}' for index in range(meaning.nin))})"
    return None


def into_of(op: Operation) -> str | None:
    """The code of one operation whose result goes to memory that is there, ``{out}``; None where nothing writes so."""
    row = LOWERINGS.get(op.name, Lowering())
    if row.into is not None:
        return row.into(op) if callable(row.into) else row.into
    meaning = op.definition.rules.evaluate
    if isinstance(meaning, np.ufunc):
        return into_ufunc(meaning, *(f"{{{index}}}" for index in range(meaning.nin)), out="{out}")
    return None


def into_ufunc(ufunc: np.ufunc, *operands: str, out: str) -> str:
    """A call of a ufunc that writes to ``out``: by position, which is faster than by name, where NumPy allows it."""
    name = "out=" if ufunc in (np.maximum, np.minimum) else ""
    return f"{ufunc.__name__}({', '.join(operands)}, {name}{out})"


def mul_no_nan(x: Any, y: Any, out: Any = None) -> Any:
    """The product, mended only where it has to be: a finite sum shows that nothing is NaN or infinite. ``out`` may be
    ``y``, and shares no memory with ``x``."""
    product = np.asarray(np.multiply(x, y, out))
    if not np.isfinite(np.add.reduce(product, axis=None)):
        np.copyto(product, 0, where=np.equal(x, 0))
    return product if product.ndim else product[()]


def _pad(x: Any, low: Ints, high: Ints, interior: Ints) -> Any:
    """Zeros, and the operand among them."""
    shape, place = _padded(x.shape, low, high, interior)
    result = np.zeros(shape, x.dtype)
    result[place] = x
    return result


@functools.lru_cache(maxsize=4096)
def _padded(shape: Ints, low: Ints, high: Ints, interior: Ints) -> tuple[Ints, tuple[slice, ...]]:
    """The padded shape, and where in it the operand is."""
    steps = tuple(between + 1 for between in interior)
    inner = [max((size - 1) * step + 1, 0) if size else 0 for size, step in zip(shape, steps, strict=True)]
    padded = tuple(a + n + z for a, n, z in zip(low, inner, high, strict=True))
    return padded, tuple(slice(a, a + n, step) for a, n, step in zip(low, inner, steps, strict=True))


def _reduction(ufunc: str) -> Template:
    def template(op: Operation) -> str | None:
        # NumPy widens small integers in sums and products, and accumulates 16-bit floating point numbers as they
        # are; the reference meaning does the opposite.
        dtype = op.result.type.dtype
        if ufunc in ("add", "multiply") and (dtype.kind in "iu" or dtype.itemsize == 2):
            return None
        axes = op.attributes["axes"]
        axis = axes[0] if len(axes) == 1 else axes
        if ufunc in ("maximum", "minimum") and op.operands[0].type.size == 0:
            return None
        if op.operands[0].type.rank == 0:
            return None
        return f"{ufunc}.reduce({{0}}, axis={axis})"

    return template


def _into_call(template: Template) -> Template:
    """A call like the template's with one more argument, ``out``."""

    def into(op: Operation) -> str | None:
        text = template(op) if callable(template) else template
        return None if text is None or not op.result.type.rank else f"{text[:-1]}, out={{out}})"

    return into


#: The element types whose products BLAS takes.
_BLAS: Final = (np.dtype(np.float32), np.dtype(np.float64), *COMPLEX)
_DIRECTIONS: Final = {"eq": "==", "ne": "!=", "lt": "<", "le": "<=", "gt": ">", "ge": ">="}


_COMPARISONS: Final = {
    "eq": "equal",
    "ne": "not_equal",
    "lt": "less",
    "le": "less_equal",
    "gt": "greater",
    "ge": "greater_equal",
}


def _compare_into(op: Operation) -> str:
    return f"{_COMPARISONS[op.attributes['direction']]}({{0}}, {{1}}, {{out}})"


def _compare(op: Operation) -> str:
    return f"{{0}} {_DIRECTIONS[op.attributes['direction']]} {{1}}"


def _arithmetic(sign: str, *, but_for: str = "") -> Template:
    """An operator. Kinds in ``but_for`` (NumPy means something else there) take the reference meaning."""

    def template(op: Operation) -> str | None:
        return None if op.operands[0].type.dtype.kind in but_for else f"{{0}} {sign} {{1}}"

    return template


def _select(op: Operation) -> str:
    return "where({0}, {1}, {2})" if op.result.type.rank else "{1} if {0} else {2}"


def _slice(op: Operation) -> str:
    a = op.attributes
    parts = []
    for start, size, step, extent in zip(a["starts"], a["sizes"], a["steps"], op.operands[0].type.shape, strict=True):
        if (start, size, step) == (0, extent, 1):
            parts.append(":")
            continue
        stop = start + size * step
        if size == 0:
            parts.append("0:0")
            continue
        text = f"{start}:{stop if stop >= 0 else ''}"
        parts.append(text if step == 1 else f"{text}:{step}")
    return f"{{0}}[{', '.join(parts)}]" if parts else "{0}"


def _reshape(op: Operation) -> str:
    rank = op.operands[0].type.rank
    if rank and not op.result.type.rank:
        return f"{{0}}[{', '.join('0' * rank)}]"
    return f"{{0}}.reshape({op.result.type.shape})"


def _reverse(op: Operation) -> str:
    axes = op.attributes["axes"]
    return "{0}[" + ", ".join("::-1" if axis in axes else ":" for axis in range(op.result.type.rank)) + "]"


def pad_around(op: Operation) -> str | None:
    """The code that puts the operand among the zeros of ``{out}``; None where elements are cut off."""
    a, shape = op.attributes, op.operands[0].type.shape
    if min((*a["low"], *a["high"], *a["interior"]), default=0) < 0 or not op.operands[0].type.size:
        return None
    parts = []
    for low, gap, size, whole in zip(a["low"], a["interior"], shape, op.result.type.shape, strict=True):
        stop = low + (size - 1) * (gap + 1) + 1
        parts.append(":" if size == whole else f"{low}:{stop}" + (f":{gap + 1}" if gap else ""))
    return f"{{out}}[{', '.join(parts)}] = {{0}}" if parts else None


def _pad_into(op: Operation) -> str | None:
    around = pad_around(op)
    return around and f"{{out}}.fill(0); {around}"


def _concatenate(op: Operation) -> str:
    operands = ", ".join(f"{{{index}}}" for index in range(len(op.operands)))
    return f"concatenate(({operands},), axis={op.attributes['axis']})"


def _gather(op: Operation) -> str | None:
    axes = op.attributes["axes"]
    if axes != tuple(range(len(axes))) or not op.operands[1].type.rank:
        return None
    return "{0}[" + ", ".join(f"{{{index + 1}}}" for index in range(len(axes))) + "]"


def _factors(op: Operation) -> tuple[str, str, tuple[int, ...]] | None:
    """The two operands of a product that BLAS takes as it is, transposed where that costs nothing, and the order in
    which the product's axes are the result's: of vectors and matrices, or of stacks of matrices."""
    if op.operands[0].type.dtype not in _BLAS:
        return None
    labels = parse_spec(op.attributes["spec"])
    stacked = [label for label in labels.out if label in labels.x and label in labels.y]
    inner = [label for label in labels.x if label in labels.y and label not in labels.out]
    rows = [label for label in labels.x if label not in labels.y]
    columns = [label for label in labels.y if label not in labels.x]
    if len(inner) != 1 or len(rows) > 1 or len(columns) > 1 or not set(rows + columns) <= set(labels.out):
        return None
    if stacked and not (rows and columns):
        return None
    order = "".join(stacked + rows + columns)
    first = _arranged("{0}", labels.x, "".join(stacked + rows + inner))
    second = _arranged("{1}", labels.y, "".join(stacked + inner + columns))
    if labels.out == "".join(stacked + columns + rows) != order:
        order = labels.out
        first, second = (
            _arranged("{1}", labels.y, "".join(stacked + columns + inner)),
            _arranged("{0}", labels.x, "".join(stacked + inner + rows)),
        )
    return first, second, tuple(order.index(label) for label in labels.out)


def _arranged(operand: str, labels: str, order: str) -> str:
    if labels == order:
        return operand
    if len(order) == 2:
        return f"{operand}.T"
    return f"{operand}.transpose({tuple(labels.index(label) for label in order)})"


def _contract(op: Operation) -> str | None:
    factors = _factors(op)
    if factors is None:
        if _is_by_rows(op):
            return "vecdot({0}, {1})"
        return _flat(op) or (" * ".join(_outer(op) or ()) or None)
    first, second, order = factors
    dot = _dot(op)
    product = f"{first} @ {second}" if dot is None else f"{dot[0]}.dot({dot[1]})"
    return product if order == tuple(range(len(order))) else f"({product}).transpose({order})"


def _dot(op: Operation) -> tuple[str, str] | None:
    """The operands of the method for products, which has half the overhead of the operator; small products notice."""
    factors = _factors(op)
    ranks = sorted(value.type.rank for value in op.operands)
    if factors is None or ranks[1] > 2:
        return None
    first, second, _ = factors
    if ranks == [1, 2] and f"{first}{second}".count(".T"):
        return second.removesuffix(".T"), first.removesuffix(".T")
    return first, second


def dot_into(op: Operation) -> str | None:
    """The code of a product of vectors and matrices whose result goes to memory without gaps, ``{out}``; None where it
    is none, or has its axes in another order."""
    if op.name != "tensor.contract" or not op.result.type.rank:
        return None
    factors, dot = _factors(op), _dot(op)
    if factors is None or dot is None or factors[2] != tuple(range(len(factors[2]))):
        return None
    return f"{dot[0]}.dot({dot[1]}, {{out}})"


def _flat(op: Operation) -> str | None:
    """A product of arrays of more axes as one of matrices, where the axes are in order; or of one matrix with many."""
    x, y = (value.type for value in op.operands)
    labels, shape = parse_spec(op.attributes["spec"]), op.result.type.shape
    if x.dtype not in _BLAS or not shape:
        return None
    inner = "".join(label for label in labels.x if label in labels.y)
    rows, columns = labels.x.removesuffix(inner), labels.y.removeprefix(inner)
    if not inner or inner in labels.out:
        return None
    if (rows + inner, inner + columns, rows + columns) == (labels.x, labels.y, labels.out):
        size = math.prod(y.shape[: len(inner)])
        first = (math.prod(shape[: len(rows)]), size) if rows else (size,)
        second = (size, math.prod(shape[len(rows) :])) if columns else (size,)
        left, right = (
            operand if type.shape == flat else f"{operand}.reshape({flat})"
            for operand, type, flat in (("{0}", x, first), ("{1}", y, second))
        )
        return f"{left}.dot({right}).reshape({shape})"
    stack = labels.y[:-2]
    many = len(inner) == len(rows) == 1 and (stack + inner, stack + rows) == (labels.y[:-1], labels.out[:-1])
    return "{0} @ {1}" if many and labels.y[-1] == labels.out[-1] else None


def _outer(op: Operation) -> tuple[str, str] | None:
    """The factors of the product of two vectors, all with all."""
    labels = parse_spec(op.attributes["spec"])
    if len(labels.x) != 1 or len(labels.y) != 1 or len(labels.out) != 2 or op.result.type.dtype.itemsize == 2:
        return None
    return ("{0}[:, None]", "{1}") if labels.out == labels.x + labels.y else ("{0}", "{1}[:, None]")


def _contract_into(op: Operation) -> str | None:
    factors = _factors(op)
    if factors is None and _is_by_rows(op):
        return "vecdot({0}, {1}, {out})"
    if factors is None:
        outer = _outer(op)
        return into_ufunc(np.multiply, *outer, out="{out}") if outer else None
    if not op.result.type.rank:
        return None
    first, second, order = factors
    target = "{out}"
    if order != tuple(range(len(order))):
        target += f".transpose({tuple(order.index(axis) for axis in range(len(order)))})"
    function = "multiply" if _is_outer(op) else "matmul"
    return f"{function}({first}, {second}, {target})"


def _is_by_rows(op: Operation) -> bool:
    """Whether a product is the scalar products of rows with rows, long enough for BLAS to be faster than einsum."""
    labels, x = parse_spec(op.attributes["spec"]), op.operands[0].type
    if labels.x != labels.y or labels.x != labels.out + labels.x[-1:] or x.shape[-1] < LONG_ROW:
        return False
    return x.dtype in (np.dtype(np.float32), np.dtype(np.float64))


def _is_outer(op: Operation) -> bool:
    """Whether a product of matrices sums over one term, which broadcasting does in half of BLAS's time."""
    labels, (x, y) = parse_spec(op.attributes["spec"]), op.operands
    inner = [labels.x.index(label) for label in labels.x if label in labels.y and label not in labels.out]
    return min(x.type.rank, y.type.rank) >= 2 and all(x.type.shape[axis] == 1 for axis in inner)


def dtype_text(dtype: np.dtype[Any]) -> str:
    """How the generated source names an element type."""
    return "bfloat16" if DTYPE_NAMES[dtype] == "bf16" else f"np.{dtype.name if dtype.kind != 'b' else 'bool_'}"


LOWERINGS: Final[dict[str, Lowering]] = {
    "tensor.neg": Lowering("-{0}"),
    "tensor.add": Lowering(_arithmetic("+", but_for="b")),
    "tensor.sub": Lowering(_arithmetic("-", but_for="b")),
    "tensor.mul": Lowering(_arithmetic("*", but_for="b")),
    "tensor.div": Lowering(_arithmetic("/", but_for="biu")),
    "tensor.compare": Lowering(_compare, into=_compare_into),
    "tensor.logical_and": Lowering("{0} & {1}"),
    "tensor.logical_or": Lowering("{0} | {1}"),
    "tensor.logical_xor": Lowering("{0} ^ {1}"),
    "tensor.select": Lowering(_select, into="select({0}, {1}, {2}, {out})"),
    "tensor.reduce_sum": Lowering(_reduction("add"), into=_into_call(_reduction("add"))),
    "tensor.reduce_prod": Lowering(_reduction("multiply"), into=_into_call(_reduction("multiply"))),
    "tensor.reduce_max": Lowering(_reduction("maximum"), into=_into_call(_reduction("maximum"))),
    "tensor.reduce_min": Lowering(_reduction("minimum"), into=_into_call(_reduction("minimum"))),
    "tensor.reshape": Lowering(_reshape),
    "tensor.transpose": Lowering(lambda op: f"{{0}}.transpose({op.attributes['permutation']})"),
    "tensor.slice": Lowering(_slice),
    "tensor.reverse": Lowering(_reverse),
    "tensor.concatenate": Lowering(_concatenate, into=_into_call(_concatenate)),
    "tensor.gather": Lowering(_gather),
    "tensor.pad": Lowering(kernel=_pad, into=_pad_into),
    "tensor.contract": Lowering(_contract, into=_contract_into),
    "tensor.convert": Lowering(
        lambda op: f"{{0}}.astype({dtype_text(op.result.type.dtype)})",
        into="{out}[...] = {0}",
    ),
    "ad.barrier": Lowering("{0}"),
    "ad.stop_gradient": Lowering("{0}"),
    "ad.mul_no_nan": Lowering("mul_no_nan({0}, {1})", into="mul_no_nan({0}, {1}, {out})"),
}


def support_table() -> SupportTable:
    """The declared table of the NumPy backend: every registered operation with a meaning, at any order, on
    the element types that its type rule takes."""
    rows = {
        name: Support(frozenset(dtype for dtype in DTYPE_NAMES if definition.rules.takes(dtype)))
        for name, definition in registered().items()
        if definition.rules is not None
    }
    rows |= {name: Support(frozenset(DTYPE_NAMES)) for name in CONTROL}
    return SupportTable("numpy", rows)
