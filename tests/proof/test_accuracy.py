"""Derivatives of element-wise functions to third order against mpmath at 40 digits, to rounding."""

import operator

import mpmath
import numpy as np
import pytest
from mixad.ir import Builder, Graph, TensorType

from .programs import OPERATIONS, Runner, chain

#: Functions that mpmath calls otherwise, or that are sums and products.
MEANINGS = {
    "neg": operator.neg,
    "square": lambda x: x * x,
    "reciprocal": lambda x: 1 / x,
    "rsqrt": lambda x: 1 / mpmath.sqrt(x),
    "sigmoid": lambda x: 1 / (1 + mpmath.exp(-x)),
    "abs": abs,
    "add": operator.add,
    "sub": operator.sub,
    "mul": operator.mul,
    "div": operator.truediv,
    "pow": lambda x, y: x**y,
    "atan2": lambda x, y: mpmath.atan2(x, y),
    "maximum": max,
    "minimum": min,
    "next_after": lambda x, y: x,
    "remainder": lambda x, y: x - y * mpmath.floor(x / y),
    "mul_no_nan": operator.mul,
    "lgamma": mpmath.loggamma,
    "lbeta": lambda x, y: mpmath.loggamma(x) + mpmath.loggamma(y) - mpmath.loggamma(x + y),
    "expi": mpmath.ei,
    "erfcx": lambda x: mpmath.exp(x * x) * mpmath.erfc(x),
    "erfcinv": lambda x: mpmath.erfinv(1 - x),
    "log_ndtr": lambda x: mpmath.log(mpmath.ncdf(x)),
    "ndtri": lambda x: mpmath.sqrt(2) * mpmath.erfinv(2 * x - 1),
    "log_sigmoid": lambda x: -mpmath.log1p(mpmath.exp(-x)),
    "logit": lambda x: mpmath.log(x / (1 - x)),
    "entr": lambda x: -x * mpmath.log(x),
    "poch": lambda x, y: mpmath.gamma(x + y) / mpmath.gamma(x),
    "sine_integral": mpmath.si,
    "cosine_integral": mpmath.ci,
    "fresnel_sine": mpmath.fresnels,
    "fresnel_cosine": mpmath.fresnelc,
    "spence": lambda x: mpmath.re(mpmath.polylog(2, 1 - x)),
    "dawsn": lambda x: mpmath.sqrt(mpmath.pi) / 2 * mpmath.exp(-x * x) * mpmath.erfi(x),
}
STEPS = ("sign", "floor", "ceil", "round", "trunc", "floor_divide", "is_finite", "sign_bit")
ELEMENTWISE = [
    definition
    for definition in OPERATIONS.values()
    if definition.rules.cls.elementwise
    and definition.rules.takes(np.dtype(np.float64))
    and not definition.rules.cls.constant_in
    and not definition.rules.cls.no_derivative_in
    and not definition.attributes
    and definition.mnemonic not in STEPS
    and definition.mnemonic != "complex"  # linear, and no function of mpmath
]


def _meaning(definition):
    return MEANINGS.get(definition.mnemonic) or getattr(mpmath, definition.mnemonic)


def _program(definition, position):
    """The operation on vectors of six numbers, the operand at ``position`` as the first input."""
    graph = Graph("f")
    inputs = [graph.add_input(TensorType((6,), np.float64)) for _ in definition.operands]
    operands = list(inputs)
    operands[0], operands[position] = inputs[position], inputs[0]
    graph.set_outputs(Builder(graph).create(definition, tuple(operands), {}).results)
    return graph


def _exact(definition, points, position, order):
    """The derivatives by one operand at 40 digits."""
    orders = tuple(order if i == position else 0 for i in range(len(points)))
    with mpmath.workdps(40):
        exact = [[mpmath.mpf(float(x)) for x in at] for at in zip(*points, strict=True)]
        if len(points) == 1:
            return [float(mpmath.diff(_meaning(definition), at[0], order)) for at in exact]
        return [float(mpmath.diff(_meaning(definition), tuple(at), orders)) for at in exact]


@pytest.mark.parametrize("definition", ELEMENTWISE, ids=lambda each: each.mnemonic)
@pytest.mark.parametrize("order", [1, 2, 3])
def test_pure_derivatives_have_no_error_beyond_rounding(definition, order):
    """d^n f / dx_i^n for each operand, all-forward and all-reverse, at six points."""
    rng = np.random.default_rng(order)
    domain = definition.rules.cls.domain
    count = len(definition.operands)
    domains = [domain] * count if np.ndim(domain) == 1 else domain
    points = [rng.uniform(low, high, (6,)) for low, high in domains]
    for position in range(count):
        given = list(points)
        given[0], given[position] = given[position], given[0]
        expected = _exact(definition, points, position, order)
        for modes in ("j" * order, "r" * order):
            (found,) = Runner(chain(_program(definition, position), modes, 1)).run(*given, *[np.ones(6)] * order)
            atol = 1e-14 * np.max(np.abs(expected)) + 1e-30
            np.testing.assert_allclose(found, expected, rtol=2e-13, atol=atol, err_msg=modes)
