"""Each call that the suite makes, differentiated: what forward and reverse mode say of one linear map agrees."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from typing import Any

import mixad as mx
import numpy as np
from mixad.ir.errors import DerivativeError


def check(program: Callable[..., Sequence[Any]], arrays: Sequence[Any], outputs: Sequence[Any]) -> None:
    """``<w, Jv> = <Jᵀw, v>`` for random ``v`` and ``w``, where the numbers are finite; types and shapes always.

    ``program`` gives ``outputs`` for ``arrays``; it is differentiated by all floating-point ones among both.
    """
    places = [number for number, x in enumerate(arrays) if x.dtype.kind in "fc"]
    kept = [number for number, x in enumerate(outputs) if x.dtype.kind in "fc"]
    if not places or not kept:
        return

    def differentiable(*given: Any) -> list[Any]:
        whole = [mx.array_api.asarray(x) for x in arrays]
        for number, x in zip(places, given, strict=True):
            whole[number] = x
        results = program(*whole)
        return [results[number] for number in kept]

    at = [arrays[number] for number in places]
    v = [_random(x) for x in at]
    w = [_random(outputs[number]) for number in kept]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            pushed = mx.jvp(differentiable, tuple(at), tuple(v))[1]
            pulled = mx.vjp(differentiable, *at)[1](w)
        except np.linalg.LinAlgError:
            return  # the derivative solves equations that are singular here
        except DerivativeError as error:
            if "linalg.complement" in str(error):
                return  # the further columns of full factors have none
            raise
        for x, gradient in zip(at, pulled, strict=True):
            assert (gradient.shape, gradient.dtype) == (x.shape, x.dtype)
        forward, backward = _terms(w, pushed), _terms(pulled, v)
        scale = np.sum(np.abs(forward)) + np.sum(np.abs(backward))
        if np.isfinite(scale):
            difference = abs(np.sum(forward) - np.sum(backward))
            assert difference <= 1e-3 * scale, f"forward mode gives {np.sum(forward)}, reverse {np.sum(backward)}"


def _random(like: Any) -> Any:
    rng = np.random.default_rng(like.size)
    parts = [rng.normal(size=like.shape) for _ in ("real", "imaginary")]
    return np.asarray(parts[0] + 1j * parts[1] if like.dtype.kind == "c" else parts[0]).astype(like.dtype)


def _terms(first: Sequence[Any], second: Sequence[Any]) -> Any:
    """The real parts of all products."""
    return np.concatenate([np.real(np.ravel(x * y)).astype(np.float64) for x, y in zip(first, second, strict=True)])
