"""Element types, and what the namespace says of itself."""

from __future__ import annotations

import builtins
from dataclasses import dataclass
from typing import Any

import numpy as np

from ...ir import user_location
from ...ir.errors import DTypeError
from ..array import TracedArray
from .creation import DEVICE, asarray, check_device

_DTYPES = tuple(
    np.dtype(name)
    for name in (
        *("bool", "int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64"),
        *("float32", "float64", "complex64", "complex128"),
    )
)


def astype(x: Any, dtype: Any, /, *, copy: builtins.bool = True, device: Any = None) -> Any:
    """``x`` in another element type. `DTypeError` (a TypeError) from complex to real numbers: take ``real(x)``."""
    check_device(device)
    if x.dtype.kind == "c" and np.dtype(dtype).kind not in "cb":
        raise DTypeError(f"astype of {x.dtype} to {np.dtype(dtype)}, at {user_location(2)}; take real(x) first")
    return asarray(x, dtype=dtype, copy=copy or None)


def can_cast(from_: Any, to: Any, /) -> builtins.bool:
    return np.can_cast(from_, to)


@dataclass(frozen=True)
class FloatInfo:
    """What `finfo` gives: Python numbers."""

    bits: int
    eps: float
    max: float
    min: float
    smallest_normal: float
    dtype: np.dtype[Any]


def finfo(type: Any, /) -> FloatInfo:
    """The limits of a floating-point type, or of that of an array; of the parts of a complex one."""
    found = np.finfo(_dtype_of(type))
    limits = {name: float(getattr(found, name)) for name in ("eps", "max", "min", "smallest_normal")}
    return FloatInfo(bits=found.bits, dtype=found.dtype, **limits)


def iinfo(type: Any, /) -> Any:
    return np.iinfo(_dtype_of(type))


def _dtype_of(x: Any) -> np.dtype[Any]:
    return x.dtype if isinstance(x, TracedArray | np.ndarray | np.generic) else np.dtype(x)


def isdtype(dtype: Any, kind: Any) -> builtins.bool:
    return np.isdtype(dtype, kind)


def result_type(*arrays_and_dtypes: Any) -> np.dtype[Any]:
    found: np.dtype[Any] = np.result_type(*arrays_and_dtypes)
    return found


class Info:
    """What ``__array_namespace_info__()`` gives: the inspection functions."""

    def capabilities(self) -> dict[str, Any]:
        """What can be done. Shapes that depend on numbers are decisions on the numbers of the call (see ``jit``);
        inside `vmap` and loops there are none."""
        return {"boolean indexing": True, "data-dependent shapes": True, "max dimensions": 64}

    def default_device(self) -> str:
        """The one device."""
        return DEVICE

    def devices(self) -> list[str]:
        """The devices there are."""
        return [DEVICE]

    def default_dtypes(self, *, device: Any = None) -> dict[str, np.dtype[Any]]:
        """What arrays are made of where nothing is said."""
        check_device(device)
        kinds = {"real floating": "f8", "complex floating": "c16", "integral": "i8", "indexing": "i8"}
        return {kind: np.dtype(each) for kind, each in kinds.items()}

    def dtypes(self, *, device: Any = None, kind: Any = None) -> dict[str, np.dtype[Any]]:
        """The element types by name, of one kind or several. ``ValueError`` for a kind that is none."""
        check_device(device)
        return {each.name: each for each in _DTYPES if kind is None or np.isdtype(each, kind)}
