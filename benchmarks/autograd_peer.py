"""HIPS autograd. It has no compiler, and a loop is Python's."""

from __future__ import annotations

from typing import Any

import autograd
import autograd.numpy as anp
import numpy as np
from autograd.builtins import tuple as atuple
from autograd.core import make_vjp
from autograd.differential_operators import grad_and_aux

from .loops import unrolled
from .peers import Function, Library


def _traced(tree: Any) -> Any:
    """Nested tuples as autograd's own, which it can differentiate."""
    return atuple([_traced(each) for each in tree]) if isinstance(tree, tuple) else tree


def value_and_grad(function: Function, argnums: Any = 0, has_aux: bool = False) -> Function:
    if not has_aux:
        return autograd.value_and_grad(function, argnums)

    def boxed(*arguments: Any) -> Any:
        value, aux = function(*arguments)
        return value, _traced((value, aux))

    def run(*arguments: Any) -> Any:
        gradient, aux = grad_and_aux(boxed, argnums)(*arguments)
        return aux, gradient

    return run


def hvp(function: Function) -> Function:
    def run(x: Any, v: Any, *rest: Any) -> Any:
        return autograd.hessian_vector_product(lambda p: function(p, *rest))(x, v)

    return run


def vjp(function: Function, *primals: Any) -> Any:
    pull, out = make_vjp(lambda packed: function(*packed), primals)
    return out, pull


def jacfwd(function: Function) -> Function:
    """Column by column, in forward mode."""

    def run(x: Any, *rest: Any) -> Any:
        push = autograd.make_jvp(lambda p: function(p, *rest))(x)
        return np.stack([push(column)[1] for column in np.eye(x.size, dtype=x.dtype)], axis=-1)

    return run


def libraries() -> list[Library]:
    return [
        Library(
            name="autograd",
            numpy=anp,
            grad=autograd.grad,
            value_and_grad=value_and_grad,
            hvp=hvp,
            vjp=vjp,
            jacfwd=jacfwd,
            scan=unrolled(anp.stack),
        )
    ]
