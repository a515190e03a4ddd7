"""The special functions' kernels against mpmath, to the bounds that docs/gpu.md states, in Triton's interpreter."""

import functools

import mpmath
import numpy as np
import pytest
from mixad.ir import Builder, Graph, Module, TensorType, registered
from mixad.runtime.compiler import compile_module
from mixad.runtime.triton import TRITON
from mixad.runtime.triton.compiler import HOPPER, compile_kernels
from mixad.runtime.triton.expressions import LONG

from .assembly import rounded_constants

INF, NAN = np.inf, np.nan
COUNT = 40


@functools.cache
def _program(name, size, options=()):
    definition = registered()[f"tensor.{name}"]
    graph = Graph("f")
    operands = tuple(graph.add_input(TensorType((size,), np.float64)) for _ in definition.operands)
    graph.set_outputs(Builder(graph).create(definition, operands, dict(options)).results)
    module = Module()
    module.add(graph)
    return compile_module(module, TRITON)["f"]


def computed(name, *operands, **options):
    """The kernel's numbers."""
    given = [np.asarray(each, np.float64) for each in operands]
    return _program(name, given[0].size, tuple(options.items())).run(*given)[0]


def between(low, high, negative=False):
    """Numbers spread over magnitudes from ``10**low`` to ``10**high``, of both signs if asked for."""
    return lambda rng: 10 ** rng.uniform(low, high, COUNT) * (rng.choice([-1, 1], COUNT) if negative else 1)


def uniform(low, high):
    return lambda rng: rng.uniform(low, high, COUNT)


def orders(low, high):
    """Orders, whole ones among them."""
    return lambda rng: np.where(np.arange(COUNT) % 3, rng.uniform(low, high, COUNT), rng.integers(low, high, COUNT))


def near_one(rng):
    return 1 - 10 ** rng.uniform(-12, 3, COUNT)


def amplitude(v, x):
    """What Bessel functions swing to, where they do."""
    return min(1.0, (2 / (np.pi * x)) ** 0.5) if x > abs(v) else 0.0


def lower_gamma(a, x):
    return mpmath.gammainc(a, 0, x, regularized=True)


def upper_gamma(a, x):
    return mpmath.gammainc(a, x, regularized=True)


def beta_ratio(p, q, x):
    return mpmath.betainc(p, q, 0, x, regularized=True)


def dilogarithm(x):
    with mpmath.workdps(60):
        z = 1 - x
        if abs(z) < 2:
            return mpmath.re(mpmath.polylog(2, z))
        return -(mpmath.pi**2) / 6 - mpmath.log(x - 1) ** 2 / 2 - mpmath.re(mpmath.polylog(2, 1 / z))


#: By function: its operands, its meaning, units in the last place, and the size that an error is held against where
#: that is more than the result.
BOUNDS = {
    "beta": ((between(-10, 2.5), between(-10, 2.5)), mpmath.beta, 256, None),
    "beta of both signs": ((uniform(-20, 20), uniform(-20, 20)), mpmath.beta, 1024, None),
    "lbeta": ((between(-10, 6), between(-10, 6)), lambda p, q: mpmath.log(mpmath.beta(p, q)), 16, lambda p, q: 1.0),
    "poch": ((between(-3, 2), uniform(-20, 60)), mpmath.rf, 512, None),
    "zeta": ((lambda rng: 1 + between(-6, 1)(rng), between(-3, 1.5)), mpmath.zeta, 16, None),
    "zeta at 1": ((uniform(-150, 1), lambda rng: np.ones(COUNT)), lambda s, x: mpmath.zeta(s), 512, None),
    "gammainc": ((between(-2, 2.3), between(-2, 2.3)), lower_gamma, 1024, None),
    "gammaincc": ((between(-2, 2.3), between(-2, 2.3)), upper_gamma, 1024, None),
    "gammainc of large orders": (
        (lambda rng: np.full(COUNT, 4e4), lambda rng: 4e4 + 200 * rng.uniform(-5, 5, COUNT)),
        lower_gamma,
        64,
        None,
    ),
    "betainc": ((between(-1, 2.3), between(-1, 2.3), uniform(0, 1)), beta_ratio, 64, lambda *_: 1.0),
    "betaincc": (
        (between(-1, 2.3), between(-1, 2.3), uniform(0, 1)),
        lambda p, q, x: mpmath.betainc(p, q, x, 1, regularized=True),
        64,
        lambda *_: 1.0,
    ),
    "expi": ((between(-8, 2.5, True),), mpmath.ei, 16, lambda x: min(1.0, float(abs(mpmath.exp(x))))),
    "dawsn": (
        (between(-8, 3, True),),
        lambda x: mpmath.sqrt(mpmath.pi) / 2 * mpmath.exp(-x * x) * mpmath.erfi(x),
        32,
        None,
    ),
    "sine_integral": ((between(-8, 12, True),), mpmath.si, 8, None),
    "cosine_integral": ((between(-8, 8),), mpmath.ci, 8, lambda x: min(1.0, 1 / x)),
    "fresnel_sine": ((between(-6, 9, True),), mpmath.fresnels, 16, None),
    "fresnel_cosine": ((between(-6, 9, True),), mpmath.fresnelc, 16, None),
    "spence": ((between(-300, 20),), dilogarithm, 8, None),
    "ellipk": ((near_one,), mpmath.ellipk, 8, None),
    "ellipe": ((near_one,), mpmath.ellipe, 32, None),
    "bessel_j": ((orders(-5, 40), between(-1, 3)), mpmath.besselj, 256, amplitude),
    "bessel_y": ((orders(-5, 40), between(-1, 3)), mpmath.bessely, 256, amplitude),
    "bessel_i": ((orders(-5, 40), between(-1, 2.7)), mpmath.besseli, 256, None),
    "bessel_ie": ((orders(-5, 40), between(-1, 3)), lambda v, x: mpmath.besseli(v, x) * mpmath.exp(-x), 256, None),
    "bessel_k": ((orders(-5, 40), between(-1, 2.7)), mpmath.besselk, 128, None),
    "bessel_ke": ((orders(-5, 40), between(-1, 3)), lambda v, x: mpmath.besselk(v, x) * mpmath.exp(x), 128, None),
    "bessel_j of small numbers": ((orders(0, 5), between(-300, -1)), mpmath.besselj, 64, None),
    "bessel_k of small numbers": ((orders(0, 3), between(-100, -1)), mpmath.besselk, 64, None),
    "hyp0f1": ((uniform(0.5, 10), between(-2, 3, True)), mpmath.hyp0f1, 256, lambda b, x: 0.1),
    "hyp1f1": ((uniform(-2, 5), uniform(0.6, 5), between(-2, 2.5, True)), mpmath.hyp1f1, 512, None),
    "hyp2f1": ((uniform(-2, 3), uniform(-2, 3), uniform(0.6, 3), near_one), mpmath.hyp2f1, 2048, None),
    "hyp2f1 of whole numbers": (
        (*(lambda rng: np.ones(COUNT) * 1.5,) * 2, lambda rng: np.ones(COUNT) * 2, near_one),
        mpmath.hyp2f1,
        64,
        None,
    ),
}


