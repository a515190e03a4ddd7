"""Blocks on threads: how the chunks of a kernel are handed out."""

from __future__ import annotations

import functools
import itertools
import os
import queue
import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from threadpoolctl import ThreadpoolController  # type: ignore[import-untyped]

from .arenas import memory

VARIABLE: Final = "MIXAD_NUM_THREADS"
#: Elements of NumPy's buffers while programs with kernels run. NumPy copies operands that broadcast, or do not lie in
#: one piece, to buffers where these hold more than one row, which takes three times as long as the loop over rows
#: of this length.
ROW: Final = 512
#: Called with the number of a chunk, its first point and the one behind its last, scratch memory, and the arrays.
Chunk = Callable[..., None]


@functools.cache
def threads() -> int:
    """How many threads work on a kernel: `MIXAD_NUM_THREADS`, or the processors that this process may use. Raises
    ValueError where the variable is no positive number."""
    text = os.environ.get(VARIABLE, "")
    if not text:
        return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    if not text.isdecimal() or int(text) < 1:
        raise ValueError(f"{VARIABLE} is {text!r}, and has to be a positive number: the threads that kernels run on")
    return int(text)


@functools.cache
def _blas() -> list[Any]:
    """The loaded BLAS libraries' own switches."""
    return list(ThreadpoolController().select(user_api="blas").lib_controllers)


class _OneBlasThread:
    """Hold BLAS to one thread: kernels have threads of their own, and no product then depends on how many there are.

    Most libraries' switch is the process's, so it is thrown back when the last of all threads that hold it lets go.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._holders = 0
        self._before: list[tuple[Any, int]] = []

    def __enter__(self) -> None:
        with self._lock:
            if not self._holders:
                self._before = [(each, each.get_num_threads()) for each in _blas()]
            self._holders += 1
            self.hold()

    def __exit__(self, *error: object) -> None:
        with self._lock:
            self._holders -= 1
            if not self._holders:
                self.let_go()

    def hold(self) -> None:
        """Where it is held at all: hold it in this thread too, if the library's switch is the thread's."""
        for each, _ in self._before if self._holders else ():
            if each.get_num_threads() != 1:
                _set_threads(each, 1)

    def let_go(self) -> None:
        """Put back what was there."""
        for each, count in self._before:
            if count != 1:
                _set_threads(each, count)

    def forget(self) -> None:
        """Let go for threads that are not there any more."""
        if self._holders:
            self.let_go()
        self.__init__()  # type: ignore[misc]


def _set_threads(library: Any, count: int) -> None:
    """threadpoolctl 3.8 lets one thread only change OpenBLAS's number of threads and ignores all others, unless the
    first one has given up. We have a lock of our own."""
    getattr(library, "clear_controlling_thread", lambda force: None)(force=True)
    library.set_num_threads(count)
    getattr(library, "clear_controlling_thread", lambda force: None)(force=True)


one_blas_thread: Final = _OneBlasThread()


def _forget() -> None:
    """A forked child has none of its parent's threads, and none of them lets go of what it held."""
    _helpers.cache_clear()
    threads.cache_clear()
    one_blas_thread.forget()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget)


@dataclass(frozen=True)
class Kernel:
    """A kernel of ``extent`` points: ``blocks`` runs whole blocks of ``block`` points, ``rest`` what is left behind.

    Threads take ``chunk`` points at a time. Which chunk sums what is fixed, so results do not depend on the number of
    threads. ``nbytes`` is the scratch memory of a block.
    """

    blocks: Chunk
    rest: Chunk | None
    extent: int
    block: int
    chunk: int
    nbytes: int

    def working_memory(self) -> int:
        """The scratch memory of all threads together, in bytes."""
        return self.nbytes * min(threads(), -(-self.extent // self.chunk))

    def __call__(self, *arrays: np.ndarray[Any, Any]) -> None:
        """Run on inputs, outputs and sums."""
        chunks = range(0, self.extent, self.chunk)
        helpers = min(threads(), len(chunks)) - 1
        if helpers == 0:
            self.work(enumerate(chunks), arrays)
            return
        job = _Job(self, chunks, arrays)
        shares = [_Share(job) for _ in range(helpers)]
        try:
            for share in shares:
                _helpers().put(share)
            self.work(job, arrays)
        finally:
            job.stop()
            _wait(shares)

    def work(self, chunks: Iterable[tuple[int, int]], arrays: tuple[Any, ...]) -> None:
        """Run on these chunks, each a number and a first point."""
        with memory(self.nbytes) as scratch:
            for number, start in chunks:
                stop = min(start + self.chunk, self.extent)
                whole = start + (stop - start) // self.block * self.block
                if whole > start:
                    self.blocks(number, start, whole, scratch, *arrays)
                if stop > whole:
                    assert self.rest is not None
                    self.rest(number, whole, stop, scratch, *arrays)


class _Job:
    """A kernel's chunks, which several threads take one after the other, until one of them stops it."""

    def __init__(self, kernel: Kernel, chunks: range, arrays: tuple[Any, ...]) -> None:
        self.kernel = kernel
        self.arrays = arrays
        self._chunks = chunks
        self._next = itertools.count()
        self._stopped = False

    def __iter__(self) -> _Job:
        return self

    def __next__(self) -> tuple[int, int]:
        number = next(self._next)
        if self._stopped or number >= len(self._chunks):
            raise StopIteration
        return number, self._chunks[number]

    def stop(self) -> None:
        """Hand out no more."""
        self._stopped = True


class _Share:
    """A helper's part of a job. Whoever takes the lock first has it: the helper, or the caller that is done before the
    helper is awake."""

    def __init__(self, job: _Job) -> None:
        self._job: _Job | None = job
        self._taken = threading.Lock()
        self.error: BaseException | None = None

    def run(self) -> None:
        """As the helper: work on chunks until there are no more."""
        if self._taken.acquire(blocking=False):
            job = self._job
            try:
                if job is not None:
                    one_blas_thread.hold()
                    job.kernel.work(job, job.arrays)
            except BaseException as error:
                assert job is not None
                job.stop()
                self.error = error
            finally:
                self._taken.release()

    def wait(self) -> None:
        """As the caller: until the helper is done, which never begins from now on. It may be asked again."""
        with self._taken:
            self._job = None  # while this is still in the queue, it keeps no array alive


def _wait(shares: list[_Share]) -> None:
    """Wait for all helpers, whatever happens meanwhile: they write to memory that somebody else gets afterwards. Raises
    what interrupted the waiting, or what stopped a helper."""
    interrupted: BaseException | None = None
    waiting = list(shares)
    while waiting:
        try:
            waiting[-1].wait()
            waiting.pop()
        except KeyboardInterrupt as error:
            interrupted = error
    for found in (interrupted, *(share.error for share in shares)):
        if found is not None:
            raise found


@functools.cache
def _helpers() -> queue.SimpleQueue[_Share]:
    """What the threads beside the calling one wait at. They are the process's, and end with it."""
    shares: queue.SimpleQueue[_Share] = queue.SimpleQueue()
    for number in range(threads() - 1):
        threading.Thread(target=_help, args=(shares,), name=f"mixad-{number}", daemon=True).start()
    return shares


def _help(shares: queue.SimpleQueue[_Share]) -> None:
    with np.errstate(all="ignore"):
        np.setbufsize(ROW)
        while True:
            shares.get().run()
