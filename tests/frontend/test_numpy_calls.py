"""Every sample call of NumPy's and SciPy's functions: values and types are theirs, and first and second derivatives, in
every mixture of modes, those of finite differences of their own values and of the order below."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import mixad as mx
import numpy as np
import pytest
from mixad.frontend.samples import SAMPLES, Sample

from .calls import directions, inexact, leaves, quietly, real_function, reference, scales, slope, traced


def _number(sample: Sample) -> str:
    return f"{SAMPLES.index(sample)}-{sample.text}"


def test_no_call_is_there_twice_and_there_are_enough() -> None:
    assert len(SAMPLES) == len({sample.text for sample in SAMPLES}) >= 800


@pytest.mark.parametrize("sample", SAMPLES, ids=_number)
def test_values_and_types_are_those_of_numpy(sample: Sample) -> None:
    expected = leaves(quietly(reference(sample), *sample.arguments))
    found = leaves(mx.jit(traced(sample))(*sample.arguments))
    assert len(found) == len(expected)
    for mine, theirs in zip(found, expected, strict=True):
        if isinstance(theirs, np.dtype | type | bool):
            assert mine == theirs
            continue
        assert (np.shape(mine), np.asarray(mine).dtype) == (np.shape(theirs), np.asarray(theirs).dtype)
        single = mine.dtype in (np.float32, np.complex64)
        np.testing.assert_allclose(mine, theirs, rtol=2e-5 if single else 1e-11, atol=1e-5 if single else 1e-12)


#: The mixtures of second order: inner mode, then outer.
MODES = ("jj", "jr", "rj", "rr")


def _pushed(function: Callable[..., Any], along: list[Any]) -> Callable[..., Any]:
    return lambda *args: mx.jvp(function, args, tuple(along))[1]


def _pulled(function: Callable[..., Any], along: list[Any]) -> Callable[..., Any]:
    def derivative(*args: Any) -> Any:
        gradients = mx.grad(function, tuple(range(len(args))))(*args)
        return sum(np.sum(np.real(g * d)) for g, d in zip(gradients, along, strict=True))

    return derivative


def _along(mode: str, function: Callable[..., Any], along: list[Any]) -> Callable[..., Any]:
    return (_pushed if mode == "j" else _pulled)(function, along)


class Derivatives:
    """A sample as a real function of its inexact inputs, and two directions."""

    def __init__(self, sample: Sample) -> None:
        args = sample.arguments
        self.places = [i for i, x in enumerate(args) if _wide(x)]
        self.at = [args[i] for i in self.places]
        names = tuple(sample.inputs[i] for i in self.places)
        self.u, self.v = directions(self.at, names, 0.5), directions(self.at, names, 2.5)
        scale = scales(leaves(quietly(reference(sample), *args)))
        self.own, self.numpys = [
            self.fill(real_function(call, scale), args) for call in (traced(sample), reference(sample))
        ]

    def fill(self, function: Callable[..., Any], args: list[Any]) -> Callable[..., Any]:
        def filled(*chosen: Any) -> Any:
            given = list(args)
            for place, each in zip(self.places, chosen, strict=True):
                given[place] = each
            return function(*given)

        return filled

    def moved(self, along: list[Any], step: float) -> list[Any]:
        return [x + step * d for x, d in zip(self.at, along, strict=True)]


def _differentiable(sample: Sample) -> bool:
    """Whether a sample maps double precision to double precision, or inexact results of it there are."""
    results = [each for each in leaves(quietly(reference(sample), *sample.arguments)) if inexact(each)]
    return bool(results) and all(map(_wide, results)) and any(map(_wide, sample.arguments))


def _wide(x: Any) -> bool:
    return inexact(x) and x.dtype.char in "dD"


DIFFERENTIATED = [sample for sample in SAMPLES if _differentiable(sample)]


@pytest.mark.usefixtures("unwatched")
@pytest.mark.parametrize("sample", DIFFERENTIATED, ids=_number)
def test_first_and_second_derivatives_are_those_of_differences(sample: Sample) -> None:
    derivatives = Derivatives(sample)
    own, numpys = derivatives.own, derivatives.numpys
    expected = quietly(slope, lambda h: numpys(*derivatives.moved(derivatives.u, h)))
    modes = MODES[SAMPLES.index(sample) % len(MODES)]
    first = mx.jit(_along(modes[0], own, derivatives.u))
    np.testing.assert_allclose(first(*derivatives.at), expected, rtol=1e-7, atol=1e-8)
    expected = slope(lambda h: first(*derivatives.moved(derivatives.v, h)))
    second = _along(modes[1], _along(modes[0], own, derivatives.u), derivatives.v)
    np.testing.assert_allclose(second(*derivatives.at), expected, rtol=1e-7, atol=1e-8)
