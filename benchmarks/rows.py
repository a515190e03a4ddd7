"""The rows of the tables that compare warm calls: what is differentiated, how, and with which arguments.

A row is one entry here. ``function`` is written for a library (see `peers.Library`), so each runs the same program.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import numpy as np

from . import adbench_data, programs, programs_adbench
from .peers import Function, Library
from .programs_pinn import burgers, burgers_arguments

ELEMENT_WISE = "Element-wise gradients"
NETWORKS = "Networks"
SECOND = "Second order"
LAYERS = "Layers of larger models"
ADBENCH = "ADBench's problems"
LOOPS = "Loops"
SMALL = "Small functions, compiled"
ORDERS = "Growth with the order, compiled"

SECTIONS = {
    ELEMENT_WISE: "The gradient of sum(tanh(sin(x)*exp(-x*x) + x)).",
    NETWORKS: "Value and gradient of the mean squared error of a network with tanh between its layers.",
    SECOND: "Derivatives of functions that hold derivatives. The PINN is that of Raissi, Perdikaris and Karniadakis "
    "for Burgers' equation (eight layers of 20 tanh units): value and gradient of a loss with u_t, u_x and u_xx. "
    "Hessian-vector products are forward over reverse, in eager PyTorch and autograd reverse over reverse.",
    LAYERS: "Value and gradient with respect to every input of the layer; of the regression, to its weights.",
    ADBENCH: "The problems of [ADBench](https://github.com/microsoft/ADBench) in float64, checked against its tests' "
    "values. Gradients are reverse mode; the Jacobian of bundle adjustment takes two pullbacks for all observations, "
    "those of hand tracking go forward, 26 or 28 columns at once (in autograd one after the other).",
    LOOPS: "Value and gradient through `mixad.scan` and `jax.lax.scan`; in PyTorch and autograd the loop is Python's: "
    "torch.compile compiles the step.",
    SMALL: "A call's own time: gradients of functions of a few numbers, in float64.",
    ORDERS: "The n-th derivative of a network 1-32-32-1 of tanh units at 1,000 points, in float64.",
}

Derivative = Callable[[Library, Function], Function]


def value_and_grad(library: Library, function: Function) -> Function:
    return library.value_and_grad(function)


def grad(library: Library, function: Function) -> Function:
    return library.grad(function)


def hvp(library: Library, function: Function) -> Function:
    """Of ``function(x, *rest)`` a function of (x, v, *rest)."""
    return library.hvp(function)


def jacobian(library: Library, function: Function) -> Function:
    """In forward mode: many outputs of few inputs."""
    return library.jacfwd(function)


@dataclass(frozen=True)
class Row:
    """What one line of a table compares.

    ``arguments`` makes the arguments, of function and derivative alike. With ``gradient`` the derivative is a gradient,
    and the bound on its cost beside the function's applies. ``loops`` marks programs with long loops, ``quick`` those
    of `make bench-quick`. ``absent`` says why a library is left out.
    """

    section: str
    name: str
    function: Callable[[Library], Function]
    arguments: Callable[[], tuple[Any, ...]]
    derivative: Derivative = value_and_grad
    tolerance: float = 1e-6
    gradient: bool = True
    loops: bool = False
    quick: bool = False
    absent: Mapping[str, str] = field(default_factory=dict)

    @property
    def label(self) -> str:
        """A name that tells what it is without its heading."""
        return f"{self.section}: {self.name}"

    @property
    def about(self) -> str:
        """What stands below the section's heading."""
        return SECTIONS[self.section]


def of_numpy(make: Callable[[Any], Function]) -> Callable[[Library], Function]:
    """A program that needs a library's NumPy namespace alone."""
    return lambda library: make(library.numpy)


def tolerance(dtype: Any) -> float:
    return 2e-3 if dtype is np.float32 else 1e-6


def element_wise(dtype: Any, size: int, quick: bool = False) -> Row:
    return Row(
        ELEMENT_WISE,
        f"{np.dtype(dtype)}, {size:,}",
        of_numpy(programs.waves),
        lambda: (np.linspace(-2.0, 2.0, size).astype(dtype),),
        grad,
        tolerance(dtype),
        quick=quick,
    )


