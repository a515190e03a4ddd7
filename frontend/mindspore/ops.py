"""MindSpore's operations, as functions of tensors (``ops.sin(x)``) and as classes (``ops.Sin()(x)``).

Each is written once, on NumPy's arrays, so that it is traced and differentiated, to any order, as NumPy programs are.
Where MindSpore's derivatives at a point of non-differentiability are documented, these agree: zero for abs, relu and
sign.
"""

from __future__ import annotations

import difflib
import math
from collections.abc import Callable
from typing import Any

import numpy as np

from ..grad_operation import GradOperation
from ..stop import stop_gradient
from .functional import grad, jvp, value_and_grad, vjp
from .primitives import CLASSES, FUNCTIONS, Primitive, bind_options, elementwise, primitive
from .tensor import Tensor, numpy_dtype

__all__ = ["GradOperation", "Primitive", "bind_options", "grad", "jvp", "stop_gradient", "value_and_grad", "vjp"]

#: Operations that are one function of NumPy's: function, class, NumPy's.
_NUMPY: tuple[tuple[str, str, Callable[..., Any]], ...] = (
    ("square", "Square", np.square),
    ("exp", "Exp", np.exp),
    ("expm1", "Expm1", np.expm1),
    ("neg", "Neg", np.negative),
    ("mul", "Mul", np.multiply),
    ("pow", "Pow", np.power),
    ("log", "Log", np.log),
    ("log1p", "Log1p", np.log1p),
    ("div", "Div", np.true_divide),
    ("sin", "Sin", np.sin),
    ("cos", "Cos", np.cos),
    ("tan", "Tan", np.tan),
    ("asin", "Asin", np.arcsin),
    ("acos", "ACos", np.arccos),
    ("atan", "Atan", np.arctan),
    ("atan2", "Atan2", np.arctan2),
    ("sinh", "Sinh", np.sinh),
    ("cosh", "Cosh", np.cosh),
    ("tanh", "Tanh", np.tanh),
    ("asinh", "Asinh", np.arcsinh),
    ("acosh", "Acosh", np.arccosh),
    ("atanh", "Atanh", np.arctanh),
    ("add", "Add", np.add),
    ("sub", "Sub", np.subtract),
    ("abs", "Abs", np.absolute),
    ("sqrt", "Sqrt", np.sqrt),
    ("reciprocal", "Reciprocal", np.reciprocal),
    ("sign", "Sign", np.sign),
    ("floor", "Floor", np.floor),
    ("ceil", "Ceil", np.ceil),
    ("maximum", "Maximum", np.maximum),
    ("minimum", "Minimum", np.minimum),
    ("equal", "Equal", np.equal),
    ("not_equal", "NotEqual", np.not_equal),
    ("less", "Less", np.less),
    ("less_equal", "LessEqual", np.less_equal),
    ("greater", "Greater", np.greater),
    ("greater_equal", "GreaterEqual", np.greater_equal),
    ("logical_and", "LogicalAnd", np.logical_and),
    ("logical_or", "LogicalOr", np.logical_or),
    ("logical_not", "LogicalNot", np.logical_not),
    ("where", "Select", np.where),
    ("zeros_like", "ZerosLike", np.zeros_like),
    ("ones_like", "OnesLike", np.ones_like),
)


def _same(name: str, function: Callable[..., Any]) -> Callable[..., Any]:
    def of_arrays(*args: Any) -> Any:
        return function(*args)

    of_arrays.__name__ = name
    of_arrays.__doc__ = f"NumPy's ``{function.__name__}``, on tensors."
    return of_arrays


for _name, _class, _function in _NUMPY:
    primitive(_class)(_same(_name, _function))


# --- functions of one tensor, element by element -----------------------------------------------------


@primitive("Sigmoid")
def sigmoid(x: Any) -> Any:
    """1 / (1 + exp(-x))."""
    return elementwise("tensor.sigmoid", x)


@primitive("Erf")
def erf(x: Any) -> Any:
    """The error function."""
    return elementwise("tensor.erf", x)


