"""Choosing the fastest of several kernels that compute the same.

Each is timed once, when it is first launched, and the choice is kept on disk for the device's name and Triton's
version.
"""

from __future__ import annotations

import contextlib
import functools
import hashlib
import json
import math
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from ...ir.errors import DeviceError, DeviceMemoryError
from .compiler import triton_version
from .driver import Driver, Kernel
from .files import cache_folder, private_folder, read, write_atomically
from .slots import Launch

ROUNDS: Final = 10
#: The choices that this process made or read.
_known: dict[Path, int] = {}


def fastest(driver: Driver, launch: Launch, arguments: tuple[int, ...]) -> Kernel:
    """The kernel of a launch to run on a device."""
    kernels = (launch.kernel, *launch.others)
    return kernels[_choice(driver, kernels, arguments)]


def _choice(driver: Driver, kernels: Sequence[Kernel], arguments: tuple[int, ...]) -> int:
    path = _file(driver.name, tuple(kernel.name for kernel in kernels))
    chosen = _known[path] if path in _known else _kept(path)
    if chosen is None or not 0 <= chosen < len(kernels):
        with contextlib.suppress(DeviceError):  # told of each below
            driver.prepare(list(kernels))
        times = [_seconds(driver, kernel, arguments) for kernel in kernels]
        chosen = times.index(min(times))
        if math.isinf(times[chosen]):
            return chosen  # whose launch says why
        with contextlib.suppress(OSError):  # without room on the disk it is chosen again by the next process
            write_atomically(path, json.dumps({"chosen": chosen, "seconds": times}).encode())
    _known[path] = chosen
    return chosen


@functools.lru_cache(maxsize=4096)
def _file(device: str, names: tuple[str, ...]) -> Path:
    text = json.dumps([device, names, triton_version()])
    return private_folder(cache_folder() / "tuning") / hashlib.sha256(text.encode()).hexdigest()


def _kept(path: Path) -> int | None:
    """The choice that was kept, if there is one that can be read."""
    try:
        return int(json.loads(read(path) or b"")["chosen"])
    except (ValueError, KeyError, TypeError):
        return None


def _seconds(driver: Driver, kernel: Kernel, arguments: tuple[int, ...]) -> float:
    """How long a launch takes, after a first one. For ever, where the device does not take the kernel: it may want more
    shared memory than there is."""
    try:
        driver.prepare([kernel])
    except DeviceMemoryError:
        raise
    except DeviceError:
        return math.inf
    driver.launch(kernel, arguments)
    driver.synchronize()
    start = time.perf_counter()
    for _ in range(ROUNDS):
        driver.launch(kernel, arguments)
    driver.synchronize()
    return (time.perf_counter() - start) / ROUNDS
