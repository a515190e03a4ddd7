"""custom_linear_solve: matrix-free solves, differentiated implicitly in both modes, at every order, batched."""

import mixad as mx
import numpy as np
import pytest
from mixad.ir.errors import DerivativeError, DTypeError, RuleError, TraceError

RNG = np.random.default_rng(7)
N = 5
ROOT = RNG.normal(size=(N, N))
SYMMETRIC = ROOT @ ROOT.T + N * np.eye(N)
GENERAL = RNG.normal(size=(N, N)) + N * np.eye(N)
B = RNG.normal(size=N)


def conjugate_gradients(matvec, b):
    """Hestenes and Stiefel's method, in a loop of unknown length."""

    def step(state):
        x, r, p, rr, k = state
        q = matvec(p)
        alpha = rr / np.sum(p * q)
        r = r - alpha * q
        new = np.sum(r * r)
        return x + alpha * p, r, r + new / rr * p, new, k + 1

    start = (np.zeros_like(b), b, b, np.sum(b * b), 0)
    return mx.while_loop(lambda state: (state[3] > 1e-28) & (state[4] < 50), step, start)[0]


def by_matrix(matvec, b):
    """A direct solve, of the products with unit vectors."""
    return np.linalg.solve(mx.jacfwd(matvec)(np.zeros_like(b)), b)


def symmetric(a, b):
    """Only products with ``a`` are used."""
    return mx.custom_linear_solve(lambda x: a @ x, b, conjugate_gradients, symmetric=True)


def general(a, b):
    """The transposed system is solved by products with the transpose of ``a``, which mixad makes."""
    return mx.custom_linear_solve(lambda x: a @ x, b, by_matrix, transpose_solve=by_matrix)


def loss(solve, mirrored):
    """A number that depends on the solution in both arguments."""
    return lambda a, b: np.sum(np.sin(solve((a + a.T) / 2 if mirrored else a, b)) * b)


DERIVATIVES = [
    lambda f: mx.grad(f, (0, 1)),
    lambda f: mx.jit(mx.grad(f, (0, 1))),
    lambda f: lambda a, b: mx.jvp(f, (a, b), (a * a, b * b)),
    lambda f: lambda a, b: mx.linearize(f, a, b)[1](a * a, b),
    lambda f: lambda a, b: mx.vjp(f, a, b)[1](2.0),
    lambda f: mx.hessian(f, 1),
    lambda f: mx.hessian(f, 0),
    lambda f: lambda a, b: mx.jvp(mx.grad(f), (a, b), (a * a, b)),
    lambda f: mx.vmap(mx.grad(f, (0, 1)), in_axes=(None, 0)),
    lambda f: lambda a, b: mx.grad(lambda b: np.sum(mx.vmap(f, in_axes=(None, 0))(a, np.stack([b, b * b]))))(b),
]


@pytest.mark.parametrize(
    ("solve", "matrix", "mirrored"), [(symmetric, SYMMETRIC, True), (general, GENERAL, False)], ids=["cg", "general"]
)
@pytest.mark.parametrize("derive", DERIVATIVES)
def test_derivatives_are_those_of_a_direct_solve(solve, matrix, mirrored, derive) -> None:
    b = np.stack([B, 2 * B, B * B]) if derive is DERIVATIVES[-2] else B
    found, wanted = (derive(loss(each, mirrored))(matrix, b) for each in (solve, np.linalg.solve))
    for one, other in zip(*(part if isinstance(part, tuple) else (part,) for part in (found, wanted)), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-8, atol=1e-9)


@pytest.mark.parametrize("matrix", [1.7, -0.4])
def test_closed_forms_to_third_order(matrix) -> None:
    def inverse(a):
        return mx.custom_linear_solve(lambda x: a * x, 1.0, lambda matvec, b: b / matvec(1.0), symmetric=True)

    wanted = [1 / matrix, -1 / matrix**2, 2 / matrix**3, -6 / matrix**4]
    reverse, forward = inverse, inverse
    for value in wanted:
        np.testing.assert_allclose([reverse(matrix), forward(matrix)], value, rtol=1e-12)
        reverse = mx.grad(reverse)
        forward = (lambda f: lambda a: mx.jvp(f, (a,), (1.0,))[1])(forward)


def test_finite_differences_of_a_field_on_a_grid() -> None:
    """A diffusion with variable coefficients, known only as a product, and a tree as the unknown."""

    def operator(c):
        def product(u):
            flux = c * np.diff(u["inner"], prepend=0.0, append=0.0)
            return {"inner": u["inner"] - np.diff(flux) + 0.1 * u["mean"], "mean": u["mean"] + 0.1 * np.sum(u["inner"])}

        return product

    def solve(matvec, b):
        flat, unravel = mx.ravel(b)
        return unravel(conjugate_gradients(lambda v: mx.ravel(matvec(unravel(v)))[0], flat))

    def energy(c):
        right = {"inner": np.arange(3.0), "mean": 1.0}
        found = mx.custom_linear_solve(operator(c), right, solve, symmetric=True)
        return np.sum(found["inner"] ** 2) * found["mean"]

    mx.check_grads(energy, (np.linspace(1.0, 2.0, 4),), order=1)


