"""jit: signatures, guards, containers, and what a caller may do with results."""

import mixad as mx
import numpy as np
import pytest
from mixad.ir.errors import MixadError

X = np.array([0.3, -1.2, 2.0])


def counted(function):
    """A jitted function, and the list of its traces."""
    traces = []

    def recorded(*args, **kwargs):
        traces.append(args)
        return function(*args, **kwargs)

    return mx.jit(recorded), traces


def test_a_signature_is_traced_once():
    function, traces = counted(lambda x: np.sin(x) * 2)
    for _ in range(3):
        np.testing.assert_allclose(function(X), np.sin(X) * 2)
    assert len(traces) == 1
    for array in (X[:2], X.astype(np.float32), np.ones((2, 3)), np.array(1.0)):
        for _ in range(2):
            found = function(array)
            np.testing.assert_allclose(found, np.sin(array) * 2, rtol=1e-6)
            assert found.dtype == array.dtype
    assert len(traces) == 5


def test_usable_as_a_decorator_with_and_without_arguments():
    @mx.jit
    def double(x):
        """Twice."""
        return x * 2

    @mx.jit(static_argnums=1)
    def power(x, n):
        for _ in range(n):
            x = x * x
        return x

    assert double(3.0) == 6.0
    assert (double.__name__, double.__doc__) == ("double", "Twice.")
    assert [power(2.0, n) for n in (0, 1, 2, 1)] == [2, 4, 16, 4]


def test_numbers_are_traced_by_type():
    function, traces = counted(lambda x, k: x * k)
    for k in (2.0, 3.0, -1.0):
        np.testing.assert_array_equal(function(X, k), X * k)
    assert len(traces) == 1
    np.testing.assert_array_equal(function(X, 2), X * 2)
    assert function(np.arange(3), 2).dtype == np.arange(3).dtype
    assert function(X.astype(np.float32), 2.0).dtype == np.float32
    assert function(np.float32(1.0), np.float64(2.0)).dtype == np.float64


def test_strings_none_and_booleans_belong_to_the_signature():
    def choose(x, mode=None, flip=False):
        y = x * 2 if mode == "double" else x
        return -y if flip else y

    function, traces = counted(choose)
    for _ in range(2):
        assert function(1.0) == 1
        assert function(1.0, "double") == 2
        assert function(1.0, mode="double", flip=True) == -2
        assert function(1.0, flip=True) == -1
    assert len(traces) == 4


def test_true_and_one_are_different_arguments():
    function = mx.jit(lambda x, k: x + k if k is True else x - k)
    assert [function(1.0, True), function(1.0, 1), function(1.0, 1.0)] == [2, 0, 0]


def test_an_argument_that_cannot_be_told_apart_is_an_error():
    function = mx.jit(lambda x, s: x, static_argnums=1)
    with pytest.raises(MixadError, match="hashable"):
        function(X, {1, 2})


def test_guards_choose_among_programs():
    def steps(x):
        count = 0
        while x > 1:
            x = x / 2
            count += 1
        return x * count

    function, traces = counted(steps)
    for x in (0.5, 3.0, 0.5, 9.0, 3.0, 100.0, 9.0, 1.0):
        np.testing.assert_allclose(function(x), steps(x))
    assert len(traces) == 4


def test_guards_on_integers():
    function = mx.jit(lambda x, n: sum((x**k for k in range(int(n))), 0.0))
    for n in (1, 3, 2, 3, 1):
        np.testing.assert_allclose(function(X, np.int64(n)), sum((X**k for k in range(n)), 0.0) + 0 * X)


def test_whole_parts_of_numbers_and_numbers_of_integers_are_guarded():
    def function(x, n):
        return x * int(x) + float(n) * x + np.real(complex(n))

    compiled = mx.jit(function)
    for x in (3.7, -1.2, 3.1, 0.4, -3.7):
        for n in (2, 5, 2):
            np.testing.assert_allclose(compiled(x, np.int64(n)), int(x) * x + n * x + n)
    assert mx.grad(function)(3.7, np.int64(2)) == 5
    with pytest.raises(ValueError, match="NaN"):
        compiled(np.nan, np.int64(2))


def test_a_wrong_guess_that_fails_is_traced_again():
    table = np.array([1.0, 2.0, 3.0])
    function = mx.jit(lambda i: table[i] if i < 3 else np.float64(-1.0))
    for i in (0, 2, 7, 1, 9):
        assert function(np.int64(i)) == (table[i] if i < 3 else -1.0)


def test_an_exception_inside_reaches_the_caller_and_leaves_nothing_behind():
    def function(x):
        if x > 0:
            raise ZeroDivisionError("mine")
        return x * 2

    jitted = mx.jit(function)
    with pytest.raises(ZeroDivisionError, match="mine"):
        jitted(1.0)
    assert jitted(-1.0) == -2
    with pytest.raises(ZeroDivisionError, match="mine"):
        jitted(1.0)
    assert mx.grad(lambda x: x * x)(3.0) == 6  # no trace is left active


