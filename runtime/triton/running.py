"""Programs as callables: arrays of the host, of a device or of other libraries in, and the same out.

NumPy's arrays are copied to the device and results come back as NumPy's. Where an argument stands on a device, so do
the results. A call returns when its work is done, so that an error is raised by the call that caused it.
"""

from __future__ import annotations

import functools
import threading
from collections.abc import Sequence
from typing import Any, Final

import numpy as np

from ...ir.errors import DeviceError
from .arrays import DeviceArray, empty, handed_back
from .devices import device_of
from .execution import Device, Execution, aligned
from .lowering import Plan
from .slots import Checks

#: A program of so many launches, all known beforehand, whose inputs and outputs have at most so many bytes, is recorded
#: at its second call and replayed from then on.
REPLAY_LAUNCHES: Final = range(3, 20_000)
REPLAY_BYTES: Final = 4 << 20


class Runner:
    """A plan as a callable on arrays."""

    def __init__(self, plan: Plan, checks: Checks) -> None:
        self.plan = plan
        self.checks = checks
        self._sessions: dict[Device, Session] = {}
        self._lock = threading.Lock()

    def __call__(self, *arrays: Any) -> tuple[Any, ...]:
        """Arrays of the program's inputs' types in, its outputs out."""
        given = [array for array in arrays if isinstance(array, DeviceArray)]
        device = _one_device(given)
        with device:
            with self._lock:
                session = self._sessions.get(device)
            if session is None:
                session = Session(device, self.plan, self.checks)
                with self._lock:
                    self._sessions[device] = session
            results = session.run(arrays, on_device=bool(given))
        if not given:
            return results
        lender = next((array.lender for array in given if array.lender), "")
        if not lender:
            return results
        for result in results:
            result.lender = lender
        return tuple([handed_back(result) for result in results])


def _one_device(arrays: Sequence[DeviceArray]) -> Device:
    """The device of the arrays, or the one that programs run on; `DeviceError` where they stand on two."""
    devices = list(dict.fromkeys(array.device for array in arrays))
    if len(devices) > 1:
        raise DeviceError(
            f"arguments stand on two devices, {devices[0].driver.name} and {devices[1].driver.name}: copy one of them "
            "to the other's (through x.numpy() and to_device)"
        )
    return devices[0] if devices else device_of()


class Session:
    """A program on one device. Its methods run inside ``with device:``."""

    def __init__(self, device: Device, plan: Plan, checks: Checks) -> None:
        self.device = device
        self.plan = plan
        self.execution = Execution(device, plan, checks)
        self._in_bytes = [aligned(max(value.type.nbytes, 1)) for value in plan.inputs]
        self._out_bytes = [aligned(max(value.type.nbytes, 1)) for value in plan.outputs]
        self._own = aligned(plan.depth_bytes)
        staged = sum(self._in_bytes) + sum(self._out_bytes)
        self._replays = (plan.launches or 0) in REPLAY_LAUNCHES and staged <= REPLAY_BYTES
        self._calls = 0
        self._recording: tuple[int, Any] | None = None

    def run(self, arrays: Sequence[Any], on_device: bool) -> tuple[Any, ...]:
        """The results, on the device or as NumPy's."""
        device, plan = self.device, self.plan
        room = sum(
            nbytes
            for array, nbytes in zip(arrays, self._in_bytes, strict=True)
            if self._replays or not isinstance(array, DeviceArray)
        )
        base = device.workspace(self._own + room + sum(self._out_bytes))
        inputs, at = self._stage(arrays, base + self._own)
        if self._replays:
            outputs = self._places(at)
            self._calls += 1
            self.execution.checked(lambda: self._replay(inputs, outputs, base))
            return self._unstaged(outputs, on_device)
        if not on_device:
            outputs = self._places(at)
            self.execution(inputs, outputs, base)
            return self._unstaged(outputs, False)
        made = [empty(device, value.type) for value in plan.outputs]
        self.execution(inputs, [array.address for array in made], base)
        device.driver.synchronize()
        return tuple(made)

    def _stage(self, arrays: Sequence[Any], at: int) -> tuple[list[int], int]:
        """Where the inputs stand: in the shared memory, unless they are on the device and nothing is replayed."""
        driver, found = self.device.driver, []
        for array, value, nbytes in zip(arrays, self.plan.inputs, self._in_bytes, strict=True):
            if isinstance(array, DeviceArray):
                if not self._replays:
                    found.append(array.address)
                    continue
                if array.nbytes:
                    driver.copy(at, array.address, array.nbytes)
            elif value.type.nbytes:
                driver.write(at, np.ascontiguousarray(array, value.type.dtype))
            found.append(at)
            at += nbytes
        return found, at

    def _places(self, at: int) -> list[int]:
        found = []
        for nbytes in self._out_bytes:
            found.append(at)
            at += nbytes
        return found

    def _replay(self, inputs: Sequence[int], outputs: Sequence[int], base: int) -> None:
        """Run the steps: at the first call one by one, which loads what they need, later as they were recorded. Memory
        that moved is recorded anew."""
        if self._calls == 1:
            self.execution.steps(inputs, outputs, base)
            return
        if self._recording is None or self._recording[0] != base:
            self._forget()
            work = self.device.driver.capture(lambda: self.execution.steps(inputs, outputs, base))
            self._recording = base, work
        self.device.driver.replay(self._recording[1])

    def _forget(self) -> None:
        if self._recording is not None:
            self.device.later(functools.partial(self.device.driver.forget, self._recording[1]))
            self._recording = None

    def __del__(self) -> None:
        if getattr(self, "_recording", None) is not None:
            self._forget()

    def _unstaged(self, places: Sequence[int], on_device: bool) -> tuple[Any, ...]:
        if not on_device:
            pairs = zip(self.plan.outputs, places, strict=True)
            return tuple([self.execution.fetch(value, place)[()] for value, place in pairs])
        found = []
        for value, place in zip(self.plan.outputs, places, strict=True):
            made = empty(self.device, value.type)
            if value.type.nbytes:
                self.device.driver.copy(made.address, place, value.type.nbytes)
            found.append(made)
        self.device.driver.synchronize()
        return tuple(found)
