"""Tensors compute as NumPy does and print as MindSpore does."""

from __future__ import annotations

import copy
import pickle
import warnings
from typing import Any

import mixad as mx
import mixad.mindspore as ms
import mixad.mindspore.ops as ops
import numpy as np
import pytest
from mixad.frontend.devices import current_backend
from mixad.mindspore import Parameter, ParameterTuple, Tensor
from mixad.mindspore import dtype as mstype
from mixad.runtime.numpy import NUMPY


@pytest.mark.parametrize(
    ("data", "dtype", "expected"),
    [
        ([1.0, 2.0], None, mstype.float32),
        (1.5, None, mstype.float32),
        (3, None, mstype.int64),
        ([1, 2], None, mstype.int64),
        ([True], None, mstype.bool_),
        (np.array([1.0]), None, mstype.float64),
        (np.float64(1.0), None, mstype.float64),
        (np.array([1], np.int8), None, mstype.int8),
        ([1, 2], mstype.float16, mstype.float16),
        (np.array([1.5]), mstype.bfloat16, mstype.bfloat16),
        (1j, None, mstype.complex128),
    ],
)
def test_element_type(data: Any, dtype: Any, expected: Any) -> None:
    assert Tensor(data, dtype=dtype).dtype is expected


@pytest.mark.parametrize("data", ["text", None, [1, "a"], {}, object()])
def test_not_made_of_numbers(data: Any) -> None:
    with pytest.raises(TypeError, match="Tensor"):
        Tensor(data)


def test_copies_its_data() -> None:
    array = np.array([1.0, 2.0])
    tensor = Tensor(array)
    array[0] = 9
    assert tensor.tolist() == [1, 2]


def test_attributes() -> None:
    tensor = Tensor(np.zeros((2, 3), np.float32))
    assert (tensor.shape, tensor.ndim, tensor.size, tensor.itemsize, tensor.nbytes) == ((2, 3), 2, 6, 4, 24)
    assert tensor.T.shape == (3, 2)
    assert tensor.reshape(3, 2).shape == tensor.view((3, 2)).shape == (3, 2)
    assert tensor.transpose(1, 0).shape == (3, 2)
    assert tensor.flatten().shape == (6,)
    assert tensor.astype(mstype.int32).dtype is mstype.int32
    assert len(tensor) == 2
    assert [row.shape for row in tensor] == [(3,), (3,)]


@pytest.mark.parametrize(
    ("tensor", "text"),
    [
        (Tensor(1.5), "Tensor(shape=[], dtype=Float32, value= 1.5)"),
        (Tensor(True), "Tensor(shape=[], dtype=Bool, value= True)"),
        (Tensor([1, 2]), "Tensor(shape=[2], dtype=Int64, value= [1, 2])"),
        (Tensor([True, False]), "Tensor(shape=[2], dtype=Bool, value= [ True, False])"),
        (Tensor([1.0, -2.5]), "Tensor(shape=[2], dtype=Float32, value= [ 1.00000000e+00, -2.50000000e+00])"),
        (Tensor([1.0], mstype.float16), "Tensor(shape=[1], dtype=Float16, value= [ 1.0000e+00])"),
        (
            Tensor([[1.0, 2.0], [3.0, 4.0]]),
            "Tensor(shape=[2, 2], dtype=Float32, value=\n[[ 1.00000000e+00,  2.00000000e+00],\n"
            " [ 3.00000000e+00,  4.00000000e+00]])",
        ),
    ],
)
def test_repr(tensor: Tensor, text: str) -> None:
    assert repr(tensor) == text


def test_prints_as_numpy() -> None:
    assert str(Tensor([[1.5, 2.0]])) == "[[1.5 2. ]]"
    assert str(Tensor(2.0)) == "2.0"
    assert str(mstype.float32) == "Float32"
    assert str(mstype.bool_) == "Bool"


def test_prints_in_a_derivative() -> None:
    shown = []

    def function(x: Any) -> Any:
        shown.extend([str(x), repr(x)])
        return x

    ops.GradOperation()(function)(Tensor([1.0]))
    assert shown == ["Tensor(shape=[1], dtype=Float32, traced)"] * 2