def test_results_never_alias_arguments_captures_or_each_other():
    captured = np.ones(3)
    function = mx.jit(lambda x: (x, x, x[::-1], x.reshape(1, 3), captured, captured * 1.0))
    for _ in range(2):
        x = X.copy()
        results = function(x)
        for position, each in enumerate(results):
            assert not np.shares_memory(each, x)
            assert not np.shares_memory(each, captured)
            assert not any(np.shares_memory(each, other) for other in results[position + 1 :])
            each[...] = 99
        np.testing.assert_array_equal(x, X)
        np.testing.assert_array_equal(captured, 1)


def test_constants_among_the_results_are_fresh():
    function = mx.jit(lambda x: (x * 0 + 1, np.zeros(3), 2.5, x.shape[0]))
    for _ in range(3):
        one, zero, number, size = function(X)
        np.testing.assert_array_equal(one, 1)
        np.testing.assert_array_equal(zero, 0)
        assert (number, size) == (2.5, 3)
        one[:] = 7
        zero[:] = 7


def test_results_without_dimensions_are_numpy_scalars():
    for function in (lambda x: np.sum(x), lambda x: x[0], lambda x: x[1] * 2):
        assert isinstance(mx.jit(function)(X), np.float64)
        assert isinstance(mx.jit(function)(X.astype(np.float32)), np.float32)


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64, np.complex64, np.complex128, np.int32, np.uint8])
def test_dtypes_are_kept(dtype):
    x = np.array([1, 2, 3], dtype)
    function = mx.jit(lambda x: (x + x, x * 2, -x if x.dtype.kind != "u" else x, x == 2))
    for _ in range(2):
        assert [each.dtype for each in function(x)] == [dtype, dtype, dtype, np.bool_]


def test_read_only_and_non_contiguous_arguments():
    base = np.arange(24.0).reshape(2, 3, 4)
    frozen = base.copy()
    frozen.flags.writeable = False
    function = mx.jit(lambda x: np.sin(x) + x.T.sum())
    for view in (base.T, base[:, ::2], base[::-1, :, 1:3], frozen, np.broadcast_to(np.array(2.0), (3, 4)), base[1, 2]):
        np.testing.assert_allclose(function(view), np.sin(view) + view.sum())


def test_arrays_of_no_elements():
    function = mx.jit(lambda x: (x * 2, np.sum(x)))
    for shape in ((0,), (0, 3), (2, 0, 1)):
        doubled, total = function(np.zeros(shape))
        assert doubled.shape == shape
        assert total == 0


def test_containers():
    function = mx.jit(lambda t, k: {"sum": t["a"] + t["b"][0], "n": None, "k": [k]})
    found = function({"a": X, "b": (X, "text")}, 2.0)
    np.testing.assert_array_equal(found["sum"], 2 * X)
    assert found["n"] is None
    assert found["k"] == [2.0]


def test_keywords_in_any_order():
    function, traces = counted(lambda x, a=1.0, b=2.0: x * a - b)
    np.testing.assert_array_equal(function(X, a=3.0, b=1.0), X * 3 - 1)
    np.testing.assert_array_equal(function(X, b=1.0, a=3.0), X * 3 - 1)
    assert len(traces) == 1


def test_methods():
    class Model:
        def __init__(self, scale):
            self.scale = scale

        @mx.jit
        def plain(self, x):
            return x * 2

        def scaled(self, x):
            return x * self.scale

    first, second = Model(2.0), Model(3.0)
    for _ in range(2):
        np.testing.assert_array_equal(first.plain(X), 2 * X)
        np.testing.assert_array_equal(Model.plain(second, X), 2 * X)
    np.testing.assert_array_equal(mx.jit(first.scaled)(X), 2 * X)
    np.testing.assert_array_equal(mx.jit(second.scaled)(X), 3 * X)


def test_a_global_variable_defined_after_the_decorator():
    variables = {}
    exec("def f(x):\n    return x * factor\n", variables)
    scaled = mx.jit(variables["f"])
    for factor in (2.0, 3.0):
        variables["factor"] = factor
        assert scaled(1.0) == factor


def test_jit_of_jit_and_of_derivatives():
    inner = mx.jit(lambda x: x * x * x)
    outer = mx.jit(lambda x: inner(x) + mx.grad(inner)(x))
    assert outer(2.0) == 8 + 12
    assert mx.grad(outer)(2.0) == 12 + 12
    assert mx.jit(mx.jit(inner))(2.0) == 8


def test_programs_of_equal_form_and_other_names_share_one():
    """Found by fingerprint: the name of a function is not a part of what it computes."""

    def first(x):
        return np.sin(x) * 5.25

    def second(x):
        return np.sin(x) * 5.25

    assert mx.jit(first)(X)[0] == mx.jit(second)(X)[0]
    assert mx.grad(lambda x: first(x))(1.0) == mx.jit(mx.grad(second))(1.0)
