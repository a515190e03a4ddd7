"""mixad.scipy.special: values and element types are SciPy's, derivatives are those of mpmath, singular points are
decided, and what has no derivative says so."""

import functools
import importlib

import mixad as mx
import mixad.scipy.special as msp
import mpmath
import numpy as np
import pytest
import scipy.special as sp
from mixad.frontend.scipy.special import TRACED
from mixad.ir.errors import DerivativeError, DTypeError, MixadError, ShapeError, TraceError, UnsupportedOperationError
from mixad.ops import special_base

ORDERS = np.array([0.0, 1.0, 2.0, 0.5, 1.5, 3.0])
POSITIVE = np.array([0.4, 0.9, 1.7, 3.2, 5.5, 20.0])
REAL = np.array([-6.0, -1.3, -0.2, 0.0, 0.7, 4.0])
UNIT = np.array([1e-6, 0.1, 0.45, 0.5, 0.8, 0.999])
WHOLE = np.array([0, 1, 2, 3, 4, 1])
#: Arguments for every function: what it is compared on.
ARGUMENTS = {
    **dict.fromkeys(("gamma", "gammaln", "loggamma", "digamma", "psi", "expi", "exp1", "entr"), (POSITIVE,)),
    **dict.fromkeys(("erf", "erfc", "erfcx", "dawsn", "expit", "log_expit", "ndtr", "log_ndtr"), (REAL,)),
    **dict.fromkeys(("expm1", "exp2", "cbrt", "sinc", "softmax", "log_softmax", "logsumexp"), (REAL,)),
    **dict.fromkeys(("erfinv", "erfcinv", "ndtri", "logit", "log1p"), (UNIT,)),
    **dict.fromkeys(("j0", "j1", "y0", "y1", "k0", "k1", "k0e", "k1e"), (POSITIVE,)),
    **dict.fromkeys(("i0", "i1", "i0e", "i1e"), (REAL,)),
    **dict.fromkeys(("jv", "jn", "yv", "iv", "ive", "kv", "kve"), (ORDERS, POSITIVE)),
    **dict.fromkeys(("yn", "kn"), (WHOLE, POSITIVE)),
    **dict.fromkeys(("beta", "betaln", "gammainc", "gammaincc"), (POSITIVE, POSITIVE[::-1] / 3)),
    **{name: (np.append(POSITIVE[:5], 0), np.append(POSITIVE[4::-1], 0)) for name in ("xlogy", "rel_entr", "kl_div")},
    "xlog1py": (np.append(REAL[:5], 0), np.append(UNIT[:5], -1)),
    "betainc": (POSITIVE, POSITIVE[::-1], UNIT),
    "betaincc": (POSITIVE, POSITIVE[::-1], UNIT),
    "zeta": (POSITIVE + 1, POSITIVE),
    "polygamma": (2, POSITIVE),
    "multigammaln": (POSITIVE + 2, 3),
    "expn": (2, POSITIVE),
    **dict.fromkeys(("rgamma", "factorial", "spence", "sici", "fresnel"), (POSITIVE,)),
    **dict.fromkeys(("ellipk", "ellipe"), (UNIT - 0.5,)),
    "poch": (POSITIVE, POSITIVE[::-1] / 3),
    "comb": (POSITIVE, np.array([0.3, 0.2, 1.5, 2.0, 5.5, 3.7])),
    "hyp0f1": (ORDERS + 0.5, REAL),
    "hyp1f1": (ORDERS - 0.7, ORDERS[::-1] + 0.5, REAL),
    "hyp2f1": (ORDERS - 0.7, ORDERS[::-1], ORDERS + 0.5, UNIT - 0.5),
    **dict.fromkeys(("chdtr", "chdtrc"), (POSITIVE, POSITIVE[::-1])),
    **dict.fromkeys(("fdtr", "fdtrc"), (POSITIVE, POSITIVE[::-1], POSITIVE)),
}
FIXED = ("polygamma", "multigammaln", "expn")


