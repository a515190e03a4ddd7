"""grad, value_and_grad, jvp and vjp with MindSpore's signatures."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from ...ir import user_location
from ...ir.errors import DerivativeError
from .. import transforms, trees
from ..grad_operation import Inputs, chosen_parameters, differentiate
from ..parameters import Parameter, replaced
from ..selection import Function, name_of

Position = int | tuple[int, ...] | None


def grad(fn: Function, grad_position: Position = 0, weights: Any = None, has_aux: bool = False) -> Callable[..., Any]:
    """The gradient function of ``fn``, whose outputs are summed.

    ``grad_position``: one input's gradient bare for an int, a tuple for a tuple, none for None. ``weights``:
    Parameters, whose gradients follow as ``(inputs, weights)``, or stand alone where ``grad_position`` is None. With
    ``has_aux`` only the first of the outputs is differentiated, and the result is ``(gradients, others)``.

    Raises `DerivativeError` for a position without an array of floating-point numbers, and where there is nothing to
    differentiate by.
    """
    both = value_and_grad(fn, grad_position, weights, has_aux)

    def gradient(*args: Any, **kwargs: Any) -> Any:
        value, found = both(*args, **kwargs)
        return (found, value[1:]) if has_aux else found

    gradient.__name__ = f"grad_{name_of(fn)}"
    return gradient


def value_and_grad(
    fn: Function, grad_position: Position = 0, weights: Any = None, has_aux: bool = False
) -> Callable[..., Any]:
    """As `grad`, returning ``(outputs, gradients)``."""
    if grad_position is None and weights is None:
        raise DerivativeError(f"grad: grad_position and weights are both None, at {user_location(2)}; give one of them")

    def value_and_gradient(*args: Any, **kwargs: Any) -> Any:
        positions = _positions(grad_position, len(args))
        inputs = Inputs("grad", args, positions)
        if len(inputs.chosen) != len(positions):
            constant = next(each for each in positions if each not in {position for position, *_ in inputs.chosen})
            raise DerivativeError(
                f"grad: input {constant} is {args[constant]!r:.40} of type {type(args[constant]).__name__}, which is a "
                f"constant, at {user_location(2)}; give an array, as Tensor(3.0), or leave it out of grad_position"
            )
        parameters = chosen_parameters("grad", fn, weights) if weights is not None else ()
        value, by_input, by_list = differentiate("grad", fn, inputs, parameters, kwargs, has_aux=has_aux, keep=True)
        first: Any = by_input[0] if isinstance(grad_position, int) else by_input
        second: Any = by_list[0] if isinstance(weights, Parameter) else by_list
        if weights is None:
            return value, first
        return value, (second if grad_position is None else (first, second))

    value_and_gradient.__name__ = f"value_and_grad_{name_of(fn)}"
    return value_and_gradient


def _positions(grad_position: Position, count: int) -> Sequence[int]:
    chosen = (
        () if grad_position is None else (grad_position,) if isinstance(grad_position, int) else tuple(grad_position)
    )
    for position in chosen:
        if not 0 <= position < count:
            raise DerivativeError(
                f"grad: grad_position has {position} and {count} positional arguments are given, at {user_location(3)}"
            )
    return chosen


def jvp(fn: Function, inputs: Any, v: Any, has_aux: bool = False) -> Any:
    """Value and Jacobian-vector product of ``fn`` at ``inputs``, one or a tuple, in the direction ``v``, of its
    structure.

    Forward mode, where MindSpore runs reverse mode twice. With ``has_aux`` the result is ``(output, product, others)``.
    """
    primals = inputs if isinstance(inputs, tuple) else (inputs,)
    tangents = v if isinstance(v, tuple) else (v,)
    return transforms.jvp(_paired(fn) if has_aux else fn, primals, tangents, has_aux)


def vjp(fn: Function, *inputs: Any, weights: Any = None, has_aux: bool = False) -> Any:
    """Value and pullback of ``fn`` at ``inputs``: ``(output, pullback)``, or ``(output, pullback, others)`` with
    ``has_aux``.

    ``pullback(*v)`` takes one cotangent for each output and returns a tuple of the gradients of the inputs; with
    ``weights``, ``(inputs, weights)``.
    """
    parameters = () if weights is None else chosen_parameters("vjp", fn, weights)
    unique = list({id(each): each for each in parameters}.values())
    count = len(inputs)
    called = _paired(fn) if has_aux else fn

    def with_parameters(*values: Any) -> Any:
        with replaced(unique, [trees.flatten(each)[0][0] for each in values[count:]]):
            return called(*values[:count])

    with_parameters.__name__ = name_of(fn)
    out, pull, *others = transforms.vjp(with_parameters, *inputs, *unique, has_aux=has_aux)

    def pullback(*v: Any) -> Any:
        found = pull(v[0] if len(v) == 1 else v)
        if weights is None:
            return found
        by_parameter = dict(zip(map(id, unique), found[count:], strict=True))
        by_list = tuple([by_parameter[id(each)] for each in parameters])
        return found[:count], by_list[0] if isinstance(weights, Parameter) else by_list

    return (out, pullback, *others)


def _paired(fn: Function) -> Function:
    """``fn``, which returns ``(output, *others)``, with the others as one."""

    def paired(*args: Any) -> Any:
        result = fn(*args)
        if not isinstance(result, tuple) or not result:
            raise DerivativeError(f"@{name_of(fn)} with has_aux=True must return (output, other, ...)")
        return result[0], result[1:]

    paired.__name__ = name_of(fn)
    return paired
