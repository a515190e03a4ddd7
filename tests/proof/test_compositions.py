"""The table of compositions cannot lie: each element type that it claims gives NumPy's values and types, and first and
second derivatives that are those of the widest type; each that it denies is refused with an error of mixad's.

In the widest type derivatives are proved against differences: see tests/frontend/test_numpy_calls.py.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import Any

import mixad as mx
import numpy as np
import pytest
from mixad.frontend.catalog import compositions
from mixad.ir.errors import DerivativeError, MixadError
from mixad.ir.types import DTYPE_NAMES, INEXACT, bfloat16
from mixad.runtime.numpy import NUMPY
from mixad.tools.compositions import CompositionRow, arguments, composition_rows, first_samples

from ..frontend.calls import directions, leaves, quietly, real_function, reference, scales, slope, traced
from .programs import Runner, chain, tolerance

ROWS = composition_rows(NUMPY.name)

#: Complex results that are unique up to a phase, which NumPy leaves to LAPACK and mixad fixes (decision 22).
UP_TO_PHASE = ("np.linalg.eig", "np.linalg.eigh", "np.linalg.qr", "np.linalg.svd", "scipy.linalg.eigh")
UP_TO_PHASE += ("scipy.linalg.qr", "scipy.linalg.svd")
#: Results that NumPy makes real where the numbers happen to allow it (decision 22).
ALWAYS_COMPLEX = ("np.linalg.eig", "np.linalg.eigvals")
#: Where SciPy subtracts unsigned integers, which wrap around.
WRAPPING = ("scipy.special.softmax", "scipy.special.log_softmax")


def test_there_are_enough_rows_and_every_composition_has_one() -> None:
    assert [name for name in compositions() if name not in first_samples()] == []
    assert {row.name for row in ROWS} == set(compositions())
    assert len(ROWS) + len(NUMPY.support) >= 200


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_claimed_types_give_numpys_values_and_types(row: CompositionRow) -> None:
    for dtype in sorted(row.dtypes, key=str):
        args = arguments(row.sample, dtype)
        try:
            expected = [np.asarray(each) for each in leaves(quietly(reference(row.sample), *args))]
        except np.linalg.LinAlgError:
            with pytest.raises(np.linalg.LinAlgError):
                quietly(mx.jit(traced(row.sample)), *args)
            continue
        except TypeError:
            assert dtype == bfloat16, f"NumPy refuses {dtype}"
            continue
        if row.name in ("scipy.linalg.solve_sylvester", "scipy.linalg.polar") and dtype.kind == "b":
            continue  # singular, and SciPy says nothing
        if row.name in ("scipy.linalg.logm", "scipy.linalg.sqrtm") and expected[0].dtype.kind == "c" != dtype.kind:
            continue  # a real matrix whose function is not real is refused
        found = [np.asarray(each) for each in leaves(quietly(mx.jit(traced(row.sample)), *args))]
        if dtype != bfloat16 and not (row.name in WRAPPING and dtype.kind == "u"):
            _check_values(row, dtype, found, expected)


def _check_values(row: CompositionRow, dtype: Any, found: list[Any], expected: list[Any]) -> None:
    for mine, theirs in zip(found, expected, strict=True):
        assert mine.shape == theirs.shape
        if row.name in ALWAYS_COMPLEX:
            theirs = theirs.astype(mine.dtype)
        if row.name.startswith("scipy.linalg") and dtype.kind in "biu":
            assert mine.dtype in (theirs.dtype, np.float64)  # newer SciPys give float32 for small integers
        else:
            assert mine.dtype == theirs.dtype, dtype
        if row.name in UP_TO_PHASE:
            mine, theirs = np.abs(mine), np.abs(theirs)
        # SciPy computes some float64 results in the operands' own precision, and of small integers in float32.
        single = row.name.startswith("scipy") and dtype.kind in "biu"
        used = [theirs.dtype, np.dtype(np.float32) if single and theirs.dtype.kind == "f" else dtype]
        bound = 200 * max([tolerance(each) for each in used if each in INEXACT], default=0)
        size = np.max(np.abs(theirs[np.isfinite(theirs)]), initial=0) if bound else 0
        np.testing.assert_allclose(mine, theirs, rtol=bound, atol=bound * size, err_msg=str(dtype))


@pytest.mark.parametrize("row", [row for row in ROWS if len(row.dtypes) < len(DTYPE_NAMES)], ids=lambda row: row.name)
def test_denied_types_are_refused(row: CompositionRow) -> None:
    for dtype in set(DTYPE_NAMES) - row.dtypes:
        with pytest.raises((MixadError, np.linalg.LinAlgError)):
            quietly(mx.jit(traced(row.sample)), *arguments(row.sample, dtype))


# --- derivatives in every element type -------------------------------------------------------------

CELLS = [
    pytest.param(row, dtype, id=f"{row.name}-{DTYPE_NAMES[dtype]}")
    for row in ROWS
    for dtype in sorted(row.dtypes & INEXACT, key=str)
    if row.order and dtype != np.float64  # in which other tests prove them
]


class Derivatives:
    """A row's first and second derivative along two directions, in one program for each element type."""

    def __init__(self, row: CompositionRow, wide: Any) -> None:
        args = arguments(row.sample, np.dtype(wide))
        self.places = [i for i, x in enumerate(args) if x.dtype.kind in "fc"]
        self.args = args
        names = tuple(row.sample.inputs[i] for i in self.places)
        self.u, self.v = [directions([args[i] for i in self.places], names, phase) for phase in (0.5, 2.5)]
        scale = scales(leaves(quietly(reference(row.sample), *args)))
        own = real_function(traced(row.sample), scale)
        numpys = mx.jit(own) if row.name in UP_TO_PHASE else real_function(reference(row.sample), scale)
        self.own = lambda *chosen: own(*self.filled(chosen))
        self.numpys = lambda *chosen: numpys(*self.filled(chosen))
        self.compiled = mx.jit(self.both)

    def filled(self, chosen: Sequence[Any]) -> list[Any]:
        given = list(self.args)
        for place, each in zip(self.places, chosen, strict=True):
            given[place] = each
        return given

    def first(self, *at: Any) -> Any:
        found = mx.grad(self.own, tuple(range(len(at))))(*at)
        return sum(np.sum(np.real(g * d.astype(g.dtype))) for g, d in zip(found, self.u, strict=True))

    def both(self, *at: Any) -> Any:
        return mx.jvp(self.first, at, tuple(d.astype(x.dtype) for x, d in zip(at, self.v, strict=True)))

    def at(self, dtype: Any) -> list[Any]:
        return [self.args[place].astype(dtype) for place in self.places]