def test_every_function_is_compared():
    assert set(ARGUMENTS) == set(TRACED)


def traced(name, *args, module=msp):
    """The function with every array traced, the numbers of the program as they are."""
    chosen = [i for i, x in enumerate(args) if isinstance(x, np.ndarray)]

    def f(*arrays):
        given = list(args)
        for i, array in zip(chosen, arrays, strict=True):
            given[i] = array
        return getattr(module, name)(*given)

    return mx.jit(f)(*[args[i] for i in chosen])


@pytest.mark.parametrize("name", ARGUMENTS)
def test_values_are_those_of_scipy(name):
    args = ARGUMENTS[name]
    expected = getattr(sp, name)(*args)
    np.testing.assert_allclose(np.asarray(traced(name, *args)), expected, rtol=2e-13, atol=1e-300)
    plain = getattr(msp, name)(*args)
    np.testing.assert_array_equal(plain, expected)


@pytest.mark.parametrize("name", ARGUMENTS)
@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.int16, np.int64, bool])
def test_element_types_are_those_of_scipy(name, dtype):
    args = [np.abs(x).astype(dtype) if isinstance(x, np.ndarray) and x.dtype == float else x for x in ARGUMENTS[name]]
    if name in ("yn", "kn"):
        args[0] = 1
    if (
        name in ("softmax", "log_softmax", "logsumexp", "polygamma", "multigammaln", "sinc", "factorial")
        and dtype is not np.float32
    ):
        pytest.skip("Python functions of SciPy, with rules of their own for narrow types")
    expected, found = (np.asarray(each) for each in (getattr(sp, name)(*args), traced(name, *args)))
    assert found.dtype == expected.dtype
    rounded = name in ("fdtr", "fdtrc")  # in float32, where here it is in float64
    np.testing.assert_allclose(found, expected, rtol=1e-5 if rounded else 3e-6, atol=1e-30)


@pytest.mark.parametrize("name", [name for name in ARGUMENTS if isinstance(getattr(sp, name), np.ufunc)])
def test_ufuncs_of_scipy_itself_are_traced(name):
    args = ARGUMENTS[name]
    np.testing.assert_allclose(
        np.asarray(traced(name, *args, module=sp)), getattr(sp, name)(*args), rtol=2e-13, atol=1e-300
    )


def test_other_ufuncs_of_scipy_are_refused_by_name():
    with pytest.raises(TraceError, match=r"airy.*test_scipy_special\.py"):
        mx.grad(lambda x: sp.airy(x)[0])(0.5)


def test_plain_scipy_code_is_differentiated():
    def log_likelihood(k):
        return np.sum(k * np.log(2.0) - sp.gammaln(k + 1) + sp.xlogy(k, k))

    k = np.array([1.5, 2.5])
    np.testing.assert_allclose(mx.grad(log_likelihood)(k), np.log(2.0) - sp.digamma(k + 1) + np.log(k) + 1, rtol=1e-13)


# --- derivatives ---------------------------------------------------------------------------------

