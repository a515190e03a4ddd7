"""Types of values: tensors of static shape and NumPy element type.

Types are interned: two equal types are one object, so they compare and hash at pointer speed.
"""

from __future__ import annotations

import math
from typing import Any, ClassVar, Final

import ml_dtypes
import numpy as np

from .errors import DTypeError
from .location import user_location

bfloat16: Final = np.dtype(ml_dtypes.bfloat16)

#: The IR's short name of each element type.
DTYPE_NAMES: Final[dict[np.dtype[Any], str]] = {
    np.dtype(np.bool_): "i1",
    np.dtype(np.int8): "si8",
    np.dtype(np.int16): "si16",
    np.dtype(np.int32): "si32",
    np.dtype(np.int64): "si64",
    np.dtype(np.uint8): "ui8",
    np.dtype(np.uint16): "ui16",
    np.dtype(np.uint32): "ui32",
    np.dtype(np.uint64): "ui64",
    np.dtype(np.float16): "f16",
    bfloat16: "bf16",
    np.dtype(np.float32): "f32",
    np.dtype(np.float64): "f64",
    np.dtype(np.complex64): "complex<f32>",
    np.dtype(np.complex128): "complex<f64>",
}
DTYPES_BY_NAME: Final[dict[str, np.dtype[Any]]] = {name: dtype for dtype, name in DTYPE_NAMES.items()}

FLOATING: Final = frozenset(np.dtype(t) for t in (np.float16, ml_dtypes.bfloat16, np.float32, np.float64))
COMPLEX: Final = frozenset(np.dtype(t) for t in (np.complex64, np.complex128))
INEXACT: Final = FLOATING | COMPLEX
BOOL: Final = np.dtype(np.bool_)
INT64: Final = np.dtype(np.int64)
INTEGER: Final = frozenset(d for d in DTYPE_NAMES if d.kind in "iu")


class Type:
    """Base of all types."""

    __slots__ = ()


class TensorType(Type):
    """An array's type: ``shape`` (tuple of int) and ``dtype`` (`numpy.dtype`).

    Construct with ``TensorType(shape, dtype)``; equal types are the same object. Printed as
    ``tensor<2x3xf32>``.
    """

    __slots__ = ("__weakref__", "dtype", "shape", "text")
    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    text: str
    _interned: ClassVar[dict[tuple[tuple[int, ...], np.dtype[Any]], TensorType]] = {}

    def __new__(cls, shape: tuple[int, ...], dtype: Any) -> TensorType:
        """The one object for this shape and element type; `DTypeError` for an element type mixad lacks."""
        try:
            return cls._interned[shape, dtype]
        except KeyError:
            pass
        dtype = np.dtype(dtype)
        if dtype not in DTYPE_NAMES:
            raise DTypeError(
                f"mixad has no element type for NumPy's {dtype}, at {user_location(2)}; it has "
                f"{', '.join(DTYPE_NAMES.values())}: convert the array, as x.astype(float)"
            )
        shape = tuple(int(size) for size in shape)
        self = object.__new__(cls)
        object.__setattr__(self, "shape", shape)
        object.__setattr__(self, "dtype", dtype)
        sizes = "".join(f"{size}x" for size in shape)
        object.__setattr__(self, "text", f"tensor<{sizes}{DTYPE_NAMES[dtype]}>")
        return cls._interned.setdefault((shape, dtype), self)

    def __setattr__(self, name: str, value: Any) -> None:
        raise AttributeError(f"a TensorType is immutable: cannot set {name!r}")

    def __reduce__(self) -> Any:
        return TensorType, (self.shape, self.dtype)

    @property
    def rank(self) -> int:
        """Number of dimensions."""
        return len(self.shape)

    @property
    def size(self) -> int:
        """Number of elements."""
        return math.prod(self.shape)

    @property
    def nbytes(self) -> int:
        """Bytes of a dense array of this type."""
        return self.size * self.dtype.itemsize

    @property
    def differentiable(self) -> bool:
        """Whether values of this type have tangents: floating point or complex."""
        return self.dtype in INEXACT

    def with_shape(self, shape: tuple[int, ...]) -> TensorType:
        """The same element type in another shape."""
        return TensorType(shape, self.dtype)

    def with_dtype(self, dtype: Any) -> TensorType:
        """The same shape with another element type."""
        return TensorType(self.shape, np.dtype(dtype))

    def __str__(self) -> str:
        return self.text

    def __repr__(self) -> str:
        return f"TensorType({self.shape}, {self.dtype})"
