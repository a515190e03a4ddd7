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
from ...ops.contraction import parse_spec, plan_of
from ..support import Support, SupportTable
from .control import CONTROL

Ints = tuple[int, ...]

#: Text with ``{0}``, ``{1}``, ... for operands, or what gives it (None: use the reference meaning).
Template = str | Callable[[Operation], str | None] | None


@dataclass(frozen=True)
class Lowering:
    """One row: how the operation is written. ``view`` where the result shares the operand's memory. ``kernel`` is
    called where there is no template, in place of the reference meaning."""

    template: Template = None
    view: bool = False
    kernel: Callable[..., Any] | None = None


def template_of(op: Operation) -> str | None:
    """The code of one operation; None where a function has to be called."""
    lowering = LOWERINGS.get(op.name)
    if lowering is not None:
        return lowering.template(op) if callable(lowering.template) else lowering.template
    meaning = op.definition.rules.evaluate
    if isinstance(meaning, np.ufunc):
        return f"np.{meaning.__name__}({', '.join(f'{{{index}}}' for index in range(meaning.nin))})"
    return None


def template_into(op: Operation) -> str | None:
    """The code of one operation that writes its result into the array ``{out}``; None where it makes one itself."""
    text, meaning = template_of(op), op.definition.rules.evaluate
    if text is None:
        return None
    if op.name in ("tensor.contract", "tensor.concatenate"):
        return f"{text[:-1]}, {{out}})" if text.endswith(")") and (".dot(" in text or "concatenate(" in text) else None
    name = _UFUNCS.get(op.name) or (
        meaning.__name__ if op.name not in LOWERINGS and isinstance(meaning, np.ufunc) else ""
    )
    operands = ", ".join(f"{{{index}}}" for index in range(len(op.operands)))
    return f"np.{name}({operands}, {{out}})" if name else None


#: What the operators are as functions.
_UFUNCS: Final = {
    "tensor.neg": "negative",
    "tensor.add": "add",
    "tensor.sub": "subtract",
    "tensor.mul": "multiply",
    "tensor.div": "divide",
}


def _mul_no_nan(x: Any, y: Any) -> Any:
    """The product, mended only where it has to be: a finite sum shows that nothing is NaN or infinite."""
    product = np.asarray(x * y)
    if not np.isfinite(np.add.reduce(product, axis=None)):
        np.copyto(product, 0, where=np.equal(x, 0))
    return product


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
        return f"np.{ufunc}.reduce({{0}}, axis={axis})"

    return template


_DIRECTIONS: Final = {"eq": "==", "ne": "!=", "lt": "<", "le": "<=", "gt": ">", "ge": ">="}


def _compare(op: Operation) -> str:
    return f"{{0}} {_DIRECTIONS[op.attributes['direction']]} {{1}}"


def _arithmetic(sign: str, *, but_for: str = "") -> Template:
    """An operator. Kinds in ``but_for`` (NumPy means something else there) take the reference meaning."""

    def template(op: Operation) -> str | None:
        return None if op.operands[0].type.dtype.kind in but_for else f"{{0}} {sign} {{1}}"

    return template


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


def _reverse(op: Operation) -> str:
    axes = op.attributes["axes"]
    return "{0}[" + ", ".join("::-1" if axis in axes else ":" for axis in range(op.result.type.rank)) + "]"


def _concatenate(op: Operation) -> str:
    operands = ", ".join(f"{{{index}}}" for index in range(len(op.operands)))
    return f"np.concatenate(({operands},), {op.attributes['axis']})"


def _gather(op: Operation) -> str | None:
    axes = op.attributes["axes"]
    if axes != tuple(range(len(axes))) or not op.operands[1].type.rank:
        return None
    return "{0}[" + ", ".join(f"{{{index + 1}}}" for index in range(len(axes))) + "]"


