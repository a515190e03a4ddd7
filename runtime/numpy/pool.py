"""Blocks on threads: how the chunks of a kernel are handed out."""

from __future__ import annotations

import functools
import itertools
import math
import os
import queue
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from threadpoolctl import ThreadpoolController  # type: ignore[import-untyped]

from ...passes.lower.arena import aligned
from .arenas import memory

VARIABLE: Final = "MIXAD_NUM_THREADS"
#: Elements of NumPy's buffers while programs with kernels run. NumPy copies operands that broadcast, or do not lie in
#: one piece, to buffers where these hold more than one row, which takes three times as long as the loop over rows
#: of this length.
ROW: Final = 512
#: Bytes of parts of sums that may wait for those before them, beyond one for each thread.
PARTS: Final = 1 << 22
#: Called with the first point of a chunk and the one behind its last, scratch memory, and the arrays.
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
class Sum:
    """An array that chunks add up: its place among a kernel's arrays, how two parts are combined, what a part starts
    from, and its shape and element type."""

    place: int
    combine: np.ufunc
    start: float | int
    shape: tuple[int, ...]
    dtype: np.dtype[Any]

    @property
    def nbytes(self) -> int:
        """The bytes of a part, in whole cache lines."""
        return aligned(math.prod(self.shape) * self.dtype.itemsize)


@dataclass(frozen=True)
class Kernel:
    """A kernel of ``extent`` points: ``blocks`` runs whole blocks of ``block`` points, ``rest`` what is left behind.

    Threads take ``chunk`` points at a time. Which chunk sums what is fixed, and so is the order in which parts of
    the ``sums`` are combined: results do not depend on the number of threads. ``nbytes`` is the scratch memory of a
    block.
    """

    blocks: Chunk
    rest: Chunk | None
    extent: int
    block: int
    chunk: int
    nbytes: int
    sums: tuple[Sum, ...] = ()

    def working_memory(self) -> int:
        """The scratch memory of all threads together, and the parts of sums, in bytes."""
        chunks = -(-self.extent // self.chunk)
        return self.nbytes * min(threads(), chunks) + _slots(self, chunks) * _part_bytes(self)

    def __call__(self, *arrays: np.ndarray[Any, Any]) -> None:
        """Run on inputs, outputs and sums."""
        for each in self.sums:
            arrays[each.place].fill(each.start)
        if self.chunk >= self.extent:
            with memory(self.nbytes) as scratch:
                self._chunk(0, scratch, arrays)
            return
        chunks = -(-self.extent // self.chunk)
        slots = _slots(self, chunks)
        with memory(slots * _part_bytes(self)) as parts:
            self._share_out(_Job(self, chunks, _Ring(self, arrays, slots, parts)))

    def _share_out(self, job: _Job) -> None:
        shares = [_Share(job) for _ in range(min(threads(), job.chunks) - 1)]
        complete = False
        try:
            for share in shares:
                _helpers().put(share)
            self.work(job)
            complete = True
        finally:
            _wait(job, shares, complete)

    def work(self, job: _Job) -> None:
        """Run on the chunks that a job hands out."""
        with memory(self.nbytes) as scratch:
            for number in job:
                arrays = job.ring.arrays_for(number)
                if arrays is None:
                    return
                self._chunk(number * self.chunk, scratch, arrays)
                job.ring.done(number)

    def _chunk(self, start: int, scratch: np.ndarray[Any, Any], arrays: tuple[Any, ...]) -> None:
        stop = min(start + self.chunk, self.extent)
        whole = start + (stop - start) // self.block * self.block
        if whole > start:
            self.blocks(start, whole, scratch, *arrays)
        if stop > whole:
            assert self.rest is not None
            self.rest(whole, stop, scratch, *arrays)


def _part_bytes(kernel: Kernel) -> int:
    return sum(each.nbytes for each in kernel.sums)


def _slots(kernel: Kernel, chunks: int) -> int:
    """How many chunks' parts of the sums there is room for: all, where they are small, but for the first chunk's."""
    nbytes = _part_bytes(kernel)
    return min(chunks - 1, max(threads(), PARTS // nbytes)) if nbytes else 0


class _Ring:
    """Parts of a kernel's sums, combined in the order of the chunks, whoever is done first.

    The first chunk adds to the sums themselves, each other one to a slot that is taken again once its part has been
    added: a thread that is so far ahead that there is none waits for those behind.
    """

    def __init__(self, kernel: Kernel, arrays: tuple[Any, ...], slots: int, parts: np.ndarray[Any, Any]) -> None:
        self._sums = kernel.sums
        self._arrays = arrays
        self._parts: list[tuple[Any, ...]] = []
        offset = 0
        for _ in range(slots):
            row = list(arrays)
            for each in kernel.sums:
                row[each.place] = np.ndarray(each.shape, each.dtype, parts, offset)
                offset += each.nbytes
            self._parts.append(tuple(row))
        self._changed = threading.Condition()
        self._waiting: set[int] = set()
        self._combined = 0
        self._stopped = False

    def _slot(self, number: int) -> tuple[Any, ...]:
        return self._parts[(number - 1) % len(self._parts)] if number and self._parts else self._arrays

    def arrays_for(self, number: int) -> tuple[Any, ...] | None:
        """The kernel's arrays, with the slot of a chunk for its sums; None where the job has been stopped."""
        if number and self._parts:
            with self._changed:
                before = number - len(self._parts)  # the chunk that has had the slot
                self._changed.wait_for(lambda: self._stopped or before < 1 or self._combined > before)
                if self._stopped:
                    return None
            for each in self._sums:
                self._slot(number)[each.place].fill(each.start)
        return self._slot(number)

    def done(self, number: int) -> None:
        """A chunk's part is complete: add what is next."""
        if not self._parts:
            return
        with self._changed:
            self._waiting.add(number)
            while self._combined in self._waiting:
                self._waiting.remove(self._combined)
                self._add(self._combined)
                self._combined += 1
            self._changed.notify_all()

    def _add(self, number: int) -> None:
        for each in self._sums if number else ():
            total = self._arrays[each.place]
            each.combine(total, self._slot(number)[each.place], out=total)

    def stop(self) -> None:
        """Nobody waits any longer."""
        with self._changed:
            self._stopped = True
            self._changed.notify_all()


class _Job:
    """A kernel's chunks, which several threads take one after the other, until one of them stops it."""

    def __init__(self, kernel: Kernel, chunks: int, ring: _Ring) -> None:
        self.kernel = kernel
        self.chunks = chunks
        self.ring = ring
        self._next = itertools.count()
        self._stopped = False

    def __iter__(self) -> _Job:
        return self

    def __next__(self) -> int:
        number = next(self._next)
        if self._stopped or number >= self.chunks:
            raise StopIteration
        return number

    def stop(self) -> None:
        """Hand out no more."""
        self._stopped = True
        self.ring.stop()


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
                    job.kernel.work(job)
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


def _wait(job: _Job, shares: list[_Share], complete: bool) -> None:
    """Wait for all helpers, whatever happens meanwhile: they write to memory that somebody else gets afterwards. They
    stop early where the caller has no use for the rest. Raises what interrupted the waiting, or what stopped a helper.
    """
    interrupted: BaseException | None = None
    waiting = list(shares)
    while waiting:
        try:
            if interrupted is not None or not complete:
                job.stop()
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
