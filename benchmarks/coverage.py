"""Write the table of docs/coverage.md: which of NumPy's and SciPy's functions each library runs and differentiates.

``python benchmarks/coverage.py PAGE.md``. Sample calls (`mixad.frontend.samples`) are run in each library that is
installed, under that library's own namespaces for ``np`` and ``scipy``. A cell is decided by running: the value must be
NumPy's, and derivatives along a line those of differences of NumPy's own values. Names alone count for nothing.
"""

from __future__ import annotations

import sys
import warnings
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import mixad as mx
import mixad.scipy
import numpy as np
import scipy
import scipy.linalg
import scipy.special
from mixad.frontend.samples import SAMPLES, Sample, sample

BEGIN, END = "<!-- coverage: begin -->", "<!-- coverage: end -->"
CHECKS = ("runs", "first", "second")
#: How many samples of each function are tried: JAX compiles every operation of each.
SAMPLES_OF_ONE = 2

#: Calls that mixad does not trace: where a peer does, the table says so.
ELSEWHERE = """
np.array_repr(x)
scipy.special.struve(0, positive)
scipy.special.airy(x)
scipy.special.lambertw(positive)
scipy.linalg.schur(a)
scipy.linalg.hilbert(3)
scipy.linalg.funm(a, np.exp)
"""


@dataclass(frozen=True)
class Library:
    """A library's namespaces and array; ``derivatives`` are the ways in which it differentiates a function of a number,
    of which one that works is enough."""

    name: str
    numpy: Any
    scipy: Any
    array: Callable[[Any], Any]
    derivatives: tuple[Callable[..., Any], ...]
    call: Callable[..., Any] = lambda f, *args: f(*args)
    #: Ways to run a derivative: compiled, where that is faster, then as it is.
    runners: tuple[Callable[..., Any], ...] = (lambda f: f,)


def libraries() -> Iterator[Library]:
    """mixad, and the peers that are installed."""
    pushed: Callable[..., Any] = lambda f: lambda t: mx.jvp(f, (t,), (1.0,))[1]  # noqa: E731
    yield Library("mixad", np, mixad.scipy, np.asarray, (mx.grad, pushed), lambda f, *args: mx.jit(f)(*args))
    try:
        import autograd
        import autograd.numpy
        import autograd.scipy.linalg
        import autograd.scipy.special
    except ImportError:
        pass
    else:
        made: Callable[..., Any] = lambda f: lambda t: autograd.make_jvp(f)(t)(1.0)[1]  # noqa: E731
        yield Library("autograd", autograd.numpy, autograd.scipy, np.asarray, (autograd.grad, made))
    try:
        import jax
        import jax.numpy
        import jax.scipy.linalg
        import jax.scipy.special
    except ImportError:
        return
    jax.config.update("jax_enable_x64", True)
    jax.config.update("jax_platforms", "cpu")
    along: Callable[..., Any] = lambda f: lambda t: jax.jvp(f, (t,), (1.0,))[1]  # noqa: E731
    runners: tuple[Callable[..., Any], ...] = (jax.jit, lambda f: f)
    yield Library("jax", jax.numpy, jax.scipy, jax.numpy.asarray, (jax.grad, along), runners=runners)


# --- one call ------------------------------------------------------------------------------------


def leaves(found: Any) -> list[Any]:
    """The arrays of a result."""
    return [each for part in found for each in leaves(part)] if isinstance(found, list | tuple) else [found]


