"""NumPy's universal functions on traced arrays.

One table maps a ufunc to the operation that it is, after promotion and broadcasting; another holds the
compositions, those that are several operations.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

import numpy as np

from ..ir import user_location
from ..ir.errors import DTypeError, TraceError
from .array import TracedArray
from .lifting import as_value, broadcast_shape, loop_dtypes, recording, shape_of
from .operands import PLAIN, as_traced, cast, full_like, operand, select, spread, truth
from .views import update

#: Ufuncs that are one operation of the tensor dialect, with its attributes.
ELEMENTWISE: dict[np.ufunc, tuple[str, dict[str, Any]]] = {
    np.negative: ("neg", {}),
    np.absolute: ("abs", {}),
    np.sign: ("sign", {}),
    np.square: ("square", {}),
    np.sqrt: ("sqrt", {}),
    np.reciprocal: ("reciprocal", {}),
    np.exp: ("exp", {}),
    np.expm1: ("expm1", {}),
    np.log: ("log", {}),
    np.log1p: ("log1p", {}),
    np.sin: ("sin", {}),
    np.cos: ("cos", {}),
    np.tan: ("tan", {}),
    np.arcsin: ("asin", {}),
    np.arccos: ("acos", {}),
    np.arctan: ("atan", {}),
    np.sinh: ("sinh", {}),
    np.cosh: ("cosh", {}),
    np.tanh: ("tanh", {}),
    np.arcsinh: ("asinh", {}),
    np.arccosh: ("acosh", {}),
    np.arctanh: ("atanh", {}),
    np.floor: ("floor", {}),
    np.ceil: ("ceil", {}),
    np.rint: ("round", {}),
    np.trunc: ("trunc", {}),
    np.add: ("add", {}),
    np.subtract: ("sub", {}),
    np.multiply: ("mul", {}),
    np.true_divide: ("div", {}),
    np.power: ("pow", {}),
    np.arctan2: ("atan2", {}),
    np.nextafter: ("next_after", {}),
    np.maximum: ("maximum", {}),
    np.minimum: ("minimum", {}),
    np.remainder: ("remainder", {}),
    np.floor_divide: ("floor_divide", {}),
    np.bitwise_and: ("logical_and", {}),
    np.bitwise_or: ("logical_or", {}),
    np.bitwise_xor: ("logical_xor", {}),
    np.equal: ("compare", {"direction": "eq"}),
    np.not_equal: ("compare", {"direction": "ne"}),
    np.less: ("compare", {"direction": "lt"}),
    np.less_equal: ("compare", {"direction": "le"}),
    np.greater: ("compare", {"direction": "gt"}),
    np.greater_equal: ("compare", {"direction": "ge"}),
}

#: What an operation is for bool, where it has another name there; None for the identity.
BOOL_FORMS: dict[np.ufunc, str | None] = {
    np.add: "logical_or",
    np.multiply: "logical_and",
    np.maximum: "logical_or",
    np.minimum: "logical_and",
    np.absolute: None,
    np.floor: None,
    np.ceil: None,
    np.trunc: None,
}

#: Ufuncs that are compositions: functions of the operands.
COMPOSED: dict[np.ufunc, Callable[..., Any]] = {}

_COMPARISONS = frozenset({np.equal, np.not_equal, np.less, np.less_equal, np.greater, np.greater_equal})
_ROUNDINGS = frozenset({np.floor, np.ceil, np.trunc})
_WEAK = (int, float, complex)


def composes(*ufuncs: np.ufunc) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Decorator: the function below is what the given ufuncs are."""

    def add(composition: Callable[..., Any]) -> Callable[..., Any]:
        for ufunc in ufuncs:
            COMPOSED[ufunc] = composition
        return composition

    return add


