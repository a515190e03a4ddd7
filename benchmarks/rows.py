"""The rows of the tables that compare warm calls: what is differentiated, how, and with which arguments.

A row is one entry here. ``function`` is written for a library (see `peers.Library`), so each runs the same program.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
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
    of `make bench-quick`. ``absent`` says why a library is left out. ``for_gpu`` makes the row at the sizes of a GPU,
    ``tiny`` at sizes for Triton's interpreter (see `sized`).
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
    for_gpu: Callable[[], Row] | None = None
    tiny: Callable[[], Row] | None = None

    @property
    def label(self) -> str:
        """A name that tells what it is without its heading."""
        return f"{self.section}: {self.name}"

    @property
    def about(self) -> str:
        """What stands below the section's heading."""
        return SECTIONS[self.section]


def sized(make: Callable[..., Row], *sizes: Any, gpu: tuple[Any, ...], tiny: tuple[Any, ...], **options: Any) -> Row:
    """A row of ``sizes``, which can be made with the two other lists of sizes too."""
    row = make(*sizes, **options)
    return replace(row, for_gpu=partial(make, *gpu, **options), tiny=partial(make, *tiny, **options))


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


def _layer(name: str, make: Callable[[Any], Function], arguments: Any, dtype: Any, quick: bool) -> Row:
    return Row(
        LAYERS,
        f"{name}, {np.dtype(dtype)}",
        of_numpy(make),
        arguments,
        lambda library, function: library.value_and_grad(function, (0, 1, 2)),
        tolerance(dtype),
        quick=quick,
    )


def attention(batch: int, length: int, width: int, dtype: Any, quick: bool = False) -> Row:
    arguments = partial(programs.normal, *((batch, length, width),) * 3, dtype=dtype)
    return _layer(f"attention, {batch} x {length:,} x {width}", programs.attention, arguments, dtype, quick)


def layer_norm(rows: int, columns: int, dtype: Any, quick: bool = False) -> Row:
    arguments = partial(programs.normal, (rows, columns), (columns,), (columns,), dtype=dtype)
    return _layer(f"layer norm, {rows:,} x {columns:,}", programs.layer_norm, arguments, dtype, quick)


