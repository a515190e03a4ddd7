"""GradOperation behaves as MindSpore where it is right, and is right where MindSpore's modes differ or err."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import mixad.mindspore.nn as nn
import mixad.mindspore.ops as ops
import numpy as np
import pytest
from mixad import MixadError
from mixad.mindspore import Parameter, ParameterTuple, Tensor, context
from mixad.mindspore import dtype as mstype


def tensor(*numbers: float) -> Tensor:
    return Tensor(np.array(numbers, np.float64))


def close(found: Any, expected: Any) -> None:
    assert isinstance(found, Tensor)
    np.testing.assert_allclose(found.asnumpy(), expected, rtol=1e-14, atol=0)


class Net(nn.Cell):
    """x * y * w, with a parameter that nothing uses."""

    def __init__(self) -> None:
        super().__init__()
        self.w = Parameter(tensor(2.0, 3.0), name="w")
        self.unused = Parameter(tensor(1.0), name="unused")

    def construct(self, x: Any, y: Any) -> Any:
        return x * y * self.w


X, Y = tensor(5.0, 7.0), tensor(11.0, 13.0)
GRAD = ops.GradOperation()
GRAD_ALL = ops.GradOperation(get_all=True)
GRAD_LIST = ops.GradOperation(get_by_list=True)
GRAD_BOTH = ops.GradOperation(get_all=True, get_by_list=True)
GRAD_SENS = ops.GradOperation(sens_param=True)


class TestForms:
    def test_default_is_first_input_bare(self) -> None:
        close(GRAD(Net())(X, Y), [22, 39])

    def test_get_all_is_a_tuple(self) -> None:
        found = GRAD_ALL(Net())(X, Y)
        assert type(found) is tuple
        close(found[0], [22, 39])
        close(found[1], [10, 21])

    def test_get_all_of_one_input_is_a_tuple(self) -> None:
        found = GRAD_ALL(lambda x: x * x)(X)
        assert type(found) is tuple
        (gradient,) = found
        close(gradient, [10, 14])

    def test_one_parameter_in_a_list_and_bare(self) -> None:
        net = Net()
        found = GRAD_LIST(net, [net.w])(X, Y)
        assert type(found) is tuple
        close(found[0], [55, 91])
        close(GRAD_LIST(net, net.w)(X, Y), [55, 91])

    def test_both_nest_always(self) -> None:
        net = Net()
        (x, y), (w,) = GRAD_BOTH(net, ParameterTuple([net.w]))(X, Y)
        close(x, [22, 39])
        close(y, [10, 21])
        close(w, [55, 91])
        (_, _), bare = GRAD_BOTH(net, net.w)(X, Y)
        close(bare, [55, 91])

    def test_parameters_left_out_are_all_that_train(self) -> None:
        net = Net()
        w, unused = GRAD_LIST(net)(X, Y)
        close(w, [55, 91])
        close(unused, [0])
        net.unused.requires_grad = False
        assert len(GRAD_LIST(net)(X, Y)) == 1

    def test_parameters_left_out_of_a_plain_function(self) -> None:
        with pytest.raises(TypeError, match="pass them as the second argument"):
            GRAD_LIST(lambda x: x)(X)

    def test_parameters_are_ignored_while_the_flag_is_off(self) -> None:
        net = Net()
        close(GRAD(net, net.trainable_params())(X, Y), [22, 39])
        assert len(GRAD_ALL(net, net.w)(X, Y)) == 2

    def test_order_and_duplicates(self) -> None:
        net = Net()
        unused, w, again = GRAD_LIST(net, [net.unused, net.w, net.w])(X, Y)
        close(unused, [0])
        close(w, [55, 91])
        close(again, [55, 91])

    def test_parameter_used_twice_and_foreign(self) -> None:
        w, foreign = Parameter(tensor(3.0), name="w"), Parameter(tensor(1.0, 2.0), name="f")
        first, second = GRAD_LIST(lambda x: w * x * w, [w, foreign])(tensor(5.0))
        close(first, [30])
        close(second, [0, 0])

    def test_two_parameters_of_one_name(self) -> None:
        a, b = Parameter(tensor(2.0), name="p"), Parameter(tensor(3.0), name="p")
        first, second = GRAD_LIST(lambda x: a * a * b * x, [a, b])(tensor(1.0))
        close(first, [12])
        close(second, [4])

    def test_unused_input(self) -> None:
        x, y = GRAD_ALL(lambda x, y: x)(X, tensor(1.0, 2.0, 3.0))
        close(x, [1, 1])
        close(y, [0, 0, 0])

    def test_same_tensor_twice_is_two_inputs(self) -> None:
        first, second = GRAD_ALL(lambda x, y: x * x * y)(X, X)
        close(first, [50, 98])
        close(second, [25, 49])

    def test_no_parameters_to_differentiate(self) -> None:
        assert GRAD_LIST(lambda x: x, [])(X) == ()

    @pytest.mark.parametrize("weights", [[3], X, "w", 3])
    def test_weights_that_are_no_parameters(self, weights: Any) -> None:
        with pytest.raises(MixadError, match="Parameter"):
            GRAD_LIST(Net(), weights)(X, Y)

    def test_flags_are_booleans(self) -> None:
        with pytest.raises(TypeError, match="get_all is 1"):
            ops.GradOperation(1)

    def test_function_is_callable(self) -> None:
        with pytest.raises(TypeError, match="not a function"):
            GRAD(X)

    def test_keyword_arguments(self) -> None:
        close(GRAD(lambda x, power=1: x**power)(X, power=2), [10, 14])


class TestOutputs:
    @pytest.mark.parametrize(
        "wrap",
        [
            lambda a, b: (a, b),
            lambda a, b: [a, b],
            lambda a, b: {"a": a, "b": b},
            lambda a, b: (a, [{"b": b}]),
            lambda a, b: (a, b, 3, None, "text", a > 0, a.astype(mstype.int32)),
        ],
        ids=["tuple", "list", "dict", "nested", "with constants"],
    )
    def test_outputs_are_summed(self, wrap: Any) -> None:
        close(GRAD(lambda x: wrap(x * x, 3 * x))(X), [13, 17])

    def test_integer_outputs_contribute_nothing(self) -> None:
        close(GRAD(lambda x: x.astype(mstype.int32))(X), [0, 0])

    @pytest.mark.parametrize("result", [None, 3, "text", ()])
    def test_no_array_among_the_outputs(self, result: Any) -> None:
        with pytest.raises(MixadError, match="holds no array"):
            GRAD(lambda x: result)(X)

    def test_parameter_as_output(self) -> None:
        net = Net()
        close(GRAD_LIST(lambda x: net.w, net.w)(X), [1, 1])


class TestSens:
    SENS = tensor(10.0, 100.0)

    def test_last_positional_and_keyword(self) -> None:
        close(GRAD_SENS(Net())(X, Y, self.SENS), [220, 3900])
        close(GRAD_SENS(Net())(X, Y, sens=self.SENS), [220, 3900])

    def test_with_parameters(self) -> None:
        net = Net()
        both = ops.GradOperation(get_all=True, get_by_list=True, sens_param=True)
        (x, _), (w, _) = both(net)(X, Y, self.SENS)
        close(x, [220, 3900])
        close(w, [550, 9100])

    def test_mirrors_nesting(self) -> None:
        def function(x: Any) -> Any:
            return x * x, {"a": [3 * x]}

        close(GRAD_SENS(function)(X, (self.SENS, {"a": [self.SENS]})), [130, 1700])

    def test_numpy_array_and_number(self) -> None:
        close(GRAD_SENS(lambda x: x * x)(X, np.array([1.0, 10.0])), [10, 140])
        close(GRAD_SENS(lambda x: x[0] * x[1])(X, 2.0), [14, 10])

    def test_one_element(self) -> None:
        one = Tensor(np.array([1], np.float32))
        found = GRAD_SENS(lambda x: x * x)(Tensor(np.array([3], np.float32)), one)
        assert repr(found) == "Tensor(shape=[1], dtype=Float32, value= [ 6.00000000e+00])"

    @pytest.mark.parametrize("mode", [context.GRAPH_MODE, context.PYNATIVE_MODE])
    @pytest.mark.parametrize(
        ("sens", "shown"),
        [
            (tensor(1.0), r"float64\(1,\)"),
            (tensor(1.0, 2.0, 3.0), r"float64\(3,\)"),
            (Tensor([1.0, 2.0]), r"float32\(2,\)"),
            (Tensor([1, 2]), r"int64\(2,\)"),
            ((X, X), r"\(float64\(2,\), float64\(2,\)\)"),
            ([X], r"\[float64\(2,\)\]"),
            (None, "None"),
            ("text", "str"),
            (1.0, "float"),
        ],
    )
    def test_wrong_sens_names_both(self, mode: int, sens: Any, shown: str) -> None:
        before = context.get_context("mode")
        context.set_context(mode=mode)
        try:
            with pytest.raises(TypeError, match=rf"sens is {shown} and the output of @Net is float64\(2,\)") as caught:
                GRAD_SENS(Net())(X, Y, sens)
        finally:
            context.set_context(mode=before)
        assert isinstance(caught.value, MixadError)
        assert "test_semantics.py" in str(caught.value)

    def test_tensor_for_a_tuple_output(self) -> None:
        with pytest.raises(
            TypeError, match=r"sens is float64\(2,\) and the output of .* \(float64\(2,\), float64\(2,\)\)"
        ):
            GRAD_SENS(lambda x: (x, x))(X, X)

    def test_vector_for_a_number(self) -> None:
        with pytest.raises(TypeError, match=r"sens is float64\(2,\) and the output of .* float64\(\)"):
            GRAD_SENS(lambda x: x[0])(X, X)

    def test_missing(self) -> None:
        with pytest.raises(MixadError, match="sens_param=True") as caught:
            GRAD_SENS(Net())(X, Y)
        assert isinstance(caught.value, TypeError)
        with pytest.raises(MixadError, match="no sens"):
            GRAD_SENS(Net())()

    def test_given_while_the_flag_is_off(self) -> None:
        for call in (lambda: GRAD(Net())(X, Y, self.SENS), lambda: GRAD(Net())(X, Y, sens=self.SENS)):
            with pytest.raises(MixadError, match="sens_param") as caught:
                call()
            assert isinstance(caught.value, TypeError)

    def test_type_error_of_the_function_itself(self) -> None:
        def function(x: Any) -> Any:
            raise TypeError("mine")

        with pytest.raises(TypeError, match=r"^mine$"):
            GRAD(function)(X)


class TestInputs:
    def test_constants_are_left_out_of_get_all(self) -> None:
        found = GRAD_ALL(lambda x, n, y, s, z: x * n * y)(X, 3, Y, "text", None)
        assert len(found) == 2
        close(found[0], [33, 39])
        close(found[1], [15, 21])

    @pytest.mark.parametrize("first", [3.0, 3, True, None, "text", (), (1.0, 2.0)])
    def test_constant_as_first_input(self, first: Any) -> None:
        with pytest.raises(TypeError, match=r"the first input is .* which is a constant"):
            GRAD(lambda x: X * 2)(first)

    def test_no_input(self) -> None:
        with pytest.raises(TypeError, match="no input"):
            GRAD(lambda: X)()

    def test_numpy_array_is_an_array(self) -> None:
        found = GRAD(lambda x: x * Y)(np.array([1.0, 2.0]))
        assert isinstance(found, np.ndarray)
        assert found.tolist() == [11, 13]

    def test_containers_give_structured_gradients(self) -> None:
        found = GRAD(lambda x: x["a"] * x["b"][0] * x["b"][1])({"a": X, "b": [Y, 2.0]})
        close(found["a"], [22, 26])
        close(found["b"][0], [10, 14])
        assert found["b"][1] is None

    @pytest.mark.parametrize("kind", [mstype.int32, mstype.int64, mstype.bool_])
    def test_integers_have_no_derivative(self, kind: Any) -> None:
        number = Tensor([1, 0], dtype=kind)
        with pytest.raises(TypeError, match=r"input 0 is an array of \w+, which has no derivative.*cast it"):
            GRAD(lambda x: x * 2.5)(number)
        with pytest.raises(TypeError, match="input 1"):
            GRAD_ALL(lambda x, n: x * n)(X, number)
        close(GRAD(lambda x, n: x * n)(X, number), [1, 0])

    def test_integer_parameter(self) -> None:
        count = Parameter(Tensor([1, 2]), name="count")
        with pytest.raises(TypeError, match="parameter 'count' is an array of int64"):
            GRAD_LIST(lambda x: x * count, count)(X)

    def test_through_integers(self) -> None:
        """MindSpore answers 2 here."""
        close(GRAD(lambda x: x.astype(mstype.int32) * 2.5 + x)(X), [1, 1])

    def test_parameter_as_input(self) -> None:
        net = Net()
        close(GRAD(lambda w: w * w)(net.w), [4, 6])
        close(GRAD(lambda w: w * net.w)(net.w), [2, 3])


class TestHigherOrder:
    def test_one_object_reused(self) -> None:
        found = GRAD(lambda x: x * x * x)
        close(found(X), [75, 147])
        close(GRAD(found)(X), [30, 42])
        close(GRAD(GRAD(found))(X), [6, 6])
        close(GRAD(GRAD(GRAD(found)))(X), [0, 0])

    def test_sin_to_sixth_order(self) -> None:
        function: Any = ops.sin
        x = tensor(0.3, 1.7)
        for order in range(1, 7):
            function = GRAD(function)
            np.testing.assert_allclose(function(x).asnumpy(), np.sin(x.asnumpy() + order * np.pi / 2), rtol=1e-12)

    def test_stop_gradient(self) -> None:
        def function(x: Any) -> Any:
            return x * ops.stop_gradient(x) * x

        x = tensor(3.0)
        close(GRAD(function)(x), [18])
        close(GRAD(GRAD(function))(x), [6])
        close(GRAD(GRAD(GRAD(function)))(x), [0])

    def test_outer_sens_picks_second_derivatives(self) -> None:
        inner = GRAD_ALL(lambda x, y: x * x * y)
        outer = ops.GradOperation(get_all=True, sens_param=True)
        one, zero = tensor(1.0), tensor(0.0)
        x, y = tensor(4.0), tensor(5.0)
        dxdx, dxdy = outer(inner)(x, y, (one, zero))
        dydx, dydy = outer(inner)(x, y, (zero, one))
        for found, expected in ((dxdx, 10), (dxdy, 8), (dydx, 8), (dydy, 0)):
            close(found, [expected])

    def test_parameters_of_parameters(self) -> None:
        w = Parameter(tensor(3.0), name="w")

        def function(x: Any) -> Any:
            return w * w * w * x

        x = tensor(5.0)
        close(GRAD_LIST(GRAD_LIST(function, w), w)(x), [90])
        close(GRAD_LIST(GRAD(function), w)(x), [27])
        close(GRAD(GRAD_LIST(function, w))(x), [27])
        close(GRAD_LIST(GRAD_LIST(GRAD_LIST(function, w), w), w)(x), [30])

    def test_gradient_penalty(self) -> None:
        """The derivative of a Cell's output with respect to its input, in a loss, differentiated by its parameters."""

        class Penalty(nn.Cell):
            def __init__(self, net: nn.Cell) -> None:
                super().__init__()
                self.net = net

            def construct(self, x: Any) -> Any:
                slope = GRAD(self.net)(x)
                return (slope * slope).sum()

        net = nn.SequentialCell(
            nn.Dense(2, 3, activation="tanh", dtype=mstype.float64), nn.Dense(3, 1, dtype=mstype.float64)
        )
        x = Tensor(np.array([[0.1, 0.2], [0.3, -0.4]]))
        penalty = Penalty(net)
        found = GRAD_LIST(penalty)(x)
        assert [each.shape for each in found] == [(3, 2), (3,), (1, 3), (1,)]
        weight = net[0].weight
        before = weight.asnumpy().copy()
        step = np.zeros((3, 2))
        step[1, 0] = 1e-6
        weight.set_data(Tensor(before + step))
        high = penalty(x).item()
        weight.set_data(Tensor(before - step))
        low = penalty(x).item()
        np.testing.assert_allclose(found[0].asnumpy()[1, 0], (high - low) / 2e-6, rtol=1e-7)

    def test_perturbation_confusion(self) -> None:
        """d/dx x * (d/dy (x + y)) is 1 at every x and y, the same object included."""

        def function(x: Any) -> Any:
            return x * GRAD(lambda y: x + y)(x)

        close(GRAD(function)(tensor(3.0)), [1])

    def test_python_decisions(self) -> None:
        def function(x: Any) -> Any:
            while x < 100:
                x = x * x
            return x

        close(GRAD(GRAD(function))(tensor(3.0)), [8 * 7 * 3.0**6])
        close(GRAD(function)(tensor(101.0)), [1])


