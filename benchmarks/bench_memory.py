"""Peak memory.

What a library's compiled derivative needs beyond its arguments while it runs: results, temporaries, and what the
library keeps for the next call. Each library runs in a process of its own; what is read is the kernel's high-water mark
of resident memory, set back behind compiling (see `benchmarks/memory.py`).
"""

import subprocess

import pytest

from .contest import said
from .memory import RESET, ROWS, peak_apart
from .peers import libraries


@pytest.mark.skipif(not RESET.exists(), reason="the high-water mark is Linux's")
@pytest.mark.parametrize("name", ROWS)
def test_peak(contest, name):
    contest.row, contest.bar, contest.unit = name, "memory", "bytes"
    names = [library.name for library in libraries()]

    def measure():
        found = {}
        for library in names:
            try:
                found[library] = [peak_apart(library, name)]
            except (RuntimeError, subprocess.TimeoutExpired) as error:
                contest.absent[library] = said(error)
        return found

    contest.keep(measure)
