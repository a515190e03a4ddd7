"""grad, value_and_grad, vjp, jvp, linearize, Jacobians and Hessians of Python functions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..ir import user_location
from ..ir.errors import DerivativeError, NonScalarOutputError
from . import requests, trees
from .array import TracedArray
from .linear_maps import linear_map
from .requests import Recorded, record
from .seeds import seed_leaves, seed_value
from .selection import Function, Selection, derived, name_of
from .tracing import Trace


def grad(fun: Function, argnums: int | Sequence[int] = 0, has_aux: bool = False) -> Function:
    """The gradient of a function whose output is one real number.

    ``grad(fun)(*args, **kwargs)`` takes the arguments of ``fun`` and returns the derivative with respect to
    positional argument ``argnums``, in that argument's structure, shapes and dtypes; a tuple for several argnums. With
    ``has_aux``, ``fun`` returns ``(output, aux)`` and the result is ``(gradient, aux)``.

    Raises `DerivativeError` for an argument that is not floating point, `NonScalarOutputError` for an output
    of more than one number.
    """

    @derived(fun, "grad")
    def gradient(*args: Any, **kwargs: Any) -> Any:
        aux, _, found = _gradient(fun, argnums, has_aux, False, args, kwargs)
        return (found, aux) if has_aux else found

    return gradient


def value_and_grad(fun: Function, argnums: int | Sequence[int] = 0, has_aux: bool = False) -> Function:
    """As `grad`, returning ``(value, gradient)``, or ``((value, aux), gradient)`` with ``has_aux``."""

    @derived(fun, "value_and_grad")
    def value_and_gradient(*args: Any, **kwargs: Any) -> Any:
        aux, value, found = _gradient(fun, argnums, has_aux, True, args, kwargs)
        return ((value, aux), found) if has_aux else (value, found)

    return value_and_gradient


def _gradient(
    fun: Function, argnums: int | Sequence[int], has_aux: bool, with_value: bool, args: Any, kwargs: Any
) -> tuple[Any, Any, Any]:
    """Auxiliary results, value (None where it is not wanted, so that nothing computes it), gradient."""
    chosen = Selection("grad", argnums, args)

    def body(trace: Trace, *leaves: TracedArray) -> Any:
        recorded = record(
            lambda *inner: chosen.call(fun, inner, kwargs), name_of(fun), leaves, trace, has_aux, chosen.names(fun)
        )
        _check_scalar(recorded)
        outputs, gradients = requests.vjp(trace, recorded, range(len(leaves)), None)
        aux = trees.unflatten(recorded.aux_structure, outputs[1:]) if has_aux else None
        value = trees.unflatten(recorded.structure, outputs[:1]) if with_value else None
        return aux, value, list(gradients)

    called = f"{'value_and_' * with_value}grad_{name_of(fun)}"
    aux, value, gradients = requests.run(body, chosen.leaves, called, chosen.names(fun))
    return aux, value, chosen.result(gradients)


def _check_scalar(recorded: Recorded) -> None:
    types = recorded.outputs[: recorded.count]
    if len(types) != 1:
        raise NonScalarOutputError(
            f"grad: @{recorded.name} returns {len(types)} arrays and 1 number is needed, at {user_location(2)}; return "
            "their sum, use has_aux for the others, or use vjp or jacrev"
        )
    (type,) = types
    if type.shape:
        raise NonScalarOutputError(
            f"grad: @{recorded.name} returns an array of shape {type.shape} and a number, of shape (), is needed, at "
            f"{user_location(2)}; return its sum, or use vjp or jacrev"
        )
    if type.dtype.kind not in "fV":
        what = "use vjp, or differentiate its real part" if type.dtype.kind == "c" else "it has no derivative"
        raise DerivativeError(f"grad: @{recorded.name} returns a {type.dtype}, at {user_location(2)}: {what}")


def jvp(fun: Function, primals: Sequence[Any], tangents: Sequence[Any], has_aux: bool = False) -> Any:
    """Value and Jacobian-vector product (forward mode): ``(out, tangent of out)``.

    ``tangents`` has the structure, shapes and dtypes of ``primals``, the function's positional arguments. The
    tangent of an integer output is zeros. With ``has_aux`` the result is ``(out, tangent, aux)``.
    """
    out, tangent, aux = _push(fun, primals, tangents, has_aux, True)
    return (out, tangent, aux) if has_aux else (out, tangent)


def _push(
    fun: Function, primals: Sequence[Any], tangents: Sequence[Any], has_aux: bool, with_value: bool
) -> tuple[Any, Any, Any]:
    """Output (None where it is not wanted, so that nothing computes it), its tangent, auxiliary results."""
    chosen = Selection("jvp", range(len(primals)), tuple(primals))
    seeds = seed_leaves("jvp", list(tangents), trees.flatten(list(primals))[1])
    count = len(chosen.leaves)

    def body(trace: Trace, *leaves: TracedArray) -> Any:
        recorded = record(
            lambda *inner: chosen.call(fun, inner, {}),
            name_of(fun),
            leaves[:count],
            trace,
            has_aux,
            chosen.names(fun),
        )
        values = [
            seed_value(trace, seed, primal._value.type, "jvp", f"tangent {i}")
            for i, (seed, primal) in enumerate(zip(leaves[count:], leaves, strict=False))
        ]
        outputs, pushed = requests.jvp(trace, recorded, range(count), values)
        by_output = dict(zip(recorded.differentiable, pushed, strict=True))
        found = [by_output.get(i, requests.zeros_of(recorded.outputs[i])) for i in range(recorded.count)]
        out = trees.unflatten(recorded.structure, outputs[: recorded.count]) if with_value else None
        aux = trees.unflatten(recorded.aux_structure, outputs[recorded.count :])
        return out, trees.unflatten(recorded.structure, found), aux

    names = chosen.names(fun)
    return requests.run(  # type: ignore[no-any-return]
        body,
        [*chosen.leaves, *seeds],
        f"jvp_{name_of(fun)}",
        [*names, *(f"{name}_t" if name else "" for name in names)],
    )


def vjp(fun: Function, *primals: Any, has_aux: bool = False) -> Any:
    """Value and pullback (reverse mode): ``(out, pullback)``, or ``(out, pullback, aux)`` with ``has_aux``.

    ``pullback(cotangent)`` takes a cotangent of the structure, shapes and dtypes of ``out``, and returns a tuple of the
    gradients of ``primals``. The function runs once, the pullback any number of times.
    """
    return linear_map("vjp", fun, primals, has_aux)


def linearize(fun: Function, *primals: Any, has_aux: bool = False) -> Any:
    """Value and pushforward (forward mode): ``(out, pushforward)``, or ``(out, pushforward, aux)``.

    ``pushforward(*tangents)`` is the function's linear map at ``primals``. The function runs once, the
    pushforward any number of times.
    """
    return linear_map("linearize", fun, primals, has_aux)


def linear_transpose(fun: Function, *primals: Any) -> Function:
    """The transpose of a linear function: ``linear_transpose(fun, *primals)(cotangent)`` is a tuple, one for each of
    ``primals``, of which only structure, shapes and dtypes matter."""
    pull: Function = linear_map("vjp", fun, primals, False)[1]
    return pull


def hvp(fun: Function, argnums: int = 0) -> Function:
    """Hessian-vector products of a function whose output is one number, forward over reverse.

    ``hvp(fun)(x, v, *args)`` is the Hessian of ``fun(x, *args)`` with respect to ``x`` times ``v``, which has the
    structure of ``x``. SciPy's minimizers take it as ``hessp``. With ``argnums``, ``v`` follows that argument.
    """

    @derived(fun, "hvp")
    def product(*args: Any, **kwargs: Any) -> Any:
        if len(args) < argnums + 2:
            raise DerivativeError(
                f"hvp: {len(args)} positional arguments are given and at least {argnums + 2} are needed, the vector "
                f"behind argument {argnums}, at {user_location(2)}"
            )
        rest = list(args)
        v = rest.pop(argnums + 1)
        x = rest[argnums]

        @derived(fun, "grad")
        def gradient(point: Any) -> Any:
            return grad(fun, argnums)(*rest[:argnums], point, *rest[argnums + 1 :], **kwargs)

        return _push(gradient, (x,), (v,), False, False)[1]

    return product