def _contract(op: Operation) -> str | None:
    """A product that BLAS takes as it is, of vectors and matrices; a batch of them; the product of all with all."""
    if op.operands[0].type.dtype not in (np.dtype(np.float32), np.dtype(np.float64), *COMPLEX):
        return None
    labels = parse_spec(op.attributes["spec"])
    left, right, out = labels.x, labels.y, labels.out
    shared = set(left) & set(right)
    if len(left) == len(right) == 1 and not shared:
        return "{0}[:, None] * {1}" if out == left + right else "{0} * {1}[:, None]"
    free = [each for each in left + right if each not in shared]
    if len(left) not in (1, 2) or len(right) not in (1, 2) or len(shared) != 1 or sorted(out) != sorted(free):
        return _batched_contract(op)
    (label,) = shared
    if list(out) != free or (len(left + right) == 3 and (left[-1] != label or right[0] != label)):
        left, right, first, second = right, left, "{1}", "{0}"
    else:
        first, second = "{0}", "{1}"
    first = first if left[-1] == label else f"{first}.T"
    second = second if right[0] == label else f"{second}.T"
    return f"{first}.dot({second})"


def _batched_contract(op: Operation) -> str | None:
    """One product of stacks of matrices, rearranged where that is needed."""
    plan = plan_of(op.attributes["spec"])
    if plan.sum_x or plan.sum_y or not plan.inner:
        return None
    texts, shapes = [], []
    for position, (order, extra) in enumerate(((plan.order_x, 0), (plan.order_y, 1))):
        shape = [op.operands[position].type.shape[axis] for axis in order]
        text = f"{{{position}}}" if order == tuple(range(len(order))) else f"{{{position}}}.transpose({order})"
        split = len(shape) - plan.inner if not extra else plan.batch + plan.inner
        parts = shape[: plan.batch], shape[plan.batch : split], shape[split:]
        wanted = ((math.prod(parts[0]),) if plan.batch else ()) + tuple(math.prod(part) for part in parts[1:])
        texts.append(text if tuple(shape) == wanted else f"{text}.reshape({wanted})")
        shapes.append(parts)
    produced = (*shapes[0][0], *shapes[0][1], *shapes[1][2])
    text = f"np.matmul({texts[0]}, {texts[1]})"
    if plan.batch > 1 or len(shapes[0][1]) != 1 or len(shapes[1][2]) != 1:
        text += f".reshape({produced})"
    if plan.order_out != tuple(range(len(produced))):
        text += f".transpose({plan.order_out})"
    return text


def _dtype_text(op: Operation) -> str:
    dtype = op.result.type.dtype
    return "bfloat16" if DTYPE_NAMES[dtype] == "bf16" else f"np.{dtype.name if dtype.kind != 'b' else 'bool_'}"


LOWERINGS: Final[dict[str, Lowering]] = {
    "tensor.neg": Lowering("-{0}"),
    "tensor.add": Lowering(_arithmetic("+", but_for="b")),
    "tensor.sub": Lowering(_arithmetic("-", but_for="b")),
    "tensor.mul": Lowering(_arithmetic("*", but_for="b")),
    "tensor.div": Lowering(_arithmetic("/", but_for="biu")),
    "tensor.compare": Lowering(_compare),
    "tensor.logical_and": Lowering("{0} & {1}"),
    "tensor.logical_or": Lowering("{0} | {1}"),
    "tensor.logical_xor": Lowering("{0} ^ {1}"),
    "tensor.select": Lowering("np.where({0}, {1}, {2})"),
    "tensor.reduce_sum": Lowering(_reduction("add")),
    "tensor.reduce_prod": Lowering(_reduction("multiply")),
    "tensor.reduce_max": Lowering(_reduction("maximum")),
    "tensor.reduce_min": Lowering(_reduction("minimum")),
    "tensor.reshape": Lowering(lambda op: f"{{0}}.reshape({op.result.type.shape})", view=True),
    "tensor.transpose": Lowering(lambda op: f"{{0}}.transpose({op.attributes['permutation']})", view=True),
    "tensor.slice": Lowering(_slice, view=True),
    "tensor.reverse": Lowering(_reverse, view=True),
    "tensor.concatenate": Lowering(_concatenate),
    "tensor.gather": Lowering(_gather),
    "tensor.pad": Lowering(kernel=_pad),
    "tensor.contract": Lowering(_contract),
    "tensor.convert": Lowering(lambda op: f"{{0}}.astype({_dtype_text(op)})"),
    "ad.barrier": Lowering("{0}", view=True),
    "ad.stop_gradient": Lowering("{0}", view=True),
    "ad.mul_no_nan": Lowering(kernel=_mul_no_nan),
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
