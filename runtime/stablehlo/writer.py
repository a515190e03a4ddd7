"""StableHLO's text, operation by operation, in MLIR's generic form.

The generic form spells every operation alike, so one method writes them all; MLIR prints its own pretty form from it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from ...ir.attributes import Dense
from ...ir.literals import element_texts
from ...ir.printer import LARGE
from ...ir.types import BOOL, DTYPE_NAMES, TensorType

#: StableHLO's integers are signless where mixad's are signed.
ELEMENTS: Final = {dtype: name.removeprefix("s") for dtype, name in DTYPE_NAMES.items()}


@dataclass(frozen=True)
class Tensor:
    """A value of the text: its name, with the percent sign, and its type."""

    name: str
    type: TensorType


def type_text(type: TensorType) -> str:
    """``tensor<2x3xi64>``."""
    return f"tensor<{''.join(f'{size}x' for size in type.shape)}{ELEMENTS[type.dtype]}>"


def function_type(operands: Iterable[TensorType], results: Sequence[TensorType]) -> str:
    """``(tensor<f64>) -> tensor<f64>``."""
    outputs = ", ".join(map(type_text, results))
    return f"({', '.join(map(type_text, operands))}) -> {outputs if len(results) == 1 else f'({outputs})'}"


def integers(numbers: Iterable[int]) -> str:
    """A list of integers as the attribute that StableHLO takes: ``array<i64: 0, 1>``."""
    listed = ", ".join(map(str, numbers))
    return f"array<i64: {listed}>" if listed else "array<i64>"


def dense_text(dense: Dense) -> str:
    """``dense<...> : type``, exact to the last bit; of large arrays the bytes in hexadecimal."""
    data = dense.data
    if data.size > LARGE and data.dtype != BOOL:
        little = data.astype(data.dtype.newbyteorder("<"), copy=False)
        return f'dense<"0x{little.tobytes().hex().upper()}"> : {type_text(dense.type)}'
    texts = element_texts(data)
    for size in reversed(data.shape):
        if not texts:
            break
        texts = ["[" + ", ".join(texts[i : i + size]) + "]" for i in range(0, len(texts), size)]
    return f"dense<{''.join(texts)}> : {type_text(dense.type)}"


class Writer:
    """Writes one function's operations; an operation's name without a dialect is StableHLO's."""

    def __init__(self, indent: str) -> None:
        self.lines: list[str] = []
        self.indent = indent
        #: What stands behind each operation: MLIR's ``loc(...)``, or nothing.
        self.location = ""
        self._count = 0

    def fresh(self) -> str:
        """A new value's name."""
        self._count += 1
        return f"%{self._count - 1}"

    def op(
        self, name: str, operands: Sequence[Tensor], type: TensorType, region: str = "", **attributes: str
    ) -> Tensor:
        """Write an operation of one result; ``attributes`` are texts."""
        result = Tensor(self.fresh(), type)
        self.write(f"{result.name} = ", name, operands, [type], region, **attributes)
        return result

    def write(
        self,
        start: str,
        name: str,
        operands: Sequence[Tensor],
        results: Sequence[TensorType],
        region: str = "",
        **attributes: str,
    ) -> None:
        """Write an operation, ``start`` naming its results."""
        full = name if "." in name else f"stablehlo.{name}"
        shown = ", ".join(operand.name for operand in operands)
        listed = ", ".join(f"{key} = {text}" for key, text in attributes.items())
        dictionary = f" {{{listed}}}" if listed else ""
        type = function_type([operand.type for operand in operands], results)
        self.lines.append(f'{self.indent}{start}"{full}"({shown}){region}{dictionary} : {type}{self.location}')

    # --- what the table's rows are composed of ---------------------------------------------------

    def constant(self, dense: Dense) -> Tensor:
        """A constant array."""
        return self.op("constant", (), dense.type, value=dense_text(dense))

    def full(self, type: TensorType, number: Any) -> Tensor:
        """A constant that repeats one number."""
        return self.constant(Dense(np.asarray(number, type.dtype), type))

    def unary(self, name: str, x: Tensor) -> Tensor:
        """An element-wise operation that keeps the type."""
        return self.op(name, [x], x.type)

    def binary(self, name: str, x: Tensor, y: Tensor) -> Tensor:
        """An element-wise operation of two operands of one type."""
        return self.op(name, [x, y], x.type)

    def compare(self, x: Tensor, y: Tensor, direction: str) -> Tensor:
        """An element-wise comparison; the direction is spelled as mixad's."""
        kind = {"i": "SIGNED", "u": "UNSIGNED", "b": "UNSIGNED"}.get(x.type.dtype.kind, "FLOAT")
        return self.op(
            "compare",
            [x, y],
            x.type.with_dtype(BOOL),
            comparison_direction=f"#stablehlo<comparison_direction {direction.upper()}>",
            compare_type=f"#stablehlo<comparison_type {kind}>",
        )

    def select(self, pred: Tensor, on_true: Tensor, on_false: Tensor) -> Tensor:
        """An element-wise choice."""
        return self.op("select", [pred, on_true, on_false], on_true.type)

    def convert(self, x: Tensor, dtype: Any) -> Tensor:
        """Another element type."""
        return x if x.type.dtype == dtype else self.op("convert", [x], x.type.with_dtype(dtype))

    def part(self, name: str, x: Tensor) -> Tensor:
        """The part ``real`` or ``imag`` of complex numbers."""
        return self.op(name, [x], x.type.with_dtype(np.float32 if x.type.dtype == np.complex64 else np.float64))

    def conj(self, x: Tensor) -> Tensor:
        """The complex conjugate."""
        return self.op("complex", [self.part("real", x), self.unary("negate", self.part("imag", x))], x.type)

    def reshape(self, x: Tensor, shape: tuple[int, ...]) -> Tensor:
        """Another shape of as many elements."""
        return x if x.type.shape == shape else self.op("reshape", [x], x.type.with_shape(shape))

    def broadcast(self, x: Tensor, shape: tuple[int, ...], dims: Iterable[int]) -> Tensor:
        """``x`` repeated to fill ``shape``, its axes being ``dims``."""
        return self.op("broadcast_in_dim", [x], x.type.with_shape(shape), broadcast_dimensions=integers(dims))

    def iota(self, type: TensorType, axis: int) -> Tensor:
        """Counting along an axis."""
        return self.op("iota", (), type, iota_dimension=f"{axis} : i64")

    def transpose(self, x: Tensor, permutation: Sequence[int]) -> Tensor:
        """Axes in another order."""
        if list(permutation) == list(range(x.type.rank)):
            return x
        shape = tuple(x.type.shape[axis] for axis in permutation)
        return self.op("transpose", [x], x.type.with_shape(shape), permutation=integers(permutation))

    def reverse(self, x: Tensor, axes: Sequence[int]) -> Tensor:
        """The elements in opposite order along ``axes``."""
        return self.op("reverse", [x], x.type, dimensions=integers(axes)) if axes else x

    def pad(self, x: Tensor, value: Any, low: Sequence[int], high: Sequence[int], interior: Sequence[int]) -> Tensor:
        """A number around and between the elements."""
        rows = zip(x.type.shape, low, high, interior, strict=True)
        shape = tuple(a + n + max(n - 1, 0) * between + z for n, a, z, between in rows)
        return self.op(
            "pad",
            [x, self.full(TensorType((), x.type.dtype), value)],
            x.type.with_shape(shape),
            edge_padding_low=integers(low),
            edge_padding_high=integers(high),
            interior_padding=integers(interior),
        )

    def reduce(self, x: Tensor, axes: Sequence[int], name: str, initial: Any) -> Tensor:
        """``x`` folded over ``axes`` by the operation ``name``."""
        if not axes:
            return x
        start = self.full(TensorType((), x.type.dtype), initial)
        shape = tuple(size for axis, size in enumerate(x.type.shape) if axis not in axes)
        return self.op(
            "reduce", [x, start], x.type.with_shape(shape), self.combiner(name, x.type.dtype), dimensions=integers(axes)
        )

    def combiner(self, name: str, dtype: Any) -> str:
        """A region that folds two scalars by the operation ``name``, or keeps the second where that is empty."""
        return self.region([dtype] * 2, lambda inner, x, y: inner.binary(name, x, y) if name else y)

    def region(self, dtypes: Sequence[Any], body: Callable[..., Tensor]) -> str:
        """A region of scalars, whose result ``body`` writes: it takes a writer and the scalars."""
        inner = Writer(self.indent + "  ")
        inner._count = self._count
        scalars = [Tensor(inner.fresh(), TensorType((), dtype)) for dtype in dtypes]
        inner.write("", "return", [body(inner, *scalars)], [])
        self._count = inner._count
        arguments = ", ".join([f"{each.name}: {type_text(each.type)}" for each in scalars])
        lines = "\n".join(inner.lines)
        return f" ({{\n{self.indent}^bb0({arguments}):\n{lines}\n{self.indent}}})"
