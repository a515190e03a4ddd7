"""Which device programs run on."""

from __future__ import annotations

import functools
import threading

from .execution import Device
from .interpreter import InterpreterDriver


@functools.cache
def interpreter() -> Device:
    """Triton's interpreter as a device."""
    return Device(InterpreterDriver(), threading.RLock())


def current_device() -> Device:
    """The device that programs run on."""
    return interpreter()
