"""What every benchmark shares: one thread for each library, and the fixture that compares them."""

from __future__ import annotations

import inspect
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

# Read when NumPy's BLAS, JAX's runtime and mixad are loaded, hence first.
for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NPROC", "MIXAD_NUM_THREADS"):
    os.environ[variable] = "1"
os.environ["XLA_FLAGS"] = "--xla_cpu_multi_thread_eigen=false"
os.environ["JAX_PLATFORMS"] = "cpu"

import numpy as np  # noqa: E402
import pytest  # noqa: E402

from .paired import Quartiles, alternate, alternate_cold, ratio  # noqa: E402
from .peers import forget  # noqa: E402

UNITS = ((1.0, "s"), (1e-3, "ms"), (1e-6, "µs"))
Calls = Mapping[str, Callable[[], Any]]


@dataclass
class Contest:
    """One row of the tables: callables by library, "mixad" among them, and how their figures are shown.

    A figure is the fastest time, which other work on the machine disturbs least, divided by ``count``; ``unit`` says
    what there are so many of. With a ``baseline`` it is the time beyond that contestant's. ``facts`` are further
    columns; ``absent`` says why a library does not take part.
    """

    benchmark: Any
    section: str
    about: str
    row: str = ""
    count: int = 1
    unit: str = "a call"
    target: str = ""
    baseline: str = ""
    facts: dict[str, Any] = field(default_factory=dict)
    absent: dict[str, str] = field(default_factory=dict)

    def warm(self, calls: Calls, tolerance: float | None = 1e-6) -> None:
        """Compare calls that have been made before. Their results must agree, unless ``tolerance`` is None."""
        if not self._begin(calls, tolerance):
            return
        samples = alternate(calls)
        number = max(1, round(1e-3 / min(samples["mixad"])))
        self.benchmark.pedantic(calls["mixad"], rounds=10, iterations=number)
        self._keep(samples)

    def cold(self, calls: Calls, tolerance: float | None = 1e-6) -> None:
        """Compare calls that begin with no program compiled."""
        if not self._begin(calls, tolerance):
            return
        samples = alternate_cold(calls, forget)
        self.benchmark.pedantic(calls["mixad"], setup=forget, rounds=1)
        self._keep(samples)

    def _begin(self, calls: Calls, tolerance: float | None) -> bool:
        """Check that the results agree; False where that is all, with --benchmark-disable."""
        if tolerance is not None:
            _check_agreement(calls, tolerance)
        if self.benchmark.disabled:
            self.benchmark(calls["mixad"])
        return not self.benchmark.disabled

    def _keep(self, samples: dict[str, list[float]]) -> None:
        own = samples["mixad"]
        cells = {self.section: self.row, **{name: str(fact) for name, fact in self.facts.items()}}
        for name, times in samples.items():
            if name == self.baseline:
                cells[name] = _time(min(times) / self.count)
            elif self.baseline:
                cells[f"{name} beyond {self.baseline}"] = _time(min(times) - min(samples[self.baseline]))
            elif name == "mixad":
                cells[f"mixad, {self.unit}"] = _time(min(times) / self.count)
            else:
                cells[f"mixad / {name}"] = _ratio(ratio(own, times), len(times))
        cells |= {f"mixad / {name}": why for name, why in self.absent.items()}
        if self.target:
            cells["target"] = self.target
        self.benchmark.extra_info.update(section=self.section, about=self.about, cells=cells, samples=samples)


def _check_agreement(calls: Calls, tolerance: float) -> None:
    results = {name: _flat(call()) for name, call in calls.items()}
    for name, result in results.items():
        for one, other in zip(results["mixad"], result, strict=True):
            np.testing.assert_allclose(one, other, tolerance, tolerance, err_msg=name)


def _flat(result: Any) -> list[Any]:
    if isinstance(result, dict):
        result = [result[key] for key in sorted(result)]
    if isinstance(result, list | tuple):
        return [leaf for each in result for leaf in _flat(each)]
    return [np.asarray(result)]


def _ratio(found: Quartiles, rounds: int) -> str:
    if rounds == 1:
        return f"{found.median:.2g} (once)"
    return f"{found.median:.2g} ({found.low:.2g} to {found.high:.2g})"


def _time(seconds: float) -> str:
    scale, unit = next((each for each in UNITS if abs(seconds) >= each[0]), UNITS[-1])
    return f"{seconds / scale:.3g} {unit}"


@pytest.fixture
def contest(request: pytest.FixtureRequest, benchmark: Any) -> Contest:
    """A contest in the section that the benchmark's module describes: its docstring's first line is the heading."""
    section, _, about = inspect.cleandoc(request.module.__doc__).partition("\n")
    benchmark.group = section
    return Contest(benchmark, section.rstrip("."), about.strip())
