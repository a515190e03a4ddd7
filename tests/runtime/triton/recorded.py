"""A driver's library that records what it is asked for. Its memory is the host's."""

import ctypes

from mixad.runtime.triton.cuda import _SIGNATURES

NAME = b"Recorded GPU"
ATTRIBUTES = {75: 9, 76: 0, 16: 132}


def _set(reference, value):
    reference._obj.value = value


class RecordedLibrary:
    """Has the calls that `mixad.runtime.triton.cuda` makes. ``failing`` maps a call to the status that it returns."""

    def __init__(self, version=13000, count=1):
        self.version, self.count = version, count
        self.calls = []
        self.launches = []
        self.memory = {}
        self.failing = {}
        self.capturing = False
        self.ordinal = 0
        self._handles = 0x1000

    def __getattr__(self, name):
        if not name.startswith("cu"):
            raise AttributeError(name)

        def call(*arguments):
            self.calls.append(name)
            for kind, argument in zip(_SIGNATURES[name], arguments, strict=True):
                kind.from_param(argument)  # as ctypes does, which refuses what is of another type
            if name in self.failing:
                return self.failing[name]
            handler = getattr(self, f"_{name}", None)
            if handler is not None:
                handler(*arguments)
            elif arguments and hasattr(arguments[0], "_obj"):
                self._handles += 0x10
                _set(arguments[0], self._handles)
            return 0

        return call

    def _cuDriverGetVersion(self, found):
        _set(found, self.version)

    def _cuDeviceGetCount(self, found):
        _set(found, self.count)

    def _cuDeviceGet(self, found, ordinal):
        _set(found, ordinal)

    def _cuDeviceGetName(self, buffer, size, device):
        buffer.value = NAME

    def _cuDeviceGetAttribute(self, found, number, device):
        _set(found, ATTRIBUTES[number])

    def _cuPointerGetAttribute(self, found, attribute, address):
        _set(found, self.ordinal)

    def _cuMemAllocAsync(self, found, nbytes, stream):
        block = ctypes.create_string_buffer(nbytes + 256)
        address = -(-ctypes.addressof(block) // 256) * 256
        self.memory[address] = block
        _set(found, address)

    def _cuMemFreeAsync(self, address, stream):
        del self.memory[address]

    def _cuMemcpyHtoDAsync_v2(self, target, source, nbytes, stream):
        ctypes.memmove(target, source, nbytes)

    def _cuMemcpyDtoHAsync_v2(self, target, source, nbytes, stream):
        ctypes.memmove(target, source, nbytes)

    def _cuMemcpyDtoDAsync_v2(self, target, source, nbytes, stream):
        if not self.capturing:
            ctypes.memmove(target, source, nbytes)

    def _cuMemsetD8Async(self, address, value, nbytes, stream):
        ctypes.memset(address, value, nbytes)

    def _cuStreamBeginCapture_v2(self, stream, mode):
        self.capturing = True

    def _cuStreamEndCapture(self, stream, found):
        self.capturing = False
        _set(found, 0x77)

    def _cuGetErrorName(self, status, found):
        _set(found, b"CUDA_ERROR_RECORDED")

    def _cuLaunchKernel(self, function, gx, gy, gz, bx, by, bz, shared, stream, parameters, extra):
        values = [ctypes.cast(each, ctypes.POINTER(ctypes.c_uint64)).contents.value for each in parameters]
        self.launches.append({"grid": (gx, gy, gz), "block": (bx, by, bz), "shared": shared, "values": values})