def test_a_complex_system_and_captured_arrays() -> None:
    matrix = GENERAL + 1j * RNG.normal(size=(N, N))
    scale = np.array([1.0, 2.0, 0.5, 1.0, 1.0])

    def solved(direct):
        def f(b):
            if direct:
                return np.linalg.solve(matrix * scale, b)
            return mx.custom_linear_solve(lambda x: matrix @ (scale * x), b, by_matrix, transpose_solve=by_matrix)

        return mx.grad(lambda b: np.sum(np.abs(f(b * (1 + 2j))) ** 2))(B)

    np.testing.assert_allclose(solved(False), solved(True), rtol=1e-10)


def test_without_a_trace_any_solver_serves() -> None:
    def stepwise(matvec, b):
        x = np.zeros_like(b)
        while np.max(np.abs(matvec(x) - b)) > 1e-10:
            x = x + (b - matvec(x)) / 20
        return x

    np.testing.assert_allclose(
        mx.custom_linear_solve(lambda x: SYMMETRIC @ x, B, stepwise), np.linalg.solve(SYMMETRIC, B), rtol=1e-8
    )
    with pytest.raises(TraceError, match=r"solve \(@stepwise\) takes a Python decision.*while_loop"):
        mx.grad(lambda b: np.sum(mx.custom_linear_solve(lambda x: SYMMETRIC @ x, b, stepwise)))(B)


def test_a_missing_transpose_is_an_error_in_reverse_mode_alone() -> None:
    def f(b):
        return np.sum(mx.custom_linear_solve(lambda x: GENERAL @ x, b, by_matrix) ** 2)

    pushed = mx.jvp(f, (B,), (B,))[1]
    np.testing.assert_allclose(pushed, 2 * f(B), rtol=1e-12)
    with pytest.raises(DerivativeError, match=r"no reverse rule.*test_linear_solves.py.*transpose_solve"):
        mx.grad(f)(B)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"matvec": lambda x: x[:2]}, r"matvec gives \(tensor<2xf64>\) where \(tensor<5xf64>\) is needed"),
        ({"matvec": lambda x: (x,)}, "matvec gives the structure"),
        ({"matvec": lambda x: x.astype(np.float32)}, r"matvec gives \(tensor<5xf32>\)"),
        ({"solve": lambda matvec, b: np.sum(b)}, r"solve \(@lambda\) gives \(tensor<f64>\)"),
        ({"transpose_solve": lambda matvec, b: [b, b]}, r"transpose_solve \(@lambda\) gives the structure"),
    ],
)
def test_a_wrong_function_is_named(change, message) -> None:
    given = {"matvec": lambda x: 2.0 * x, "solve": by_matrix, "transpose_solve": by_matrix, **change}

    def f(b):
        return np.sum(mx.custom_linear_solve(given["matvec"], b, given["solve"], given["transpose_solve"]) ** 2)

    with pytest.raises(RuleError, match=message):
        mx.grad(f)(B)


def test_mistakes() -> None:
    with pytest.raises(RuleError, match=r"solve \(@lambda\) gives \(\(\)\) where \(\(5,\)\) is needed"):
        mx.custom_linear_solve(lambda x: x, B, lambda matvec, b: np.sum(b))
    for wrong in (np.arange(3), "text"):
        with pytest.raises(DTypeError, match=r"b has .* of type (ndarray|str)"):
            mx.custom_linear_solve(lambda x: x, wrong, lambda matvec, b: b)
    with pytest.raises(RuleError, match=r"custom_root: @lambda gives .* shapes \[\(2,\)\] .* shapes \[\(\)\]"):
        mx.grad(lambda a: mx.custom_root(lambda x, a: np.stack([x - a, x]), 1.0, lambda f, x: x, a))(1.0)


@pytest.mark.slow
def test_roots_and_fixed_points_by_products_alone() -> None:
    calls = []

    def solver(matvec, b):
        calls.append(1)
        return conjugate_gradients(matvec, b)

    def solution(linear_solve):
        def f(w):
            found = mx.fixed_point(
                lambda x, w: 0.1 * np.tanh((w + w.T) @ x) + B, np.zeros(N), w, linear_solve=linear_solve
            )
            return np.sum(found**2)

        return f

    def nearly_linear(w):
        x = mx.custom_root(lambda x, w: w @ x + 0.1 * x**3 - B, np.zeros(N), newton, w, linear_solve=solver)
        return np.sum(np.sin(x))

    def newton(f, x):
        for _ in range(8):
            x = x - np.linalg.solve(mx.jacfwd(f)(x), f(x))
        return x

    def reference(w):
        return np.sum(np.sin(newton(lambda x: w @ x + 0.1 * x**3 - B, np.zeros(N))))

    v = SYMMETRIC + 0.1
    found = mx.grad(nearly_linear)(SYMMETRIC)
    np.testing.assert_allclose(found, mx.grad(reference)(SYMMETRIC), rtol=1e-8, atol=1e-10)
    np.testing.assert_allclose(
        mx.hvp(nearly_linear)(SYMMETRIC, v), mx.hvp(reference)(SYMMETRIC, v), rtol=1e-6, atol=1e-9
    )
    assert calls, "the solver was used"
    general = [mx.grad(solution(each))(SYMMETRIC / 10) for each in (None, by_matrix)]
    np.testing.assert_allclose(*general, rtol=1e-9)
