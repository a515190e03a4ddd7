"""GradOperation: gradients of inputs and parameters, at seeds of the user's, in MindSpore's conventions."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Sequence
from typing import Any, Final

import numpy as np
import optree

from ..ir import TensorType, Value, user_location
from ..ir.errors import DerivativeError
from ..ir.types import INEXACT
from . import requests, trees
from .array import TracedArray
from .holders import Holder
from .lifting import as_value, dtype_key, shape_of
from .parameters import Parameter, check_parameters, replaced
from .selection import Function, name_of
from .tracing import Trace

_ARRAYS = (TracedArray, np.ndarray, np.generic)
#: No seed: ones for every output.
ONES: Final = object()


class Inputs:
    """The arguments of a call, those at ``positions`` differentiated: their arrays, flat.

    Numbers, None, strings and other objects are constants. Raises `DerivativeError` for arrays that are not
    floating point or complex.
    """

    def __init__(self, what: str, args: Sequence[Any], positions: Iterable[int]) -> None:
        self.args = list(args)
        self.leaves: list[Any] = []
        #: Position, structure, leaves, and which of those are arrays, of each argument that has any.
        self.chosen: list[tuple[int, Any, list[Any], list[int]]] = []
        for position in positions:
            leaves, structure = trees.flatten(args[position])
            arrays = [index for index, leaf in enumerate(leaves) if isinstance(leaf, _ARRAYS)]
            for index in arrays:
                _check_dtype(what, f"input {position}", leaves[index])
            if arrays:
                self.chosen.append((position, structure, leaves, arrays))
                self.leaves += [leaves[index] for index in arrays]

    def filled(self, values: Iterable[Any]) -> list[Any]:
        """The arguments with ``values`` for the arrays."""
        args = list(self.args)
        rest = iter(values)
        for position, structure, leaves, arrays in self.chosen:
            own = list(leaves)
            for index in arrays:
                own[index] = next(rest)
            args[position] = trees.unflatten(structure, own)
        return args

    def gradients(self, values: Iterable[Any]) -> tuple[Any, ...]:
        """``values`` in the structures of the differentiated arguments; None in a constant's place."""
        rest = iter(values)
        found = []
        for _, structure, leaves, arrays in self.chosen:
            own = [None] * len(leaves)
            for index in arrays:
                own[index] = next(rest)
            found.append(trees.unflatten(structure, own))
        return tuple(found)


def _check_dtype(what: str, place: str, array: Any) -> None:
    if array.dtype not in INEXACT:
        raise DerivativeError(
            f"{what}: {place} is an array of {array.dtype}, which has no derivative, at {user_location(2)}; cast it to "
            "a floating-point type, or leave it out of the differentiated inputs"
        )


class Outputs:
    """What a function returned while it was recorded: which arrays are differentiated, and all the rest."""

    def __init__(self, what: str, name: str, has_aux: bool, keep: bool) -> None:
        self.what = what
        self.name = name
        self.has_aux = has_aux
        self.keep = keep

    def take(self, result: Any) -> tuple[list[Any], list[Any]]:
        """The arrays that are differentiated, and the others, where values are to be kept."""
        self.result = result
        self.leaves, self.structure = trees.flatten(result)
        count = len(self.leaves)
        if self.has_aux:
            if not isinstance(result, tuple) or not result:
                raise DerivativeError(f"{self.what}: @{self.name} with has_aux=True must return (output, aux, ...)")
            count = len(trees.flatten(result[0])[0])
        arrays = [index for index, leaf in enumerate(self.leaves) if isinstance(leaf, _ARRAYS)]
        if not any(index < count for index in arrays):
            raise DerivativeError(
                f"{self.what}: @{self.name} returns {result!r:.60} of type {type(result).__name__}, which holds no "
                f"array, at {user_location(2)}; a function to differentiate returns arrays"
            )
        self.main = [index for index in arrays if index < count and self.leaves[index].dtype in INEXACT]
        self.others = [index for index in arrays if index not in self.main] if self.keep else []
        return [self.leaves[index] for index in self.main], [self.leaves[index] for index in self.others]

    def filled(self, values: Sequence[Any]) -> Any:
        """The function's result, with the arrays that the program computed."""
        leaves = list(self.leaves)
        for index, value in zip((*self.main, *self.others), values, strict=True):
            leaves[index] = value
        return trees.unflatten(self.structure, leaves)

    def seeds(self, sens: Any, trace: Trace, types: Sequence[TensorType]) -> list[Value]:
        """The cotangents that ``sens`` gives, which mirrors the output's structure, shapes and dtypes."""
        output = self.result[0] if self.has_aux else self.result
        leaves, structure = trees.flatten(_without_holders(sens))
        if structure == trees.flatten(_without_holders(output))[1]:
            seeds = [leaves[index] for index in self.main]
            if all(_fits(seed, type) for seed, type in zip(seeds, types, strict=True)):
                return [as_value(seed, type.dtype, trace) for seed, type in zip(seeds, types, strict=True)]
        raise DerivativeError(
            f"{self.what}: sens is {_describe(sens)} and the output of @{self.name} is {_describe(output)}, at "
            f"{user_location(2)}; sens mirrors the output's structure, shapes and dtypes"
        )


