"""Blocks on threads: how the chunks of a kernel are handed out."""

from __future__ import annotations

import functools
import itertools
import os
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from threadpoolctl import ThreadpoolController  # type: ignore[import-untyped]

from .arenas import memory

VARIABLE: Final = "MIXAD_NUM_THREADS"
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
def _workers() -> ThreadPoolExecutor:
    """The threads beside the calling one."""
    return ThreadPoolExecutor(threads() - 1, thread_name_prefix="mixad")


@functools.cache
def _blas() -> list[Any]:
    """The loaded BLAS libraries' own switches."""
    return list(ThreadpoolController().select(user_api="blas").lib_controllers)


@contextmanager
def one_blas_thread() -> Iterator[None]:
    """Hold BLAS to one thread: kernels have threads of their own, and no product then depends on how many there are."""
    before = [(each, each.get_num_threads()) for each in _blas()]
    held = [(each, count) for each, count in before if count != 1]
    for each, _ in held:
        each.set_num_threads(1)
    try:
        yield
    finally:
        for each, count in held:
            each.set_num_threads(count)


def _forget() -> None:
    """A forked child has none of its parent's threads."""
    _workers.cache_clear()
    threads.cache_clear()


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
        remaining = enumerate(chunks)
        if helpers == 0:
            self._work(remaining, arrays)
            return
        shared = _Shared(remaining)
        futures: list[Future[None]] = [_workers().submit(self._help, shared, arrays) for _ in range(helpers)]
        try:
            self._work(shared, arrays)
        finally:
            shared.stop()
            for future in futures:
                if not future.cancel():
                    future.result()

    def _help(self, chunks: Any, arrays: tuple[Any, ...]) -> None:
        with np.errstate(all="ignore"):
            self._work(chunks, arrays)

    def _work(self, chunks: Any, arrays: tuple[Any, ...]) -> None:
        with memory(self.nbytes) as scratch:
            for number, start in chunks:
                stop = min(start + self.chunk, self.extent)
                whole = start + (stop - start) // self.block * self.block
                if whole > start:
                    self.blocks(number, start, whole, scratch, *arrays)
                if stop > whole:
                    assert self.rest is not None
                    self.rest(number, whole, stop, scratch, *arrays)


class _Shared:
    """Chunks that several threads take one after the other, until one of them stops it."""

    def __init__(self, chunks: Any) -> None:
        self._chunks = list(chunks)
        self._next = itertools.count()
        self._stopped = False

    def __iter__(self) -> _Shared:
        return self

    def __next__(self) -> tuple[int, int]:
        number = next(self._next)
        if self._stopped or number >= len(self._chunks):
            raise StopIteration
        chunk: tuple[int, int] = self._chunks[number]
        return chunk

    def stop(self) -> None:
        """Hand out no more."""
        self._stopped = True
