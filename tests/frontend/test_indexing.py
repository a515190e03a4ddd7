"""Reading and writing parts of traced arrays: values, derivatives, aliasing and errors are NumPy's."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import mixad as mx
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst
from mixad.frontend import namespace as mnp
from mixad.ir.errors import BoundsError, MixadError, ShapeError, TraceError

A = np.arange(24.0).reshape(2, 3, 4) + 0.5
SHAPES = st.sampled_from([(5,), (3, 4), (2, 3, 4), (2, 1, 3), (0, 3), (3, 2, 2, 2)])


@st.composite
def indices(draw: Any) -> tuple[tuple[int, ...], Any]:
    """A shape and an index that NumPy takes for it."""
    shape = draw(SHAPES)
    kind = draw(st.sampled_from(["basic", "integer", "mixed", "mask"]))
    if kind == "basic":
        return shape, draw(npst.basic_indices(shape, allow_newaxis=True, max_dims=6))
    if kind == "mask":
        rank = draw(st.integers(1, len(shape)))
        return shape, draw(npst.arrays(np.bool_, shape[:rank]))
    if 0 in shape:
        return shape, ...
    if kind == "integer":
        return shape, draw(npst.integer_array_indices(shape, result_shape=npst.array_shapes(max_dims=2, max_side=3)))
    items = []
    for size in shape:
        items.append(
            draw(
                st.one_of(
                    st.integers(-size, size - 1),
                    st.just(slice(None)),
                    st.just(slice(None, None, -1)),
                    st.lists(st.integers(-size, size - 1), min_size=2, max_size=2),
                )
            )
        )
        if draw(st.integers(0, 5)) == 0:
            items.append(None)
    if draw(st.booleans()):
        items[draw(st.integers(0, len(items) - 1))] = ...
    if items.count(...) == 1 and draw(st.booleans()):
        items.append(draw(st.sampled_from([None])))
    return shape, tuple(items)


def linear(shape: tuple[int, ...]) -> Any:
    return np.arange(float(np.prod(shape))).reshape(shape) + 1


@settings(max_examples=250)
@given(indices())
def test_reading(given_: Any) -> None:
    shape, index = given_
    x = linear(shape)
    expected = np.asarray(x[index])
    found = mx.jit(lambda a: a[index])(x)
    assert np.shape(found) == expected.shape
    np.testing.assert_array_equal(found, expected)


@settings(max_examples=60)
@given(indices())
def test_the_gradient_of_reading_is_writing_back(given_: Any) -> None:
    shape, index = given_
    x = linear(shape)
    weights = np.cos(np.arange(np.size(x[index]))).reshape(np.shape(x[index]))
    expected = np.zeros(shape)
    np.add.at(expected, index, weights)
    np.testing.assert_allclose(mx.grad(lambda a: np.sum(a[index] * weights))(x), expected, atol=1e-14)


@settings(max_examples=120)
@given(indices(), st.booleans())
def test_writing(given_: Any, number: bool) -> None:
    shape, index = given_
    x = linear(shape)
    selected = x[index]
    values = 7.5 if number else np.sqrt(np.arange(float(np.size(selected)))).reshape(np.shape(selected))

    def write(a: Any, v: Any) -> Any:
        a = a * 1
        a[index] = v
        return a

    np.testing.assert_array_equal(mx.jit(write)(x, values), write(x, values))


@settings(max_examples=25)
@given(indices())
def test_the_derivatives_of_writing(given_: Any) -> None:
    shape, index = given_
    x = linear(shape)
    values = np.sin(np.arange(float(np.size(x[index])))).reshape(np.shape(x[index]))
    weights = np.cos(x)

    def write(a: Any, v: Any) -> Any:
        a = a * 1
        a[index] = v
        return np.sum(a * weights)

    for mine, wanted in zip(mx.grad(write, argnums=(0, 1))(x, values), numeric(write, x, values), strict=True):
        np.testing.assert_allclose(mine, wanted, atol=1e-6)


def numeric(function: Any, *args: Any) -> list[Any]:
    """Gradients of a linear function by differences of size 1."""
    found = []
    for number, x in enumerate(args):
        gradient = np.zeros(np.shape(x))
        for position in np.ndindex(*np.shape(x)):
            moved = np.array(x)
            moved[position] += 1.0
            gradient[position] = function(*args[:number], moved, *args[number + 1 :]) - function(*args)
        found.append(gradient)
    return found


B = np.arange(72.0).reshape(2, 3, 4, 3)


@pytest.mark.parametrize(
    "index",
    [
        (slice(None), [0, 2], [1, 1]),
        (slice(None), [0, 2], slice(None), [1, 1]),
        (slice(None), [0, 2], None, [1, 1]),
        (slice(None), [0, 2], ..., [1, 1]),
        (slice(None), 0, slice(None), [1, 2, 0]),
        (slice(None), 0, [1, 2, 0]),
        (slice(None), [[0], [2]], 1, [0, 1]),
        (..., [0, 2], slice(1, 3), 0),
        (None, slice(None), [0, 1], slice(None), None, 2),
        (slice(None), np.array([[True, False, True, False], [False, False, True, False], [False] * 4])),
        (slice(None), slice(None), np.array([True, False, True, False]), [0, 1]),
        (slice(None), np.array([True, False, True]), slice(None), [0, 1]),
        (slice(None), [0, 1], True),
        (slice(None), 1, ..., True, [0, 2]),
        (slice(None), [0, 2], slice(None), np.array(1)),
    ],
)
def test_where_the_axes_of_index_arrays_go(index: Any) -> None:
    np.testing.assert_array_equal(mx.jit(lambda x: x[index])(B), B[index])


@pytest.mark.parametrize(
    "read",
    [
        lambda x, i, j: x[i],
        lambda x, i, j: x[:, i],
        lambda x, i, j: x[i, :, j],
        lambda x, i, j: x[0, [0, 1], j],
        lambda x, i, j: x[j],
        lambda x, i, j: x[:, j],
        lambda x, i, j: x[:, :, j][..., None],
        lambda x, i, j: x[i][i],
        lambda x, i, j: x[i:, ..., : i + 1],
        lambda x, i, j: x[j, j],
        lambda x, i, j: np.take(x, j, axis=1),
    ],
)
def test_reading_at_traced_integers(read: Callable[..., Any]) -> None:
    compiled = mx.jit(read)
    for i, j in ((np.array(1), np.array([0, 1])), (np.array(0), np.array([1, 1]))):
        np.testing.assert_array_equal(compiled(A, i, j), read(A, i, j))


def test_a_traced_mask_is_guarded() -> None:
    calls = []

    @mx.jit
    def positive(x: Any) -> Any:
        calls.append(1)
        return x[x > 0] * 2

    for x in (np.array([1.0, -2.0, 3.0]), np.array([4.0, -1.0, 9.0]), np.array([-1.0, -2.0, 3.0])):
        np.testing.assert_array_equal(positive(x), x[x > 0] * 2)
    assert len(calls) == 2


def test_a_captured_mask_is_guarded() -> None:
    mask = np.array([True, False, True])
    chosen = mx.jit(lambda x: x[mask])
    x = np.array([1.0, 2.0, 3.0])
    assert chosen(x).tolist() == [1.0, 3.0]
    mask[1] = True
    assert chosen(x).tolist() == [1.0, 2.0, 3.0]


def test_0d_boolean_indices() -> None:
    for flag in (True, False):
        assert mx.jit(lambda x, f=flag: x[f])(A).shape == A[flag].shape


# --- writing and aliasing ------------------------------------------------------------------------


def program(text: str) -> Callable[[Any], Any]:
    """A function of ``x``, a copy to begin with, that runs the lines of ``text`` and returns ``x``."""
    scope: dict[str, Any] = {"np": np}
    lines = "\n".join(f"    {line}" for line in text.split("; "))
    exec(f"def f(x):\n    x = x * 1\n{lines}\n    return x", scope)
    return scope["f"]  # type: ignore[no-any-return]


PROGRAMS = [
    "x[0] = x[1]",
    "x[0] += x[1]",
    "x[:, 1:] *= 2",
    "x[..., ::-1] = x",
    "x[x > 10] = 0",
    "x[x > 10] *= 3",
    "x[x > 10] = x[x > 10][::-1]",
    "x[[0, 0], 1] = x[[1, 0], 2]",
    "x[[1, 1, 0]] = np.stack([x[0], x[1], x[0]])",
    "x[:, [2, 0]] = x[:, [0, 1]]",
    "x[1, ..., [0, 3]] += 1",
    "y = x[0]; x[0, 1] = 9; x = x + y",
    "y = x[0]; y[1] = 9",
    "y = x[0]; y += 1; y[:, 0] = 5; x = x * y",
    "y = x[:, 1:][..., ::2]; y[0] = -1; x[1, 2, 2] = 8; x = np.concatenate([x.ravel(), y.ravel()])",
    "y = x.T; y[0] = 7; x[0, 0] += 1; x = x.T + y",
    "y = np.swapaxes(x, 0, 1)[1]; x[1] = 3; x = x[:, 0] + y",
    "y = np.squeeze(x[:1]); y *= 2",
    "y = np.expand_dims(x, 0); y[..., 0] = 2",
    "y = np.flip(x, 1); y[:, 0] = 6",
    "a, b = np.split(x, 2); a += b; b -= a",
    "y = x.copy(); y[0] = 1; x = x + y",
    "y = x; y += 1",
    "x += x; x -= 0.5; x *= x; x /= 3; x **= 2; x //= 2; x %= 5",
    "x[0, 0, 0] = 5; x[0, 0, 0] += x[1, 1, 1]",
    "s = x[0, 0, 0]; s += 1; x = x * s",
    "np.add(x, 1, out=x)",
    "np.multiply(x, 2, out=x[0], where=x[1] > 14) if False else np.multiply(x, 2, out=x, where=x > 4)",
    "y = np.zeros_like(x); np.sin(x, out=y); x = y",
    "y = np.empty_like(x[0, 0]); np.sum(x, axis=(0, 1), out=y); x = y",
    "np.add.at(x, ([0, 0, 1], [1, 1, 2]), 2.5)",
    "np.subtract.at(x, (slice(None), [2, 2]), x[0, :2])",
    "x.fill(2.0)",
    "x[:] = 3",
    "x[...] = np.arange(4)",
    "x[0] = np.ones((1, 1, 3, 4))",
    "y = x[0, ...]; z = y[0]; z[0] = 1; z += y[1]",
    "for row in x: row[0] = 5",
    "x[:, 0][:, 1] = 4",
    "np.put_along_axis(x, np.array([[[1], [2], [0]], [[3], [3], [1]]]), -1.0, axis=2)",
    "y = np.broadcast_to(x[0], (2, 3, 4)); x[0, 0] = 5; x = x + y",
]


@pytest.mark.parametrize("text", PROGRAMS)
def test_programs_that_write(text: str) -> None:
    function = program(text)
    expected = function(A)
    np.testing.assert_allclose(mx.jit(function)(A), expected, rtol=1e-14)
    if "//=" in text or "fill" in text or "= 3" in text or "arange" in text:
        return
    weights = np.cos(np.arange(expected.size)).reshape(expected.shape)
    direction = np.sin(np.arange(A.size)).reshape(A.shape)
    loss = lambda x: np.sum(function(x) * weights)  # noqa: E731
    difference = (loss(A + 1e-6 * direction) - loss(A - 1e-6 * direction)) / 2e-6
    np.testing.assert_allclose(np.sum(mx.grad(loss)(A) * direction), difference, rtol=1e-6, atol=1e-6)


def test_repeated_positions_differentiate_right() -> None:
    def last_wins(v: Any) -> Any:
        z = mnp.zeros(2)
        z[[0, 0, 1]] = v
        return np.sum(z * z)

    np.testing.assert_array_equal(mx.grad(last_wins)(np.array([1.0, 2.0, 3.0])), [0.0, 4.0, 6.0])


def test_what_a_reshape_shares_is_not_guessed() -> None:
    def write_base(x: Any) -> Any:
        x = x * 1
        flat = x.reshape(-1)
        x[0] = 1
        return flat

    def write_reshaped(x: Any) -> Any:
        x = x * 1
        flat = x.ravel()
        flat[0] = 1
        return x

    def discarded(x: Any) -> Any:
        flat = (x * 1).ravel()
        flat[0] = 1
        return flat

    for function in (write_base, write_reshaped):
        with pytest.raises(TraceError, match=r"\.copy\(\)"):
            mx.jit(function)(A)
    assert mx.jit(discarded)(A)[0] == 1


def test_an_array_of_the_surrounding_function_is_not_written() -> None:
    def outer(x: Any) -> Any:
        z = x * 1

        def inner(y: Any) -> Any:
            z[0] = y
            return y * y

        return mx.grad(inner)(x[0]) + z[0]

    with pytest.raises(TraceError, match="surrounding function"):
        mx.grad(outer)(np.array([1.0, 2.0]))


def test_a_view_is_read_again_in_an_inner_function() -> None:
    def outer(x: Any) -> Any:
        z = x * 1
        view = z[1:]
        z[1] = x[0] * x[0]
        return mx.grad(lambda y: np.sum(view * y * y))(x[0])

    np.testing.assert_allclose(mx.grad(outer)(np.array([3.0, 5.0])), [6 * 3.0**2, 0.0])


# --- errors --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda x: x[5], BoundsError, "index 5 is out of bounds for axis 0 with size 2"),
        (lambda x: x[0, -4], BoundsError, "index -4 is out of bounds for axis 1 with size 3"),
        (lambda x: x[[0, 7]], BoundsError, "index 7 is out of bounds for axis 0 with size 2"),
        (lambda x: x[0, 0, 0, 0], BoundsError, "4 entries for an array of dimension 3"),
        (lambda x: x[..., ...], BoundsError, "more than one Ellipsis"),
        (lambda x: x[1.5], BoundsError, "1.5 of type float is no index"),
        (lambda x: x["a"], BoundsError, "'a' of type str"),
        (lambda x: x[x], BoundsError, "array of float64"),
        (
            lambda x: x[np.ones(3, bool)],
            BoundsError,
            r"boolean index of shape \(3,\) does not match the dimensions \(2,\)",
        ),
        (lambda x: x[[0, 1], [0, 1, 2]], BoundsError, r"\(2,\) and \(3,\) do not broadcast"),
        (lambda x: x.__setitem__(0, np.ones(5)), ShapeError, r"\(5,\).*\(3, 4\)"),
        (lambda x: x.__iadd__(np.ones((2, 2, 3, 4))), ShapeError, r"\(2, 2, 3, 4\).*\(2, 3, 4\)"),
        (lambda x: x.astype(int).__iadd__(1.5), TypeError, "float64.*int64"),
        (lambda x: np.broadcast_to(x, (2, 2, 3, 4)).__setitem__(0, 1), TraceError, "read-only"),
    ],
)
def test_errors(call: Any, error: Any, message: str) -> None:
    with pytest.raises(error, match=message) as caught:
        mx.jit(call)(A)
    assert isinstance(caught.value, MixadError)
    assert "test_indexing.py" in str(caught.value)


def test_a_traced_index_out_of_bounds_fails_when_it_runs() -> None:
    read = mx.jit(lambda x, i: x[i])
    assert read(np.arange(3.0), np.array([2])) == 2
    with pytest.raises(IndexError):
        read(np.arange(3.0), np.array([3]))


def test_writing_to_a_plain_array_names_what_to_use() -> None:
    def fill(x: Any) -> Any:
        z = np.zeros(3)
        z[0] = x[0]
        return z

    with pytest.raises((TraceError, ValueError)) as caught:
        mx.jit(fill)(np.ones(3))
    cause = caught.value if isinstance(caught.value, TraceError) else caught.value.__cause__
    for advice in ("mixad.numpy.zeros", "np.stack", "np.zeros_like"):
        assert advice in str(cause)
