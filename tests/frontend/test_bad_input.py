"""Bad input is one clear error: a MixadError that is also the expected type of Python, with both numbers, the
user's line and a remedy. The line that an error must name ends in ``# here``."""

import linecache
import re

import mixad as mx
import numpy as np
import pytest
from mixad.ir.errors import MixadError

X = np.array([0.3, -1.2, 2.0])
FILE = __file__


def caught(call, kind, *parts):
    """The error of ``call``; checks its type, its parts, and that it names a line of this file marked 'here'."""
    with pytest.raises(MixadError) as found:
        call()
    error = found.value
    assert isinstance(error, kind), type(error).__mro__
    message = str(error)
    for part in parts:
        assert part in message, f"{part!r} is not in: {message}"
    named = re.search(re.escape(FILE) + r":(\d+)", message)
    assert named, f"no line of this file is in: {message}"
    line = linecache.getline(FILE, int(named[1]))
    assert "# here" in line, f"line {named[1]} is named, {line.strip()!r}: {message}"
    assert "/frontend/" not in message.replace("tests/frontend/", "")
    return error


# --- what is differentiated ----------------------------------------------------------------------


@pytest.mark.parametrize("number", [3, True, np.int64(3), np.arange(3), np.array([True])])
def test_integers_have_no_derivative(number):
    def call():
        mx.grad(lambda x: np.sum(x * 2.0))(number)  # here

    caught(call, TypeError, "grad", "0", "astype(float)")


@pytest.mark.parametrize("wrap", [mx.grad, mx.value_and_grad, mx.jacfwd, mx.jacrev])
def test_strings_and_objects_have_no_derivative(wrap):
    def call():
        wrap(lambda s: 1.0)("text")  # here

    caught(call, TypeError, "'text'", "str", "argnums")


def test_an_integer_inside_of_a_container_is_named_by_its_path():
    def call():
        mx.grad(lambda t: t["a"] * 1.0)({"a": 2.0, "b": [1.0, 3]})  # here

    caught(call, TypeError, "['b']", "int")


@pytest.mark.parametrize("argnums", [2, -3, (0, 2), (5,)])
def test_argnums_out_of_range(argnums):
    wanted = argnums if isinstance(argnums, int) else argnums[-1]

    def call():
        mx.grad(lambda a, b: a * b, argnums)(1.0, 2.0)  # here

    caught(call, (TypeError, ValueError), f"{wanted}", "2 positional arguments")


@pytest.mark.parametrize("dtype", [">f8", np.longdouble])
@pytest.mark.parametrize("wrap", [mx.grad, mx.jit])
def test_an_element_type_that_mixad_lacks(dtype, wrap):
    if np.dtype(dtype) == np.float64:
        pytest.skip("long double is double here")

    def call():
        wrap(lambda x: np.sum(x * x))(np.array([1.0, 2.0], dtype))  # here

    caught(call, TypeError, str(np.dtype(dtype)), "f64", "astype(float)")


def test_a_captured_array_of_an_element_type_that_mixad_lacks():
    dates = np.array(["2020-01-01"], "datetime64[D]")

    def function(x):
        return np.sum(np.where(np.ones(1, bool), x, dates))  # here

    caught(lambda: mx.grad(function)(1.0), TypeError, "datetime64")


def test_hvp_without_its_vector():
    def call():
        mx.hvp(lambda x: np.sum(x * x))(X)  # here

    caught(call, TypeError, "hvp", "1 positional", "2 are needed")


def test_argnums_that_are_no_integers():
    def call():
        mx.grad(lambda x: x, 1.0)(1.0)  # here

    caught(call, TypeError, "1.0", "float", "int")


# --- what a function returns ---------------------------------------------------------------------


@pytest.mark.parametrize(
    ("function", "parts"),
    [
        (lambda x: x * 2, ["(3,)", "()", "sum", "jacrev"]),
        (lambda x: (np.sum(x), np.sum(x)), ["2 arrays", "1 number", "has_aux"]),
        (lambda x: [], ["0 arrays", "1 number"]),
        (lambda x: np.sum(x).reshape(1, 1), ["(1, 1)", "()"]),
    ],
)
def test_an_output_that_is_not_one_number(function, parts):
    def call():
        mx.grad(function)(X)  # here

    caught(call, ValueError, *parts)


@pytest.mark.parametrize("dtype", ["int64", "complex128", "bool"])
def test_an_output_of_a_type_without_derivative(dtype):
    def call():
        mx.grad(lambda x: np.sum(x).astype(dtype))(X)  # here

    caught(call, TypeError, dtype)


@pytest.mark.parametrize("result", ["text", object(), {1, 2}, len])
@pytest.mark.parametrize(
    "wrap", [mx.grad, mx.jit, lambda f: lambda x: mx.vjp(f, x), lambda f: lambda x: mx.jvp(f, (x,), (x,))]
)
def test_a_function_that_returns_no_array(result, wrap):
    def call():
        wrap(lambda x: result)(X)

    with pytest.raises(MixadError) as found:
        call()
    assert isinstance(found.value, TypeError)
    assert type(result).__name__ in str(found.value)
    assert re.search(re.escape(FILE) + r":\d+", str(found.value))


def test_a_function_that_returns_nothing():
    def forgets(x):
        np.sum(x)

    def call():
        mx.grad(forgets)(X)  # here

    caught(call, ValueError, "0 arrays", "forgets")


