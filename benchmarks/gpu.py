"""Warm calls on a GPU, beside PyTorch and JAX: ``python -m benchmarks.gpu [--check] [--seconds S] [WORD ...]``.

Each row runs one program in mixad (its arrays on the device), torch.compile, eager PyTorch and jax.jit, each waiting
for its result, and says what share of the device's own copy bandwidth, or of its matrix rate, mixad reaches: bytes are
those of the inputs and outputs, operations those of the products. Both are measured first, by copies and products of
PyTorch; without it the shares are left out. ``--check`` runs the rows at small sizes in Triton's interpreter, and
measures nothing. A library that is not installed, or that fails, is left out, and why is printed.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from .programs import Function, layers_of, network, waves

#: Sizes are divided by this for ``--check``.
SMALL = 64


@dataclass(frozen=True)
class Row:
    """A program of a NumPy namespace, its arguments for a scale, and the operations of its products."""

    name: str
    function: Callable[[Any], Function]
    arguments: Callable[[int], tuple[Any, ...]]
    products: Callable[[int], float] = lambda scale: 0.0
    argnums: tuple[int, ...] = (0,)


def _normal(*shape: int, dtype: Any = np.float32) -> Any:
    return np.random.default_rng(0).standard_normal(shape).astype(dtype)


def softmax_loss(numpy: Any) -> Function:
    def loss(x: Any, y: Any) -> Any:
        powers = numpy.exp(x - numpy.max(x, axis=-1, keepdims=True))
        return numpy.sum(y * powers / numpy.sum(powers, axis=-1, keepdims=True))

    return loss


def normalized(numpy: Any) -> Function:
    def loss(x: Any, y: Any) -> Any:
        centred = x - numpy.mean(x, axis=-1, keepdims=True)
        return numpy.sum(y * centred / numpy.sqrt(numpy.mean(centred * centred, axis=-1, keepdims=True) + 1e-5))

    return loss


def product(numpy: Any) -> Function:
    return lambda x, y: numpy.sum(numpy.tanh(numpy.matmul(x, y)))


def perceptron(numpy: Any) -> Function:
    apply = network(numpy)
    return lambda layers, x, y: apply(layers, x, y)


ROWS = [
    Row("gradient of sum(tanh(sin(x)*exp(-x*x) + x)), 1e8", waves, lambda s: (_normal(100_000_000 // s**2),)),
    Row("gradient through a softmax, 16,384 x 2,048", softmax_loss, lambda s: (_normal(16_384 // s, 2_048 // s),) * 2),
    Row("gradient through a layer norm, 16,384 x 2,048", normalized, lambda s: (_normal(16_384 // s, 2_048 // s),) * 2),
    Row(
        "gradient of sum(tanh(x @ y)), 4,096 squared",
        product,
        lambda s: (_normal(4_096 // s, 4_096 // s),) * 2,
        lambda s: 6.0 * (4_096 / s) ** 3,
        (0, 1),
    ),
    Row(
        "gradient of a network 1,024-4,096-4,096-1,024, batch 8,192",
        perceptron,
        lambda s: (
            layers_of((1_024 // s, 4_096 // s, 4_096 // s, 1_024 // s), np.float32),
            _normal(8_192 // s, 1_024 // s),
            _normal(8_192 // s, 1_024 // s),
        ),
        lambda s: 6.0 * (8_192 / s) * (2 * 1_024 * 4_096 + 4_096**2) / s**2,
    ),
]


def mapped(function: Callable[[Any], Any], tree: Any) -> Any:
    """A tree of arrays, each given to ``function``."""
    if isinstance(tree, list | tuple):
        return type(tree)(mapped(function, each) for each in tree)
    return function(tree)


# --- libraries -----------------------------------------------------------------------------------


def mixad_call(row: Row, arguments: tuple[Any, ...]) -> Callable[[], Any]:
    import mixad as mx

    given = mapped(mx.to_device, arguments)
    call = mx.jit(mx.grad(row.function(np), row.argnums if len(row.argnums) > 1 else row.argnums[0]))
    return lambda: call(*given)


def torch_call(compiled: bool) -> Callable[[Row, tuple[Any, ...]], Callable[[], Any]]:
    def make(row: Row, arguments: tuple[Any, ...]) -> Callable[[], Any]:
        import torch

        from .torch_peer import NAMESPACE

        torch.set_float32_matmul_precision("highest")
        given = mapped(lambda x: torch.tensor(x, device="cuda"), arguments)
        gradient = torch.func.grad(row.function(NAMESPACE), row.argnums if len(row.argnums) > 1 else row.argnums[0])
        call = torch.compile(gradient) if compiled else gradient

        def run() -> Any:
            result = call(*given)
            torch.cuda.synchronize()
            return result

        return run

    return make


def jax_call(row: Row, arguments: tuple[Any, ...]) -> Callable[[], Any]:
    import jax

    if jax.default_backend() != "gpu":
        raise RuntimeError(f"JAX runs on {jax.default_backend()}")
    jax.config.update("jax_default_matmul_precision", "highest")
    given = jax.device_put(arguments)
    call = jax.jit(jax.grad(row.function(jax.numpy), row.argnums if len(row.argnums) > 1 else row.argnums[0]))
    return lambda: jax.block_until_ready(call(*given))


LIBRARIES: dict[str, Callable[[Row, tuple[Any, ...]], Callable[[], Any]]] = {
    "mixad": mixad_call,
    "torch.compile": torch_call(True),
    "torch": torch_call(False),
    "jax.jit": jax_call,
}


# --- measuring -----------------------------------------------------------------------------------


def seconds_of(run: Callable[[], Any], budget: float) -> float:
    """The median of warm calls."""
    run(), run()
    times: list[float] = []
    end = time.perf_counter() + budget
    while len(times) < 5 or (time.perf_counter() < end and len(times) < 1000):
        start = time.perf_counter()
        run()
        times.append(time.perf_counter() - start)
    return float(np.median(times))


def device_rates(budget: float) -> tuple[float, float] | None:
    """Bytes a second of a copy, reads and writes together, and operations a second of a float32 product."""
    try:
        import torch
    except ImportError:
        return None
    x, y = torch.ones(1 << 28, device="cuda"), torch.empty(1 << 28, device="cuda")
    m = torch.ones(8192, 8192, device="cuda")
    torch.set_float32_matmul_precision("highest")

    def timed(work: Callable[[], Any]) -> float:
        def run() -> None:
            work()
            torch.cuda.synchronize()

        return seconds_of(run, budget)

    return 2 * 4 * (1 << 28) / timed(lambda: y.copy_(x)), 2 * 8192**3 / timed(lambda: m @ m)


def check(rows: list[Row]) -> None:
    """Run the rows at small sizes, and compare the numbers with those of the CPU."""
    import mixad as mx

    for row in rows:
        arguments = row.arguments(SMALL)
        found = mixad_call(row, arguments)()
        argnums = row.argnums if len(row.argnums) > 1 else row.argnums[0]
        wanted = mx.grad(row.function(np), argnums)(*arguments)
        pairs: list[tuple[Any, Any]] = []
        _zip(found, wanted, pairs)
        for each, expected in pairs:
            np.testing.assert_allclose(each.numpy(), expected, rtol=2e-4, atol=2e-5)
        print(f"{row.name}: right at small sizes")


def _zip(found: Any, wanted: Any, pairs: list[tuple[Any, Any]]) -> None:
    if isinstance(found, list | tuple):
        for each, expected in zip(found, wanted, strict=True):
            _zip(each, expected, pairs)
    else:
        pairs.append((found, wanted))


def line(row: Row, budget: float, rates: tuple[float, float] | None) -> str:
    arguments, times, cells = row.arguments(1), {}, []
    for name, make in LIBRARIES.items():
        try:
            times[name] = seconds_of(make(row, arguments), budget)
            cells.append(f"{name} {times[name] * 1e3:.3f} ms")
        except Exception as error:
            cells.append(f"{name}: {type(error).__name__}: {str(error).splitlines()[0][:80] if str(error) else ''}")
    if rates is not None and "mixad" in times:
        sizes: list[int] = []
        mapped(lambda x: sizes.append(x.nbytes), arguments)
        work = row.products(1)
        share = work / times["mixad"] / rates[1] if work else 2 * sum(sizes) / times["mixad"] / rates[0]
        cells.append(f"{share:.0%} of the {'matrix rate' if work else 'copy bandwidth'}")
    return "   ".join([f"{row.name:62}", *cells])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("words", nargs="*")
    parser.add_argument("--check", action="store_true", help="small sizes, in Triton's interpreter")
    parser.add_argument("--seconds", type=float, default=1.0, help="for each row and library")
    options = parser.parse_args()
    rows = [row for row in ROWS if all(word.lower() in row.name.lower() for word in options.words)]
    if options.check:
        os.environ["MIXAD_TRITON"] = "interpret"
        check(rows)
        return
    from mixad.frontend.devices import missing_gpu

    missing = missing_gpu()
    if missing is not None:
        sys.exit(f"nothing is measured: {missing}")
    rates = device_rates(options.seconds)
    if rates is not None:
        print(f"copy bandwidth {rates[0] / 1e9:.0f} GB/s, float32 products {rates[1] / 1e12:.1f} TFLOP/s")
    for row in rows:
        print(line(row, options.seconds, rates), flush=True)


if __name__ == "__main__":
    main()
