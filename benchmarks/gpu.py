"""Warm calls on a GPU: ``python -m benchmarks.gpu [--check | --compile] [--seconds S] [WORD ...]``.

The rows are those of `make bench`, at the sizes of a GPU (see `rows.sized`), beside torch.compile, PyTorch and JAX.
Each library's arrays stand on the GPU, each waits for its result, and the results must agree. Behind mixad's time and
its ratio to the others stand what its plan counts, the bytes that kernels read and write and the operations of
products, as bandwidth and rate, and their shares of what this GPU was measured to do: copying memory, and PyTorch's
products of matrices of the row's element type. A library that is not installed, or that fails, is left out, and why is
printed. ``--check`` runs the rows at tiny sizes in Triton's interpreter and compares the numbers with NumPy's;
``--compile`` compiles their kernels, at the sizes of a GPU, for sm_90.
"""

from __future__ import annotations

from . import threads  # noqa: F401  isort: skip (before any library is loaded)

import argparse
import os
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import mixad as mx
import numpy as np
from mixad.frontend.devices import missing_gpu
from mixad.runtime.compiler import compile_module
from mixad.runtime.triton import TRITON
from mixad.runtime.triton.compiler import HOPPER, compile_kernels
from mixad.runtime.triton.devices import device_of
from mixad.runtime.triton.lowering import Plan, Work

from .contest import agreed, check, derivative, flat
from .paired import alternate, quartiles, ratio
from .peers import MIXAD, Library, jax
from .rows import ROWS, Row

#: Bytes that are copied, and the size of matrices that are multiplied, to find what the GPU can do.
COPIED, SQUARE = 1 << 30, 8_192
#: For a first call: kernels by the hundred are compiled, in parallel.
FIRST_SECONDS = 600.0
Rates = dict[str, float]


def mapped(function: Callable[[Any], Any], tree: Any) -> Any:
    """A tree of arrays, each given to ``function``."""
    if isinstance(tree, list | tuple):
        return type(tree)(mapped(function, each) for each in tree)
    return function(tree)


# --- libraries -----------------------------------------------------------------------------------


def _on_gpu(tree: Any) -> Any:
    return mapped(lambda x: mx.to_device(np.asarray(x)), tree)


ON_GPU = replace(MIXAD, array=_on_gpu)


def torch_libraries() -> list[Library]:
    """torch.compile and eager PyTorch with their arrays on the GPU; none where there is no PyTorch that finds one."""
    try:
        import torch
    except ImportError:
        return []
    if not torch.cuda.is_available():
        print("PyTorch finds no GPU")
        return []
    from . import torch_peer

    torch.set_default_device("cuda")
    torch.set_float32_matmul_precision("highest")

    def finished(result: Any) -> Any:
        torch.cuda.synchronize()
        return result

    return [replace(each, ready=finished) for each in reversed(torch_peer.libraries())]


def jax_libraries() -> list[Library]:
    """JAX; none where it finds no GPU."""
    os.environ.pop("JAX_PLATFORMS", None)
    library = jax()
    if library is None:
        return []
    import jax as module

    if module.default_backend() != "gpu":
        print(f"JAX runs on {module.default_backend()}")
        return []
    module.config.update("jax_default_matmul_precision", "highest")
    return [library]


# --- measuring -----------------------------------------------------------------------------------


def _seconds(run: Callable[[], Any], budget: float) -> float:
    """The fastest of warm runs."""
    run(), run()
    times: list[float] = []
    end = time.perf_counter() + budget
    while len(times) < 5 or time.perf_counter() < end:
        start = time.perf_counter()
        run()
        times.append(time.perf_counter() - start)
    return min(times)


def rates_of_device(budget: float) -> Rates:
    """Bytes a second of a copy within the GPU's memory, reads and writes together ("copy"); where there is PyTorch,
    operations a second of its products, by element type."""
    driver = device_of().driver
    source, target = (driver.alloc(COPIED) for _ in range(2))

    def copy() -> None:
        driver.copy(target, source, COPIED)
        driver.synchronize()

    found = {"copy": 2 * COPIED / _seconds(copy, budget)}
    for address in (source, target):
        driver.free(address)
    if torch_libraries():
        import torch

        for name in ("float32", "float64"):
            matrix = torch.ones(SQUARE, SQUARE, dtype=getattr(torch, name))

            def multiply(matrix: Any = matrix) -> None:
                matrix @ matrix
                torch.cuda.synchronize()

            found[name] = 2 * SQUARE**3 / _seconds(multiply, budget)
    return found


