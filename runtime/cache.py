"""A bounded cache, least recently used first out, that makes each entry once, whatever the threads."""

from __future__ import annotations

import os
import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

from .forks import new_lock

V = TypeVar("V")


class Cache(Generic[V]):
    """Maps keys to values that are costly to make. ``limit`` is the most entries kept."""

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.hits = 0
        self.misses = 0
        self._entries: OrderedDict[Hashable, V] = OrderedDict()
        #: What is being made, by process: a forked child waits for none of its parent's threads.
        self._making: dict[tuple[int, Hashable], threading.Event] = {}
        self._lock = new_lock()

    def get(self, key: Hashable, make: Callable[[], V]) -> V:
        """The value of ``key``; made by ``make`` on a miss, by one thread while others wait for it.

        An error in ``make`` reaches the thread that ran it; a waiting thread then tries itself.
        """
        while True:
            with self._lock:
                if key in self._entries:
                    self._entries.move_to_end(key)
                    self.hits += 1
                    return self._entries[key]
                making = os.getpid(), key
                event = self._making.get(making)
                if event is None:
                    self._making[making] = threading.Event()
                    self.misses += 1
                    break
            event.wait()
        try:
            value = make()
            with self._lock:
                self._entries[key] = value
                while len(self._entries) > self.limit:
                    self._entries.popitem(last=False)
            return value
        finally:
            with self._lock:
                self._making.pop(making).set()

    def clear(self) -> None:
        """Forget every entry."""
        with self._lock:
            self._entries.clear()

    def __len__(self) -> int:
        return len(self._entries)
