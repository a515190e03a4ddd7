"""DLPack, the protocol by which array libraries lend each other memory, for arrays on a GPU.

The structures are those of DLPack 0.8, ``dlpack.h``; a capsule is called ``dltensor`` until someone takes it.
"""

from __future__ import annotations

import ctypes
import itertools
from ctypes import POINTER, c_char_p, c_int32, c_int64, c_uint8, c_uint16, c_uint64, c_void_p
from typing import Any, Final

import numpy as np

from ...ir.errors import DeviceError
from ...ir.types import DTYPE_NAMES, bfloat16

CUDA: Final = 2
#: Kinds of element type: signed, unsigned, floating point, bfloat16, complex, bool.
_CODES: Final = {"i": 0, "u": 1, "f": 2, "c": 5, "b": 6}
_BFLOAT: Final = 4


class _Device(ctypes.Structure):
    _fields_ = (("type", c_int32), ("id", c_int32))


class _DataType(ctypes.Structure):
    _fields_ = (("code", c_uint8), ("bits", c_uint8), ("lanes", c_uint16))


class _Tensor(ctypes.Structure):
    _fields_ = (
        ("data", c_void_p),
        ("device", _Device),
        ("ndim", c_int32),
        ("dtype", _DataType),
        ("shape", POINTER(c_int64)),
        ("strides", POINTER(c_int64)),
        ("byte_offset", c_uint64),
    )


class _Managed(ctypes.Structure):
    pass


_Deleter = ctypes.CFUNCTYPE(None, POINTER(_Managed))
_Managed._fields_ = (("tensor", _Tensor), ("context", c_void_p), ("deleter", _Deleter))

_api = ctypes.pythonapi
_Destructor = ctypes.CFUNCTYPE(None, c_void_p)
_new = ctypes.PYFUNCTYPE(ctypes.py_object, c_void_p, c_char_p, c_void_p)(("PyCapsule_New", _api))
_pointer = ctypes.PYFUNCTYPE(c_void_p, ctypes.py_object, c_char_p)(("PyCapsule_GetPointer", _api))
_is_valid = ctypes.PYFUNCTYPE(ctypes.c_int, ctypes.py_object, c_char_p)(("PyCapsule_IsValid", _api))
_rename = ctypes.PYFUNCTYPE(ctypes.c_int, ctypes.py_object, c_char_p)(("PyCapsule_SetName", _api))
_raw_valid = ctypes.PYFUNCTYPE(ctypes.c_int, c_void_p, c_char_p)(("PyCapsule_IsValid", _api))
_raw_pointer = ctypes.PYFUNCTYPE(c_void_p, c_void_p, c_char_p)(("PyCapsule_GetPointer", _api))

_FRESH, _USED = b"dltensor", b"used_dltensor"
#: What is lent, until it is given back.
_lent: dict[int, Any] = {}
_numbers = itertools.count(1)


def _return_memory(managed: Any) -> None:
    owner, *_ = _lent.pop(managed.contents.context)
    owner.device.retire(owner)


def _drop_capsule(capsule: Any) -> None:
    """A capsule that nobody took gives back itself."""
    if _raw_valid(capsule, _FRESH):
        _return_memory(ctypes.cast(_raw_pointer(capsule, _FRESH), POINTER(_Managed)))


# Kept for as long as the module: other libraries call them.
_give_back, _drop = _Deleter(_return_memory), _Destructor(_drop_capsule)


def export(owner: Any, address: int, shape: tuple[int, ...], dtype: np.dtype[Any], ordinal: int) -> Any:
    """A capsule of memory in C order on a GPU; ``owner`` is kept until it is given back."""
    sizes = (c_int64 * max(len(shape), 1))(*shape)
    code = _BFLOAT if dtype == bfloat16 else _CODES[dtype.kind]
    managed = _Managed()
    tensor = managed.tensor
    tensor.data, tensor.ndim, tensor.byte_offset = address, len(shape), 0
    tensor.device = _Device(CUDA, ordinal)
    tensor.dtype = _DataType(code, 8 * dtype.itemsize, 1)
    tensor.shape = ctypes.cast(sizes, POINTER(c_int64))
    number = next(_numbers)
    managed.context, managed.deleter = number, _give_back
    _lent[number] = (owner, sizes, managed)
    return _new(ctypes.addressof(managed), _FRESH, ctypes.cast(_drop, c_void_p))


class Borrowed:
    """Memory that another library lends: where it is and what it holds. It is given back with this object."""

    def __init__(self, capsule: Any) -> None:
        if not _is_valid(capsule, _FRESH):
            raise DeviceError("__dlpack__() gives a capsule that is used already, or of DLPack 1.0 alone")
        self._managed = ctypes.cast(_pointer(capsule, _FRESH), POINTER(_Managed))
        _rename(capsule, _USED)
        tensor = self._managed.contents.tensor
        rank = tensor.ndim
        self.device = tensor.device.type, tensor.device.id
        self.address: int = (tensor.data or 0) + tensor.byte_offset
        self.shape = tuple(tensor.shape[i] for i in range(rank))
        self.strides = tuple(tensor.strides[i] for i in range(rank)) if tensor.strides else None
        self.dtype = _dtype(tensor.dtype.code, tensor.dtype.bits, tensor.dtype.lanes)

    def __del__(self) -> None:
        managed = getattr(self, "_managed", None)
        if managed is not None and managed.contents.deleter:
            managed.contents.deleter(managed)


def _dtype(code: int, bits: int, lanes: int) -> np.dtype[Any]:
    for dtype in DTYPE_NAMES:
        own = _BFLOAT if dtype == bfloat16 else _CODES[dtype.kind]
        if (own, 8 * dtype.itemsize, 1) == (code, bits, lanes):
            return dtype
    raise DeviceError(f"mixad has no element type for DLPack's of code {code}, {bits} bits and {lanes} lanes: convert")