def _fits(seed: Any, type: TensorType) -> bool:
    if not requests.is_array(seed) or isinstance(seed, bool):
        return False
    key = dtype_key(seed)
    weak = not isinstance(key, np.dtype) and key is not complex
    return shape_of(seed) == type.shape and (weak or key == type.dtype)


def _without_holders(tree: Any) -> Any:
    return optree.tree_map(
        lambda leaf: leaf._data if isinstance(leaf, Holder) else leaf,
        tree,
        is_leaf=lambda each: isinstance(each, Holder),
        namespace=trees.NAMESPACE,
    )


class _Shown(str):
    __slots__ = ()
    __repr__ = str.__str__


def _describe(tree: Any) -> str:
    """A tree with the shape and dtype of each array, as ``(float32(2, 3), int)``."""
    leaves, structure = trees.flatten(_without_holders(tree))
    shown = [f"{x.dtype}{x.shape}" if isinstance(x, _ARRAYS) else type(x).__name__ for x in leaves]
    return repr(trees.unflatten(structure, map(_Shown, shown)))


def differentiate(
    what: str,
    function: Function,
    inputs: Inputs,
    parameters: Sequence[Parameter] = (),
    kwargs: dict[str, Any] | None = None,
    sens: Any = ONES,
    has_aux: bool = False,
    keep: bool = False,
) -> tuple[Any, tuple[Any, ...], tuple[Any, ...]]:
    """The function's result where it is to be kept, the gradients of the inputs, those of the parameters.

    Outputs that are no floating-point or complex arrays contribute nothing; with ``has_aux``, nor do those after the
    first.
    """
    unique = list({id(each): each for each in parameters}.values())
    for each in unique:
        _check_dtype(what, f"parameter {each.name!r}", each._data)
    count = len(inputs.leaves)
    outputs = Outputs(what, name_of(function), has_aux, keep)

    def body(trace: Trace, *leaves: TracedArray) -> Any:
        def inner(*values: Any) -> Any:
            with replaced(unique, values[count:]):
                return outputs.take(_call(what, function, inputs.filled(values[:count]), kwargs or {}))

        recorded = requests.record(inner, outputs.name, leaves, trace, has_aux=True)
        types = recorded.outputs[: recorded.count]
        cotangents = None if sens is ONES else outputs.seeds(sens, trace, types)
        if not leaves:
            return requests.call(trace, recorded), []
        found, gradients = requests.vjp(trace, recorded, range(len(leaves)), cotangents)
        return found if keep else [], gradients

    found, gradients = requests.run(body, [*inputs.leaves, *(each._data for each in unique)])
    by_parameter = {id(each): each._result(found) for each, found in zip(unique, gradients[count:], strict=True)}
    value = outputs.filled(found) if keep else None
    return value, inputs.gradients(gradients[:count]), tuple([by_parameter[id(each)] for each in parameters])


def _call(what: str, function: Function, args: Sequence[Any], kwargs: dict[str, Any]) -> Any:
    """Call; `DerivativeError` where the arguments do not fit the function's signature."""
    try:
        return function(*args, **kwargs)
    except TypeError:
        try:
            signature = inspect.signature(getattr(function, "construct", function))
        except (TypeError, ValueError):
            signature = inspect.Signature([inspect.Parameter("args", inspect.Parameter.VAR_POSITIONAL)])
        try:
            signature.bind(*args, **kwargs)
        except TypeError as problem:
            raise DerivativeError(
                f"{what}: {name_of(function)}{signature} is called with {len(args)} positional arguments: {problem}, "
                f"at {user_location(2)}; a sens, beyond the function's own arguments, is given if and only if "
                "sens_param=True"
            ) from None
        raise


