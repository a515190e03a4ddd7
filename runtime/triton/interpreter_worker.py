"""A process that stands in for a GPU: it has memory of its own and runs kernels in Triton's interpreter, on NumPy.

Run as a script with two pipes; `interpreter` starts it and speaks to it. Triton chooses between interpreting and
compiling when it is imported, so a process does one of the two. The interpreter is told here what NumPy 2.4 and CUDA's
device library mean, and that bfloat16 is rounded to nearest.
"""

from __future__ import annotations

import os
import sys

os.environ["TRITON_INTERPRET"] = "1"
# The folder of a script is searched first, and this one holds modules named as others' are.
_OWN = os.path.dirname(os.path.abspath(__file__))
sys.path[:] = [path for path in sys.path if os.path.abspath(path or ".") != _OWN]

import ctypes
import importlib
import math
import types
from typing import Any

import numpy as np
import triton
import triton.language as tl
from triton.language.extra import libdevice
from triton.runtime import interpreter as machine


def load(path: str) -> Any:
    """A module from its file, and from nothing that Python keeps beside it."""
    module = types.ModuleType(os.path.basename(path)[:-3])
    module.__file__ = path
    with open(path, "rb") as file:
        exec(compile(file.read(), path, "exec"), module.__dict__)
    return module


wire = load(os.path.join(_OWN, "wire.py"))
Handle = machine.TensorHandle
ALIGNMENT = 256


# --- repairs -------------------------------------------------------------------------------------


def _to_bits(x: np.ndarray) -> np.ndarray:
    """float32 as the bits of bfloat16, rounded to the nearest, halves to even."""
    bits = np.ascontiguousarray(x, np.float32).view(np.uint32)
    rounded = ((bits + (((bits >> 16) & 1) + np.uint32(0x7FFF))) >> 16).astype(np.uint16)
    return np.where(np.isnan(x), np.uint16(0x7FC0), rounded)


def _from_bits(bits: np.ndarray) -> np.ndarray:
    return (np.ascontiguousarray(bits).astype(np.uint32) << 16).view(np.float32)


def _repair_casts() -> None:
    builder = machine.InterpreterBuilder
    plain = builder.cast_impl

    def cast(self: Any, source: Any, target: Any) -> Any:
        before, after = source.dtype.scalar, target.scalar
        if before == tl.bfloat16 and after != tl.bfloat16:
            return Handle(_from_bits(source.data).astype(machine._get_np_dtype(target)), after)
        if after == tl.bfloat16 and before != tl.bfloat16:
            return Handle(_to_bits(source.data.astype(np.float32)), after)
        return plain(self, source, target)

    builder.cast_impl = cast
    builder.create_fp_to_fp = lambda self, source, target, rounding: cast(self, source, target)
    multiply = builder.create_dot

    def dot(self: Any, a: Any, b: Any, *rest: Any) -> Any:
        if a.dtype.scalar == tl.bfloat16:
            a, b = (Handle(_from_bits(each.data), tl.float32) for each in (a, b))
        return multiply(self, a, b, *rest)

    builder.create_dot = dot


def _repair_comparisons() -> None:
    """Their results are truth values, also where one number is repeated to fill a block."""

    def repaired(compare: Any) -> Any:
        return lambda self, x, y: Handle(compare(self, x, y).data, tl.int1)

    for name in dir(machine.InterpreterBuilder):
        if name.startswith(("create_fcmp", "create_icmp")):
            setattr(machine.InterpreterBuilder, name, repaired(getattr(machine.InterpreterBuilder, name)))


def _repair_calls() -> None:
    """Numbers as loop bounds; device functions without patching the language anew at each call; products."""
    patch = machine._patch_lang_tensor

    def patch_tensor(tensor: Any, scope: Any) -> None:
        patch(tensor, scope)
        scope.set_attr(tensor, "__index__", lambda self: int(np.asarray(self.handle.data).reshape(-1)[0]))

    machine._patch_lang_tensor = patch_tensor
    machine.InterpretedFunction.__call__ = lambda self, *args, **kwargs: self.rewrite()(*args, **kwargs)
    reduce = machine.ReduceOps.apply_impl

    def reduced(self: Any, given: Any) -> Any:
        if getattr(self.combine_fn, "__name__", "") == "multiply":
            return self.to_tensor(
                np.prod(given[0].handle.data, axis=self.axis, keepdims=self.keep_dims), given[0].dtype
            )
        return reduce(self, given)

    machine.ReduceOps.apply_impl = reduced


def _elementwise(name: str) -> Any:
    """A function of SciPy, where it is installed."""

    def call(*operands: Any) -> Any:
        return getattr(importlib.import_module("scipy.special"), name)(*operands)

    return call


def _each(function: Any) -> Any:
    return np.vectorize(function, otypes=[np.float64])


def _lgamma(x: float) -> float:
    try:
        return math.lgamma(x)
    except (ValueError, OverflowError):
        return math.inf


