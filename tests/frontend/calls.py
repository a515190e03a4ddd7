"""Sample calls in NumPy and SciPy themselves and traced, and as real functions of what has a derivative."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import mixad.scipy
import numpy as np
import scipy
import scipy.linalg
import scipy.special
from mixad.frontend.samples import Sample


def leaves(found: Any) -> list[Any]:
    """The arrays of a result: one, or those of nested lists and tuples."""
    return [each for part in found for each in leaves(part)] if isinstance(found, list | tuple) else [found]


def reference(sample: Sample) -> Callable[..., Any]:
    """The call in NumPy and SciPy themselves."""
    return sample.function(np=np, scipy=scipy)


def traced(sample: Sample) -> Callable[..., Any]:
    """The call as it is traced."""
    return sample.function(np=np, scipy=mixad.scipy)


def inexact(found: Any) -> bool:
    """Whether an array has derivatives: of floating-point or complex numbers."""
    return not isinstance(found, type) and np.dtype(getattr(found, "dtype", type(found))).kind in "fcV"


def scales(values: list[Any]) -> list[float]:
    """A number for each result that brings it to about 1."""
    return [float(max(1.0, np.max(np.abs(each[np.isfinite(each)]), initial=0.0))) for each in map(np.asarray, values)]


def real_function(function: Callable[..., Any], scale: list[float]) -> Callable[..., Any]:
    """A real function with derivatives of every order, also of a call that is linear: the sine of each part of each
    inexact result, brought to about 1, times a weight, added up. What is no number is left out."""

    def total(*args: Any) -> Any:
        result: Any = 0.0
        for each, size in zip(leaves(function(*args)), scale, strict=True):
            if isinstance(each, np.ndarray) and each.dtype.kind == "O":  # np.array of a list of traced numbers
                each = np.stack(list(each.flat)).reshape(each.shape)
            if not inexact(each):
                continue
            weight = np.cos(np.arange(each.size) + 1.0).reshape(each.shape)
            for part in [np.real(each), np.imag(each)] if each.dtype.kind == "c" else [each]:
                finite = np.where(np.isfinite(part), part, 0.0)
                result = result + np.sum(weight * np.sin(finite / size + 0.3))
        return result

    return total


def directions(args: list[Any], names: tuple[str, ...], phase: float) -> list[Any]:
    """A direction for each argument; Hermitian where the argument is."""
    found = []
    for arg, name in zip(args, names, strict=True):
        direction = np.sin(np.arange(arg.size) + phase).reshape(arg.shape)
        direction = direction * (1 + 0.5j) if arg.dtype.kind == "c" else direction
        found.append(direction + direction.conj().T if name == "s" else direction)
    return found


def quietly(function: Callable[..., Any], *args: Any) -> Any:
    """The function's result; NumPy's warnings are not what is tested."""
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        return function(*args)


def slope(function: Callable[[float], Any], h: float = 1e-4) -> Any:
    """The derivative at 0 of a function of a number, by differences extrapolated twice (Romberg): an error of h**6."""
    one, two, four = [(function(k * h) - function(-k * h)) / (2 * k * h) for k in (1, 2, 4)]
    return (16 * (4 * one - two) - (4 * two - four)) / 45
