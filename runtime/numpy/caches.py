"""The cache that blocks are to fit into, and the passes that make kernels for it."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

from ...passes.lower import KERNELS

#: Bytes of a processor's second-level cache where the system does not tell; Linux does.
USUAL: Final = 1 << 21
_UNITS: Final = {"K": 1 << 10, "M": 1 << 20, "G": 1 << 30}


def cache_bytes(processors: Path = Path("/sys/devices/system/cpu")) -> int:
    """A processor's share of the second-level cache in bytes, of the first one that this process may use."""
    number = min(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else 0
    try:
        for each in sorted((processors / f"cpu{number}" / "cache").glob("index*")):
            level, size, shared = ((each / name).read_text().strip() for name in ("level", "size", "shared_cpu_list"))
            if level == "2":
                return int(size[:-1]) * _UNITS[size[-1]] // _count(shared)
    except (OSError, ValueError, KeyError, IndexError):
        pass
    return USUAL


def _count(processors: str) -> int:
    """How many numbers a list such as 0-3,8 has."""
    spans = ((part.partition("-")[0], part.rpartition("-")[2]) for part in processors.split(","))
    return sum(int(last) - int(first) + 1 for first, last in spans)


#: The passes that make kernels. What a block holds leaves a quarter of the cache to whatever else there is.
BLOCKED: Final = f"{KERNELS}{{cache={cache_bytes() * 3 // 4}}}"
