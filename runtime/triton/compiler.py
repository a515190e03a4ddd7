"""Compiling kernels in processes of their own, and keeping what they made.

The cache is a folder of the user's own, one file a kernel: a digest of the rest, then metadata and binary. It is found
by the source's text, the parameters, the options, the target and Triton's version. A file that is cut short, or not
what its digest says, counts as missing; a new one is renamed into its place, so readers never see half of one and
writers do not mind each other.
"""

from __future__ import annotations

import atexit
import contextlib
import functools
import hashlib
import importlib.metadata
import json
import os
import queue
import subprocess
import sys
import threading
from collections.abc import Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from ...ir.errors import DeviceError
from . import wire
from .driver import Kernel, Pointer
from .files import cache_folder, path_of, private_folder, read, write_atomically

WORKER: Final = Path(__file__).parent / "compile_worker.py"
#: Triton's names of element types in signatures.
_SHORT: Final = {"float16": "fp16", "bfloat16": "bf16", "float32": "fp32", "float64": "fp64"}
MAGIC: Final = b"mixad kernel 1\n"


@dataclass(frozen=True)
class Target:
    """What to compile for, as Triton says it: backend, architecture, threads of a warp."""

    backend: str
    arch: int | str
    warp: int

    def __str__(self) -> str:
        return f"sm_{self.arch}" if self.backend == "cuda" else str(self.arch)


HOPPER: Final = Target("cuda", 90, 32)
CDNA3: Final = Target("hip", "gfx942", 64)


@dataclass(frozen=True)
class Binary:
    """A compiled kernel: its code, what a launch needs to know, and its text at Triton's stages."""

    code: bytes
    metadata: dict[str, Any]
    stages: dict[str, str]


def type_name(parameter: Pointer | str) -> str:
    """How Triton spells a parameter's type."""
    if isinstance(parameter, Pointer):
        return f"*{_short(parameter.element)}"
    return _short(parameter)


def _short(name: str) -> str:
    return _SHORT.get(name) or name.replace("uint", "u").replace("int", "i")


@functools.cache
def triton_version() -> str:
    """The version of the Triton that is installed; `DeviceError` where none is."""
    try:
        return importlib.metadata.version("triton")
    except importlib.metadata.PackageNotFoundError:
        raise DeviceError("device='gpu' needs Triton, which is not installed: pip install mixad[gpu]") from None


def job_of(kernel: Kernel, aligned: bool, target: Target) -> dict[str, Any]:
    """What a worker is told; ``aligned`` says that every address is a multiple of 16."""
    pointers = [index for index, each in enumerate(kernel.signature) if isinstance(each, Pointer)]
    options: dict[str, Any] = {"num_warps": kernel.warps, "num_stages": kernel.stages, "enable_fp_fusion": False}
    if target.backend == "cuda":
        options["enable_reflect_ftz"] = False  # numbers below the least normal one are kept
    return {
        "name": kernel.name,
        "signature": [type_name(each) for each in kernel.signature],
        "aligned": pointers if aligned else [],
        "options": options,
        "target": (target.backend, target.arch, target.warp),
    }


