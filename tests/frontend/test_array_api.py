"""``mixad.array_api`` against the array API standard 2024.12: its names, its signatures, and derivatives through it.

The public suite of the standard runs by ``make test-array-api``; its results are kept in tests/array_api.
"""

from __future__ import annotations

import inspect
import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import mixad as mx
import numpy as np
import pytest
from mixad import array_api as xp
from mixad.frontend.array import TracedArray

RANDOM = np.random.default_rng(5)

#: The functions of the standard, version 2024.12, with its extensions.
STANDARD = """
arange(start, /, stop=None, step=1, *, dtype=None, device=None)
asarray(obj, /, *, dtype=None, device=None, copy=None)
empty(shape, *, dtype=None, device=None)
empty_like(x, /, *, dtype=None, device=None)
eye(n_rows, n_cols=None, /, *, k=0, dtype=None, device=None)
from_dlpack(x, /, *, device=None, copy=None)
full(shape, fill_value, *, dtype=None, device=None)
full_like(x, /, fill_value, *, dtype=None, device=None)
linspace(start, stop, /, num, *, dtype=None, device=None, endpoint=True)
meshgrid(*arrays, indexing='xy')
ones(shape, *, dtype=None, device=None)
ones_like(x, /, *, dtype=None, device=None)
tril(x, /, *, k=0)
triu(x, /, *, k=0)
zeros(shape, *, dtype=None, device=None)
zeros_like(x, /, *, dtype=None, device=None)
astype(x, dtype, /, *, copy=True, device=None)
can_cast(from_, to, /)
finfo(type, /)
iinfo(type, /)
isdtype(dtype, kind)
result_type(*arrays_and_dtypes)
abs(x, /)
acos(x, /)
acosh(x, /)
add(x1, x2, /)
asin(x, /)
asinh(x, /)
atan(x, /)
atan2(x1, x2, /)
atanh(x, /)
bitwise_and(x1, x2, /)
bitwise_left_shift(x1, x2, /)
bitwise_invert(x, /)
bitwise_or(x1, x2, /)
bitwise_right_shift(x1, x2, /)
bitwise_xor(x1, x2, /)
ceil(x, /)
clip(x, /, min=None, max=None)
conj(x, /)
copysign(x1, x2, /)
cos(x, /)
cosh(x, /)
divide(x1, x2, /)
equal(x1, x2, /)
exp(x, /)
expm1(x, /)
floor(x, /)
floor_divide(x1, x2, /)
greater(x1, x2, /)
greater_equal(x1, x2, /)
hypot(x1, x2, /)
imag(x, /)
isfinite(x, /)
isinf(x, /)
isnan(x, /)
less(x1, x2, /)
less_equal(x1, x2, /)
log(x, /)
log1p(x, /)
log2(x, /)
log10(x, /)
logaddexp(x1, x2, /)
logical_and(x1, x2, /)
logical_not(x, /)
logical_or(x1, x2, /)
logical_xor(x1, x2, /)
maximum(x1, x2, /)
minimum(x1, x2, /)
multiply(x1, x2, /)
negative(x, /)
nextafter(x1, x2, /)
not_equal(x1, x2, /)
positive(x, /)
pow(x1, x2, /)
real(x, /)
reciprocal(x, /)
remainder(x1, x2, /)
round(x, /)
sign(x, /)
signbit(x, /)
sin(x, /)
sinh(x, /)
square(x, /)
sqrt(x, /)
subtract(x1, x2, /)
tan(x, /)
tanh(x, /)
trunc(x, /)
take(x, indices, /, *, axis=None)
take_along_axis(x, indices, /, *, axis=-1)
matmul(x1, x2, /)
matrix_transpose(x, /)
tensordot(x1, x2, /, *, axes=2)
vecdot(x1, x2, /, *, axis=-1)
broadcast_arrays(*arrays)
broadcast_to(x, /, shape)
concat(arrays, /, *, axis=0)
expand_dims(x, /, axis)
flip(x, /, *, axis=None)
moveaxis(x, source, destination, /)
permute_dims(x, /, axes)
repeat(x, repeats, /, *, axis=None)
reshape(x, /, shape, *, copy=None)
roll(x, /, shift, *, axis=None)
squeeze(x, /, axis)
stack(arrays, /, *, axis=0)
tile(x, repetitions, /)
unstack(x, /, *, axis=0)
argmax(x, /, *, axis=None, keepdims=False)
argmin(x, /, *, axis=None, keepdims=False)
count_nonzero(x, /, *, axis=None, keepdims=False)
nonzero(x, /)
searchsorted(x1, x2, /, *, side='left', sorter=None)
where(condition, x1, x2, /)
unique_all(x, /)
unique_counts(x, /)
unique_inverse(x, /)
unique_values(x, /)
argsort(x, /, *, axis=-1, descending=False, stable=True)
sort(x, /, *, axis=-1, descending=False, stable=True)
cumulative_sum(x, /, *, axis=None, dtype=None, include_initial=False)
cumulative_prod(x, /, *, axis=None, dtype=None, include_initial=False)
max(x, /, *, axis=None, keepdims=False)
mean(x, /, *, axis=None, keepdims=False)
min(x, /, *, axis=None, keepdims=False)
prod(x, /, *, axis=None, dtype=None, keepdims=False)
std(x, /, *, axis=None, correction=0.0, keepdims=False)
sum(x, /, *, axis=None, dtype=None, keepdims=False)
var(x, /, *, axis=None, correction=0.0, keepdims=False)
all(x, /, *, axis=None, keepdims=False)
any(x, /, *, axis=None, keepdims=False)
diff(x, /, *, axis=-1, n=1, prepend=None, append=None)
linalg.cholesky(x, /, *, upper=False)
linalg.cross(x1, x2, /, *, axis=-1)
linalg.det(x, /)
linalg.diagonal(x, /, *, offset=0)
linalg.eigh(x, /)
linalg.eigvalsh(x, /)
linalg.inv(x, /)
linalg.matmul(x1, x2, /)
linalg.matrix_norm(x, /, *, keepdims=False, ord='fro')
linalg.matrix_power(x, n, /)
linalg.matrix_rank(x, /, *, rtol=None)
linalg.matrix_transpose(x, /)
linalg.outer(x1, x2, /)
linalg.pinv(x, /, *, rtol=None)
linalg.qr(x, /, *, mode='reduced')
linalg.slogdet(x, /)
linalg.solve(x1, x2, /)
linalg.svd(x, /, *, full_matrices=True)
linalg.svdvals(x, /)
linalg.tensordot(x1, x2, /, *, axes=2)
linalg.trace(x, /, *, offset=0, dtype=None)
linalg.vecdot(x1, x2, /, *, axis=-1)
linalg.vector_norm(x, /, *, axis=None, keepdims=False, ord=2)
fft.fft(x, /, *, n=None, axis=-1, norm='backward')
fft.ifft(x, /, *, n=None, axis=-1, norm='backward')
fft.fftn(x, /, *, s=None, axes=None, norm='backward')
fft.ifftn(x, /, *, s=None, axes=None, norm='backward')
fft.rfft(x, /, *, n=None, axis=-1, norm='backward')
fft.irfft(x, /, *, n=None, axis=-1, norm='backward')
fft.rfftn(x, /, *, s=None, axes=None, norm='backward')
fft.irfftn(x, /, *, s=None, axes=None, norm='backward')
fft.hfft(x, /, *, n=None, axis=-1, norm='backward')
fft.ihfft(x, /, *, n=None, axis=-1, norm='backward')
fft.fftfreq(n, /, *, d=1.0, dtype=None, device=None)
fft.rfftfreq(n, /, *, d=1.0, dtype=None, device=None)
fft.fftshift(x, /, *, axes=None)
fft.ifftshift(x, /, *, axes=None)
"""
DTYPES = [
    *("bool", "int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64"),
    *("float32", "float64", "complex64", "complex128"),
]
OTHERS = ["__array_api_version__", "__array_namespace_info__", "e", "inf", "nan", "newaxis", "pi", "linalg", "fft"]
BEYOND = ["special"]
METHODS = """
T device dtype mT ndim shape size to_device __abs__ __add__ __and__ __array_namespace__ __bool__ __complex__ __dlpack__
__dlpack_device__ __eq__ __float__ __floordiv__ __ge__ __getitem__ __gt__ __index__ __int__ __invert__ __le__ __lshift__
__lt__ __matmul__ __mod__ __mul__ __ne__ __neg__ __or__ __pos__ __pow__ __rshift__ __setitem__ __sub__ __truediv__
__xor__ __radd__ __rand__ __rfloordiv__ __rlshift__ __rmatmul__ __rmod__ __rmul__ __ror__ __rpow__ __rrshift__ __rsub__
__rtruediv__ __rxor__ __iadd__ __iand__ __ifloordiv__ __ilshift__ __imatmul__ __imod__ __imul__ __ior__ __ipow__
__irshift__ __isub__ __itruediv__ __ixor__
"""


