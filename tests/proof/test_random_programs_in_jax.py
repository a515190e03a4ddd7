"""Random programs, and their derivatives in every mixture of modes to second order, against JAX, where it is installed
(as it is for `make bench`, which runs this file)."""

import functools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from .composer import GUARDED, SMOOTH, compose
from .programs import Runner, chain, chains, random_like

jax = pytest.importorskip("jax")
jax.config.update("jax_enable_x64", True)
jnp, lax = jax.numpy, jax.lax

#: Operations of the composer by name; those that are not here are functions of jax.numpy.
MEANINGS = {
    "add": jnp.add,
    "sub": jnp.subtract,
    "mul": jnp.multiply,
    "div": jnp.divide,
    "pow": jnp.power,
    "atan2": jnp.arctan2,
    "neg": jnp.negative,
    "atan": jnp.arctan,
    "asinh": jnp.arcsinh,
    "acosh": jnp.arccosh,
    "sigmoid": jax.nn.sigmoid,
    "erf": jax.scipy.special.erf,
    "rsqrt": lax.rsqrt,
    "select": jnp.where,
    "stop_gradient": lax.stop_gradient,
    "reshape": lambda x, shape: jnp.reshape(x, shape),
    "transpose": lambda x, permutation: jnp.transpose(x, permutation),
    "broadcast_in_dim": lambda x, shape, dims: lax.broadcast_in_dim(x, shape, dims),
    "slice": lambda x, starts, sizes, steps: x[
        np.ix_(*[start + step * np.arange(size) for start, size, step in zip(starts, sizes, steps, strict=True)])
    ],
    "pad": lambda x, low, high, interior: lax.pad(x, 0.0, list(zip(low, high, interior, strict=True))),
    "reverse": lambda x, axes: jnp.flip(x, axes),
    "concatenate": lambda *xs, axis: jnp.concatenate(xs, axis),
    "reduce_sum": lambda x, axes: jnp.sum(x, axes),
    "reduce_prod": lambda x, axes: jnp.prod(x, axes),
    "cumsum": lambda x, axis, reverse: lax.cumsum(x, axis, reverse=reverse),
    "contract": lambda x, y, spec: jnp.einsum(spec, x, y, precision="highest"),
    "gather": lambda x, index, axes: x[index],
    "scatter_add": lambda x, updates, index, axes: x.at[index].add(updates),
    "constant": lambda value: np.broadcast_to(value.data, value.type.shape),
}


def _meaning(name):
    return MEANINGS.get(name) or getattr(jnp, name)


def in_jax(graph):
    """A program of the composer as a function in JAX."""

    def run(*inputs):
        values = dict(zip(graph.inputs, inputs, strict=True))
        for op in graph:
            operands = [values[value] for value in op.operands]
            values[op.results[0]] = _meaning(op.definition.mnemonic)(*operands, **op.attributes)
        return [values[value] for value in graph.outputs]

    return run


def _level(function, mode, count, seeds, arguments):
    """The derivative by the first ``count`` of a function's ``arguments``: ``seeds`` tangents or cotangents follow, as
    `chain` has them."""

    def level(*args):
        at, fixed, given = args[:count], args[count:arguments], args[arguments:]
        assert len(given) == seeds
        of_inputs = functools.partial(lambda rest, *xs: function(*xs, *rest), fixed)
        if mode == "j":
            return jax.jvp(of_inputs, at, given)[1]
        return list(jax.vjp(of_inputs, *at)[1](list(given)))

    return level


def test_every_step_of_the_composer_has_a_meaning():
    assert all(callable(_meaning(name)) for name in (*SMOOTH, *GUARDED))


@settings(max_examples=20)
@given(st.data())
def test_derivatives_are_those_of_jax(data):
    composer = compose(data, [1, 2, 3], 30)
    graph, inputs = composer.graph, composer.inputs
    rng = np.random.default_rng(3)
    for modes in ("", *chains(1), *chains(2)):
        runner = Runner(chain(graph, modes))
        function = in_jax(graph)
        outputs, below = len(graph.outputs), len(inputs)
        for mode in modes:
            function = _level(function, mode, len(inputs), len(inputs) if mode == "j" else outputs, below)
            below += len(inputs) if mode == "j" else outputs
            outputs = outputs if mode == "j" else len(inputs)
        seeds = [random_like(rng, type) for type in runner.inputs[len(inputs) :]]
        for found, wanted in zip(runner.run(*inputs, *seeds), function(*inputs, *seeds), strict=True):
            scale = np.max(np.abs(wanted), initial=1.0)
            np.testing.assert_allclose(found, wanted, rtol=1e-9, atol=1e-11 * scale, err_msg=modes)