def network(batch: int, widths: tuple[int, ...], dtype: Any, quick: bool = False) -> Row:
    return Row(
        NETWORKS,
        f"{batch:,} x {'-'.join(map(str, widths))}, {np.dtype(dtype)}",
        of_numpy(programs.network),
        lambda: programs.network_arguments(batch, *widths, dtype=dtype),
        tolerance=tolerance(dtype),
        quick=quick,
    )


def gradient_norm(library: Library) -> Function:
    """The squared norm of a network's gradient, so that its gradient is of second order."""
    loss, numpy = programs.network(library.numpy), library.numpy

    def norm(layers: Any, x: Any, y: Any) -> Any:
        total = 0.0
        for weight, bias in library.grad(loss)(layers, x, y):
            total = total + numpy.sum(weight * weight) + numpy.sum(bias * bias)
        return total

    return norm


def second_order(batch: int, widths: tuple[int, ...], dtype: Any, quick: bool = False) -> Row:
    return Row(
        SECOND,
        f"gradient of a gradient's norm, {batch:,} x {'-'.join(map(str, widths))}, {np.dtype(dtype)}",
        gradient_norm,
        lambda: programs.network_arguments(batch, *widths, dtype=dtype),
        tolerance=tolerance(dtype),
        gradient=False,
        quick=quick,
    )


def pinn(count: int, dtype: Any, quick: bool = False) -> Row:
    return Row(
        SECOND,
        f"PINN for Burgers, {count:,} points, {np.dtype(dtype)}",
        burgers,
        lambda: burgers_arguments(count, dtype),
        tolerance=tolerance(dtype),
        gradient=False,
        quick=quick,
    )


def hessian_vector_rosenbrock(size: int) -> Row:
    return Row(
        SECOND,
        f"Hessian-vector product, Rosenbrock of {size:,}, float64",
        of_numpy(programs.rosenbrock),
        lambda: (np.linspace(-1.2, 1.0, size), np.linspace(1.0, 2.0, size)),
        hvp,
        gradient=False,
    )


def hessian_vector_softmax(samples: int, dtype: Any, quick: bool = False) -> Row:
    def arguments() -> tuple[Any, ...]:
        weights, inputs, labels = programs.classification_arguments(samples, 64, 10, dtype)
        return weights, np.ones_like(weights), inputs, labels

    return Row(
        SECOND,
        f"Hessian-vector product, softmax regression of {samples:,} x 64, {np.dtype(dtype)}",
        of_numpy(programs.softmax_regression),
        arguments,
        hvp,
        tolerance(dtype),
        gradient=False,
        quick=quick,
    )


def layer(name: str, make: Callable[[Any], Function], arguments: Any, dtype: Any, quick: bool = False) -> Row:
    return Row(
        LAYERS,
        f"{name}, {np.dtype(dtype)}",
        of_numpy(make),
        arguments,
        lambda library, function: library.value_and_grad(function, (0, 1, 2)),
        tolerance(dtype),
        quick=quick,
    )


def gaussian_mixture(n: int, d: int, k: int, quick: bool = False) -> Row:
    return Row(
        ADBENCH,
        f"Gaussian mixture, {n:,} points, d = {d}, k = {k}",
        programs_adbench.gmm,
        lambda: adbench_data.gmm_generated(n, d, k),
        quick=quick,
    )


def bundle_adjustment() -> Row:
    def arguments() -> tuple[Any, ...]:
        cameras, points, weights, features, *observed = adbench_data.ba_file("ba1_n49_m7776_p31843.txt")
        return cameras, points, weights, features, *observed, programs_adbench.seeds(len(weights))

    return Row(
        ADBENCH,
        "bundle adjustment, 31,843 observations (Jacobian by two pullbacks)",
        programs_adbench.bundle_adjustment,
        arguments,
        programs_adbench.bundle_adjustment_rows,
        gradient=False,
        quick=True,
    )


def long_short_term_memory() -> Row:
    return Row(
        ADBENCH,
        "LSTM, 2 layers, 1,024 characters",
        programs_adbench.lstm,
        lambda: adbench_data.lstm_file("lstm_l2_c1024.txt"),
        lambda library, function: library.value_and_grad(function, (0, 1)),
        loops=True,
    )


