"""PyTorch, eager and by torch.compile.

Both see `NAMESPACE`, torch's functions under NumPy's names. Eager code differentiates with `torch.autograd.grad`, which
has the least overhead; compiled code with `torch.func`, so that function and derivative are compiled as one graph.
"""

from __future__ import annotations

import types
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from torch.utils._pytree import tree_flatten, tree_map, tree_unflatten

from .loops import unrolled
from .peers import Function, Library, forward_over_reverse, gradient_of, reverse_over_reverse
from .threads import THREADS

torch.set_num_threads(THREADS)

#: torch's functions already take ``axis`` and ``keepdims``; these go by another name, or return more than the values.
NAMESPACE = types.ModuleType("torch_as_numpy")
NAMESPACE.__dict__.update(
    {name: member for name, member in vars(torch).items() if not name.startswith("_")},
    max=torch.amax,
    min=torch.amin,
    transpose=torch.permute,
    array=torch.tensor,
)


def array(tree: Any) -> Any:
    return tree_map(lambda x: torch.tensor(x) if isinstance(x, np.ndarray | np.generic) else x, tree)


class _Nesting:
    """How many derivatives are being taken around this one; an inner one keeps its graph for those outside."""

    depth = 0


def _split(function: Function, arguments: Any, argnums: Any) -> tuple[list[Any], Function]:
    """Fresh variables for the leaves that are differentiated, and the function of them."""
    several = isinstance(argnums, tuple)
    chosen = argnums if several else (argnums,)
    leaves, structure = tree_flatten([arguments[number] for number in chosen])
    fresh = [x.view_as(x) if x.requires_grad else x.detach().requires_grad_() for x in leaves]
    full = list(arguments)
    for number, part in zip(chosen, tree_unflatten(fresh, structure), strict=True):
        full[number] = part

    def restore(found: Any) -> Any:
        parts = tree_unflatten(list(found), structure)
        return tuple(parts) if several else parts[0]

    return fresh, (lambda: function(*full)), restore


def value_and_grad(function: Function, argnums: Any = 0, has_aux: bool = False) -> Function:
    def run(*arguments: Any) -> Any:
        _Nesting.depth += 1
        try:
            variables, forward, restore = _split(function, arguments, argnums)
            result = forward()
            value = result[0] if has_aux else result
            keep = _Nesting.depth > 1
            found = torch.autograd.grad(value, variables, create_graph=keep, materialize_grads=True)
        finally:
            _Nesting.depth -= 1
        return result, restore(found)

    return run


grad = gradient_of(value_and_grad)


def vjp(function: Function, *primals: Any) -> Any:
    variables, forward, restore = _split(function, primals, tuple(range(len(primals))))
    out = forward()
    return out, lambda seed: restore(torch.autograd.grad(out, variables, seed, retain_graph=True))


def _value_and_grad(function: Function, argnums: Any = 0, has_aux: bool = False) -> Function:
    both = torch.func.grad_and_value(function, argnums, has_aux)

    def run(*arguments: Any) -> Any:
        gradient, value = both(*arguments)
        return value, gradient

    return run


def compiled(function: Function) -> Function:
    return torch.compile(function, fullgraph=True, dynamic=False)


def reset() -> None:
    torch._dynamo.reset()


def libraries() -> list[Library]:
    shared = {"numpy": NAMESPACE, "array": array}
    eager = Library(
        name="PyTorch",
        grad=grad,
        value_and_grad=value_and_grad,
        hvp=reverse_over_reverse(torch, grad),
        vjp=vjp,
        jacfwd=torch.func.jacfwd,
        scan=unrolled(torch.stack),
        **shared,
    )
    whole = Library(
        name="torch.compile",
        grad=torch.func.grad,
        value_and_grad=_value_and_grad,
        hvp=forward_over_reverse(torch.func.jvp, torch.func.grad),
        vjp=torch.func.vjp,
        jacfwd=torch.func.jacfwd,
        scan=unrolled(torch.stack),
        jit=compiled,
        forget=reset,
        stepwise=replace(eager, name="torch.compile", scan=unrolled(torch.stack, compiled)),
        **shared,
    )
    return [eager, whole]
