"""Run the public test suite of the array API standard on traced arrays, and compare with the results that are kept.

    python tests/array_api/run.py SUITE [--bless] [options of pytest and of the suite]

SUITE is a checkout of https://github.com/data-apis/array-api-tests with its submodule. `traced_array_api` is the
library under test; ``skips.txt`` and ``xfails.txt`` say what is left out and what fails, and why; ``results.txt`` is
the outcome of every test. The exit code is 0 where it is so again. With ``--bless`` they are written there. With
``ARRAY_API_DERIVATIVES=1`` in the environment each call is differentiated in both modes as well.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections import Counter
from importlib.metadata import version
from pathlib import Path

import numpy as np
import pytest

HERE = Path(__file__).resolve().parent
RESULTS = HERE / "results.txt"
OPTIONS = ["-q", "--tb=short", "-p", "no:cacheprovider", "--disable-deadline"]
OPTIONS += ["--hypothesis-derandomize", "--max-examples=50"]


class Outcomes:
    """A plugin of pytest that notes what became of each test."""

    def __init__(self) -> None:
        self.found: dict[str, str] = {}

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        outcome = report.outcome
        if hasattr(report, "wasxfail"):
            outcome = "xfailed"  # or it passed, by chance of the examples
        if report.when == "call" or outcome != "passed":
            self.found[report.nodeid] = outcome


def kept() -> dict[str, str]:
    lines = [line for line in RESULTS.read_text().splitlines() if line and line[0] != "#"]
    return {test: outcome for outcome, _, test in (line.partition(" ") for line in lines)}


def write(found: dict[str, str], suite: Path) -> None:
    commit = subprocess.run(["git", "-C", suite, "rev-parse", "HEAD"], capture_output=True, text=True, check=False)
    counts = Counter(found.values())
    header = [
        f"# array-api-tests {commit.stdout.strip()[:12]}; standard 2024.12; NumPy {np.__version__}; "
        f"Hypothesis {version('hypothesis')}",
        "# " + ", ".join(f"{counts[outcome]} {outcome}" for outcome in sorted(counts)),
    ]
    RESULTS.write_text("\n".join([*header, *(f"{found[test]} {test}" for test in sorted(found))]) + "\n")


def main(arguments: list[str]) -> int:
    bless = "--bless" in arguments
    suite, *options = [each for each in arguments if each != "--bless"]
    path = Path(suite).resolve()
    os.environ["ARRAY_API_TESTS_MODULE"] = "traced_array_api"
    os.environ["PYTHONPATH"] = os.pathsep.join([str(HERE), os.environ.get("PYTHONPATH", "")])
    sys.path[:0] = [str(HERE), str(path)]
    os.chdir(path)
    outcomes = Outcomes()
    files = ["--skips-file", str(HERE / "skips.txt"), "--xfails-file", str(HERE / "xfails.txt")]
    code = pytest.main(
        ["-c", str(path / "pytest.ini"), *OPTIONS, *files, *options, "array_api_tests"], plugins=[outcomes]
    )
    if code not in (pytest.ExitCode.OK, pytest.ExitCode.TESTS_FAILED):
        return int(code)
    if bless:
        write(outcomes.found, path)
        return 0
    expected = kept()
    different = {
        test: (expected.get(test, "absent"), outcomes.found.get(test, "absent"))
        for test in sorted(expected | outcomes.found)
        if expected.get(test) != outcomes.found.get(test)
    }
    for test, (before, now) in different.items():
        print(f"{test}\n    kept: {before}, now: {now}")
    print(f"{len(outcomes.found)} tests, {len(different)} of them not as in {RESULTS.name}")
    return 1 if different else 0


if __name__ == "__main__":
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    sys.exit(main(sys.argv[1:]))
