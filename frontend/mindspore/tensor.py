"""Tensor: NumPy's arrays under MindSpore's names, printed as MindSpore prints them."""

from __future__ import annotations

from typing import Any

import numpy as np

from ...ir.types import DTYPE_NAMES
from .. import parameters
from ..array import TracedArray
from ..holders import Holder, held
from ..lifting import recording
from ..requests import traced
from .dtype import DType, bool_, float32, from_numpy


class Tensor(Holder):
    """An array of numbers, or in a function being differentiated a traced array.

    ``input_data`` is a Tensor, a NumPy array, a number, or nested lists of numbers, and is copied. ``dtype`` is one of
    `mindspore.dtype`; by default NumPy's arrays keep theirs, and Python's floats are Float32, integers Int64.
    Operators and methods follow NumPy: its broadcasting and promotion. Raises TypeError for an element type that
    tensors cannot have.
    """

    _data: Any

    def __init__(self, input_data: Any, dtype: DType | None = None) -> None:
        data = held(input_data)
        if not isinstance(data, TracedArray):
            plain = not isinstance(data, np.ndarray | np.generic)
            data = np.array(data)
            if data.dtype == object:
                if not any(isinstance(each, TracedArray) for each in data.flat):
                    raise TypeError(f"a Tensor is made of numbers; {input_data!r:.60} is not")
                data = traced(data, recording())
            elif plain and dtype is None and data.dtype == np.float64:
                data = data.astype(np.float32)
        if dtype is not None:
            data = data.astype(numpy_dtype(dtype))
        if data.dtype not in DTYPE_NAMES:
            raise TypeError(f"a Tensor cannot have the element type {data.dtype}: {input_data!r:.60}")
        self._data = data

    @staticmethod
    def _result(array: Any) -> Tensor:
        tensor = object.__new__(Tensor)
        tensor._data = np.asarray(array) if isinstance(array, np.generic) else array
        return tensor

    # --- what it is ------------------------------------------------------------------------------

    @property
    def shape(self) -> tuple[int, ...]:
        """The tensor's shape."""
        return tuple(self._data.shape)

    @property
    def dtype(self) -> DType:
        """The element type, under MindSpore's name."""
        return from_numpy(self._data.dtype)

    @property
    def ndim(self) -> int:
        """Number of dimensions."""
        return len(self._data.shape)

    @property
    def size(self) -> int:
        """Number of elements."""
        return int(self._data.size)

    @property
    def itemsize(self) -> int:
        """Bytes of one element."""
        return int(self._data.dtype.itemsize)

    @property
    def nbytes(self) -> int:
        """Bytes of the elements."""
        return self.size * self.itemsize

    @property
    def T(self) -> Tensor:  # noqa: N802
        """The axes reversed."""
        return self._result(self._data.T)

    # --- in other forms --------------------------------------------------------------------------

    def asnumpy(self) -> np.ndarray[Any, Any]:
        """The NumPy array. Raises `TraceError` in a function that is being differentiated."""
        return np.asarray(self)

    def item(self, index: Any = None) -> Any:
        """The one element, or the one at ``index``, as a Python number."""
        return self._data.item() if index is None else self._data.item(index)

    def tolist(self) -> Any:
        """Nested lists of Python numbers."""
        return self.asnumpy().tolist()

    def astype(self, dtype: Any) -> Tensor:
        """The same numbers in another element type."""
        return self._result(self._data.astype(numpy_dtype(dtype)))

    to = astype

    def copy(self) -> Tensor:
        """A tensor that shares no memory with this one."""
        return self._result(self._data.copy())

    def reshape(self, *shape: Any) -> Tensor:
        """The elements in another shape, given as numbers or as one tuple; one size may be -1."""
        return self._result(self._data.reshape(*shape))

    view = reshape

    def transpose(self, *axes: Any) -> Tensor:
        """The axes in another order, given as numbers or as one tuple; reversed without."""
        return self._result(self._data.transpose(*axes))

    def flatten(self) -> Tensor:
        """The elements in one dimension."""
        return self.reshape(-1)

    def __setitem__(self, index: Any, value: Any) -> None:
        data, value = self._data, held(value)
        if isinstance(value, TracedArray) and not isinstance(data, TracedArray):
            data = traced(data, recording())
        elif not isinstance(data, TracedArray):
            data = data.copy()
        data[held(index)] = value
        self._data = data

    # --- printed ---------------------------------------------------------------------------------

    def __str__(self) -> str:
        return repr(self) if isinstance(self._data, TracedArray) else str(self._data)

    def __repr__(self) -> str:
        shape, dtype = list(self.shape), self.dtype
        if isinstance(self._data, TracedArray):
            return f"Tensor(shape={shape}, dtype={dtype}, traced)"
        if not shape:
            value = self._data.item()
            return (
                f"Tensor(shape=[], dtype={dtype}, value= {value:g})"
                if dtype is not bool_
                else (f"Tensor(shape=[], dtype=Bool, value= {value})")
            )
        separator = "\n" if len(shape) > 1 else " "
        return f"Tensor(shape={shape}, dtype={dtype}, value={separator}{_numbers(self._data)})"


def _numbers(array: np.ndarray[Any, Any]) -> str:
    """The elements as MindSpore prints them: floating-point ones in 15 characters, 11 for 16 bits."""
    with np.printoptions(linewidth=10**9):
        if array.dtype.kind in "fV":
            style = "{:11.4e}" if array.dtype.itemsize == 2 else "{:15.8e}"
            return np.array2string(array.astype(np.float64), separator=", ", formatter={"float_kind": style.format})
        return np.array2string(array, separator=", ")


def numpy_dtype(dtype: Any) -> np.dtype[Any]:
    """NumPy's dtype for one of `mindspore.dtype`, NumPy's or Python's."""
    if dtype is float:
        return float32.dtype
    return dtype.dtype if isinstance(dtype, DType) else np.dtype(dtype)


class Parameter(parameters.Parameter, Tensor):
    """A Tensor that a Cell owns and trains. ``default_input`` is a Tensor, an array, a number or lists.

    Without a ``name`` it takes that of the attribute of the Cell to which it is assigned.
    """

    def __init__(self, default_input: Any, name: str = "", requires_grad: bool = True) -> None:
        super().__init__(Tensor(default_input), name, requires_grad)

    @property
    def data(self) -> Tensor:
        """The numbers, as a Tensor of their own."""
        return self._result(self._data).copy()

    def value(self) -> Tensor:
        """The numbers, as a Tensor of their own; inside a derivative, what is differentiated."""
        return self.data

    def set_data(self, data: Any) -> Parameter:
        """Write new numbers, of the same shape and dtype; returns the parameter."""
        self.assign(data)
        return self

    def __setitem__(self, index: Any, value: Any) -> None:
        changed = self._result(self._data).copy()
        changed[index] = value
        self.assign(changed)

    def __str__(self) -> str:
        return repr(self)

    def __repr__(self) -> str:
        return (
            f"Parameter (name={self.name}, shape={self.shape}, dtype={self.dtype}, requires_grad={self.requires_grad})"
        )