MP = {
    "gamma": mpmath.gamma,
    "gammaln": lambda x: mpmath.log(abs(mpmath.gamma(x))),
    "loggamma": mpmath.loggamma,
    "digamma": mpmath.digamma,
    "psi": mpmath.digamma,
    "polygamma": lambda x: mpmath.polygamma(2, x),
    "multigammaln": lambda x: (
        1.5 * mpmath.log(mpmath.pi) + sum(mpmath.loggamma(x - mpmath.mpf(j) / 2) for j in range(3))
    ),
    "expi": mpmath.ei,
    "exp1": mpmath.e1,
    "expn": lambda x: mpmath.expint(2, x),
    "entr": lambda x: -x * mpmath.log(x),
    "erf": mpmath.erf,
    "erfc": mpmath.erfc,
    "erfcx": lambda x: mpmath.exp(x * x) * mpmath.erfc(x),
    "erfinv": mpmath.erfinv,
    "erfcinv": lambda x: mpmath.erfinv(1 - x),
    "dawsn": lambda x: mpmath.sqrt(mpmath.pi) / 2 * mpmath.exp(-x * x) * mpmath.erfi(x),
    "expit": lambda x: 1 / (1 + mpmath.exp(-x)),
    "log_expit": lambda x: -mpmath.log1p(mpmath.exp(-x)),
    "logit": lambda x: mpmath.log(x / (1 - x)),
    "ndtr": mpmath.ncdf,
    "log_ndtr": lambda x: mpmath.log(mpmath.ncdf(x)),
    "ndtri": lambda x: mpmath.sqrt(2) * mpmath.erfinv(2 * x - 1),
    "expm1": mpmath.expm1,
    "log1p": mpmath.log1p,
    "exp2": lambda x: mpmath.mpf(2) ** x,
    "cbrt": lambda x: mpmath.sign(x) * mpmath.cbrt(abs(x)),
    "sinc": lambda x: mpmath.sincpi(x),
    "jv": mpmath.besselj,
    "jn": mpmath.besselj,
    "yv": mpmath.bessely,
    "yn": mpmath.bessely,
    "iv": mpmath.besseli,
    "kv": mpmath.besselk,
    "kn": mpmath.besselk,
    "ive": lambda v, x: mpmath.exp(-abs(x)) * mpmath.besseli(v, x),
    "kve": lambda v, x: mpmath.exp(x) * mpmath.besselk(v, x),
    "beta": mpmath.beta,
    "betaln": lambda a, b: mpmath.log(mpmath.beta(a, b)),
    "gammainc": lambda a, x: mpmath.gammainc(a, 0, x, regularized=True),
    "gammaincc": lambda a, x: mpmath.gammainc(a, x, mpmath.inf, regularized=True),
    "betainc": lambda a, b, x: mpmath.betainc(a, b, 0, x, regularized=True),
    "betaincc": lambda a, b, x: mpmath.betainc(a, b, x, 1, regularized=True),
    "zeta": mpmath.zeta,
    "xlogy": lambda x, y: x * mpmath.log(y),
    "xlog1py": lambda x, y: x * mpmath.log1p(y),
    "rel_entr": lambda x, y: x * mpmath.log(x / y),
    "kl_div": lambda x, y: x * mpmath.log(x / y) - x + y,
}
MP |= {
    "rgamma": mpmath.rgamma,
    "factorial": lambda x: mpmath.gamma(x + 1),
    "poch": lambda x, y: mpmath.gamma(x + y) / mpmath.gamma(x),
    "comb": mpmath.binomial,
    "spence": lambda x: mpmath.re(mpmath.polylog(2, 1 - x)),
    "ellipk": mpmath.ellipk,
    "ellipe": mpmath.ellipe,
    "hyp0f1": mpmath.hyp0f1,
    "hyp1f1": mpmath.hyp1f1,
    "hyp2f1": mpmath.hyp2f1,
    "chdtr": lambda v, x: mpmath.gammainc(v / 2, 0, x / 2, regularized=True),
    "chdtrc": lambda v, x: mpmath.gammainc(v / 2, x / 2, mpmath.inf, regularized=True),
    "fdtr": lambda p, q, x: mpmath.betainc(p / 2, q / 2, 0, p * x / (q + p * x), regularized=True),
    "fdtrc": lambda p, q, x: mpmath.betainc(q / 2, p / 2, 0, q / (q + p * x), regularized=True),
}
for _order in (0, 1):
    for _letter, _name in (("j", "besselj"), ("y", "bessely"), ("i", "besseli"), ("k", "besselk")):
        MP[f"{_letter}{_order}"] = functools.partial(getattr(mpmath, _name), _order)
    MP[f"i{_order}e"] = lambda x, n=_order: mpmath.exp(-abs(x)) * mpmath.besseli(n, x)
    MP[f"k{_order}e"] = lambda x, n=_order: mpmath.exp(x) * mpmath.besselk(n, x)