def standard() -> dict[str, str]:
    """The parameters of each function by its name."""
    pairs = [line.partition("(") for line in STANDARD.strip().splitlines()]
    return {name: parameters.removesuffix(")") for name, _, parameters in pairs}


def found(name: str) -> Any:
    namespace: Any = xp
    for part in name.split("."):
        namespace = getattr(namespace, part)
    return namespace


# --- names and signatures ------------------------------------------------------------------------


def test_the_namespace_is_what_the_standard_names() -> None:
    functions = [name for name in standard() if "." not in name]
    assert sorted(xp.__all__) == sorted([*functions, *DTYPES, *OTHERS, *BEYOND])
    for extension in ("linalg", "fft"):
        names = [name.partition(".")[2] for name in standard() if name.startswith(f"{extension}.")]
        assert sorted(getattr(xp, extension).__all__) == sorted(names)
    assert [name for name in METHODS.split() if not hasattr(TracedArray, name)] == []


@pytest.mark.parametrize("name", standard())
def test_signatures_are_the_standards(name: str) -> None:
    function = found(name)
    scope: dict[str, Any] = {}
    exec(f"def wanted({standard()[name]}): ...", scope)
    wanted = inspect.signature(scope["wanted"]).parameters.values()
    if isinstance(function, np.ufunc):
        assert function.nin == len(wanted)
        assert all(each.kind is each.POSITIONAL_ONLY for each in wanted)
        return
    given = inspect.signature(function).parameters.values()
    assert [(p.name, p.kind, p.default) for p in given] == [(p.name, p.kind, p.default) for p in wanted]


