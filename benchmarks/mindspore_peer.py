"""MindSpore, in its PyNative mode, through `mindspore.numpy`.

Its graph mode reads the source of what it compiles and was not tried on these programs; capturing them
from bytecode (`mindspore.jit(capture_mode="bytecode")`) ended the whole process in MindSpore 2.10.
"""

from __future__ import annotations

import contextlib
from typing import Any

import mindspore
import mindspore.numpy as mnp
import numpy as np
from optree import tree_flatten, tree_map, tree_unflatten

from .loops import unrolled
from .peers import Function, Library, gradient_of, reverse_over_reverse
from .threads import THREADS

mindspore.device_context.cpu.op_tuning.threads_num(THREADS)
# Beside NumPy 2, MindSpore 2.10's first product fails in a module made for NumPy 1; those behind it do not.
with contextlib.suppress(SystemError):
    mindspore.Tensor(1.0) * mindspore.Tensor(1.0)


def array(tree: Any) -> Any:
    return tree_map(lambda x: mindspore.Tensor(np.asarray(x)), tree)


def value_and_grad(function: Function, argnums: Any = 0, has_aux: bool = False) -> Function:
    """MindSpore differentiates tensors, not what holds them: the arguments' leaves are given one by one."""

    def run(*arguments: Any) -> Any:
        several = isinstance(argnums, tuple)
        chosen = argnums if several else (argnums,)
        leaves, structure = tree_flatten([arguments[number] for number in chosen])

        def flat(*given: Any) -> Any:
            full = list(arguments)
            for number, part in zip(chosen, tree_unflatten(structure, given), strict=True):
                full[number] = part
            return function(*full)

        places = tuple(range(len(leaves)))
        found = mindspore.value_and_grad(flat, places, None, has_aux)(*leaves)
        gradients = found[1] if isinstance(found[1], tuple) else (found[1],)
        parts = tree_unflatten(structure, gradients)
        return found[0], tuple(parts) if several else parts[0]

    return run


grad = gradient_of(value_and_grad)


def ready(result: Any) -> Any:
    mindspore.runtime.synchronize()
    return result


def libraries() -> list[Library]:
    return [
        Library(
            name="MindSpore",
            numpy=mnp,
            grad=grad,
            value_and_grad=value_and_grad,
            hvp=reverse_over_reverse(mnp, grad),
            vjp=mindspore.vjp,
            jacfwd=mindspore.jacfwd,
            scan=unrolled(mnp.stack),
            array=array,
            ready=ready,
        )
    ]