#: Positions of the arguments whose derivative is refused.
REFUSED = {
    **dict.fromkeys(("jv", "jn", "yv", "yn", "iv", "ive", "kv", "kn", "kve", "gammainc", "gammaincc", "zeta"), (0,)),
    "betainc": (0, 1),
    "betaincc": (0, 1),
    **dict.fromkeys(("hyp0f1", "chdtr", "chdtrc"), (0,)),
    **dict.fromkeys(("hyp1f1", "fdtr", "fdtrc"), (0, 1)),
    "hyp2f1": (0, 1, 2),
}


def _points(name):
    """Arguments at which all derivatives are finite, the integers of a program left out."""
    args = [np.asarray(x, float) for x in ARGUMENTS[name] if isinstance(x, np.ndarray)]
    inside = (
        [slice(1, 5)] if name in ("xlogy", "xlog1py", "rel_entr", "kl_div", "betainc", "betaincc") else [slice(None)]
    )
    args = [x[inside[0]] for x in args]
    if name in ("i0e", "i1e", "cbrt", "sinc"):
        args = [x[x != 0] for x in args]
    if name in ("betainc", "betaincc", "erfinv", "erfcinv", "ndtri", "logit"):
        args[-1] = np.clip(args[-1], 0.1, 0.9)
    return args


def _exact(name, at, position, order):
    """The derivative of an order by one argument at 40 digits."""
    with mpmath.workdps(40):
        numbers = [mpmath.mpf(float(x)) for x in at]
        wide = [
            lambda t: MP[name](*[t if i == position else each for i, each in enumerate(numbers)]),
        ]
        return float(mpmath.diff(wide[0], numbers[position], order))


@pytest.mark.parametrize("name", MP)
@pytest.mark.parametrize("order", [1, pytest.param(3, marks=pytest.mark.slow)])
def test_derivatives_are_those_of_mpmath(name, order):
    points = _points(name)
    leading = name in ("polygamma", "expn")
    for position in range(len(points)):
        if position in REFUSED.get(name, ()):
            continue

        def f(*arrays):
            extra = tuple(x for x in ARGUMENTS[name] if not isinstance(x, np.ndarray))
            return getattr(msp, name)(*(extra + arrays if leading else arrays + extra))

        for transform in (
            mx.grad,
            lambda g, p: lambda *a: mx.jvp(lambda t: g(*a[:p], t, *a[p + 1 :]), (a[p],), (1.0,))[1],
        ):
            g = f
            for _ in range(order):
                g = transform(g, position)
            found = mx.vmap(g)(*points)
            expected = np.array([_exact(name, at, position, order) for at in zip(*points, strict=True)])
            scale = np.max(np.abs(expected))
            np.testing.assert_allclose(found, expected, rtol=1e-9, atol=1e-11 * scale + 1e-14)


@pytest.mark.parametrize("axis", [None, 0, -1, (0, 1)])
def test_logsumexp_and_softmax(axis):
    x = np.random.default_rng(0).normal(size=(3, 4)) * 20
    w = np.random.default_rng(1).normal(size=(3, 4))
    for keepdims in (False, True):
        for options in ({}, {"b": np.abs(w)}, {"b": w, "return_sign": True}):
            found = mx.jit(lambda x, o=options, k=keepdims: msp.logsumexp(x, axis=axis, keepdims=k, **o))(x)
            expected = sp.logsumexp(x, axis=axis, keepdims=keepdims, **options)
            np.testing.assert_allclose(np.asarray(found), np.asarray(expected), rtol=1e-12)
    gradient = mx.grad(lambda x: np.sum(msp.logsumexp(x, axis=axis)))(x)
    np.testing.assert_allclose(gradient, sp.softmax(x, axis=axis), rtol=1e-12)
    np.testing.assert_allclose(mx.jit(lambda x: msp.softmax(x, axis=axis))(x), sp.softmax(x, axis=axis), rtol=1e-12)
    np.testing.assert_allclose(
        mx.jit(lambda x: msp.log_softmax(x, axis=axis))(x), sp.log_softmax(x, axis=axis), rtol=1e-12
    )