@primitive("Rsqrt")
def rsqrt(x: Any) -> Any:
    """1 / sqrt(x)."""
    return elementwise("tensor.rsqrt", x)


@primitive("ReLU")
def relu(x: Any) -> Any:
    """max(x, 0), of derivative 0 at 0."""
    return np.where(x > 0, x, 0)


@primitive("LeakyReLU", "alpha")
def leaky_relu(x: Any, alpha: float = 0.2) -> Any:
    """``x`` where it is positive, ``alpha * x`` elsewhere."""
    return np.where(x > 0, x, alpha * x)


@primitive("Elu", "alpha")
def elu(x: Any, alpha: float = 1.0) -> Any:
    """``x`` where it is positive, ``alpha * (exp(x) - 1)`` elsewhere."""
    return np.where(x > 0, x, alpha * np.expm1(np.minimum(x, 0)))


@primitive("Softplus")
def softplus(x: Any) -> Any:
    """log(1 + exp(x)), without overflow."""
    return np.maximum(x, 0) + np.log1p(np.exp(-np.abs(x)))


@primitive("SiLU")
def silu(x: Any) -> Any:
    """x * sigmoid(x)."""
    return x * elementwise("tensor.sigmoid", x)


@primitive("GeLU")
def gelu(x: Any) -> Any:
    """x times the normal distribution function of x."""
    return 0.5 * x * (1 + elementwise("tensor.erf", x * math.sqrt(0.5)))


@primitive("Cast")
def cast(x: Any, dtype: Any) -> Any:
    """The same numbers in another element type."""
    return x.astype(numpy_dtype(dtype))


# --- products ----------------------------------------------------------------------------------------


@primitive("MatMul", "transpose_a", "transpose_b")
def matmul(x: Any, y: Any, transpose_a: bool = False, transpose_b: bool = False) -> Any:
    """The matrix product, of batches too; the last two axes of an operand exchanged where asked."""
    if transpose_a:
        x = np.swapaxes(x, -1, -2)
    if transpose_b:
        y = np.swapaxes(y, -1, -2)
    return np.matmul(x, y)


@primitive("TensorDot", "axes")
def tensordot(x: Any, y: Any, axes: Any = 2) -> Any:
    """NumPy's ``tensordot``."""
    return np.tensordot(x, y, axes)


# --- reductions --------------------------------------------------------------------------------------


def _axes(axis: Any) -> Any:
    """MindSpore's () means every axis, which is None in NumPy."""
    return (
        None
        if axis is None or (isinstance(axis, list | tuple) and not axis)
        else axis
        if isinstance(axis, int)
        else tuple(axis)
    )


@primitive("ReduceSum", "keep_dims")
def reduce_sum(x: Any, axis: Any = (), keep_dims: bool = False) -> Any:
    """The sum over ``axis``; over all axes for ()."""
    return np.sum(x, axis=_axes(axis), keepdims=keep_dims)


@primitive("ReduceMean", "keep_dims")
def reduce_mean(x: Any, axis: Any = (), keep_dims: bool = False) -> Any:
    """The mean over ``axis``; over all axes for ()."""
    return np.mean(x, axis=_axes(axis), keepdims=keep_dims)


@primitive("ReduceMax", "keep_dims")
def reduce_max(x: Any, axis: Any = (), keep_dims: bool = False) -> Any:
    """The maximum over ``axis``; ties share the derivative evenly."""
    return np.max(x, axis=_axes(axis), keepdims=keep_dims)


@primitive("ReduceMin", "keep_dims")
def reduce_min(x: Any, axis: Any = (), keep_dims: bool = False) -> Any:
    """The minimum over ``axis``; ties share the derivative evenly."""
    return np.min(x, axis=_axes(axis), keepdims=keep_dims)


@primitive("ReduceProd", "keep_dims")
def reduce_prod(x: Any, axis: Any = (), keep_dims: bool = False) -> Any:
    """The product over ``axis``."""
    return np.prod(x, axis=_axes(axis), keepdims=keep_dims)


@primitive("CumSum")
def cumsum(x: Any, axis: int) -> Any:
    """Sums of the elements up to each along ``axis``."""
    return np.cumsum(x, axis=axis)