def test_element_types_and_constants() -> None:
    for name in DTYPES:
        assert getattr(xp, name) == np.dtype(name)
    assert (xp.e, xp.pi, xp.inf, xp.newaxis) == (np.e, np.pi, np.inf, None)
    assert np.isnan(xp.nan)


# --- traced arrays -------------------------------------------------------------------------------


def traced(function: Callable[..., Any]) -> Any:
    """What ``function(x)`` gives for a traced vector of three numbers."""
    kept: list[Any] = []

    def program(x: Any) -> Any:
        kept.append(function(x))
        return x

    mx.jit(program)(np.array([1.0, 2.0, 3.0]))
    return kept[0]


@pytest.mark.parametrize("version", [None, "2021.12", "2022.12", "2023.12", "2024.12"])
def test_traced_arrays_give_the_namespace(version: str | None) -> None:
    assert traced(lambda x: x.__array_namespace__(api_version=version)) is xp
    assert xp.__array_api_version__ == "2024.12"


def test_a_version_that_is_not_followed_is_an_error() -> None:
    with pytest.raises(ValueError, match=r"version '2999.12' .*test_array_api.py.* mixad follows '2024.12'"):
        traced(lambda x: x.__array_namespace__(api_version="2999.12"))


def test_the_device_is_the_cpu() -> None:
    assert traced(lambda x: x.device) == "cpu"
    assert traced(lambda x: x.to_device("cpu") is x)
    assert traced(lambda x: x.__dlpack_device__()) == (1, 0)
    with pytest.raises(ValueError, match=r"device 'gpu'.*on 'cpu'"):
        traced(lambda x: x.to_device("gpu"))
    with pytest.raises(ValueError, match="stream 1"):
        traced(lambda x: x.to_device("cpu", stream=1))
    for make in (lambda x: xp.zeros(3, device="gpu"), lambda x: xp.asarray(x, device="gpu")):
        with pytest.raises(ValueError, match=r"device 'gpu' is not there, at .*test_array_api.py"):
            traced(make)