@pytest.mark.parametrize("name", [pytest.param(name, marks=[pytest.mark.slow] * ("hyp2f1" in name)) for name in BOUNDS])
def test_numbers_are_within_the_stated_bounds(name):
    domains, meaning, ulps, scale = BOUNDS[name]
    rng = np.random.default_rng(len(name))
    operands = [np.asarray(domain(rng), np.float64) for domain in domains]
    found = computed(name.split()[0], *operands)
    for each, *at in zip(found, *operands, strict=True):
        with mpmath.workdps(30):
            exact = float(mpmath.re(meaning(*[mpmath.mpf(float(number)) for number in at])))
        size = max(abs(exact), 0.0 if scale is None else float(scale(*at)), 1e-300)
        assert abs(each - exact) <= ulps * 2.0**-52 * size or each == exact, (at, each, exact)


@pytest.mark.parametrize("n", [0, 1, 2, 5, 30])
def test_exponential_integrals_of_every_order(n):
    x = 10 ** np.random.default_rng(n).uniform(-8, 1.9, COUNT)
    with mpmath.workdps(80):
        exact = [float(mpmath.expint(n, mpmath.mpf(float(each)))) for each in x]
    np.testing.assert_allclose(computed("expn", x, n=n), exact, rtol=16 * 2.0**-52)


@pytest.mark.parametrize("n", [0, 1, 2, 3, 5])
def test_polygamma_of_every_order(n):
    """Digamma is that of order 0. Left of 0 there are zeros between the poles."""
    rng = np.random.default_rng(n)
    for x, least in (
        (between(-8, 8)(rng), 0.0 if n else 1.0),
        (uniform(0.1, 20)(rng), 0.0 if n else 1.0),
        (uniform(-20, 0)(rng), np.pi ** (n + 1)),
    ):
        with mpmath.workdps(30):
            exact = np.array([float(mpmath.polygamma(n, mpmath.mpf(float(each)))) for each in x])
        errors = np.abs(computed("polygamma", x, n=n) - exact)
        assert np.all(errors <= 8 * 2.0**-52 * np.maximum(np.abs(exact), least))