def chosen_parameters(what: str, function: Function, weights: Any) -> tuple[Parameter, ...]:
    """The parameters to differentiate by: those given, or all of a Cell that train."""
    if isinstance(weights, Parameter):
        return (weights,)
    if weights is not None:
        return check_parameters(what, weights)
    trainable = getattr(function, "trainable_params", None)
    if trainable is None:
        raise DerivativeError(
            f"{what}: get_by_list needs the parameters of {name_of(function)}, at {user_location(2)}; only a Cell's "
            "are found without being given: pass them as the second argument"
        )
    return tuple(trainable())


class GradOperation:
    """Makes gradient functions: ``GradOperation(...)(function, weights)(*inputs)``.

    By default the gradient of the first input, bare. ``get_all``: a tuple over the inputs. ``get_by_list``: a tuple
    over the parameters ``weights``, in their order (bare for one bare `Parameter`; without ``weights``, over a Cell's
    ``trainable_params()``). Both: ``(inputs, parameters)``. A gradient has the structure, shapes and dtypes of what
    it is the gradient of. Numbers, None and strings among the inputs are constants, left out of ``get_all``.

    Without ``sens_param`` all the outputs are summed: their cotangents are ones. With it the last positional argument,
    or ``sens=``, is the cotangent, of the output's structure, shapes and dtypes. Outputs that are not floating point
    contribute nothing. Gradient functions nest, to any order.

    Raises `DerivativeError`, a TypeError, for a first input that is no array, for inputs of integers, for a sens that
    is missing, not asked for, or does not mirror the output.
    """

    def __init__(self, get_all: bool = False, get_by_list: bool = False, sens_param: bool = False) -> None:
        for name, flag in (("get_all", get_all), ("get_by_list", get_by_list), ("sens_param", sens_param)):
            if not isinstance(flag, bool):
                raise DerivativeError(
                    f"GradOperation: {name} is {flag!r:.40}, and True or False is needed, at {user_location(2)}"
                )
        self.get_all = get_all
        self.get_by_list = get_by_list
        self.sens_param = sens_param

    def __call__(self, fn: Function, weights: Any = None) -> Callable[..., Any]:
        """The gradient function of ``fn``; ``weights`` are the parameters for ``get_by_list``, ignored without it."""
        if not callable(fn):
            raise DerivativeError(
                f"GradOperation: {fn!r:.40} is a {type(fn).__name__}, not a function, at {user_location(2)}"
            )

        def gradient(*args: Any, **kwargs: Any) -> Any:
            args, sens = self._split_sens(args, kwargs)
            if self.get_all:
                positions: Sequence[int] = range(len(args))
            else:
                positions = () if self.get_by_list else (0,)
            if positions == (0,):
                _check_first(args)
            inputs = Inputs("GradOperation", args, positions)
            parameters = chosen_parameters("GradOperation", fn, weights) if self.get_by_list else ()
            _, by_input, by_parameter = differentiate("GradOperation", fn, inputs, parameters, kwargs, sens)
            by_list = by_parameter[0] if isinstance(weights, Parameter) and self.get_by_list else by_parameter
            if self.get_all:
                return (by_input, by_list) if self.get_by_list else by_input
            return by_list if self.get_by_list else by_input[0]

        gradient.__name__ = f"grad_{name_of(fn)}"
        return gradient

    def _split_sens(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[tuple[Any, ...], Any]:
        """The function's own arguments, and the seed. Takes ``sens`` out of ``kwargs``."""
        if not self.sens_param:
            if "sens" in kwargs:
                raise DerivativeError(
                    f"GradOperation: sens= is given and sens_param is False, at {user_location(2)}; set it to True"
                )
            return args, ONES
        if "sens" in kwargs:
            return args, kwargs.pop("sens")
        if not args:
            raise DerivativeError(
                f"GradOperation: sens_param is True and no sens is given, at {user_location(2)}; give it as the last "
                "argument"
            )
        return args[:-1], args[-1]


def _check_first(args: Sequence[Any]) -> None:
    if not args:
        raise DerivativeError(
            f"GradOperation: there is no input to differentiate, at {user_location(3)}; 1 is needed before any sens"
        )
    if not any(isinstance(leaf, _ARRAYS) for leaf in trees.flatten(args[0])[0]):
        raise DerivativeError(
            f"GradOperation: the first input is {args[0]!r:.40} of type {type(args[0]).__name__}, which is a constant, "
            f"at {user_location(3)}; give an array, as np.array(3.0), or use get_all=True for the arrays among the "
            "inputs"
        )