def test_has_aux_without_a_pair():
    def call():
        mx.grad(lambda x: np.sum(x), has_aux=True)(X)  # here

    caught(call, TypeError, "has_aux", "(out, aux)")


# --- inside of a function ------------------------------------------------------------------------


def test_shapes_that_do_not_broadcast():
    def function(x):
        return np.sum(x + np.ones(4))  # here

    caught(lambda: mx.grad(function)(X), ValueError, "(3,)", "(4,)", "np.add", "equal or 1")


def test_matrices_that_do_not_fit():
    def function(x):
        return np.sum(np.ones((2, 4)) @ x)  # here

    caught(lambda: mx.grad(function)(X), ValueError, "4", "3")


def test_a_type_that_numpy_does_not_take():
    def function(x):
        return np.sum(x & x)  # here

    caught(lambda: mx.grad(function)(X), TypeError, "bitwise_and", "float64")


@pytest.mark.parametrize(
    ("convert", "remedy"), [(float, "np.sin"), (complex, "astype"), (lambda x: x.item(), "traced")]
)
def test_a_conversion_that_would_lose_the_derivative(convert, remedy):
    def function(x):
        return convert(x * 2.0)

    with pytest.raises(MixadError) as found:
        mx.grad(function)(2.0)
    assert isinstance(found.value, TypeError)
    assert remedy in str(found.value)
    assert FILE in str(found.value)


def test_the_truth_of_an_array_is_ambiguous():
    def function(x):
        return np.sum(x) if x > 0 else x  # here

    caught(lambda: mx.grad(function)(X), TypeError, "(3,)", ".any()", "np.where")


# --- seeds ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("seed", "parts"),
    [
        (np.ones(4), ["(4,)", "(3,)"]),
        (np.ones((3, 1)), ["(3, 1)", "(3,)"]),
        (np.ones(3, np.float32), ["float32", "float64"]),
        (np.ones(3, int), ["int64", "float64"]),
        (1.0, ["()", "(3,)"]),
        ((np.ones(3),), ["structure"]),
        ({"a": np.ones(3)}, ["structure"]),
        ("text", ["str"]),
        (np.ones(3) * 1j, ["complex128", "float64"]),
        (None, ["structure"]),
    ],
)
@pytest.mark.parametrize("kind", ["vjp", "jvp", "linearize"])
def test_wrong_seeds(seed, parts, kind):
    _, pull = mx.vjp(lambda x: x * 2, X)
    _, push = mx.linearize(lambda x: x * 2, X)

    def call():
        if kind == "vjp":
            pull(seed)  # here
        elif kind == "linearize":
            push(seed)  # here
        else:
            mx.jvp(lambda x: x * 2, (X,), (seed,))  # here

    caught(call, (TypeError, ValueError), kind, *parts)


def test_a_complex_number_is_no_seed_of_a_real_output():
    _, pull = mx.vjp(lambda x: x * 2, 1.0)

    def call():
        pull(1j)  # here

    caught(call, TypeError, "complex", "float64")


def test_a_wrong_number_of_tangents():
    def call():
        mx.jvp(lambda x, y: x * y, (X, X), (X,))  # here

    caught(call, (TypeError, ValueError), "jvp")


# --- traced values that escape -------------------------------------------------------------------


def test_a_traced_value_kept_and_used_later():
    kept = []

    def function(x):
        kept.append(x * 2)
        return np.sum(x)

    mx.grad(function)(X)

    def after():
        return kept[0] + 1  # here

    def inside(x):
        return np.sum(x * kept[0])  # here

    caught(after, TypeError, "return")
    caught(lambda: mx.grad(inside)(X), TypeError, "function", "argument")
    caught(lambda: mx.jit(inside)(X), TypeError, "function", "argument")
    assert "traced" in repr(kept[0])
    assert kept[0].shape == (3,)


def test_a_traced_value_of_a_jitted_function_kept():
    kept = []
    mx.jit(lambda x: kept.append(x) or x)(X)

    def call():
        np.sin(kept[0])  # here

    caught(call, TypeError, "return")


def test_a_traced_value_of_an_inner_function_used_in_the_outer():
    kept = []

    def outer(x):
        mx.grad(lambda y: kept.append(y * 1.0) or y * y)(x)
        return x * kept[0]  # here

    caught(lambda: mx.grad(outer)(2.0), TypeError, "function")


# --- numbers that are not numbers ----------------------------------------------------------------


def test_nan_constants_pass_through():
    assert np.isnan(mx.grad(lambda x: x * np.nan)(1.0))
    found = mx.grad(lambda x: np.sum(x * np.array([1.0, np.nan, np.inf])))(X)
    np.testing.assert_array_equal(found, [1.0, np.nan, np.inf])
    assert mx.grad(lambda x: x + np.nan)(1.0) == 1


# --- nothing is lost -----------------------------------------------------------------------------


def test_after_an_error_everything_works_as_before():
    gradient = mx.grad(lambda x: np.sum(x * x))
    jitted = mx.jit(lambda x: x * 2)
    for bad in ("text", 3, np.arange(3)):
        with pytest.raises(MixadError):
            gradient(bad)
        np.testing.assert_array_equal(gradient(X), 2 * X)
        np.testing.assert_array_equal(jitted(X), 2 * X)
    with pytest.raises(MixadError):
        mx.grad(lambda x: mx.grad(lambda y: y * np.ones(2))(x))(1.0)
    np.testing.assert_array_equal(gradient(X), 2 * X)
