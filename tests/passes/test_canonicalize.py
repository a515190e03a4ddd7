"""canonicalize and strength-reduce: every pattern is shown by a FileCheck test, and none changes a value."""

from __future__ import annotations

import itertools
import re
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from mixad.ir import Graph, TensorType, parse_module
from mixad.ir.rewriting import PatternTable
from mixad.passes import PassManager
from mixad.passes.simplify import strength
from mixad.passes.simplify.patterns import exactly, table
from mixad.runtime.reference import interpret

CANONICALIZE = sorted((Path(__file__).parents[1] / "filecheck").glob("canonicalize-*.mix"))
STRENGTH_REDUCE = sorted((Path(__file__).parents[1] / "filecheck").glob("strength-reduce*.mix"))
FILES = [*CANONICALIZE, *STRENGTH_REDUCE]
#: Zeros of both signs, infinities, NaN, the largest and smallest numbers, and ordinary ones.
#: Patterns that arrange the terms and factors of sums anew.
REARRANGED = re.compile("canonicalize-(sum|contract)-|strength-reduce")
NUMBERS = [0.0, -0.0, 1.0, -1.0, 2.0, 0.3, -7.5, np.inf, -np.inf, np.nan, 1e-3, 40.0]


def pass_of(file: Path) -> str:
    return "canonicalize" if file in CANONICALIZE else "strength-reduce"


@pytest.mark.parametrize(("files", "table"), [(CANONICALIZE, table), (STRENGTH_REDUCE, strength.table)])
def test_every_pattern_has_a_filecheck_test(files: list[Path], table: PatternTable) -> None:
    seen: set[str] = set()
    for file in files:
        log = PassManager(pass_of(file)).run(parse_module(file.read_text(), file.name))
        seen |= set(log.records[0].statistics)
    patterns = {pattern.__name__.replace("_", "-") for each in table.patterns().values() for pattern in each}
    assert patterns - seen == set()


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_values_stay(file: Path) -> None:
    text = file.read_text()
    before, after = parse_module(text, file.name), parse_module(text, file.name)
    PassManager(pass_of(file)).run(after)
    # In derivatives the sign of a zero means nothing; NumPy's sum of no -0.0 but one is 0.0.
    signs_matter = not ("loc(" in text or "mul_no_nan" in text or "axes = []" in text)
    for arrays in inputs(before.entry):
        for old, new in zip(interpret(before.entry, *arrays), interpret(after.entry, *arrays), strict=True):
            if REARRANGED.match(file.stem):
                assert_same_but_for_rounding(new, old)
                continue
            np.testing.assert_allclose(new, old, rtol=2e-15 if old.dtype == np.float64 else 2e-3, equal_nan=True)
            if signs_matter and old.dtype.kind == "f":
                zeros = old == 0
                np.testing.assert_array_equal(np.signbit(new[zeros]), np.signbit(old[zeros]))


def assert_same_but_for_rounding(new: np.ndarray, old: np.ndarray) -> None:
    """Sums of few products of numbers up to 7.5: errors are relative to the largest terms, not to their sum. What
    is not finite stays so."""
    finite = np.isfinite(old)
    np.testing.assert_array_equal(np.isfinite(new), finite)
    unit = np.finfo(old.dtype).eps
    np.testing.assert_allclose(new[finite], old[finite], rtol=8 * unit, atol=8 * unit * 7.5**2)


def inputs(graph: Graph) -> list[list[np.ndarray]]:
    """Every combination of the numbers for scalar inputs, shuffled numbers for arrays."""
    rng = np.random.default_rng(0)
    choices = []
    for value in graph.inputs:
        dtype = value.type.dtype
        numbers = [True, False] if dtype.kind == "b" else [1, -3, 2**62 + 1] if dtype.kind == "i" else NUMBERS
        if value.type.shape:
            choices.append([rng.choice(np.array(numbers[:7]), value.type.shape).astype(dtype) for _ in range(5)])
        else:
            choices.append([np.asarray(number, dtype) for number in numbers])
    return [list(each) for each in itertools.product(*choices)]


@given(st.fractions(), st.sampled_from([np.float16, np.float32, np.float64]))
def test_exact_numbers_are_exact(number: Fraction, dtype: type) -> None:
    found = exactly(number, TensorType((), np.dtype(dtype)))
    assert found is None or Fraction(float(dtype(found))) == number
    with np.errstate(over="ignore"):
        held = float(dtype(float(number)))
    assert (found is not None) == (np.isfinite(held) and Fraction(held) == number)