def elementwise(ufunc: np.ufunc, args: tuple[Any, ...], dtypes: tuple[np.dtype[Any], ...] | None = None) -> TracedArray:
    """Record one element-wise ufunc that is one operation. ``dtypes`` are those of NumPy's loop."""
    trace = recording()
    name, attributes = ELEMENTWISE[ufunc]
    b = trace.here()
    dtypes = dtypes or loop_dtypes(ufunc, args)
    if len(args) == 1:
        values = [as_value(args[0], dtypes[0], trace)]
    else:
        shape = broadcast_shape(f"np.{ufunc.__name__}", [shape_of(x) for x in args])
        if dtypes[0].kind in "iu" and ufunc in _COMPARISONS:
            found = _compare_integers(ufunc, args, dtypes, shape)
            if found is not None:
                return found
        values = [as_value(x, dtype, trace, shape) for x, dtype in zip(args, dtypes, strict=False)]
    if dtypes[0].kind in "biu":
        if dtypes[0].kind == "b":
            form = BOOL_FORMS.get(ufunc, name)
        else:
            form = None if ufunc in _ROUNDINGS else name
        if form is None:
            return TracedArray(trace, values[0])
        name = form
    return TracedArray(trace, getattr(b, name)(*values, **attributes))


def _compare_integers(ufunc: np.ufunc, args: Any, dtypes: Any, shape: tuple[int, ...]) -> TracedArray | None:
    """Comparisons that no common integer type can hold: with a Python number out of range, int64 with uint64."""
    x, y = args
    for number, other, dtype in ((x, y, dtypes[1]), (y, x, dtypes[0])):
        if type(number) is int and not np.iinfo(dtype).min <= number <= np.iinfo(dtype).max:
            stand_in = np.zeros((), dtype)
            answer = bool(ufunc(number, stand_in) if number is x else ufunc(stand_in, number))
            return spread(full_like(truth(as_traced(other)), answer), shape)
    if dtypes[0] == dtypes[1]:
        return None
    x, y = as_traced(x), as_traced(y)
    unsigned = np.dtype(np.uint64)
    wide = [cast(each, unsigned) for each in (x, y)]
    compared = elementwise(ufunc, (wide[0], wide[1]))
    signed, answer = (x, ufunc(-1, 0)) if dtypes[0].kind == "i" else (y, ufunc(0, -1))
    below = elementwise(np.less, (signed, 0))
    return select(below, full_like(compared, bool(answer)), compared)


def operate(name: str, x: Any, y: Any) -> Any:
    """A Python operator: as the ufunc, but numbers that came from Python numbers stay weak."""
    if (type(x) not in PLAIN and not _is_operand(x)) or (type(y) not in PLAIN and not _is_operand(y)):
        return NotImplemented
    ufunc = OPERATORS[name]
    result = call(ufunc, (x, y))
    weak_x = x._weak if type(x) is TracedArray else type(x)
    if weak_x in _WEAK:
        weak_y = y._weak if type(y) is TracedArray else type(y)
        if weak_y in _WEAK and result.dtype.kind in "ifc":
            result._weak = {"i": int, "f": float, "c": complex}[result.dtype.kind]
    return result


def operate_in_place(name: str, x: TracedArray, y: Any) -> Any:
    """``x += y``: the same traced array with a new value; a new one where ``x`` is a scalar."""
    if not x.shape:
        return operate(name, x, y)
    if not _is_operand(y):
        return NotImplemented
    return update(x, call(OPERATORS[name], (x, y)))


OPERATORS: dict[str, np.ufunc] = {
    name: getattr(np, name)
    for name in (
        *("add", "subtract", "multiply", "true_divide", "floor_divide", "remainder", "power", "matmul", "divmod"),
        *("bitwise_and", "bitwise_or", "bitwise_xor", "left_shift", "right_shift"),
        *("less", "less_equal", "greater", "greater_equal", "equal", "not_equal"),
    )
}


def _is_operand(x: Any) -> bool:
    return isinstance(x, TracedArray | np.ndarray | np.generic | bool | int | float | complex | list | tuple)


def call(ufunc: np.ufunc, inputs: tuple[Any, ...]) -> Any:
    """Record ``ufunc(*inputs)``."""
    for x in inputs:
        if type(x) not in PLAIN:
            inputs = tuple([operand(x) for x in inputs])
            break
    composition = COMPOSED.get(ufunc)
    if composition is not None:
        return composition(*inputs)
    if ufunc in ELEMENTWISE:
        return elementwise(ufunc, inputs)
    composition = _of_scipy(ufunc)
    if composition is None:
        raise _not_traced(ufunc, "__call__")
    COMPOSED[ufunc] = composition
    return composition(*inputs)