def test_the_hessian_of_logsumexp_is_the_covariance():
    x = np.array([1.0, -2.0, 0.5])
    p = sp.softmax(x)
    np.testing.assert_allclose(mx.hessian(msp.logsumexp)(x), np.diag(p) - np.outer(p, p), rtol=1e-12)


def test_logsumexp_of_infinities():
    inf = np.inf
    for x in ([-inf, 0.0], [-inf, -inf], [inf, 0.0], [1e300, 1e300], [-1e300, 3.0]):
        np.testing.assert_array_equal(traced("logsumexp", np.array(x)), sp.logsumexp(x))
    assert np.all(mx.grad(msp.logsumexp)(np.array([-inf, -inf])) == 0)
    np.testing.assert_allclose(mx.grad(msp.logsumexp)(np.array([-inf, 0.0])), [0, 1])
    assert mx.jit(msp.logsumexp)(np.zeros((0,))) == -inf


def test_log_expit_is_smooth_at_zero():
    f = msp.log_expit
    assert mx.grad(f)(0.0) == 0.5
    assert mx.grad(mx.grad(f))(0.0) == -0.25
    assert mx.grad(mx.grad(mx.grad(f)))(0.0) == 0


INF, NAN = np.inf, np.nan


@pytest.mark.parametrize(
    ("name", "args", "value", "gradients"),
    [
        ("xlogy", (0.0, 0.0), 0, (0, 0)),
        ("xlogy", (0.0, 2.0), 0, (np.log(2.0), 0)),
        ("xlogy", (0.0, INF), 0, (0, 0)),
        ("xlogy", (0.0, NAN), NAN, None),
        ("xlogy", (1.0, 0.0), -INF, (-INF, INF)),
        ("xlog1py", (0.0, -1.0), 0, (0, 0)),
        ("xlog1py", (0.0, 1.0), 0, (np.log(2.0), 0)),
        ("entr", (0.0,), 0, (INF,)),
        ("entr", (-1.0,), -INF, (NAN,)),
        ("rel_entr", (0.0, 1.0), 0, (0, 0)),
        ("rel_entr", (0.0, 0.0), 0, (0, 0)),
        ("rel_entr", (1.0, 0.0), INF, (0, 0)),
        ("rel_entr", (-1.0, 1.0), INF, (0, 0)),
        ("rel_entr", (1e-300, 1e300), 1e-300 * np.log(1e-300) - 1e-300 * np.log(1e300), None),
        ("rel_entr", (NAN, 1.0), NAN, None),
        ("kl_div", (0.0, 2.0), 2, (0, 1)),
        ("logit", (0.0,), -INF, (INF,)),
        ("logit", (1.0,), INF, (INF,)),
        ("logit", (2.0,), NAN, None),
        ("erfinv", (1.0,), INF, (INF,)),
        ("erfinv", (-1.0,), -INF, (INF,)),
        ("erfcinv", (0.0,), INF, (-INF,)),
        ("ndtri", (0.0,), -INF, (INF,)),
        ("gammaln", (0.0,), INF, None),
        ("loggamma", (-0.5,), NAN, None),
        ("gammaln", (-0.5,), sp.gammaln(-0.5), (sp.digamma(-0.5),)),
        ("log_ndtr", (-1e8,), sp.log_ndtr(-1e8), (1e8,)),
        ("log_ndtr", (50.0,), 0, (0,)),
        ("ndtr", (-38.0,), sp.ndtr(-38.0), (np.exp(-722.0) / np.sqrt(2 * np.pi),)),
        ("expit", (-800.0,), 0, (0,)),
        ("i0e", (0.0,), 1, (0,)),
        ("jv", (1.0, 0.0), 0, (None, 0.5)),
        ("gammainc", (1.0, 0.0), 0, (None, 1)),
        ("betainc", (1.0, 2.0, 0.0), 0, (None, None, 2)),
        ("zeta", (0.0, 1.0), -0.5, None),
        ("rgamma", (0.0,), 0, (1,)),
        ("rgamma", (-3.0,), 0, (-6,)),
        ("rgamma", (-200.0,), 0, (INF,)),
        ("rgamma", (-INF,), 0, None),
        ("rgamma", (INF,), 0, None),
        ("factorial", (-0.5,), 0, (0,)),
        ("comb", (2.0, 3.0), 0, (0, 0)),
        ("comb", (NAN, 1.0), 0, None),
        ("spence", (1.0,), 0, (-1,)),
        ("spence", (0.0,), np.pi**2 / 6, (-INF,)),
        ("sici", (0.0,), (0, -INF), None),
        ("ellipk", (0.0,), np.pi / 2, (np.pi / 8,)),
        ("ellipe", (1.0,), 1, (-INF,)),
        ("hyp1f1", (0.0, 2.0, 1.0), 1, (None, None, 0)),
        ("chdtrc", (2.0, 0.0), 1, (None, -0.5)),
        ("fdtr", (2.0, 3.0, INF), 1, None),
        ("fdtrc", (2.0, 3.0, INF), 0, None),
    ],
)
def test_singular_points(name, args, value, gradients):
    with np.errstate(all="ignore"):
        np.testing.assert_allclose(traced(name, *map(np.asarray, args)), value, rtol=1e-13)
    for position, expected in enumerate(gradients or ()):
        if expected is not None:
            np.testing.assert_allclose(mx.grad(getattr(msp, name), position)(*args), expected, rtol=1e-12)


