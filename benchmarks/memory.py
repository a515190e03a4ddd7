"""The memory that a library's derivative needs: ``python -m benchmarks.memory LIBRARY ROW`` prints bytes.

Each library has a process of its own, Linux only. The row's smaller form runs first, so that the library's compiler and
whatever it loads are there; then the arguments are made and what the process holds is the baseline. The derivative is
compiled and runs once; the kernel's high-water mark of resident memory is set back; it runs three times. The high-water
mark less the baseline is what is printed: results, temporaries and what the library keeps for the next call, not what
compiling took.
"""

from __future__ import annotations

from . import threads  # noqa: F401  isort: skip (before any library is loaded)

import ctypes
import gc
import subprocess
import sys
from pathlib import Path

import numpy as np

from .contest import derivative
from .peers import installed
from .rows import Row, element_wise, network, pinn

STATUS, RESET = Path("/proc/self/status"), Path("/proc/self/clear_refs")

#: Each row with its smaller form.
ROWS: dict[str, tuple[Row, Row]] = {
    row.label: (row, small)
    for row, small in (
        (element_wise(np.float32, 10**7), element_wise(np.float32, 10**4)),
        (network(65_536, (64, 64, 64, 1), np.float32), network(128, (64, 64, 64, 1), np.float32)),
        (network(8_192, (512,) * 4, np.float32), network(64, (512,) * 4, np.float32)),
        (pinn(10_000, np.float64), pinn(100, np.float64)),
    )
}


def resident(mark: str) -> int:
    """Bytes: of VmRSS, what is resident now, or of VmHWM, its high-water mark."""
    (line,) = (line for line in STATUS.read_text("utf-8").splitlines() if line.startswith(mark))
    return int(line.split()[1]) * 1024


def settle() -> None:
    """Give back what nothing holds any more."""
    gc.collect()
    ctypes.CDLL(None).malloc_trim(0)


def peak(library: str, name: str) -> int:
    """Bytes that the library's derivative of a row needs at its peak, in this process."""
    own = installed(library)
    if own is None:
        raise SystemExit(f"{library} is not installed")
    row, small = ROWS[name]
    derivative(small, own, small.arguments())()
    arguments = tuple(own.array(each) for each in row.arguments())
    settle()
    before = resident("VmRSS")
    call = derivative(row, own, arguments)
    call()
    settle()
    RESET.write_text("5", "utf-8")
    for _ in range(3):
        call()
    return resident("VmHWM") - before


def peak_apart(library: str, name: str, seconds: float = 120.0) -> int:
    """As `peak`, in a process of its own; raises RuntimeError with its last line where that fails."""
    command = [sys.executable, "-m", f"{__package__}.memory", library, name]
    root = Path(__file__).parent.parent
    found = subprocess.run(command, cwd=root, capture_output=True, text=True, timeout=seconds, check=False)
    if found.returncode:
        raise RuntimeError((found.stderr.strip() or f"exit status {found.returncode}").splitlines()[-1])
    return int(found.stdout.splitlines()[-1])


if __name__ == "__main__":
    print(peak(*sys.argv[1:]))