def test_a_traced_array_has_no_memory_to_hand_on() -> None:
    with pytest.raises(mx.MixadError, match=r"__dlpack__.*return it from the traced function"):
        traced(np.from_dlpack)
    assert traced(lambda x: xp.from_dlpack(x) is x)
    assert traced(lambda x: xp.from_dlpack(x, copy=True) is not x)


MADE: dict[str, Callable[[], Any]] = {
    "arange": lambda: xp.arange(3),
    "arange of floats": lambda: xp.arange(0.5, 3, 0.5, dtype=xp.float32),
    "asarray of a number": lambda: xp.asarray(2.5),
    "asarray of a list": lambda: xp.asarray([[1, 2], [3, 4]], dtype=xp.int8),
    "asarray of an array": lambda: xp.asarray(np.arange(3.0)),
    "asarray of a scalar": lambda: xp.asarray(np.float32(3)),
    "empty": lambda: xp.empty((2, 3), dtype=xp.int16),
    "empty_like": lambda: xp.empty_like(np.ones(2, np.int16)),
    "eye": lambda: xp.eye(3, 4, k=-1),
    "from_dlpack": lambda: xp.from_dlpack(np.arange(3)),
    "full": lambda: xp.full((2, 2), True),
    "full of a number": lambda: xp.full(3, 7.5, dtype=xp.complex64),
    "full_like": lambda: xp.full_like(np.ones(2, np.int16), 3),
    "linspace": lambda: xp.linspace(0, 1, 5, endpoint=False),
    "ones": lambda: xp.ones(()),
    "ones_like": lambda: xp.ones_like(np.ones(2), dtype=xp.bool),
    "zeros": lambda: xp.zeros((0, 3)),
    "zeros_like": lambda: xp.zeros_like(np.ones(2)),
    "fftfreq": lambda: xp.fft.fftfreq(5, d=0.5),
    "rfftfreq": lambda: xp.fft.rfftfreq(5, dtype=xp.float32),
}


@pytest.mark.parametrize("name", MADE)
def test_what_is_made_in_a_trace_is_traced_and_elsewhere_numpys(name: str) -> None:
    outside = MADE[name]()
    assert isinstance(outside, np.ndarray | np.generic)
    assert type(traced(lambda x: MADE[name]())) is TracedArray
    inside = mx.jit(lambda x: MADE[name]())(np.ones(3))
    assert (inside.dtype, inside.shape) == (outside.dtype, outside.shape)
    np.testing.assert_array_equal(inside, outside)


def test_made_arrays_can_be_written_to() -> None:
    def f(x: Any) -> Any:
        z = xp.asarray([1.0, 2.0, 3.0])
        z[1] = x[0] ** 2
        w = xp.zeros(3)
        w[0] = x[1]
        return xp.sum(z * z + w)

    np.testing.assert_allclose(mx.grad(f)(np.array([3.0, 5.0])), [4 * 27.0, 1.0])


def test_asarray_keeps_copies_and_converts() -> None:
    assert traced(lambda x: xp.asarray(x) is x)
    assert traced(lambda x: xp.asarray(x, copy=False) is x)
    assert traced(lambda x: xp.asarray(x, copy=True) is not x)
    assert traced(lambda x: xp.asarray([x[0], 1.0])).shape == (2,)
    for given in (lambda x: x, lambda x: [x[0], x[1]]):
        with pytest.raises(ValueError, match="copy=False"):
            traced(lambda x, given=given: xp.asarray(given(x), dtype=xp.float32, copy=False))
    # A number that becomes an array decides the element type, as in NumPy.
    assert traced(lambda x: xp.astype(x, xp.float32) * xp.asarray(2.0)).dtype == np.float64
    assert traced(lambda x: xp.astype(x, xp.float32) * 2.0).dtype == np.float32


