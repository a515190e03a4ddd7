"""The decorator refuses operations whose rules are missing, misspelt or of the wrong signature."""

import re

import numpy as np
import pytest
from mixad.ir import Graph, TensorType, registered
from mixad.ir.builder import Builder
from mixad.ir.errors import DefinitionError
from mixad.ops.definition import Op, operation


def _infer(x, y, *, scale):
    return x


def _evaluate(x, y, *, scale):
    return scale * x * y


def _jvp_x(b, dx, x, y, *, scale):
    return dx


def _rule_of_y(b, d, x, y):
    return d


GOOD = {"infer": _infer, "evaluate": _evaluate, "jvp_x": _jvp_x, "jvp_y": _rule_of_y}


def _without(*names):
    return {name: rule for name, rule in GOOD.items() if name not in names}


def _define(body):
    statics = {name: staticmethod(rule) if callable(rule) else rule for name, rule in body.items()}
    return operation("tensor.throwaway")(type("Throwaway", (Op,), statics))


BROKEN = {
    "no infer": (_without("infer"), "the class has no 'infer' rule"),
    "no evaluate": (_without("evaluate"), "the class has no 'evaluate' rule"),
    "missing jvp": (_without("jvp_y"), "operand 'y' has no jvp_y"),
    "misspelt jvp": (_without("jvp_y") | {"jvp_yy": _rule_of_y}, "rule 'jvp_yy' names no operand; it has x, y"),
    "misspelt transpose": (GOOD | {"transpose_z": _rule_of_y}, "rule 'transpose_z' names no operand"),
    "linear without transpose": (_without("jvp_y") | {"linear_in": (("y",),)}, "linear in 'y' but has no transpose_y"),
    "linear in a stranger": (GOOD | {"linear_in": (("z",),)}, "'z' is no operand; it has x, y"),
    "constant in a stranger": (GOOD | {"constant_in": ("z",)}, "'z' is no operand; it has x, y"),
    "operand left out": (GOOD | {"jvp_y": lambda b, d, x: d}, "jvp_y takes (b, d, x) where"),
    "operands swapped": (GOOD | {"jvp_y": lambda b, d, y, x: d}, "jvp_y takes (b, d, y, x) where"),
    "no builder": (GOOD | {"jvp_y": lambda: None}, "jvp_y takes () where"),
    "evaluate of other operands": (
        GOOD | {"evaluate": lambda x, *, scale: x},
        "evaluate takes (x, scale) where infer takes (x, y, scale)",
    ),
    "evaluate of other attributes": (
        GOOD | {"evaluate": lambda x, y, *, scala: x},
        "evaluate takes (x, y, scala) where infer takes (x, y, scale)",
    ),
    "unknown attribute": (
        GOOD | {"jvp_y": lambda b, d, x, y, *, scala: d},
        "jvp_y asks for unknown attributes ['scala']",
    ),
}


@pytest.mark.parametrize("case", BROKEN)
def test_a_broken_class_is_refused_and_not_registered(case):
    body, message = BROKEN[case]
    with pytest.raises(DefinitionError, match=re.escape(message)) as caught:
        _define(body)
    assert "tensor.throwaway" in str(caught.value)
    assert "tensor.throwaway" not in registered()
    assert not hasattr(Builder, "throwaway")


@pytest.fixture
def throwaway(monkeypatch):
    """Lets a test register operations that are gone afterwards."""
    monkeypatch.setattr("mixad.ir.definition._registry", dict(registered()))
    yield
    if hasattr(Builder, "throwaway"):
        del Builder.throwaway


@pytest.mark.usefixtures("throwaway")
def test_a_sound_class_is_registered_and_becomes_a_builder_method():
    cls = _define(GOOD)
    assert registered()["tensor.throwaway"] is cls.definition
    assert (cls.definition.operands, cls.definition.attributes) == (("x", "y"), ("scale",))
    graph = Graph("f")
    x = graph.add_input(TensorType((2,), np.float64))
    value = Builder(graph).throwaway(x, x, scale=3)
    assert value.owner.attributes == {"scale": 3}
    assert value.type is x.type


@pytest.mark.usefixtures("throwaway")
def test_a_rule_that_returns_none_contributes_nothing():
    cls = _define(GOOD | {"jvp_x": lambda b, dx, x, y: None})
    graph = Graph("f")
    x = graph.add_input(TensorType((2,), np.float64))
    b = Builder(graph)
    op = b.throwaway(x, x, scale=3).owner
    assert cls.definition.rules.jvp(b, op, [x, None]) == (None,)
    assert cls.definition.rules.jvp(b, op, [x, x]) == (x,)


@pytest.mark.usefixtures("throwaway")
def test_transposing_where_the_operation_is_not_linear_is_refused():
    cls = _define(GOOD)
    graph = Graph("f")
    x = graph.add_input(TensorType((2,), np.float64))
    b = Builder(graph)
    op = b.throwaway(x, x, scale=3).owner
    with pytest.raises(DefinitionError, match="not linear in operand 'x'"):
        cls.definition.rules.transpose(b, op, [x], [True, False])