class Line:
    """A sample as a real function of a number: its inexact arguments move along a line; sines of the results' parts,
    brought to about 1, are added up with weights, so that no derivative vanishes for want of curvature."""

    def __init__(self, sample: Sample) -> None:
        self.sample = sample
        self.arguments = sample.arguments
        self.values = [np.asarray(each) for each in leaves(sample.function(np=np, scipy=scipy)(*self.arguments))]
        self.scales = [
            max(1.0, float(np.max(np.abs(x[np.isfinite(x)]), initial=0))) if _inexact(x) else 1.0 for x in self.values
        ]
        self.moved = any(x.dtype.char in "dD" for x in self.arguments)
        self.differentiable = self.moved and any(x.dtype.char in "dD" for x in self.values)

    def of(self, library: Library | None) -> Callable[[Any], Any]:
        """The function in a library; in NumPy itself for None."""
        numpy = np if library is None else library.numpy
        array = np.asarray if library is None else library.array
        call = self.sample.function(np=numpy, scipy=scipy if library is None else library.scipy)

        def along(t: Any) -> Any:
            total: Any = 0.0
            for each, scale in zip(
                leaves(call(*[self._at(x, t, array) for x in self.arguments])), self.scales, strict=True
            ):
                if not hasattr(each, "dtype") or each.dtype.kind not in "fcO":
                    continue
                if each.dtype.kind == "O":
                    each = numpy.stack(list(each.flat)).reshape(each.shape)
                weights = np.cos(np.arange(each.size) + 1.0).reshape(each.shape)
                for part in (numpy.real(each), numpy.imag(each)) if each.dtype.kind == "c" else (each,):
                    finite = numpy.where(numpy.isfinite(part), part, 0.0)
                    total = total + numpy.sum(weights * numpy.sin(finite / scale + 0.3))
            return total

        return along

    def _at(self, x: Any, t: Any, array: Callable[[Any], Any]) -> Any:
        if x.dtype.char not in "dD":
            return array(x)
        direction = np.sin(np.arange(x.size) + 0.5).reshape(x.shape)
        if x.ndim == 2 and np.array_equal(x, x.T):
            direction = direction + direction.T
        return array(x) + t * (direction * (1 + 0.5j) if x.dtype.kind == "c" else direction)


def _inexact(x: Any) -> bool:
    return x.dtype.kind in "fc"


def differences(f: Callable[[float], Any]) -> tuple[float, float]:
    """First and second derivative of a function of a number at 0, each extrapolated."""
    h = 1e-4
    at = {k: float(f(k * h)) for k in (-4, -2, -1, 0, 1, 2, 4)}
    one, two, four = ((at[k] - at[-k]) / (2 * h * k) for k in (1, 2, 4))
    first = (16 * (4 * one - two) - (4 * two - four)) / 45
    one, two, four = ((at[k] - 2 * at[0] + at[-k]) / (k * h) ** 2 for k in (1, 2, 4))
    return first, (16 * (4 * one - two) - (4 * two - four)) / 45


def judge(line: Line, library: Library) -> dict[str, bool | None]:
    """Whether a library runs a sample, and has its first and second derivative; None where there is none to have."""
    verdict: dict[str, bool | None] = dict.fromkeys(CHECKS, False)
    if not line.differentiable:
        verdict |= {"first": None, "second": None}
    own = line.of(library)
    try:
        found = library.call(
            line.sample.function(np=library.numpy, scipy=library.scipy), *map(library.array, line.arguments)
        )
        same = _agree(leaves(found), line.values)
    except Exception:  # whatever a library raises, it does not run the call
        return verdict
    if same is None:
        return verdict
    verdict["runs"] = True
    if line.differentiable:
        # Eigenvectors and the like are free up to a phase: one that is not NumPy's has its own differences.
        expected = differences(line.of(None) if same else lambda t: library.call(own, t))
        for order, bound in ((1, 1e-5), (2, 1e-3)):
            verdict[CHECKS[order]] = any(
                _derivative(run, own, way, order, expected[order - 1], bound)
                for way in library.derivatives
                for run in library.runners
            )
    return verdict


def _agree(found: list[Any], expected: list[Any]) -> bool | None:
    """Whether results are NumPy's; False where they are up to phases, None where they are not."""
    if len(found) != len(expected):
        return None
    same = True
    for each, wanted in zip(found, expected, strict=True):
        mine = np.asarray(each)
        if mine.shape != wanted.shape:
            return None
        if mine.dtype.kind not in "biufc":
            same = same and bool(np.all(mine == wanted))
            continue
        bound = 1e-4 if wanted.dtype.itemsize < 8 else 1e-9
        if not np.allclose(mine, wanted, bound, bound, equal_nan=True):
            if not np.allclose(np.abs(mine), np.abs(wanted), bound, bound, equal_nan=True):
                return None
            same = False
    return same


