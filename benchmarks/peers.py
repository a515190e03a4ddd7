"""The libraries that are measured, each through one face. A peer that is not installed is left out.

A benchmark's function takes the library's own NumPy namespace, so each library runs the same program.
"""

from __future__ import annotations

import functools
import importlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import mixad as mx
import numpy as np
from mixad.frontend.execution import clear_caches

Function = Callable[..., Any]


def _same(x: Any) -> Any:
    return x


def _nothing() -> None:
    return None


def forward_over_reverse(jvp: Function, grad: Function) -> Callable[[Function], Function]:
    """Forward over reverse: of ``f(x, *rest)`` a function of (x, v, *rest)."""

    def product(function: Function) -> Function:
        return lambda x, v, *rest: jvp(grad(lambda p: function(p, *rest)), (x,), (v,))[1]

    return product


def gradient_of(value_and_grad: Function) -> Function:
    """``grad`` of a library whose ``value_and_grad`` is written for it."""

    def grad(function: Function, argnums: Any = 0) -> Function:
        both = value_and_grad(function, argnums)
        return lambda *arguments: both(*arguments)[1]

    return grad


def reverse_over_reverse(numpy: Any, grad: Function) -> Callable[[Function], Function]:
    """The derivative of <gradient, v>: of ``f(x, *rest)`` a function of (x, v, *rest)."""

    def product(function: Function) -> Function:
        return lambda x, v, *rest: grad(lambda p: numpy.sum(grad(function)(p, *rest) * v))(x)

    return product


@dataclass(frozen=True)
class Library:
    """One library's namespace and transformations.

    ``value_and_grad`` takes ``argnums`` and ``has_aux``; ``jit`` is the identity where a library has no compiler;
    ``ready`` waits for a result; ``forget`` drops what the library has compiled.
    ``stepwise`` is the library for programs with long loops, where that is another.
    """

    name: str
    numpy: Any
    grad: Function
    value_and_grad: Function
    hvp: Callable[[Function], Function]
    vjp: Function
    jacfwd: Callable[[Function], Function]
    scan: Function
    jit: Callable[[Function], Function] = _same
    array: Callable[[Any], Any] = _same
    ready: Callable[[Any], Any] = _same
    forget: Callable[[], None] = _nothing
    stepwise: Library | None = None

    @property
    def for_loops(self) -> Library:
        """The library for programs with long loops: where loops are Python's, it compiles a step, not every step."""
        return self.stepwise or self

    def nested(self, function: Function, order: int) -> Function:
        """The derivative of that order, by ``grad`` of ``grad``."""
        for _ in range(order):
            function = self.grad(function)
        return function


MIXAD = Library(
    name="mixad",
    numpy=np,
    grad=mx.grad,
    value_and_grad=mx.value_and_grad,
    hvp=forward_over_reverse(mx.jvp, mx.grad),
    vjp=mx.vjp,
    jacfwd=mx.jacfwd,
    scan=mx.scan,
    jit=mx.jit,
    forget=clear_caches,
)


@functools.cache
def jax() -> Library | None:
    """JAX, in double precision as NumPy has it."""
    try:
        import jax
    except ImportError:
        return None
    jax.config.update("jax_enable_x64", True)
    return Library(
        name="JAX",
        numpy=jax.numpy,
        grad=jax.grad,
        value_and_grad=jax.value_and_grad,
        hvp=forward_over_reverse(jax.jvp, jax.grad),
        vjp=jax.vjp,
        jacfwd=jax.jacfwd,
        scan=jax.lax.scan,
        jit=jax.jit,
        array=functools.partial(jax.tree.map, jax.numpy.asarray),
        ready=jax.block_until_ready,
        forget=jax.clear_caches,
    )


#: Peers whose face needs adapting stand in modules of their own, each with a function `libraries`.
_ADAPTED = {"autograd_peer": ["autograd"], "torch_peer": ["PyTorch", "torch.compile"], "mindspore_peer": ["MindSpore"]}


@functools.cache
def _adapted(name: str) -> tuple[Library, ...]:
    """The libraries of a module; none where what it adapts is not installed."""
    try:
        module = importlib.import_module(f".{name}", __package__)
    except ImportError:
        return ()
    return tuple(module.libraries())


@functools.cache
def libraries() -> tuple[Library, ...]:
    """mixad, then the peers that are installed."""
    adapted = [library for name in _ADAPTED for library in _adapted(name)]
    return (MIXAD, *([jax()] if jax() else ()), *adapted)


def installed(name: str) -> Library | None:
    """A library by its name, no other peer being imported; None where it is not installed."""
    if name == "JAX":
        return jax()
    modules = [module for module, names in _ADAPTED.items() if name in names]
    found = [MIXAD, *(library for module in modules for library in _adapted(module))]
    return next((each for each in found if each.name == name), None)


def uncompiled() -> Iterator[Library]:
    """The libraries as they are used without a compiler; torch.compile is nothing but a compiler."""
    return (each for each in libraries() if each.name != "torch.compile")


def call(library: Library, function: Function, *arguments: Any) -> Callable[[], Any]:
    """``function(*arguments)`` to its end, with the arguments as the library's own arrays."""
    own = [library.array(argument) for argument in arguments]
    ready = library.ready
    if ready is _same:
        return lambda: function(*own)
    return lambda: ready(function(*own))


def to_numpy(x: Any) -> Any:
    """Any library's array, or a number, as NumPy's."""
    return x.detach().cpu().numpy() if hasattr(x, "detach") else x.asnumpy() if hasattr(x, "asnumpy") else np.asarray(x)


def fresh(function: Function) -> Function:
    """A new function that does the same: no cache has seen it."""
    return lambda *arguments: function(*arguments)


def forget() -> None:
    """Drop every library's compiled programs, so that each begins from nothing."""
    for library in libraries():
        library.forget()