def _of_scipy(ufunc: np.ufunc) -> Callable[..., Any] | None:
    """What a ufunc of SciPy is, which nobody can have without having imported SciPy."""
    if getattr(sys.modules.get("scipy.special"), ufunc.__name__, None) is not ufunc:
        return None
    from .scipy.special import TRACED

    return TRACED.get(ufunc.__name__)


def apply(ufunc: np.ufunc, *inputs: Any) -> TracedArray:
    """Record a ufunc of one result."""
    result: TracedArray = call(ufunc, inputs)
    return result


def dispatch(ufunc: np.ufunc, method: str, inputs: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """What ``__array_ufunc__`` does: record a call of ``ufunc``, or of one of its methods."""
    if method == "__call__":
        return call_with_keywords(ufunc, inputs, **kwargs) if kwargs else call(ufunc, inputs)
    found = METHODS.get(method)
    if found is None:
        raise _not_traced(ufunc, method)
    return found(ufunc, *inputs, **kwargs)


#: The methods of ufuncs: reduce, accumulate, outer.
METHODS: dict[str, Callable[..., Any]] = {}


def _not_traced(ufunc: np.ufunc, method: str) -> TraceError:
    name = f"np.{ufunc.__name__}" + ("" if method == "__call__" else f".{method}")
    return TraceError(f"{name} is not traced, at {user_location(3)}; write it with NumPy's other functions")


def call_with_keywords(
    ufunc: np.ufunc,
    inputs: tuple[Any, ...],
    out: Any = None,
    where: Any = True,
    dtype: Any = None,
    casting: str = "same_kind",
    **others: Any,
) -> Any:
    """Record a call with ``out``, ``where``, ``dtype`` or ``casting``. Raises `TraceError` for other keywords."""
    unknown = [name for name in others if name not in ("order", "subok")]
    if unknown:
        raise TraceError(f"np.{ufunc.__name__} with {unknown[0]}= is not traced, at {user_location(2)}; leave it out")
    if dtype is not None:
        inputs = tuple(_converted(ufunc, as_traced(x), np.dtype(dtype), casting) for x in inputs)
    result = call(ufunc, inputs)
    targets = out if isinstance(out, tuple) else (out,)
    if where is not True and targets[0] is None:
        raise TraceError(
            f"np.{ufunc.__name__} with where= leaves elements undefined, at {user_location(2)}; give out=, or "
            "use np.where"
        )
    if all(target is None for target in targets):
        return result
    results = result if isinstance(result, tuple) else (result,)
    written = tuple(
        each if target is None else write_out(f"np.{ufunc.__name__}", each, target, where)
        for each, target in zip(results, targets, strict=True)
    )
    return written if isinstance(result, tuple) else written[0]


def _converted(ufunc: np.ufunc, x: TracedArray, dtype: np.dtype[Any], casting: Any) -> TracedArray:
    # The loop is named by its result; for ufuncs of one type that is the operands' type too.
    if ufunc in _COMPARISONS or dtype.kind == "b":
        raise TraceError(f"np.{ufunc.__name__} with dtype= is not traced, at {user_location(3)}; convert its operands")
    if x._weak is None and not np.can_cast(x.dtype, dtype, casting):
        raise DTypeError(
            f"np.{ufunc.__name__} with dtype={dtype} cannot convert an operand of {x.dtype} by the rule {casting!r}, "
            f"at {user_location(3)}; convert it with .astype"
        )
    return cast(x, dtype)


def write_out(name: str, result: TracedArray, target: Any, where: Any = True) -> TracedArray:
    """Honour ``out=``: the result takes the place of the traced array ``target``, where ``where`` holds."""
    if not isinstance(target, TracedArray):
        raise TraceError(
            f"{name} with out= a plain array cannot write traced values to it, at {user_location(2)}; use the "
            "result, or "
            "make the array with mixad.numpy.zeros"
        )
    if where is not True:
        result = select(truth(as_traced(where)), cast(result, target.dtype), target)
    return update(target, result)
