"""As many threads for each library, stated once: BENCH_THREADS, or every core that the process may use.

Imported before any of the libraries, because most read their settings when they are loaded. The process is confined to
so many cores, which is what JAX goes by.
"""

from __future__ import annotations

import os


def _confine() -> int:
    if not hasattr(os, "sched_setaffinity"):
        return int(os.environ.get("BENCH_THREADS") or os.cpu_count() or 1)
    cores = sorted(os.sched_getaffinity(0))
    threads = min(int(os.environ.get("BENCH_THREADS") or len(cores)), len(cores))
    os.sched_setaffinity(0, cores[:threads])
    return threads


THREADS = _confine()

for _name in ("OMP", "OPENBLAS", "MKL", "MIXAD"):
    os.environ[f"{_name}_NUM_THREADS"] = str(THREADS)
# OpenMP's threads, PyTorch's, spin while they wait for each other: on a machine with other work that turned 0.2 ms into
# 8 ms. A short spin costs nothing measurable on an idle machine.
os.environ.setdefault("GOMP_SPINCOUNT", "10000")
os.environ["NPROC"] = str(THREADS)
os.environ["JAX_PLATFORMS"] = "cpu"
os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