def softmax_regression(samples: int, features: int, classes: int, dtype: Any, quick: bool = False) -> Row:
    return Row(
        LAYERS,
        f"softmax regression, {samples:,} x {features} to {classes}, {np.dtype(dtype)}",
        of_numpy(programs.softmax_regression),
        lambda: programs.classification_arguments(samples, features, classes, dtype),
        tolerance=tolerance(dtype),
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


def repeated(count: int, *arrays: Any) -> list[Any]:
    """The first ``count`` rows of each array, which is repeated where it has fewer."""
    return [np.resize(array, (count, *array.shape[1:])) for array in arrays]


def bundle_adjustment(observations: int) -> Row:
    def arguments() -> tuple[Any, ...]:
        cameras, points, *observed = adbench_data.ba_file("ba1_n49_m7776_p31843.txt")
        return cameras, points, *repeated(observations, *observed), programs_adbench.seeds(observations)

    return Row(
        ADBENCH,
        f"bundle adjustment, {observations:,} observations (Jacobian by two pullbacks)",
        programs_adbench.bundle_adjustment,
        arguments,
        programs_adbench.bundle_adjustment_rows,
        gradient=False,
        quick=True,
    )


def long_short_term_memory(characters: int) -> Row:
    def arguments() -> tuple[Any, ...]:
        *parameters, text = adbench_data.lstm_file("lstm_l2_c1024.txt")
        return *parameters, text[: characters - 1]

    return Row(
        ADBENCH,
        f"LSTM, 2 layers, {characters:,} characters",
        programs_adbench.lstm,
        arguments,
        lambda library, function: library.value_and_grad(function, (0, 1)),
        loops=True,
    )


def hand(complicated: bool, points: int, most: int | None = None) -> Row:
    """Of a model of ``most`` vertices, or of all."""
    kind = "complicated" if complicated else "simple"

    def arguments() -> tuple[Any, ...]:
        *model, vertices, weights, angles, measured, coordinates, corners = adbench_data.hand_file(
            f"hand_{kind}_c100.txt", complicated
        )
        surface = vertices[:, :most], weights[:, :most], angles
        return *model, *surface, *repeated(points, measured, coordinates, corners % (most or vertices.shape[1]))

    return Row(
        ADBENCH,
        f"hand tracking, {kind}, {points:,} points (Jacobian in forward mode)",
        programs_adbench.hand,
        arguments,
        jacobian,
        gradient=False,
        quick=not complicated,
    )


def recurrence(steps: int, size: int) -> Row:
    return Row(
        LOOPS,
        f"scan of {steps:,} steps, tanh(w @ h + x), {size:,} numbers, float64",
        programs.recurrence,
        lambda: programs.recurrence_arguments(steps, size),
        loops=True,
        quick=True,
    )


def small(name: str, make: Callable[[Any], Function], *arguments: Any, quick: bool = False) -> Row:
    return Row(SMALL, name, of_numpy(make), lambda: arguments, grad, quick=quick)


def of_order(order: int, points: int) -> Row:
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
    x = np.linspace(-2.0, 2.0, points)[:, None]
    name = f"order {order}" + (f", {points:,} points" if points != 1_000 else "")
    return Row(ORDERS, name, function, lambda: (x, layers), grad, gradient=order == 1)


def _element_wise() -> list[Row]:
    sizes = (10**3, 10**4, 10**5, 10**6, 10**7)
    return [
        sized(element_wise, dtype, size, gpu=(dtype, 10 * size), tiny=(dtype, 100), quick=size in (10**4, 10**7))
        for dtype in (np.float32, np.float64)
        for size in sizes
    ]


def _networks() -> list[Row]:
    single, double = np.float32, np.float64
    small, wide, deep, tiny = (64, 64, 64, 1), (4_096,) * 4, (2, *(20,) * 8, 1), (20, (6, 5, 5, 1))
    return [
        sized(network, 32, (8, 16, 1), double, gpu=(32, (8, 16, 1), double), tiny=(*tiny, double)),
        sized(network, 128, (128,) * 4, single, gpu=(1_024, (1_024,) * 4, single), tiny=(*tiny, single), quick=True),
        sized(network, 65_536, small, single, gpu=(1_048_576, small, single), tiny=(40, small, single), quick=True),
        sized(network, 8_192, (512,) * 4, single, gpu=(8_192, wide, single), tiny=(*tiny, single), quick=True),
        sized(network, 10_000, deep, double, gpu=(1_000_000, deep, double), tiny=(9, deep, double), quick=True),
        sized(second_order, 128, (128,) * 4, single, gpu=(1_024, (1_024,) * 4, single), tiny=(*tiny, single)),
        sized(second_order, 65_536, small, single, gpu=(1_048_576, small, single), tiny=(*tiny, single), quick=True),
        *(
            sized(pinn, 10_000, dtype, gpu=(1_000_000, dtype), tiny=(20, dtype), quick=True)
            for dtype in (single, double)
        ),
        sized(hessian_vector_rosenbrock, 1_000, gpu=(10_000_000,), tiny=(50,)),
        sized(hessian_vector_softmax, 10_000, double, gpu=(1_000_000, double), tiny=(30, double)),
    ]


def _rows() -> list[Row]:
    single = np.float32
    return [
        *_element_wise(),
        *_networks(),
        sized(attention, 8, 512, 64, single, gpu=(32, 2_048, 64, single), tiny=(2, 24, 8, single), quick=True),
        sized(layer_norm, 8_192, 512, single, gpu=(32_768, 4_096, single), tiny=(9, 33, single), quick=True),
        sized(
            softmax_regression,
            60_000,
            784,
            10,
            single,
            gpu=(300_000, 784, 10, single),
            tiny=(30, 20, 10, single),
            quick=True,
        ),
        sized(gaussian_mixture, 1_000, 10, 25, gpu=(100_000, 10, 25), tiny=(20, 3, 4), quick=True),
        sized(gaussian_mixture, 10_000, 2, 5, gpu=(1_000_000, 2, 5), tiny=(20, 2, 5)),
        sized(bundle_adjustment, 31_843, gpu=(1_000_000,), tiny=(30,)),
        sized(long_short_term_memory, 1_024, gpu=(1_024,), tiny=(4,)),
        sized(hand, False, 100, gpu=(False, 100_000), tiny=(False, 5, 8)),
        sized(hand, True, 100, gpu=(True, 100_000), tiny=(True, 5, 8)),
        sized(recurrence, 1_000, 32, gpu=(1_000, 1_024), tiny=(5, 4)),
        small("sin(x) * x at a number", lambda numpy: lambda x: numpy.sin(x) * x, np.float64(0.5), quick=True),
        small("sum(x * x) of 3 numbers", lambda numpy: lambda x: numpy.sum(x * x), np.array([0.1, 0.2, 0.3])),
        small("Rosenbrock, 3 numbers", programs.rosenbrock, np.array([0.1, 0.2, 0.3]), quick=True),
        small("Rosenbrock, 1,000 numbers", programs.rosenbrock, np.linspace(-1.2, 1.0, 1_000)),
        *(sized(of_order, order, 1_000, gpu=(order, 100_000), tiny=(order, 5)) for order in range(1, 7)),
    ]


ROWS = _rows()
