"""MindSpore's names for element types: ``mstype.float32``, printed ``Float32``."""

from __future__ import annotations

from typing import Any, Final

import ml_dtypes
import numpy as np


class DType:
    """An element type under MindSpore's name. ``dtype`` is NumPy's; NumPy takes the object as one."""

    __slots__ = ("dtype", "name")

    def __init__(self, name: str, dtype: Any) -> None:
        self.name = name
        self.dtype: np.dtype[Any] = np.dtype(dtype)

    def __repr__(self) -> str:
        return self.name

    def __reduce__(self) -> Any:
        return from_numpy, (self.dtype,)


bool_: Final = DType("Bool", np.bool_)
int8: Final = DType("Int8", np.int8)
int16: Final = DType("Int16", np.int16)
int32: Final = DType("Int32", np.int32)
int64: Final = DType("Int64", np.int64)
uint8: Final = DType("UInt8", np.uint8)
uint16: Final = DType("UInt16", np.uint16)
uint32: Final = DType("UInt32", np.uint32)
uint64: Final = DType("UInt64", np.uint64)
float16: Final = DType("Float16", np.float16)
bfloat16: Final = DType("BFloat16", ml_dtypes.bfloat16)
float32: Final = DType("Float32", np.float32)
float64: Final = DType("Float64", np.float64)
complex64: Final = DType("Complex64", np.complex64)
complex128: Final = DType("Complex128", np.complex128)

_BY_NUMPY: Final = {each.dtype: each for each in list(globals().values()) if isinstance(each, DType)}

__all__ = [
    "DType",
    "bfloat16",
    "bool_",
    "complex64",
    "complex128",
    "dtype_to_nptype",
    "float16",
    "float32",
    "float64",
    "from_numpy",
    "int8",
    "int16",
    "int32",
    "int64",
    "uint8",
    "uint16",
    "uint32",
    "uint64",
]


def from_numpy(dtype: Any) -> DType:
    """The element type of a NumPy dtype. Raises TypeError for one that tensors cannot have."""
    dtype = np.dtype(dtype)
    found = _BY_NUMPY.get(dtype)
    if found is None:
        raise TypeError(
            f"a Tensor cannot have the element type {dtype}; it can have {', '.join(map(str, _BY_NUMPY.values()))}"
        )
    return found


def dtype_to_nptype(type_: DType) -> Any:
    """NumPy's scalar type, under MindSpore's name of this function."""
    return type_.dtype.type
