"""The libraries that are measured, each through one face. A peer that is not installed is left out.

A benchmark's function takes the library's own NumPy namespace, so each library runs the same program.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import mixad as mx
import numpy as np
from mixad.frontend.execution import clear_caches

Function = Callable[..., Any]


def _same(x: Any) -> Any:
    return x


@dataclass(frozen=True)
class Library:
    """``jit`` is the identity where a library has no compiler; ``ready`` waits for a result."""

    name: str
    numpy: Any
    grad: Callable[[Function], Function]
    value_and_grad: Callable[[Function], Function]
    jit: Callable[[Function], Function] = _same
    array: Callable[[Any], Any] = _same
    ready: Callable[[Any], Any] = _same

    def nested(self, function: Function, order: int) -> Function:
        """The derivative of that order, by ``grad`` of ``grad``."""
        for _ in range(order):
            function = self.grad(function)
        return function


MIXAD = Library("mixad", np, mx.grad, mx.value_and_grad, mx.jit)


@functools.cache
def autograd() -> Library | None:
    """HIPS autograd."""
    try:
        import autograd.numpy
    except ImportError:
        return None
    return Library("autograd", autograd.numpy, autograd.grad, autograd.value_and_grad)


@functools.cache
def jax() -> Library | None:
    """JAX, in double precision as NumPy has it."""
    try:
        import jax
    except ImportError:
        return None
    jax.config.update("jax_enable_x64", True)
    array = functools.partial(jax.tree.map, jax.numpy.asarray)
    return Library("JAX", jax.numpy, jax.grad, jax.value_and_grad, jax.jit, array, jax.block_until_ready)


def libraries() -> Iterator[Library]:
    """mixad, then the peers that are installed."""
    yield MIXAD
    for peer in (autograd(), jax()):
        if peer is not None:
            yield peer


def call(library: Library, function: Function, *arguments: Any) -> Callable[[], Any]:
    """``function(*arguments)`` to its end, with the arguments as the library's own arrays."""
    own = [library.array(argument) for argument in arguments]
    ready = library.ready
    if ready is _same:
        return lambda: function(*own)
    return lambda: ready(function(*own))


def fresh(function: Function) -> Function:
    """A new function that does the same: no cache has seen it."""
    return lambda *arguments: function(*arguments)


def forget() -> None:
    """Drop mixad's compiled programs, so that it too begins from nothing."""
    clear_caches()
