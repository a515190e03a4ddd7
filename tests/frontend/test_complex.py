"""Complex numbers: JAX's convention for gradients, and the points where magnitudes are easily wrong.

The numbers in `JAX` were computed by JAX 0.4 or later with ``jax_enable_x64``.
"""

from __future__ import annotations

from typing import Any

import mixad as mx
import numpy as np
import pytest

Z = np.array([1.0 + 2.0j, -0.5 + 0.3j, 2.0 - 1.0j])
W = np.array([0.5 - 1.0j, 2.0 + 0.0j, 1.0j])


def parts(function: Any) -> Any:
    """A real function of complex numbers as one of real and imaginary parts."""
    return lambda x, y: function(x + 1j * y)


FUNCTIONS = {
    "squared magnitude": lambda z: np.sum(np.abs(z) ** 2),
    "real part": lambda z: np.sum(z.real * W.real),
    "imaginary part": lambda z: np.sum(z.imag * W.real),
    "conjugate": lambda z: np.sum((np.conj(z) * W).imag),
    "holomorphic": lambda z: np.sum(np.exp(z) * W).real,
    "magnitude": lambda z: np.sum(np.abs(z)),
    "angle": lambda z: np.sum(np.angle(z) * W.real),
    "vdot": lambda z: np.vdot(z, W).real + np.vdot(W, z * z).imag,
    "variance": lambda z: np.var(z),
    "deviation": lambda z: np.std(z),
    "norm": np.linalg.norm,
    "spectrum": lambda z: np.sum(np.abs(np.fft.fft(z)[:2])),
    "correlate": lambda z: np.abs(np.correlate(z, W, "full")[1]),
    "sign": lambda z: np.sum((np.sign(z) * W).real),
}


@pytest.mark.parametrize("name", FUNCTIONS)
def test_gradient_is_that_by_the_real_part_minus_i_times_that_by_the_imaginary_part(name: str) -> None:
    function = FUNCTIONS[name]
    by_x, by_y = mx.grad(parts(function), (0, 1))(Z.real.copy(), Z.imag.copy())
    found = mx.grad(function)(Z)
    assert found.dtype == np.complex128
    np.testing.assert_allclose(found, by_x - 1j * by_y, rtol=1e-12, atol=1e-13)


@pytest.mark.parametrize("name", FUNCTIONS)
def test_second_derivatives_in_both_orders_of_modes(name: str) -> None:
    function = FUNCTIONS[name]
    direction = W + 0.5
    _, found = mx.jvp(mx.grad(function), (Z,), (direction,))
    _, by_parts = mx.jvp(
        mx.grad(parts(function), (0, 1)), (Z.real.copy(), Z.imag.copy()), (direction.real.copy(), direction.imag.copy())
    )
    np.testing.assert_allclose(found, by_parts[0] - 1j * by_parts[1], rtol=1e-11, atol=1e-12)


def test_holomorphic_functions_are_pushed_and_pulled_by_their_complex_derivative() -> None:
    for function, derivative in ((np.exp, np.exp), (np.sin, np.cos), (lambda z: z**3, lambda z: 3 * z**2)):
        _, pushed = mx.jvp(function, (Z,), (W,))
        np.testing.assert_allclose(pushed, derivative(Z) * W, rtol=1e-13)
        _, pull = mx.vjp(function, Z)
        np.testing.assert_allclose(pull(W)[0], derivative(Z) * W, rtol=1e-13)


def test_conjugation_is_pulled_to_the_conjugate() -> None:
    _, pull = mx.vjp(np.conj, Z)
    np.testing.assert_array_equal(pull(W)[0], np.conj(W))


def test_a_complex_output_has_no_gradient_and_the_error_says_what_has() -> None:
    with pytest.raises(mx.MixadError, match=r"complex128.*vjp.*real part"):
        mx.grad(lambda z: z * z)(1.0 + 2.0j)


def test_magnitudes_at_zero() -> None:
    zero = np.zeros(2, complex)
    for function in (lambda z: np.sum(np.abs(z)), np.linalg.norm, np.std, lambda z: np.sum(np.sign(z)).real):
        assert np.all(mx.grad(function)(zero) == 0)
    squared = lambda z: np.sum(z.real**2 + z.imag**2)  # noqa: E731
    by_norm = mx.hvp(squared)(zero, np.array([1.0 + 2.0j, 0.5j]))
    np.testing.assert_allclose(by_norm, 2 * np.conj([1.0 + 2.0j, 0.5j]))


def test_a_real_input_of_a_complex_program_has_a_real_gradient() -> None:
    def energy(x: Any) -> Any:
        return np.sum(np.abs(np.fft.fft(x)) ** 2)

    x = np.array([1.0, -2.0, 0.5])
    found = mx.grad(energy)(x)
    assert found.dtype == np.float64
    np.testing.assert_allclose(found, 2 * 3 * x, rtol=1e-13)
    np.testing.assert_allclose(mx.hessian(energy)(x), 6 * np.eye(3), atol=1e-13)


def test_gradients_of_the_table_are_those_of_jax() -> None:
    found = {name: mx.grad(FUNCTIONS[name])(Z) for name in JAX}
    for name, expected in JAX.items():
        np.testing.assert_allclose(found[name], expected, rtol=1e-12, atol=1e-13, err_msg=name)


JAX: dict[str, Any] = {
    "squared magnitude": [(2 - 4j), (-1 - 0.6j), (4 + 2j)],
    "imaginary part": [-0.5j, -2j, -0j],
    "conjugate": [(-1 + 0.5j), 2j, (1 - 0j)],
    "holomorphic": [
        (1.9061244801264123 + 2.3670677197592234j),
        (1.1588817419938098 + 0.35848413180943206j),
        (6.217676312367968 + 3.992324048441272j),
    ],
    "magnitude": [
        (0.4472135954999579 - 0.8944271909999159j),
        (-0.8574929257125443 - 0.5144957554275266j),
        (0.8944271909999159 + 0.4472135954999579j),
    ],
    "angle": [(-0.2 - 0.1j), (-1.7647058823529413 + 2.9411764705882355j), 0j],
    "vdot": [(4.5 + 4j), (3.2 + 2j), (-4 + 1j)],
}