def _derivative(
    run: Callable[..., Any],
    own: Callable[..., Any],
    way: Callable[..., Any],
    order: int,
    expected: float,
    bound: float,
) -> bool:
    derivative = own
    for _ in range(order):
        derivative = way(derivative)
    try:
        found = float(run(derivative)(0.0))
    except Exception:
        return False
    return abs(found - expected) <= bound * max(1.0, abs(expected))


# --- the table -----------------------------------------------------------------------------------


def chosen() -> dict[str, list[Sample]]:
    """The samples by the function that is called outermost, some of each; methods and operators are left out."""
    found: dict[str, list[Sample]] = {}
    for each in (*SAMPLES, *(sample(text) for text in ELSEWHERE.split("\n") if text)):
        if each.calls and each.text.startswith(f"{each.calls[0]}("):
            found.setdefault(each.calls[0], []).append(each)
    return {name: each[:SAMPLES_OF_ONE] for name, each in sorted(found.items())}


Cells = dict[str, dict[str, list[bool | None]]]


def measure(every: Iterable[Library]) -> dict[str, Cells]:
    """For each function, library and check, the verdicts on its samples."""
    table: dict[str, Cells] = {}
    names = list(every)
    for name, samples in chosen().items():
        lines = [Line(each) for each in samples]
        table[name] = {
            library.name: {check: [verdict[check] for verdict in verdicts] for check in CHECKS}
            for library in names
            for verdicts in [[judge(line, library) for line in lines]]
        }
        print(name, {library: _cells(each) for library, each in table[name].items()}, file=sys.stderr, flush=True)
    return table


def _cells(checks: dict[str, list[bool | None]]) -> list[str]:
    return [_cell(checks[check]) for check in CHECKS]


def _cell(verdicts: list[bool | None]) -> str:
    known = [each for each in verdicts if each is not None]
    if not known:
        return ""
    return "yes" if all(known) else f"{sum(known)}/{len(known)}" if any(known) else "no"


def whole(table: dict[str, Cells], library: str, check: str) -> list[str]:
    """The functions of which a library passes a check on every sample."""
    return [name for name, cells in table.items() if _cell(cells[library][check]) == "yes"]


def page(table: dict[str, Cells], names: list[str]) -> str:
    """Summary and table in Markdown."""
    versions = ", ".join(f"{each} {version(each)}" for each in ("numpy", "scipy", *[n for n in names if n != "mixad"]))
    count = {
        check: sum(any(v is not None for v in cells["mixad"][check]) for cells in table.values()) for check in CHECKS
    }
    parts = [f"With {versions}; {len(table)} functions, up to {SAMPLES_OF_ONE} calls of each.", "## Summary"]
    head = ["", "runs with NumPy's values", "first derivative", "second derivative"]
    rows = [["of", *(str(count[check]) for check in CHECKS)]]
    rows += [[name, *(str(len(whole(table, name, check))) for check in CHECKS)] for name in names]
    parts.append(_markdown(head, rows))
    for peer in names[1:]:
        missed = [n for n in whole(table, peer, "runs") if n not in whole(table, "mixad", "runs")]
        missed += [
            n for n in whole(table, peer, "second") if n not in whole(table, "mixad", "second") and n not in missed
        ]
        shown = ", ".join(f"`{each}`" for each in missed) or "none"
        parts.append(f"Where {peer} passes and mixad does not: {shown}.")
    parts.append("## Function by function")
    head = ["function", *(f"{name}: {check}" for name in names for check in CHECKS)]
    rows = [[f"`{name}`", *(cell for n in names for cell in _cells(cells[n]))] for name, cells in table.items()]
    return "\n\n".join([*parts, _markdown(head, rows)])


def _markdown(head: list[str], rows: list[list[str]]) -> str:
    return "\n".join(f"| {' | '.join(line)} |" for line in [head, ["---"] * len(head), *rows])


def main(path: str) -> None:
    text = Path(path).read_text("utf-8")
    before, begin, rest = text.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not (begin and end):
        raise SystemExit(f"{path} has no lines {BEGIN} and {END} to write the table between")
    warnings.simplefilter("ignore")
    every = list(libraries())
    with np.errstate(all="ignore"):
        table = measure(every)
    found = page(table, [each.name for each in every])
    Path(path).write_text(f"{before}{BEGIN}\n\n{found}\n\n{END}{after}", "utf-8")


if __name__ == "__main__":
    main(*sys.argv[1:])