class TestFreshness:
    def test_closure(self) -> None:
        factor = tensor(2.0)
        function = GRAD(lambda x: x * factor)
        close(function(tensor(1.0)), [2])
        factor = tensor(3.0)
        close(function(tensor(1.0)), [3])

    def test_cell_attributes(self) -> None:
        class Scale(nn.Cell):
            def __init__(self) -> None:
                super().__init__()
                self.factor = 2.0
                self.offset = tensor(1.0)

            def construct(self, x: Any) -> Any:
                return (x + self.offset) * self.factor * x

        net = Scale()
        function = GRAD(net)
        close(function(tensor(1.0)), [6])
        net.factor = 3.0
        close(function(tensor(1.0)), [9])
        net.offset = tensor(5.0)
        close(function(tensor(1.0)), [21])

    def test_parameters(self) -> None:
        net = Net()
        function = GRAD(net)
        close(function(X, Y), [22, 39])
        net.w.set_data(tensor(1.0, 1.0))
        close(function(X, Y), [11, 13])
        net.w = Parameter(tensor(0.0, 1.0), name="w")
        close(function(X, Y), [0, 13])
        assert GRAD_LIST(net)(X, Y)[0].asnumpy().tolist() == [55, 91]

    def test_threads(self) -> None:
        """Derivatives by one shared parameter, from many threads at once, at first and second order."""
        w = Parameter(tensor(3.0), name="w")
        first = GRAD_LIST(lambda x: w * w * x, w)
        second = GRAD_LIST(first, w)

        def work(number: int) -> tuple[float, float, float]:
            x = tensor(float(number))
            return first(x).item(), second(x).item(), (w * x).item()

        with ThreadPoolExecutor(8) as pool:
            found = list(pool.map(work, range(1, 101)))
        assert found == [(6.0 * n, 2.0 * n, 3.0 * n) for n in range(1, 101)]