def test_captured_arrays_are_read_at_every_call() -> None:
    weights = np.array([1.0, 2.0, 3.0])
    scaled = mx.jit(lambda x: xp.sum(xp.asarray(weights) * x))
    assert scaled(np.ones(3)) == 6
    weights[:] = 0
    assert scaled(np.ones(3)) == 0


def test_complex_numbers_become_real_by_their_parts_only() -> None:
    with pytest.raises(TypeError, match=r"complex128 to float64.*real"):
        traced(lambda x: xp.astype(xp.astype(x, xp.complex128), xp.float64))


def test_what_the_namespace_says_of_itself() -> None:
    info = xp.__array_namespace_info__()
    assert info.devices() == ["cpu"]
    assert info.default_device() == "cpu"
    assert set(info.capabilities()) == {"boolean indexing", "data-dependent shapes", "max dimensions"}
    assert set(info.default_dtypes()) == {"real floating", "complex floating", "integral", "indexing"}
    assert set(info.dtypes()) == set(DTYPES)
    assert set(info.dtypes(kind="real floating")) == {"float32", "float64"}
    assert set(info.dtypes(kind=("bool", "complex floating"))) == {"bool", "complex64", "complex128"}
    with pytest.raises(ValueError, match="kind"):
        info.dtypes(kind="letters")
    limits = traced(lambda x: xp.finfo(xp.astype(x, xp.float32)))
    assert (limits.bits, limits.eps, limits.dtype) == (32, 2.0**-23, np.float32)
    assert all(type(each) is float for each in (limits.eps, limits.max, limits.min, limits.smallest_normal))
    assert xp.iinfo(xp.int8).max == 127


def test_cumulative_sums_need_an_axis_where_there_are_several() -> None:
    with pytest.raises(ValueError, match=r"shape \(3, 1\).*name its axis"):
        traced(lambda x: xp.cumulative_sum(x[:, None]))


# --- derivatives ---------------------------------------------------------------------------------

A = RANDOM.normal(size=(3, 3))
S = A @ A.T + np.eye(3)
DIFFERENTIATED = """
xp.clip(x, -0.5, xp.abs(x[0, 0]))
xp.sum(xp.cumulative_sum(x, axis=1, include_initial=True)[:, 1:] * x)
xp.cumulative_sum(x[0, :])
xp.cumulative_prod(x, axis=-1, include_initial=True)
xp.diff(x, axis=0, prepend=x[:1, :] ** 2)
xp.diff(x, n=2)
xp.sort(x, axis=0, descending=True)
xp.take_along_axis(x, xp.argsort(x, descending=True, stable=True), axis=-1)
xp.take(x, xp.asarray([2, 0, 2]), axis=1)
xp.unstack(x, axis=1)[2] * 3
xp.concat([x, xp.ones((1, 3))], axis=0) ** 2
xp.stack(xp.broadcast_arrays(x[0, :], x), axis=2)
xp.stack(xp.meshgrid(x[0, :], x[1, :], indexing="ij")) ** 2
xp.permute_dims(x, (1, 0)) * x
xp.reshape(x, (-1,)) * xp.arange(9.0)
xp.moveaxis(xp.expand_dims(x, axis=0), 0, -1) + x
xp.tile(x, (2, 1)) * xp.reshape(xp.arange(18.0), (6, 3))
xp.repeat(x, xp.asarray([1, 0, 2]), axis=0) ** 2
xp.roll(x, 1, axis=0) * x
xp.flip(x) * x
xp.tril(x) @ xp.triu(x, k=1)
xp.where(x > 0, x**2, xp.sin(x))
xp.var(x, axis=0, correction=1)
xp.std(x, correction=0.5)
xp.mean(x, axis=(0, 1), keepdims=True) * x
xp.prod(x, axis=1)
xp.max(x, axis=0) - xp.min(x)
xp.logaddexp(x, x.T)
xp.hypot(x, xp.asarray(2.0)) + xp.atan2(x, xp.ones_like(x)) + xp.copysign(x, -x.T)
xp.nextafter(x, xp.zeros_like(x)) ** 2
xp.pow(xp.abs(x), 1.5) + xp.remainder(x, 0.7)
xp.acosh(1 + xp.square(x)) + xp.log1p(xp.abs(x)) + xp.expm1(x) + xp.reciprocal(x)
xp.real(xp.conj(x + 2j) * (x + 1j)) + xp.imag((x + 1j) ** 2)
xp.vecdot(x, x[0, :])
xp.tensordot(x, x, axes=((0,), (1,)))
xp.full((2, 2), x[0, 0]) * 2
xp.linspace(x[0, 0], x[1, 1], 4)
xp.nonzero(x > 0)[0] * x[0, 0]
x[x > 0] ** 2
xp.unique_values(xp.round(x)) * x[0, 0]
xp.unique_inverse(x).values * xp.astype(xp.unique_inverse(x).inverse_indices[0, 0], xp.float64)
xp.linalg.cholesky(S + x @ x.T, upper=True)
xp.linalg.cross(x, x.T)
xp.linalg.det(x)
xp.linalg.diagonal(x, offset=1)
xp.linalg.eigh(x + x.T).eigenvalues
xp.linalg.eigvalsh(x @ x.T)
xp.linalg.inv(x)
xp.linalg.matrix_norm(x, ord="nuc")
xp.linalg.matrix_power(x, 3)
xp.linalg.outer(x[0, :], x[1, :])
xp.linalg.pinv(x[:, :2], rtol=1e-9)
xp.linalg.qr(x[:, :2]).R
xp.linalg.slogdet(x).logabsdet
xp.linalg.solve(x, x.T)
xp.linalg.svd(x[:, :2]).S
xp.linalg.svdvals(x)
xp.linalg.trace(x, offset=-1)
xp.linalg.vector_norm(x, axis=1, ord=3)
xp.real(xp.fft.fft(x, n=4, norm="ortho"))
xp.fft.irfftn(xp.fft.rfftn(x) * (1 + 2j), s=(3, 3), axes=(0, 1))
xp.fft.hfft(xp.fft.ihfft(x[0, :]) ** 2)
xp.fft.fftshift(x, axes=0) * x
"""


