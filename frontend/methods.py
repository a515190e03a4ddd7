"""The operators and methods of traced arrays: each is a ufunc or a function of NumPy."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ..ir import user_location
from ..ir.errors import ShapeError, TraceError
from . import compositions, integers, numpy_functions
from .array import TracedArray
from .functions import FUNCTIONS, name_of
from .numpy_functions.creation import copied, imag
from .operands import as_traced, cast, spread
from .ufuncs import COMPOSED, ELEMENTWISE, call, operate, operate_in_place, write_out
from .views import assign, update

__all__ = ["compositions", "integers", "numpy_functions"]

# --- operators -----------------------------------------------------------------------------------


def _install_operator(method: str, ufunc: str, in_place: bool) -> None:
    def forward(self: TracedArray, other: Any) -> Any:
        return operate(ufunc, self, other)

    def backward(self: TracedArray, other: Any) -> Any:
        return operate(ufunc, other, self)

    def updated(self: TracedArray, other: Any) -> Any:
        return operate_in_place(ufunc, self, other)

    setattr(TracedArray, f"__{method}__", forward)
    if in_place:
        setattr(TracedArray, f"__r{method}__", backward)
        setattr(TracedArray, f"__i{method}__", updated)


for _method, _ufunc in {
    "add": "add",
    "sub": "subtract",
    "mul": "multiply",
    "truediv": "true_divide",
    "floordiv": "floor_divide",
    "mod": "remainder",
    "pow": "power",
    "matmul": "matmul",
    "and": "bitwise_and",
    "or": "bitwise_or",
    "xor": "bitwise_xor",
    "lshift": "left_shift",
    "rshift": "right_shift",
}.items():
    _install_operator(_method, _ufunc, True)
for _method, _ufunc in {
    "lt": "less",
    "le": "less_equal",
    "gt": "greater",
    "ge": "greater_equal",
    "eq": "equal",
    "ne": "not_equal",
}.items():
    _install_operator(_method, _ufunc, False)


def _divmod(x: TracedArray, y: Any) -> Any:
    return operate("floor_divide", x, y), operate("remainder", x, y)


def _unary(ufunc: np.ufunc) -> Callable[[TracedArray], Any]:
    def method(self: TracedArray) -> Any:
        result = call(ufunc, (self,))
        if self._weak is not None and result.dtype == self.dtype:
            result._weak = self._weak
        return result

    method.__name__ = ufunc.__name__
    method.__doc__ = f"``np.{ufunc.__name__}`` of this array."
    return method


def _rounded(x: TracedArray, digits: int | None = None) -> Any:
    rounded = FUNCTIONS[np.round](x, digits or 0)
    return rounded.astype(np.int64) if digits is None else rounded


_OPERATORS: dict[str, Any] = {
    "__neg__": _unary(np.negative),
    "__pos__": _unary(np.positive),
    "__abs__": _unary(np.absolute),
    "__invert__": _unary(np.invert),
    "__divmod__": _divmod,
    "__rdivmod__": lambda x, y: _divmod(y, x),
    "__round__": _rounded,
    "__copy__": lambda x: copied(as_traced(x)),
    "__deepcopy__": lambda x, memo: copied(as_traced(x)),
}

# --- methods -------------------------------------------------------------------------------------


def _compress(self: TracedArray, condition: Any, axis: Any = None, out: Any = None) -> Any:
    """``np.compress(condition, x)`` of this array."""
    return FUNCTIONS[np.compress](condition, self, axis, out)


def _function_method(function: Any) -> Callable[..., Any]:
    implementation = FUNCTIONS[function]

    def method(self: TracedArray, *args: Any, **kwargs: Any) -> Any:
        out = kwargs.pop("out", None)
        result = implementation(self, *args, **kwargs)
        return result if out is None else write_out(name_of(function), result, out)

    method.__name__ = function.__name__
    method.__doc__ = f"``{name_of(function)}`` of this array."
    return method


def _unpacked(args: tuple[Any, ...]) -> Any:
    return args[0] if len(args) == 1 else args


def _reshape(self: TracedArray, *shape: Any, order: str = "C", copy: bool | None = None) -> Any:
    """``np.reshape`` of this array; the shape as one argument or several."""
    return FUNCTIONS[np.reshape](self, _unpacked(shape), order, copy=copy)


def _transpose(self: TracedArray, *axes: Any) -> Any:
    """``np.transpose`` of this array; the axes as one argument or several."""
    return FUNCTIONS[np.transpose](self, None if not axes else _unpacked(axes))


def _flatten(self: TracedArray, order: str = "C") -> Any:
    """A copy of this array as a vector."""
    return FUNCTIONS[np.reshape](self, -1, "F" if order == "F" else "C", copy=True)


def _astype(
    self: TracedArray, dtype: Any, order: str = "K", casting: str = "unsafe", subok: bool = True, copy: bool = True
) -> Any:
    """A copy of this array in another element type."""
    if not np.can_cast(self.dtype, dtype, casting):  # type: ignore[arg-type]
        raise TraceError(
            f"a traced {self.dtype} cannot become {np.dtype(dtype)} by the rule {casting!r}, at {user_location(2)}"
        )
    if not copy and self.dtype == dtype:
        return self
    made = cast(as_traced(self), dtype)
    return TracedArray(made._trace, made._value)


def _fill(self: TracedArray, value: Any) -> None:
    """Give every element one value."""
    assign(self, spread(cast(as_traced(value), self.dtype), self.shape)._value)


def _put(self: TracedArray, indices: Any, values: Any, mode: str = "raise") -> None:
    """Not traced: ``x[indices] = values`` on a vector is."""
    raise TraceError(f"x.put is not traced, at {user_location(2)}; write x[indices] = values")


def _sort(self: TracedArray, axis: int = -1, kind: Any = None, order: Any = None, *, stable: Any = None) -> None:
    """Sort this array in place."""
    update(self, FUNCTIONS[np.sort](self, axis, kind, order, stable=stable))


def _partition(self: TracedArray, kth: Any, axis: int = -1, kind: str = "introselect", order: Any = None) -> None:
    """Partition this array in place: sorted altogether."""
    update(self, FUNCTIONS[np.partition](self, kth, axis, kind, order))


def _memory(name: str) -> Callable[..., Any]:
    def method(self: TracedArray, *args: Any, **kwargs: Any) -> Any:
        raise TraceError(f"x.{name}() looks at memory, which a traced array does not have, at {user_location(2)}")

    method.__doc__ = "Not for traced arrays, which have no memory."
    return method


def _matrix_transpose(self: TracedArray) -> Any:
    if self.ndim < 2:
        raise ShapeError(f"x.mT of an array of dimension {self.ndim}, at {user_location(2)}; it needs 2 or more")
    return FUNCTIONS[np.matrix_transpose](self)


# --- the array API standard ----------------------------------------------------------------------


def _array_namespace(self: TracedArray, /, *, api_version: str | None = None) -> Any:
    """``mixad.array_api``. `ShapeError` (a ValueError) for a version of the standard that it does not follow."""
    from . import array_api

    if api_version not in (None, "2021.12", "2022.12", "2023.12", array_api.__array_api_version__):
        raise ShapeError(
            f"version {api_version!r} of the array API standard is asked for, at {user_location(2)}; mixad follows "
            f"{array_api.__array_api_version__!r}"
        )
    return array_api


def _to_device(self: TracedArray, device: Any, /, *, stream: Any = None) -> TracedArray:
    """This array: ``"cpu"`` is the one device. `ShapeError` (a ValueError) for another, or for a stream."""
    if device != self.device or stream is not None:
        raise ShapeError(
            f"a traced array is moved to device {device!r}, stream {stream!r}, at {user_location(2)}; it is on "
            f"{self.device!r}, which has no streams"
        )
    return self


def _dlpack(
    self: TracedArray, /, *, stream: Any = None, max_version: Any = None, dl_device: Any = None, copy: Any = None
) -> Any:
    """Not for traced arrays, which have no memory."""
    raise TraceError(
        f"a traced array is handed to another library (__dlpack__), at {user_location(2)}; it has no memory: return it "
        "from the traced function, and hand on the result"
    )


_FUNCTIONS = (
    *(np.sum, np.prod, np.mean, np.var, np.std, np.max, np.min, np.argmax, np.argmin, np.any, np.all),
    *(np.cumsum, np.cumprod, np.ravel, np.squeeze, np.swapaxes, np.repeat, np.take, np.clip, np.round, np.dot),
    *(np.copy, np.trace, np.diagonal, np.nonzero, np.choose, np.argsort, np.argpartition),
    *(np.searchsorted,),
)
_METHODS: dict[str, Any] = {
    **{
        function.__name__.removeprefix("a") if function in (np.max, np.min) else function.__name__: _function_method(
            function
        )
        for function in _FUNCTIONS
    },
    "compress": _compress,
    "ptp": _function_method(np.ptp),
    "reshape": _reshape,
    "transpose": _transpose,
    "flatten": _flatten,
    "astype": _astype,
    "fill": _fill,
    "put": _put,
    "sort": _sort,
    "partition": _partition,
    "T": property(lambda self: FUNCTIONS[np.transpose](self), doc="The transposed array."),
    "mT": property(_matrix_transpose, doc="The array with its last two axes swapped."),
    "real": property(lambda self: FUNCTIONS[np.real](self), doc="The real part."),
    "imag": property(lambda self: imag(self), doc="The imaginary part."),
    "flat": property(lambda self: iter(self.reshape(-1)), doc="An iterator over the elements."),
    "device": property(lambda self: "cpu", doc="Always ``cpu``, as for NumPy's arrays: programs take and give those."),
    "to_device": _to_device,
    "__array_namespace__": _array_namespace,
    "__dlpack__": _dlpack,
    "__dlpack_device__": lambda self: (1, 0),
    **{
        name: _memory(name) for name in ("view", "tobytes", "tofile", "dump", "dumps", "byteswap", "setflags", "resize")
    },
}
#: NumPy calls these on the elements of object arrays: ``np.sin(array_of_objects)`` calls ``x.sin()``.
_ELEMENT_METHODS: dict[str, Any] = {
    ufunc.__name__: _unary(ufunc) for ufunc in (*ELEMENTWISE, *COMPOSED) if ufunc.nin == 1 and ufunc.nout == 1
}
_ELEMENT_METHODS["hypot"] = lambda x, y: call(np.hypot, (x, y))
_ELEMENT_METHODS["arctan2"] = lambda x, y: call(np.arctan2, (x, y))
_ELEMENT_METHODS["conj"] = _ELEMENT_METHODS["conjugate"]
for _name, _method in (_ELEMENT_METHODS | _METHODS | _OPERATORS).items():
    setattr(TracedArray, _name, _method)