#: Limits and poles: a function's operands and its value there.
ENDS = {
    "polygamma": [(0, -INF), (-0.0, INF), (-1, NAN), (1, -0.5772156649015329), (INF, INF), (-INF, NAN), (NAN, NAN)],
    "beta": [(0, 1, INF), (INF, 1, 0), (-2, 1, -0.5), (-3, 5, INF), (-0.5, -0.5, 0), (1, 700, 1 / 700), (NAN, 0, NAN)],
    "lbeta": [(0, 1, INF), (INF, 1, -INF), (-0.5, -0.5, -INF), (1, 1e10, -np.log(1e10)), (-1, 0.5, INF)],
    "poch": [(-2, 1, -2), (-2, 3, 0), (2, -3, INF), (5, 0, 1), (1e20, 2, 1e40), (-1e300, 1, -1e300)],
    "zeta": [(1, 2, INF), (2, 0, INF), (3.5, -0.5, NAN), (0.5, 2, NAN), (-2, 1, 0), (0, 1, -0.5), (2, INF, 0)],
    "gammainc": [(1, 0, 0), (1, INF, 1), (0, 1, 1), (-1, 1, NAN), (1, -1, NAN), (INF, 1, 0), (1e8, 1e8 + 1e5, 1)],
    "gammaincc": [(1, 0, 1), (1, INF, 0), (0, 1, 0), (-1, 1, NAN), (1e8, 1e8 - 1e5, 1), (1e9, 1e3, 1)],
    "betainc": [
        (1, 2, 0, 0),
        (1, 2, 1, 1),
        (1, 1, 0.25, 0.25),
        (1, 1, 2, NAN),
        (-1, 1, 0.5, NAN),
        (1e6, 1e6, 0.5, 0.5),
    ],
    "betaincc": [(1, 2, 0, 1), (1, 2, 1, 0), (1, 1, 0.25, 0.75), (1, 1, -1, NAN)],
    "expi": [(0, -INF), (INF, INF), (-INF, 0), (NAN, NAN)],
    "spence": [(0, np.pi**2 / 6), (1, 0), (-1, NAN), (2, -(np.pi**2) / 12)],
    "ellipk": [(1, INF), (0, np.pi / 2), (-INF, 0), (2, NAN)],
    "ellipe": [(1, 1), (0, np.pi / 2), (-INF, INF), (2, NAN)],
    "bessel_j": [(0, 0, 1), (2, 0, 0), (3, -2, -0.12894324947440205), (0.5, -1, NAN), (1, INF, 0), (-0.5, 0, INF)],
    "bessel_y": [(0, 0, -INF), (-1, 0, INF), (1, -1, NAN), (2, INF, 0), (0, 5e-324, -473.9)],
    "bessel_i": [(0, 0, 1), (1, -2, -1.590636854637329), (0.5, -1, NAN), (0, INF, INF), (1, 800, INF), (1, NAN, NAN)],
    "bessel_k": [(0, 0, INF), (1, -1, NAN), (1, INF, 0), (-2, 1, 1.6248388986351774)],
    "bessel_ie": [(0, 1e30, 1 / np.sqrt(2 * np.pi * 1e30)), (1, INF, 0)],
    "bessel_ke": [(0, 1e30, np.sqrt(np.pi / 2e30)), (200_000, 1, NAN)],
    "hyp0f1": [(-1, 2, NAN), (1.5, 0, 1), (2, INF, INF), (0.5, -(np.pi**2) / 4, -1)],
    "hyp1f1": [
        (1, 1, 800, INF),
        (1, 2, -1000, 0.001),
        (-1, -2, 2, 2),
        (0.5, -1, 2, INF),
        (0, 3, 5, 1),
        (-1, 1, 1e5, 1 - 1e5),
    ],
    "hyp2f1": [
        *((1, 1, 2, 0, 1), (0.5, 0.5, 2, 1, 4 / np.pi), (1, 1, 1, 1, INF), (-2, 0.5, -3, 0.4, 1.1533333333333333)),
        *((-1, 2, 4, 6, -2), (0.5, 0.5, 1, 2, INF), (1, 2, -2, 0.5, INF), (1, 2, 2, -3, 0.25), (1, 1, NAN, 0, NAN)),
    ],
}


@pytest.mark.parametrize("name", ENDS)
def test_limits_and_poles(name):
    *operands, wanted = np.array(ENDS[name], float).T
    options = {"n": 0} if name == "polygamma" else {}
    np.testing.assert_allclose(
        computed(name, *operands, **options), wanted, rtol=1e-13 if name != "bessel_y" else 1e-3, atol=1e-15
    )


def test_long_functions_are_computed_for_one_element_a_thread():
    launches = {}
    for name, options in (("bessel_j", {}), ("expn", {"n": 2})):
        (launch,) = _program(name, 1000, tuple(options.items())).run.plan.steps
        launches[name] = launch.kernel
    assert {kernel.warps for kernel in launches.values()} == {8}
    graph = Graph("f")
    b, x = Builder(graph), graph.add_input(TensorType((300, 40), np.float64))
    graph.set_outputs([b.reduce_sum(b.expi(b.sin(x)), axes=(1,)), b.expi(b.reduce_max(x, axes=(1,)))])
    module = Module()
    module.add(graph)
    program = compile_module(module, TRITON)["f"]
    for kernel in program.run.plan.kernels():
        assert not ("expi(" in kernel.source.split("def KERNEL")[-1].split("\ndef ")[-1] and "RBLOCK" in kernel.source)


@pytest.mark.slow
def test_no_constant_is_rounded_to_single_precision():
    kernels = []
    for name in sorted(LONG):
        options = {"n": 5} if name == "tensor.expn" else {}
        kernels += _program(name.partition(".")[2], 1, tuple(options.items())).run.plan.kernels()
    for binary in compile_kernels(kernels, HOPPER):
        assert not rounded_constants(binary), binary.metadata["name"]