def lines(text: str) -> list[str]:
    return text.strip().splitlines()


@pytest.mark.parametrize("text", lines(DIFFERENTIATED))
def test_derivatives_are_those_of_finite_differences(text: str) -> None:
    def f(x: Any) -> Any:
        result = xp.asarray(eval(text, {"xp": xp, "x": x, "S": S}))
        return xp.sum(result * xp.cos(xp.reshape(xp.arange(float(result.size)), result.shape)))

    random = np.random.default_rng(7)
    at, direction = random.normal(size=(3, 3)), random.normal(size=(3, 3))
    step = 1e-6
    expected = (f(at + step * direction) - f(at - step * direction)) / (2 * step)
    np.testing.assert_allclose(np.sum(mx.grad(f)(at) * direction), expected, rtol=2e-6, atol=1e-7)
    np.testing.assert_allclose(mx.jvp(f, (at,), (direction,))[1], expected, rtol=2e-6, atol=1e-7)


@pytest.mark.parametrize(
    "function",
    [
        lambda x: x[x > 0],
        lambda x: xp.nonzero(x)[0],
        lambda x: xp.unique_all(x).counts,
        lambda x: xp.repeat(x, xp.astype(x > 0, xp.int64)),
    ],
    ids=["mask", "nonzero", "unique_all", "repeat"],
)
def test_shapes_by_numbers_are_decided_once_for_a_call_and_not_inside_vmap(function: Callable[..., Any]) -> None:
    compiled = mx.jit(function)
    for x in (np.array([1.0, -2.0, 3.0]), np.array([1.0, 1.0, 1.0]), np.array([-1.0, 0.0, -1.0])):
        np.testing.assert_array_equal(compiled(x), function(x))
    with pytest.raises(mx.MixadError, match="inside vmap or a loop is not one number"):
        mx.vmap(function)(np.ones((2, 3)))


def mixture(x: Any, centres: Any) -> Any:
    """The negative log-likelihood of points in a mixture of Gaussians, for any array library."""
    xp = centres.__array_namespace__()
    squares = xp.sum((x[:, None, :] - centres[None, :, :]) ** 2, axis=-1)
    highest = xp.max(-squares, axis=1, keepdims=True)
    return -xp.mean(xp.log(xp.sum(xp.exp(-squares - highest), axis=1)) + xp.squeeze(highest, axis=1))