def plan_of(row: Row, arguments: tuple[Any, ...]) -> Plan:
    """The plan of a row's derivative."""
    module = mx.make_graph(row.derivative(MIXAD, row.function(MIXAD)))(*arguments)
    found: Plan = compile_module(module, TRITON)[module.entry.name].run.plan  # type: ignore[attr-defined]
    return found


def shares(work: Work | None, dtype: str, seconds: float, rates: Rates) -> list[str]:
    """What a time comes to, beside what the GPU can do."""
    if work is None:
        return ["the host decides how much is done"]
    bandwidth, rate = work.nbytes / seconds, work.operations / seconds
    found = [f"{bandwidth / 1e9:,.0f} GB/s, {bandwidth / rates['copy']:.0%} of a copy's"]
    if work.operations:
        share = f", {rate / rates[dtype]:.0%} of {dtype} products'" if dtype in rates else ""
        found.append(f"{rate / 1e12:.2f} TFLOP/s{share}")
    return found


def line(row: Row, peers: list[Library], seconds: float, rates: Rates) -> str:
    """Measure a row."""
    arguments, absent = row.arguments(), dict(row.absent)
    calls = {each.name: derivative(row, each, arguments) for each in [ON_GPU, *peers] if each.name not in absent}
    samples = alternate(agreed(calls, row.tolerance, absent, FIRST_SECONDS), seconds, rest=0.0)
    if "mixad" not in samples:
        return f"mixad failed: {absent['mixad']}"
    own = samples.pop("mixad")
    kinds: list[str] = []
    mapped(lambda x: kinds.append(str(np.asarray(x).dtype)), arguments)
    cells = [f"{quartiles(own).median * 1e3:9.3f} ms"]
    cells += [f"{name} {ratio(own, times).median:.2f}" for name, times in samples.items()]
    dtype = "float32" if "float32" in kinds else "float64"
    cells += shares(plan_of(row, arguments).work, dtype, quartiles(own).median, rates)
    return "   ".join([*cells, *(f"{name}: {why}" for name, why in absent.items())])


# --- checking ------------------------------------------------------------------------------------


def check_rows(rows: list[Row]) -> None:
    """Run rows on the device, at tiny sizes, and compare with NumPy's backend."""
    for row in rows:
        arguments = row.arguments()
        found, wanted = (derivative(row, library, arguments)() for library in (ON_GPU, MIXAD))
        check(flat(found), flat(wanted), row.tolerance)
        work = plan_of(row, arguments).work
        counted = (
            "the host decides how much" if work is None else f"{work.nbytes:,} bytes, {work.operations:,} operations"
        )
        print(f"{row.label}: right ({counted})", flush=True)


def compile_rows(rows: list[Row]) -> None:
    """Compile the rows' kernels, at the sizes of a GPU, for one that is not there."""
    for row in rows:
        plan = plan_of(row, row.arguments())
        kernels = list(dict.fromkeys(plan.kernels()))
        shared = max(binary.metadata["shared"] for binary in compile_kernels(kernels, HOPPER))
        print(
            f"{row.label}: {len(kernels)} kernels for {HOPPER}, at most {shared:,} bytes of shared memory; "
            f"{plan.depth_bytes / 1e9:.2f} GB beside the arguments",
            flush=True,
        )


def chosen(words: list[str], tiny: bool) -> list[Row]:
    """The rows with all of the words in their labels, each once."""
    made = [((row.tiny if tiny else row.for_gpu) or (lambda row=row: row))() for row in ROWS]
    rows = {row.label: row for row in made}
    return [row for label, row in rows.items() if all(word.lower() in label.lower() for word in words)]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("words", nargs="*")
    parser.add_argument("--check", action="store_true", help="tiny sizes, in Triton's interpreter")
    parser.add_argument("--compile", action="store_true", help="the kernels for sm_90, with or without a GPU")
    parser.add_argument("--seconds", type=float, default=1.0, help="of rounds, for each row")
    options = parser.parse_args()
    rows = chosen(options.words, options.check)
    if options.check:
        os.environ["MIXAD_TRITON"] = "interpret"
        check_rows(rows)
        return
    if options.compile:
        compile_rows(rows)
        return
    missing = missing_gpu()
    if missing is not None:
        sys.exit(f"nothing is measured: {missing}")
    rates = rates_of_device(options.seconds)
    shown = [f"{name} products {rate / 1e12:.1f} TFLOP/s" for name, rate in rates.items() if name != "copy"]
    print(", ".join([f"copy {rates['copy'] / 1e9:.0f} GB/s", *shown]))
    print("mixad's time, its ratio to each peer, what its plan's bytes and operations come to")
    peers = [*torch_libraries(), *jax_libraries()]
    for row in rows:
        print(f"{row.label:90}", line(row, peers, options.seconds, rates), flush=True)


if __name__ == "__main__":
    main()