@functools.cache
def _of(name: str, wide: Any) -> Derivatives:
    return Derivatives(next(row for row in ROWS if row.name == name), wide)


#: Relative errors of second derivatives: rounding in the element type, through all operations.
BOUNDS = {"float16": 0.06, "bfloat16": 0.2, "float32": 1e-4, "complex64": 1e-4}


@pytest.mark.slow
@pytest.mark.usefixtures("unwatched")
@pytest.mark.parametrize(("row", "dtype"), CELLS)
def test_derivatives_of_both_orders(row: CompositionRow, dtype: Any) -> None:
    """In the widest type those of differences, in others those of the widest."""
    wide = np.complex128 if dtype.kind == "c" else np.float64
    derivatives = _of(row.name, wide)
    at = derivatives.at(dtype)
    found = quietly(derivatives.compiled, *at)
    if dtype != wide:
        expected = quietly(derivatives.compiled, *[x.astype(wide) for x in at])
        bound = BOUNDS[dtype.name]
    else:
        moved = lambda f, along: quietly(slope, lambda h: f(*[x + h * d for x, d in zip(at, along, strict=True)]))  # noqa: E731
        expected = (
            moved(derivatives.numpys, derivatives.u),
            moved(lambda *x: derivatives.compiled(*x)[0], derivatives.v),
        )
        bound = 2e-7
    for mine, theirs in zip(found, expected, strict=True):
        np.testing.assert_allclose(mine.astype(float), theirs, rtol=bound, atol=bound * max(0.1, abs(float(theirs))))


@pytest.mark.parametrize("row", [row for row in ROWS if row.refused], ids=lambda row: row.name)
def test_operands_without_a_rule_are_refused_by_name(row: CompositionRow) -> None:
    graph = mx.make_graph(traced(row.sample))(*row.sample.arguments).entry
    with pytest.raises(DerivativeError, match=f"no derivative rule for its operand '{row.refused[0]}'"):
        Runner(chain(graph, "r"))