@primitive("Softmax", "axis")
def softmax(x: Any, axis: int = -1) -> Any:
    """exp(x) over its sum along ``axis``, without overflow."""
    powers = np.exp(x - stop_gradient(np.max(x, axis=axis, keepdims=True)))
    return powers / np.sum(powers, axis=axis, keepdims=True)


@primitive("LogSoftmax", "axis")
def log_softmax(x: Any, axis: int = -1) -> Any:
    """The logarithm of `softmax`, without overflow."""
    shifted = x - stop_gradient(np.max(x, axis=axis, keepdims=True))
    return shifted - np.log(np.sum(np.exp(shifted), axis=axis, keepdims=True))


# --- arrangement -------------------------------------------------------------------------------------


@primitive("Reshape")
def reshape(x: Any, shape: Any) -> Any:
    """The elements in another shape; one size may be -1."""
    return np.reshape(x, shape)


@primitive("Transpose")
def transpose(x: Any, perm: Any) -> Any:
    """The axes in the order ``perm``."""
    return np.transpose(x, perm)


@primitive("ExpandDims")
def expand_dims(x: Any, axis: int) -> Any:
    """A new axis of size 1 at ``axis``."""
    return np.expand_dims(x, axis)


@primitive("Squeeze", "axis")
def squeeze(x: Any, axis: Any = ()) -> Any:
    """The axes ``axis`` of size 1 left out; every one for ()."""
    return np.squeeze(x, axis=_axes(axis))


@primitive("Concat", "axis")
def concat(tensors: Any, axis: int = 0) -> Any:
    """The tensors behind one another along ``axis``."""
    return np.concatenate(tensors, axis=axis)


@primitive("Stack", "axis")
def stack(tensors: Any, axis: int = 0) -> Any:
    """The tensors behind one another along a new axis."""
    return np.stack(tensors, axis=axis)


@primitive("BroadcastTo", "shape")
def broadcast_to(x: Any, shape: Any) -> Any:
    """``x`` repeated to a shape."""
    return np.broadcast_to(x, shape)


# --- under more than one name ------------------------------------------------------------------------


def _sum(x: Any, dim: Any = None, keepdim: bool = False) -> Any:
    """The sum over the axes ``dim``; over all for None."""
    return FUNCTIONS["reduce_sum"](x, () if dim is None else dim, keepdim)


FUNCTIONS |= {"sum": _sum, "mean": FUNCTIONS["reduce_mean"], "prod": FUNCTIONS["reduce_prod"]}
FUNCTIONS |= {"amax": FUNCTIONS["reduce_max"], "amin": FUNCTIONS["reduce_min"], "cat": FUNCTIONS["concat"]}
FUNCTIONS |= {"bmm": FUNCTIONS["matmul"]}
FUNCTIONS |= {"absolute": FUNCTIONS["abs"], "negative": FUNCTIONS["neg"], "select": FUNCTIONS["where"]}
FUNCTIONS |= {"subtract": FUNCTIONS["sub"], "multiply": FUNCTIONS["mul"], "divide": FUNCTIONS["div"]}
CLASSES |= {"BatchMatMul": CLASSES["MatMul"], "RealDiv": CLASSES["Div"], "TruncatedDiv": CLASSES["Div"]}

globals().update(FUNCTIONS)
globals().update(CLASSES)
__all__ += [*FUNCTIONS, *CLASSES]

# MindSpore's tensors have its functions for methods; max and min of a tensor give no positions beside the values.
for _name, _function in {**FUNCTIONS, "max": FUNCTIONS["amax"], "min": FUNCTIONS["amin"]}.items():
    if not hasattr(Tensor, _name):
        setattr(Tensor, _name, _function)


def __getattr__(name: str) -> Any:
    close = difflib.get_close_matches(name, __all__, 3)
    hint = (
        f"; did you mean {' or '.join(close)}?"
        if close
        else "; write it with the operations that there are, or with NumPy's"
    )
    raise AttributeError(f"mixad.mindspore.ops has no operation {name!r}{hint}")
