"""NumPy's and SciPy's functions on the Triton backend, in Triton's interpreter: those that its table claims give the
NumPy backend's numbers and types, those that it denies are an error that names what has no kernel.

With a GPU, ``make test-gpu`` runs the same on it.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Iterable
from typing import Any

import mixad as mx
import numpy as np
import pytest
from mixad.ir.errors import MixadError, UnsupportedOperationError
from mixad.ir.types import INEXACT
from mixad.runtime.triton import TRITON
from mixad.tools.compositions import CompositionRow, arguments, composition_rows

from ..frontend.calls import leaves, quietly, traced
from .programs import tolerance

pytestmark = [
    pytest.mark.skipif(importlib.util.find_spec("triton") is None, reason="Triton is not installed"),
    pytest.mark.usefixtures("on_device"),
]
ROWS = composition_rows(TRITON.name)
CLAIMED = [row for row in ROWS if row.dtypes]


@pytest.fixture(scope="module")
def on_device(request: pytest.FixtureRequest) -> Iterable[None]:
    with pytest.MonkeyPatch.context() as patch:
        if not request.config.getoption("--gpu"):
            patch.setenv("MIXAD_TRITON", "interpret")
        yield


def _check(row: CompositionRow, args: list[Any], least: np.dtype[Any]) -> None:
    """``least`` is the least precise type that the function may compute in."""
    try:
        wanted = leaves(quietly(mx.jit(traced(row.sample)), *args))
    except (MixadError, np.linalg.LinAlgError):
        return  # a sample whose numbers do not suit the element type
    found = leaves(quietly(mx.jit(traced(row.sample), device="gpu"), *args))
    for mine, theirs in zip(map(np.asarray, found), map(np.asarray, wanted), strict=True):
        assert (mine.shape, mine.dtype) == (theirs.shape, theirs.dtype)
        if theirs.dtype not in INEXACT:
            np.testing.assert_array_equal(mine, theirs)
            continue
        bound = 200 * max(tolerance(theirs.dtype), tolerance(least))
        wide = np.float64 if theirs.dtype.kind != "c" else np.complex128
        mine, theirs = mine.astype(wide), theirs.astype(wide)
        size = np.max(np.abs(theirs[np.isfinite(theirs)]), initial=0)
        np.testing.assert_allclose(mine, theirs, rtol=bound, atol=bound * max(size, 1e-3))


def test_most_functions_run_and_linear_algebra_and_transforms_do_not() -> None:
    assert len(CLAIMED) > 350
    denied = {row.name for row in ROWS if not row.dtypes}
    assert {"np.linalg.eigh", "np.linalg.svd", "np.linalg.solve", "np.fft.fft", "np.fft.rfft"} <= denied
    assert not {name for name in denied if name.startswith("scipy.special.")}
    takes_complex = {row.name for row in ROWS if np.dtype(complex) in row.dtypes}
    assert {"np.add", "np.exp", "np.matmul", "np.sum", "np.where"}.isdisjoint(takes_complex)


@pytest.mark.parametrize("row", CLAIMED, ids=lambda row: row.name)
def test_what_is_claimed_gives_the_cpus_numbers(row: CompositionRow) -> None:
    args = arguments(row.sample)
    if not any(np.asarray(x).dtype.kind == "c" for x in args):
        _check(row, args, np.dtype(np.float64))


@pytest.mark.slow
@pytest.mark.usefixtures("unwatched")
@pytest.mark.parametrize("row", CLAIMED, ids=lambda row: row.name)
def test_what_is_claimed_gives_the_cpus_numbers_in_every_type(row: CompositionRow) -> None:
    for dtype in sorted(row.dtypes, key=str):
        _check(row, arguments(row.sample, dtype), dtype if dtype in INEXACT else np.dtype(np.float32))


@pytest.mark.parametrize("row", [row for row in ROWS if not row.dtypes], ids=lambda row: row.name)
def test_what_is_denied_is_an_error(row: CompositionRow) -> None:
    with pytest.raises(UnsupportedOperationError, match=r"^the triton backend .*'[\w.]+'.*fallback='host'"):
        quietly(mx.jit(traced(row.sample), device="gpu"), *arguments(row.sample))