NUMPY = {
    "asin": np.arcsin,
    "acos": np.arccos,
    "atan": np.arctan,
    "asinh": np.arcsinh,
    "acosh": np.arccosh,
    "atanh": np.arctanh,
    "atan2": np.arctan2,
    "pow": np.power,
    "erf": _each(math.erf),
    "erfc": _each(math.erfc),
    "erfinv": _elementwise("erfinv"),
    "erfcinv": _elementwise("erfcinv"),
    "erfcx": _elementwise("erfcx"),
    "normcdfinv": _elementwise("ndtri"),
    "lgamma": _each(_lgamma),
    "nearbyint": np.rint,
    "tgamma": _elementwise("gamma"),
}
SAME = [
    "exp",
    "expm1",
    "log",
    "log1p",
    "sin",
    "cos",
    "tan",
    "sinh",
    "cosh",
    "tanh",
    "floor",
    "ceil",
    "trunc",
    "fmod",
    "copysign",
    "sqrt",
]


def _function(meaning: Any) -> Any:
    def call(*operands: Any, _semantic: Any = None) -> Any:
        tensors = [x if isinstance(x, tl.tensor) else machine.interpreter_semantic.to_tensor(x) for x in operands]
        like = max(tensors, key=lambda each: len(each.shape))
        found = np.asarray(meaning(*[each.handle.data for each in tensors]))
        handle = Handle(found.astype(machine._get_np_dtype(like.dtype)), like.dtype.scalar)
        return tl.tensor(handle, like.type)

    return call


def _repair() -> None:
    _repair_casts()
    _repair_comparisons()
    _repair_calls()
    for name in SAME:
        setattr(libdevice, name, _function(getattr(np, name)))
    for name, meaning in NUMPY.items():
        setattr(libdevice, name, _function(meaning))


# --- the machine ---------------------------------------------------------------------------------


class Pointer:
    """An address with an element type, as Triton's interpreter asks for it."""

    def __init__(self, address: int, dtype: str) -> None:
        self.address, self.dtype = address, dtype

    def data_ptr(self) -> int:
        """The address."""
        return self.address


class Machine:
    """Memory and kernels."""

    def __init__(self) -> None:
        self.memory: dict[int, np.ndarray] = {}
        self.kernels: dict[tuple[str, str], Any] = {}
        self.patched = False

    def alloc(self, nbytes: int) -> int:
        """The address of fresh memory, filled with what no program should read."""
        block = np.full(nbytes + ALIGNMENT, 0xA5, np.uint8)
        address = -(-block.ctypes.data // ALIGNMENT) * ALIGNMENT
        self.memory[address] = block
        return int(address)

    def free(self, address: int) -> None:
        """Give memory back."""
        del self.memory[address]

    def write(self, address: int, data: bytes) -> None:
        """Copy into memory."""
        ctypes.memmove(address, data, len(data))

    def read(self, address: int, nbytes: int) -> bytes:
        """Copy out of memory."""
        return ctypes.string_at(address, nbytes)

    def copy(self, target: int, source: int, nbytes: int) -> None:
        """Copy within memory."""
        ctypes.memmove(target, source, nbytes)

    def fill(self, address: int, nbytes: int, value: int) -> None:
        """Set bytes."""
        ctypes.memset(address, value, nbytes)

    def launch(self, path: str, name: str, grid: tuple[int, int, int], arguments: list[Any]) -> None:
        """Run a kernel of a file: an argument is a number, or an address with the element type it points to."""
        function = self._kernel(path, name)
        given = [
            machine._implicit_cvt(Pointer(*each) if isinstance(each, tuple) else each)  #
            for each in arguments
        ]
        machine.interpreter_builder.set_grid_dim(*grid)
        for x in range(grid[0]):
            for y in range(grid[1]):
                for z in range(grid[2]):
                    machine.interpreter_builder.set_grid_idx(x, y, z)
                    function(*given)

    def _kernel(self, path: str, name: str) -> Any:
        if (path, name) not in self.kernels:
            kernel = getattr(load(path), name)
            if not self.patched:
                for function in (kernel.fn, tl.standard.max.fn):  # a kernel's names, and those of Triton's own library
                    machine._patch_lang(function)
                self.patched = True
            self.kernels[path, name] = kernel.rewrite()
        return self.kernels[path, name]


def serve() -> None:
    """Answer messages (method, arguments, whether an answer is awaited) until the other side is gone. What goes wrong
    in a message without an answer is told with the next answer."""
    questions, answers = wire.streams()
    _repair()
    device = Machine()
    failed: str | None = None
    while True:
        try:
            method, arguments, awaited = wire.receive(questions)
        except EOFError:
            return
        result: Any = None
        if failed is None:
            try:
                with np.errstate(all="ignore"):
                    result = getattr(device, method)(*arguments)
            except Exception as error:
                failed = f"{type(error).__name__}: {error}"
                if os.environ.get("MIXAD_TRITON_TRACEBACK"):
                    import traceback

                    traceback.print_exc()
        if awaited:
            wire.send(answers, (failed, result))
            failed = None


if __name__ == "__main__":
    assert triton.knobs.runtime.interpret
    serve()