def key_of(kernel: Kernel, job: dict[str, Any]) -> str:
    """The name in the cache: a digest of everything that the binary depends on."""
    text = json.dumps([kernel.source, job, triton_version()], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()


# --- what is kept --------------------------------------------------------------------------------


def pack(binary: Binary) -> bytes:
    """A kernel as a file's contents."""
    head = json.dumps({"metadata": binary.metadata, "stages": binary.stages, "size": len(binary.code)}).encode()
    rest = len(head).to_bytes(8, "little") + head + binary.code
    return MAGIC + hashlib.sha256(rest).digest() + rest


def unpack(data: bytes) -> Binary | None:
    """The kernel of a file's contents; None where they are not whole."""
    start = len(MAGIC) + 32
    rest = data[start:]
    if not data.startswith(MAGIC) or hashlib.sha256(rest).digest() != data[len(MAGIC) : start]:
        return None
    length = int.from_bytes(rest[:8], "little")
    head = json.loads(rest[8 : 8 + length])
    return Binary(rest[8 + length :], head["metadata"], head["stages"])


def _folder() -> Path:
    return private_folder(cache_folder() / "kernels")


def kept(key: str) -> Binary | None:
    """What the cache has under a key."""
    data = read(_folder() / key)
    return None if data is None else unpack(data)


def keep(key: str, binary: Binary) -> None:
    """Put a kernel into the cache. A disk without room is no error: it is compiled again the next time."""
    try:
        write_atomically(_folder() / key, pack(binary))
    except OSError:
        return


# --- workers -------------------------------------------------------------------------------------


class Pool:
    """Processes that compile, started when they are needed and as many as are needed, up to a limit."""

    def __init__(self, limit: int | None = None) -> None:
        self.limit = limit or _workers_asked_for() or min(os.cpu_count() or 1, 8)
        self._jobs: queue.SimpleQueue[tuple[dict[str, Any], Future[Any]] | None] = queue.SimpleQueue()
        self._threads: list[threading.Thread] = []
        self._waiting = 0
        self._lock = threading.Lock()

    def submit(self, job: dict[str, Any]) -> Future[Any]:
        """Compile, sometime; the future has the worker's answer."""
        future: Future[Any] = Future()
        with self._lock:
            self._waiting += 1
            if len(self._threads) < min(self.limit, self._waiting):
                thread = threading.Thread(target=self._work, name="mixad-compile", daemon=True)
                self._threads.append(thread)
                thread.start()
        self._jobs.put((job, future))
        return future

    def _work(self) -> None:
        worker: Worker | None = None
        while (taken := self._jobs.get()) is not None:
            job, future = taken
            try:
                if worker is not None and not worker.alive:
                    worker.close()
                    worker = None
                worker = worker or Worker()
                future.set_result(worker.ask(job))
            except BaseException as error:
                future.set_exception(error)
            with self._lock:
                self._waiting -= 1
        if worker is not None:
            worker.close()

    def close(self) -> None:
        """End the processes, once what was asked for is done."""
        with self._lock:
            threads, self._threads = self._threads, []
        for _ in threads:
            self._jobs.put(None)
        for thread in threads:
            thread.join()


def _workers_asked_for() -> int | None:
    """``MIXAD_COMPILE_WORKERS``, where it is set; ValueError for what is no count."""
    given = os.environ.get("MIXAD_COMPILE_WORKERS", "")
    if given and not (given.isdecimal() and int(given)):
        raise ValueError(f"MIXAD_COMPILE_WORKERS is {given!r}; it is a number of processes, 1 or more, or not set")
    return int(given) if given else None


class Worker:
    """One process that compiles one kernel at a time."""

    def __init__(self) -> None:
        self.process = subprocess.Popen(
            [sys.executable, str(WORKER)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE
        )
        self._errors: list[bytes] = []
        self._listener = threading.Thread(target=self._listen, daemon=True)
        self._listener.start()

    def _listen(self) -> None:
        """Triton reports what it cannot compile on the standard error: the last lines are kept."""
        assert self.process.stderr is not None
        with self.process.stderr as lines:
            for line in lines:
                self._errors = [*self._errors[-40:], line]

    @property
    def alive(self) -> bool:
        """Whether the process still runs."""
        return self.process.poll() is None

    def ask(self, job: dict[str, Any]) -> dict[str, Any]:
        """Compile; `DeviceError` where that fails."""
        process = self.process
        assert process.stdin is not None
        assert process.stdout is not None
        self._errors = []
        try:
            wire.send(process.stdin, job)
            failed, result = wire.receive(process.stdout)
        except (EOFError, BrokenPipeError):
            status = process.wait()
            raise DeviceError(self._message(job, f"the process that compiled it ended with status {status}")) from None
        if failed is not None:
            raise DeviceError(self._message(job, failed))
        found: dict[str, Any] = result
        return found

    def _message(self, job: dict[str, Any], failed: str) -> str:
        printed = b"".join(self._errors).decode(errors="replace").strip()
        shown = f"\n{printed}" if printed else ""
        return f"Triton {triton_version()} does not compile the kernel {job['name']} ({job['path']}): {failed}{shown}"

    def close(self) -> None:
        """End the process."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        with contextlib.suppress(BrokenPipeError):
            self.process.stdin.close()
        self.process.wait()
        self.process.stdout.close()
        self._listener.join()


@functools.cache
def pool() -> Pool:
    """The processes that all devices share."""
    made = Pool()
    atexit.register(made.close)
    return made


def compile_kernels(
    kernels: Sequence[Kernel], target: Target, aligned: bool = True, workers: Pool | None = None
) -> list[Binary]:
    """Compile kernels in parallel, but for those that the cache has. Raises `DeviceError` for the first that Triton
    does not compile."""
    found: list[Binary | Future[Any]] = []
    jobs = [job_of(kernel, aligned, target) for kernel in kernels]
    keys = [key_of(kernel, job) for kernel, job in zip(kernels, jobs, strict=True)]
    for kernel, job, key in zip(kernels, jobs, keys, strict=True):
        binary = kept(key)
        found.append(binary or (workers or pool()).submit({**job, "path": path_of(kernel)}))
    binaries = []
    for key, each in zip(keys, found, strict=True):
        if isinstance(each, Future):
            answer = each.result()
            each = Binary(answer["binary"], answer["metadata"], answer["stages"])
            keep(key, each)
        binaries.append(each)
    return binaries