def test_the_sine_integral_and_the_dilogarithm_where_their_slopes_are_quotients_of_zeros():
    orders = []
    for function, at in ((lambda x: msp.sici(x)[0], 0.0), (msp.spence, 1.0)):
        for _ in range(4):
            function = mx.grad(function)
            orders.append(function(at))
    np.testing.assert_allclose(orders, [1, 0, -1 / 3, 0, -1, 1 / 2, -2 / 3, 3 / 2], rtol=1e-13)


@pytest.mark.parametrize("at", [0.3, 2.5, 30.0])
def test_integrals_of_two_results(at):
    for name, parts in (("sici", (mpmath.si, mpmath.ci)), ("fresnel", (mpmath.fresnels, mpmath.fresnelc))):
        for number, exact in enumerate(parts):
            function = lambda x, n=number, name=name: getattr(msp, name)(x)[n]  # noqa: E731
            for order in range(1, 4):
                function = mx.grad(function)
                wanted = float(mpmath.diff(exact, at, order))
                np.testing.assert_allclose(function(at), wanted, rtol=1e-9, atol=1e-9)


def test_a_second_derivative_of_rgamma_at_its_zeros():
    """1 / gamma(x) = x + euler x**2 + ... (DLMF 5.7.1)."""
    found = mx.grad(mx.grad(mx.grad(msp.rgamma)))(0.0), mx.grad(mx.grad(msp.rgamma))(0.0)
    np.testing.assert_allclose(found, (-6 * 0.6558780715202538, 2 * np.euler_gamma), rtol=1e-12)


def test_second_derivatives_of_xlogy_at_zero_are_finite():
    for pair in ((0, 0), (0, 1), (1, 1)):
        assert np.isfinite(mx.grad(mx.grad(msp.xlogy, pair[0]), pair[1])(0.0, 0.0))


# --- what is refused -----------------------------------------------------------------------------