def hand(complicated: bool) -> Row:
    kind = "complicated" if complicated else "simple"
    return Row(
        ADBENCH,
        f"hand tracking, {kind}, 100 points (Jacobian in forward mode)",
        programs_adbench.hand,
        lambda: adbench_data.hand_file(f"hand_{kind}_c100.txt", complicated),
        jacobian,
        gradient=False,
        quick=not complicated,
    )


def recurrence(steps: int) -> Row:
    return Row(
        LOOPS,
        f"scan of {steps:,} steps, tanh(w @ h + x), 32 numbers, float64",
        programs.recurrence,
        lambda: programs.recurrence_arguments(steps, 32),
        loops=True,
        quick=True,
    )


def small(name: str, make: Callable[[Any], Function], *arguments: Any, quick: bool = False) -> Row:
    return Row(SMALL, name, of_numpy(make), lambda: arguments, grad, quick=quick)


def of_order(order: int) -> Row:
    def function(library: Library) -> Function:
        """The sum of the derivative of one order less."""
        numpy = library.numpy

        def total(x: Any, layers: Any) -> Any:
            return numpy.sum(programs.apply(numpy, layers, x))

        def above(inner: Function) -> Function:
            return lambda x, layers: numpy.sum(library.grad(inner)(x, layers))

        for _ in range(order - 1):
            total = above(total)
        return total

    layers = programs.layers_of((1, 32, 32, 1), np.float64)
    x = np.linspace(-2.0, 2.0, 1_000)[:, None]
    return Row(ORDERS, f"order {order}", function, lambda: (x, layers), grad, gradient=order == 1)


def _rows() -> list[Row]:
    single, double = np.float32, np.float64
    sizes = (10**3, 10**4, 10**5, 10**6, 10**7)
    return [
        *(element_wise(dtype, size, size in (10**4, 10**7)) for dtype in (single, double) for size in sizes),
        network(32, (8, 16, 1), double),
        network(128, (128,) * 4, single, True),
        network(65_536, (64, 64, 64, 1), single, True),
        network(8_192, (512,) * 4, single, True),
        network(10_000, (2, *(20,) * 8, 1), double, True),
        second_order(128, (128,) * 4, single),
        second_order(65_536, (64, 64, 64, 1), single, True),
        pinn(10_000, single, True),
        pinn(10_000, double, True),
        hessian_vector_rosenbrock(1_000),
        hessian_vector_softmax(10_000, double),
        layer(
            "attention, 8 x 512 x 64",
            programs.attention,
            partial(programs.normal, *((8, 512, 64),) * 3, dtype=single),
            single,
            True,
        ),
        layer(
            "layer norm, 8,192 x 512",
            programs.layer_norm,
            partial(programs.normal, (8_192, 512), (512,), (512,), dtype=single),
            single,
            True,
        ),
        Row(
            LAYERS,
            "softmax regression, 60,000 x 784 to 10, float32",
            of_numpy(programs.softmax_regression),
            lambda: programs.classification_arguments(60_000, 784, 10, single),
            tolerance=tolerance(single),
            quick=True,
        ),
        gaussian_mixture(1_000, 10, 25, True),
        gaussian_mixture(10_000, 2, 5),
        bundle_adjustment(),
        long_short_term_memory(),
        hand(False),
        hand(True),
        recurrence(1_000),
        small("sin(x) * x at a number", lambda numpy: lambda x: numpy.sin(x) * x, np.float64(0.5), quick=True),
        small("sum(x * x) of 3 numbers", lambda numpy: lambda x: numpy.sum(x * x), np.array([0.1, 0.2, 0.3])),
        small("Rosenbrock, 3 numbers", programs.rosenbrock, np.array([0.1, 0.2, 0.3]), quick=True),
        small("Rosenbrock, 1,000 numbers", programs.rosenbrock, np.linspace(-1.2, 1.0, 1_000)),
        *(of_order(order) for order in range(1, 7)),
    ]


ROWS = _rows()
