"""Gradients of arrays.

The compiled gradient of sum(tanh(sin(x)*exp(-x*x) + x)), and value and gradient of a network with tanh layers; one
thread each. NumPy's calls are made one after the other for now: fusing them is later work, and these rows are where
it will show.
"""

import numpy as np
import pytest

from .peers import call, libraries
from .programs import network, network_arguments, waves


@pytest.mark.parametrize("size", [1_000, 10_000, 100_000, 1_000_000])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_elementwise(contest, dtype, size):
    x = np.linspace(-2.0, 2.0, size).astype(dtype)
    calls = {library.name: call(library, library.jit(library.grad(waves(library.numpy))), x) for library in libraries()}
    contest.row = f"element-wise, {dtype}, {size:,}"
    contest.warm(calls, tolerance=1e-4 if dtype == "float32" else 1e-9)


@pytest.mark.parametrize(("batch", "widths"), [(32, (8, 16, 1)), (128, (64, 64, 64, 1)), (128, (128, 128, 128, 1))])
def test_network(contest, batch, widths):
    arguments = network_arguments(batch, *widths)
    calls = {
        library.name: call(library, library.jit(library.value_and_grad(network(library.numpy))), *arguments)
        for library in libraries()
    }
    contest.row = f"network, {batch} x {'-'.join(map(str, widths))}, float64"
    contest.warm(calls)
