"""Locks that a forked child finds open: whoever else held one is not there any more."""

from __future__ import annotations

import os
import threading
from typing import Final
from weakref import WeakSet

_made: Final[WeakSet[threading.Lock]] = WeakSet()


def new_lock() -> threading.Lock:
    """A lock for what leaves its data in order at every step, so that a child may go on from any of them."""
    lock = threading.Lock()
    _made.add(lock)
    return lock


def _open() -> None:
    for lock in _made:
        if lock.locked():
            lock.release()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_open)