@pytest.mark.parametrize("name", REFUSED)
def test_a_derivative_that_is_not_known_is_refused_at_the_users_line(name):
    args = [float(x[2]) for x in ARGUMENTS[name]]
    for position in REFUSED[name]:
        for derivative in (mx.grad(getattr(msp, name), position), mx.jacfwd(getattr(msp, name), position)):
            with pytest.raises(DerivativeError, match=r"(?s)no derivative rule.*test_scipy_special\.py.*stop_gradient"):
                derivative(*args)


def test_mixed_derivatives_that_need_no_unknown_one_exist():
    """d/da of d/dx gammainc(a, x), the density."""
    found = mx.grad(mx.grad(msp.gammainc, 1), 0)(1.5, 0.8)
    density = np.exp(0.5 * np.log(0.8) - 0.8) / sp.gamma(1.5)
    np.testing.assert_allclose(found, density * (np.log(0.8) - sp.digamma(1.5)), rtol=1e-12)


def test_a_fixed_order_may_depend_on_a_traced_value():
    found = mx.grad(lambda x: msp.gammainc(mx.stop_gradient(x), x))(1.5)
    np.testing.assert_allclose(found, np.exp(0.5 * np.log(1.5) - 1.5) / sp.gamma(1.5), rtol=1e-12)


def test_complex_numbers_are_refused():
    with pytest.raises(DTypeError, match=r"(?s)complex.*test_scipy_special\.py"):
        mx.jit(msp.gammaln)(np.array([1 + 2j]))


@pytest.mark.parametrize("name", ["polygamma", "expn"])
def test_orders_that_are_parts_of_the_program(name):
    with pytest.raises(TraceError, match="one whole number"):
        mx.jit(lambda x: getattr(msp, name)(np.array([1, 2]), x))(POSITIVE)
    with pytest.raises(TraceError, match="one whole number"):
        mx.jit(lambda n, x: getattr(msp, name)(n, x))(1, POSITIVE)
    with pytest.raises(ShapeError, match="at least 0"):
        mx.jit(lambda x: getattr(msp, name)(-1, x))(POSITIVE)


@pytest.mark.parametrize(
    "call",
    [
        lambda x: msp.comb(x, 2, exact=True),
        lambda x: msp.comb(x, 2, repetition=True),
        lambda x: msp.factorial(x, exact=True),
        lambda x: msp.factorial(x, extend="complex"),
    ],
)
def test_options_that_are_not_traced(call):
    with pytest.raises(TraceError, match=r"is not traced.*test_scipy_special\.py"):
        mx.jit(call)(POSITIVE)


def test_without_scipy_the_remedy_is_named(monkeypatch):
    def missing(name):
        raise ModuleNotFoundError(name)

    special_base.scipy_special.cache_clear()
    monkeypatch.setattr(importlib, "import_module", missing)
    try:
        for use in (lambda: mx.grad(msp.gammaln)(1.5), lambda: msp.gammaln(1.5), lambda: msp.airy):
            with pytest.raises(UnsupportedOperationError, match=r"(?s)pip install mixad\[scipy\].*test_scipy_special"):
                use()
        with pytest.raises(MixadError, match=r"pip install mixad\[scipy\]"):
            special_base.call("gammaln", np.array(1.5))
        np.testing.assert_allclose(mx.grad(msp.expit)(0.0), 0.25)
        np.testing.assert_allclose(mx.grad(msp.logsumexp)(np.zeros(2)), 0.5)
    finally:
        special_base.scipy_special.cache_clear()


def test_batches_and_jit():
    x = np.linspace(0.5, 3, 6).reshape(2, 3)
    np.testing.assert_allclose(mx.vmap(mx.vmap(mx.grad(msp.gammaln)))(x), sp.digamma(x), rtol=1e-13)
    np.testing.assert_allclose(
        mx.jit(mx.vmap(lambda v, x: msp.jv(v, x), in_axes=(None, 0)))(1.0, x), sp.jv(1.0, x), rtol=1e-13
    )