def test_operators() -> None:
    a, b = Tensor([1.0, 2.0]), Tensor([3.0, 4.0])
    for found, expected in (
        (a + b, [4, 6]),
        (a - 1, [0, 1]),
        (1 - a, [0, -1]),
        (2 / a, [2, 1]),
        (a**2, [1, 4]),
        (2**a, [2, 4]),
        (-a, [-1, -2]),
        (abs(-a), [1, 2]),
        (b // 2, [1, 2]),
        (b % 2, [1, 0]),
        (a @ b, 11),
        (np.array([1.0, 2.0], np.float32) * a, [1, 4]),
        (a * [1.0, 2.0], [1, 4]),
        (np.multiply(np.float32(2), a), [2, 4]),
        (np.concatenate([a, b]), [1, 2, 3, 4]),
    ):
        assert isinstance(found, Tensor)
        assert found.tolist() == expected
    assert (a * 2.0).dtype is mstype.float32
    assert (a > 1).tolist() == [False, True]
    assert (a == a).dtype is mstype.bool_
    assert a[1].item() == 2.0
    assert a[Tensor([1, 0])].tolist() == [2, 1]
    assert bool(a[0])
    assert int(a[1]) == 2
    assert float(a[1]) == 2.0
    assert [10, 20, 30][Tensor(1)] == 20
    with pytest.raises(TypeError):
        a + "text"


def test_item_assignment() -> None:
    a = Tensor([1.0, 2.0])
    b = a[:]
    a[0] = 5.0
    assert a.tolist() == [5, 2]
    assert b.tolist() == [1, 2]


def test_hash_copy_and_pickle() -> None:
    a = Tensor([1.0, 2.0])
    assert {a: 1}[a] == 1
    for other in (copy.deepcopy(a), pickle.loads(pickle.dumps(a))):
        assert repr(other) == repr(a)
        assert other is not a
    parameter = Parameter(a, name="p")
    restored = pickle.loads(pickle.dumps(parameter))
    assert repr(restored) == repr(parameter) == "Parameter (name=p, shape=(2,), dtype=Float32, requires_grad=True)"
    assert restored.tolist() == [1, 2]


def test_functions_as_methods() -> None:
    a = Tensor([0.5, 2.0])
    assert a.exp().tolist() == np.exp(np.float32([0.5, 2.0])).tolist()
    assert a.sum().item() == 2.5
    assert a.mean().item() == 1.25
    assert a.max().item() == 2.0


def test_traced_numbers_cannot_leave() -> None:
    for leave in (lambda x: x.asnumpy(), lambda x: float(x[0]), lambda x: np.array(x), lambda x: x.tolist()):
        with pytest.raises(mx.MixadError):
            ops.GradOperation()(lambda x, leave=leave: x * leave(x))(Tensor([1.0]))


class TestParameters:
    def test_is_a_tensor(self) -> None:
        p = Parameter(Tensor([1.0, 2.0]), name="p")
        assert isinstance(p, Tensor)
        assert isinstance(p, mx.Parameter)
        assert isinstance(p * 2, Tensor)
        assert not isinstance(p * 2, Parameter)
        assert (p.shape, p.dtype) == ((2,), mstype.float32)
        assert p.asnumpy().tolist() == [1, 2]
        assert Parameter([1.0]).dtype is mstype.float32

    def test_set_data(self) -> None:
        p = Parameter(Tensor([1.0, 2.0]), name="p")
        before = p.value()
        assert p.set_data(Tensor([3.0, 4.0])) is p
        p[0] = 7.0
        assert p.tolist() == [7, 4]
        assert before.tolist() == [1, 2]

    def test_set_data_must_fit(self) -> None:
        p = Parameter(Tensor([1.0, 2.0]), name="p")
        with pytest.raises(mx.MixadError, match=r"'p' has shape \(2,\) and is given \(3,\)"):
            p.set_data(Tensor([1.0, 2.0, 3.0]))
        with pytest.raises(mx.MixadError, match="'p' is float32 and is given float64"):
            p.set_data(np.array([1.0, 2.0]))
        with pytest.raises(mx.MixadError, match="functions are pure"):
            ops.GradOperation()(lambda x: p.set_data(x) * x)(Tensor([1.0, 2.0]))
        assert p.tolist() == [1, 2]

    def test_tuple(self) -> None:
        p = Parameter(Tensor([1.0]), name="p")
        assert ParameterTuple([p])[0] is p
        with pytest.raises(mx.MixadError, match="element 1 of 2 is a Tensor"):
            ParameterTuple([p, Tensor([1.0])])

    def test_made_in_a_derivative(self) -> None:
        with pytest.raises(mx.MixadError, match="traced"):
            ops.GradOperation()(lambda x: Parameter(x) * 2)(Tensor([1.0]))

    def test_jitted_function_sees_new_numbers(self) -> None:
        p = Parameter(Tensor([2.0]), name="p")
        scaled = mx.jit(lambda x: x * p)
        x = Tensor([3.0])
        assert scaled(x).tolist() == [6]
        p.set_data(Tensor([5.0]))
        assert scaled(x).tolist() == [15]


class TestContext:
    def test_targets_and_modes(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Nothing pretends that there is another device: of each a warning tells, once, where it was asked for."""
        monkeypatch.setattr(ms.context, "_settings", dict(ms.context._settings))
        monkeypatch.setattr(ms.context, "_warned", set())
        monkeypatch.setattr(ms.context, "missing_gpu", lambda: "there is none: install one")
        seen = []
        for target in ("GPU", "CPU", "Ascend", "GPU"):
            with warnings.catch_warnings(record=True) as caught:
                warnings.simplefilter("always")
                ms.set_context(mode=ms.GRAPH_MODE, device_target=target)
            seen += caught
            assert ms.context.get_context("device_target") == target
            assert ms.get_context("mode") == ms.GRAPH_MODE
            assert current_backend() is NUMPY
        assert [str(each.message).split(": ", 1) for each in seen] == [
            ["device_target is 'GPU', and programs run on the CPU", "there is none: install one"],
            [
                "device_target is 'Ascend', and programs run on the CPU",
                "mixad has no backend for it; name another target",
            ],
        ]
        assert {(each.category, each.filename) for each in seen} == {(RuntimeWarning, __file__)}

    @pytest.mark.parametrize("setting", [{"mode": 2}, {"device_target": "TPU"}, {"save_graphs": True}])
    def test_wrong_settings_change_nothing(self, setting: dict[str, Any]) -> None:
        before = ms.get_context("device_id")
        with pytest.raises(ValueError, match=next(iter(setting))):
            ms.set_context(device_id=before + 1, **setting)
        assert ms.get_context("device_id") == before

    def test_unknown_name(self) -> None:
        with pytest.raises(ValueError, match="no setting 'x'"):
            ms.get_context("x")


def test_same_modules_under_both_names() -> None:
    import mixad.frontend.mindspore.nn
    import mixad.mindspore.nn

    assert mixad.mindspore.nn is mixad.frontend.mindspore.nn
    assert mixad.mindspore is mixad.frontend.mindspore