def test_code_for_any_library_is_differentiated_to_second_order_and_batched() -> None:
    x, centres = RANDOM.normal(size=(6, 2)), RANDOM.normal(size=(3, 2))
    mx.check_grads(lambda c: mixture(x, c), (centres,), order=2)
    each = mx.vmap(mx.grad(mixture, argnums=1), in_axes=(0, None))(np.stack([x, 2 * x]), centres)
    np.testing.assert_allclose(each[1], mx.grad(mixture, argnums=1)(2 * x, centres))


# --- SciPy ---------------------------------------------------------------------------------------

SCIPY = """
special.logsumexp(m, axis=1)
special.softmax(v)
special.log_softmax(m, axis=1)
special.entr(v)
special.erf(v)
special.chdtrc(3.0, v)
special.rel_entr(v, v**2)
stats.zscore(v)
stats.skew(v)
stats.kurtosis(v)
stats.gmean(v)
stats.hmean(v)
stats.pmean(v, 3)
stats.variation(v)
stats.sem(v)
stats.entropy(v)
stats.circvar(v)
stats.trim_mean(v, 0.1)
stats.quantile(v, 0.3)
stats.boxcox_llf(0.3, v)
stats.pearsonr(v, v**3).statistic
stats.ttest_ind(v, v**2).pvalue
stats.chisquare(v, xp.mean(v) + 0 * v).pvalue
stats.jarque_bera(v).pvalue
stats.directional_stats(m).mean_direction
cluster.vq.whiten(m)
signal.fftconvolve(v, v[:3])
signal.hilbert(v)
signal.resample(v, 5)
signal.freqz(v)[1]
signal.envelope(v)
fft.rfft(v)
fft.fht(v, 0.1, 0.2)
integrate.simpson(v)
integrate.cumulative_trapezoid(v)
integrate.tanhsinh(lambda t: xp.exp(-t * v[0] ** 2), xp.asarray(0.0), xp.asarray(1.0)).integral
differentiate.derivative(lambda t: xp.sin(t * v[0]), xp.asarray(1.0)).df
spatial.transform.Rotation.from_rotvec(v[:3]).as_matrix()
spatial.transform.Rotation.from_quat(v[:4]).apply(v[4:7])
optimize.rosen(v)
"""

#: SciPy reads its setting when it is imported, so this is a program of its own.
PROGRAM = """
import json, sys, warnings
import mixad as mx
import numpy as np
from mixad import array_api as xp
from scipy import cluster, differentiate, fft, integrate, optimize, signal, spatial, special, stats
import scipy.cluster.vq, scipy.spatial.transform

warnings.simplefilter("ignore")
random = np.random.default_rng(3)
differences = {}
for text in json.load(sys.stdin):
    name = "m" if "(m" in text else "v"
    x = random.normal(size=(4, 6)) if name == "m" else random.uniform(0.3, 1.7, 9)
    direction, step = random.normal(size=x.shape), 1e-6

    def f(x):
        result = xp.asarray(eval(text, {**globals(), name: x}))
        weights = xp.cos(xp.reshape(xp.arange(float(result.size)), result.shape))
        return xp.sum(weights * (xp.real(result) + 2 * xp.imag(result)))

    expected = (f(x + step * direction) - f(x - step * direction)) / (2 * step)
    found = np.sum(mx.grad(f)(x) * direction)
    differences[text] = float(abs(found - expected) / max(1, abs(expected)))
print(json.dumps(differences))
"""


@pytest.mark.slow
def test_scipys_functions_are_differentiated() -> None:
    pytest.importorskip("scipy", minversion="1.17", reason="what follows the standard differs between versions")
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM],
        input=json.dumps(lines(SCIPY)),
        env={**os.environ, "SCIPY_ARRAY_API": "1"},
        cwd=Path(__file__).parent,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    differences = json.loads(done.stdout)
    assert list(differences) == lines(SCIPY)
    assert {text: each for text, each in differences.items() if not each < 1e-5} == {}
