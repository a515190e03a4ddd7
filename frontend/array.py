"""Traced arrays: what stands for an array while a function is recorded.

They take part in NumPy's protocols, so plain NumPy code is traced as it is. There is no ``__array__`` on purpose:
without it ``np.array([x, y])`` makes an object array of traced values, which `lifting` stacks. A decision on a
traced value
(``if x > 0``) is taken with the number that it has in this call, and guarded.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, NoReturn

import numpy as np

from ..ir import Value, user_location
from ..ir.errors import ShapeError, TraceError
from .tracing import Trace

if TYPE_CHECKING:
    from .views import Family, View


class TracedArray:
    """An array whose operations are recorded. Shape and dtype are known, the numbers are not shown.

    ``weak`` is the Python number type of a value that came from a Python number, None for arrays.
    Writing (``x[i] = v``, ``x += y``) replaces the value, and NumPy's views see it: see `views`.
    """

    __slots__ = ("__weakref__", "_family", "_seen", "_trace", "_value", "_view", "_weak")
    __array_priority__ = 1000.0
    __hash__ = None  # type: ignore[assignment]

    def __init__(self, trace: Trace, value: Value, weak: type | None = None) -> None:
        self._trace = trace
        self._value = value
        self._weak = weak
        #: The array and its views, if there are any; the last write seen; how it views another array.
        self._family: Family | None = None
        self._seen = 0
        self._view: View | None = None

    # --- what is known ---------------------------------------------------------------------------

    @property
    def shape(self) -> tuple[int, ...]:
        """The array's shape."""
        return self._value.type.shape

    @property
    def dtype(self) -> np.dtype[Any]:
        """The element type."""
        return self._value.type.dtype

    @property
    def ndim(self) -> int:
        """Number of dimensions."""
        return len(self._value.type.shape)

    @property
    def size(self) -> int:
        """Number of elements."""
        return self._value.type.size

    @property
    def nbytes(self) -> int:
        """Bytes of the array."""
        return self._value.type.nbytes

    @property
    def itemsize(self) -> int:
        """Bytes of one element."""
        return self.dtype.itemsize

    def __len__(self) -> int:
        if not self.shape:
            raise TypeError("len() of a 0-d traced array")
        return self.shape[0]

    def __repr__(self) -> str:
        return f"<traced {self._value.type} of @{self._trace.name}>"

    # --- NumPy's protocols -----------------------------------------------------------------------

    def __array_ufunc__(self, ufunc: np.ufunc, method: str, *inputs: Any, **kwargs: Any) -> Any:
        if any(
            hasattr(x, "__array_ufunc__") and not isinstance(x, TracedArray | np.ndarray | np.generic) for x in inputs
        ):
            return NotImplemented  # it holds an array, and knows how to take it out
        return ufuncs.dispatch(ufunc, method, inputs, kwargs)

    def __array_function__(self, function: Any, types: Any, args: Any, kwargs: Any) -> Any:
        if not all(issubclass(each, TracedArray | np.ndarray) for each in types):
            return NotImplemented
        return functions.dispatch(function, args, kwargs)

    # --- decisions -------------------------------------------------------------------------------

    def _decide(self, convert: Callable[[Any], Any], what: str) -> Any:
        """The number of this call, as a decision that later calls must repeat."""
        if self.size != 1:
            raise TraceError(
                f"{what} of a traced array of shape {self.shape} is ambiguous, at {user_location(3)}; use "
                ".any() or .all(), or np.where for a choice by element"
            )
        if self._family is not None and self._seen != self._family.writes:
            views.refresh(self)
        decision = convert(np.asarray(self._trace.concrete(self._value)).reshape(()).item())
        self._trace.guards.append((self._value, decision))
        return decision

    def __bool__(self) -> bool:
        return bool(self._decide(bool, "the truth value"))

    def __index__(self) -> int:
        if self.dtype.kind not in "iub" or self.shape:
            raise TypeError(f"a traced {self._value.type} cannot be an index; only 0-d integers can")
        return int(self._decide(int, "the integer value"))

    def __int__(self) -> int:
        """A decision, for floating-point values too: rounded towards zero they have no derivative to lose."""
        if self.dtype.kind == "c":
            self._no_number("int", "np.real first")
        return int(self._decide(int, "the integer value"))

    def __float__(self) -> float:
        if self.dtype.kind in "iub":
            return float(self._decide(float, "the value"))
        self._no_number(
            "float",
            "np.sin and the like in place of math.sin; to fill an array by z[i] = x, make it with mixad.numpy.zeros or "
            "np.zeros_like(x), or join the parts with np.stack",
        )

    def __complex__(self) -> complex:
        if self.dtype.kind in "iub":
            return complex(self._decide(complex, "the value"))
        self._no_number("complex", ".astype(complex)")

    def item(self, *args: Any) -> Any:
        """Not for floating-point values: a plain number would lose its derivative."""
        if args:
            index = args[0] if len(args) == 1 and isinstance(args[0], tuple) else args
            chosen = self.reshape(-1) if len(index) == 1 else self
            return chosen[index].item()
        if self.size != 1:
            raise ShapeError(
                f"item() of a traced array of shape {self.shape}, at {user_location(2)}; it takes one element"
            )
        if self.dtype.kind in "iub":
            return self._decide(lambda number: number, "the value")
        return self._no_number("item", "the traced array itself")

    def tolist(self) -> Any:
        """Nested lists of traced scalars."""
        if not self.shape:
            return self
        return [each.tolist() for each in self]

    def _no_number(self, what: str, instead: str) -> NoReturn:
        raise TraceError(
            f"{what}() of a traced {self._value.type} would lose its derivative, at {user_location(3)}; use {instead}"
        )

    # --- parts -----------------------------------------------------------------------------------

    def __iter__(self) -> Iterator[Any]:
        if not self.shape:
            raise TypeError("iteration over a 0-d traced array")
        return (self[index] for index in range(self.shape[0]))

    def __getitem__(self, index: Any) -> TracedArray:
        return indexing.read(self, index)

    def __setitem__(self, index: Any, values: Any) -> None:
        indexing.write(self, index, values)

    def __contains__(self, item: Any) -> bool:
        return bool((self == item).any())

    if TYPE_CHECKING:
        # The methods and operators that `methods` installs.
        def __getattr__(self, name: str) -> Any: ...
        def __lt__(self, other: Any) -> Any: ...
        def __eq__(self, other: object) -> Any: ...


_ARRAYS = (TracedArray, np.ndarray, np.generic)

# The modules below need the class, and the class calls them.
from . import functions, indexing, methods, ufuncs, views  # noqa: E402, F401
