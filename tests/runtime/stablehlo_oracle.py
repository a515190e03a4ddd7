"""jaxlib as the oracle: MLIR's parser and verifier, StableHLO's reference interpreter, and XLA on the CPU.

Needs jaxlib alone, not jax. The program's function ``main`` is called from one that holds the inputs as constants and
returns real numbers that NumPy knows, because MLIR's Python attributes have no complex and 16-bit floating point ones.
"""

import functools

import numpy as np
from jaxlib import _jax, xla_client
from jaxlib.mlir import ir, passmanager
from jaxlib.mlir._mlir_libs import _jax_mlir_ext
from jaxlib.mlir.dialects import chlo, stablehlo
from mixad.ir.attributes import Dense
from mixad.ir.types import COMPLEX, FLOATING
from mixad.runtime.stablehlo.writer import Tensor, Writer, function_type


@functools.cache
def context():
    """A context that knows StableHLO and CHLO, and refuses operations of dialects that it does not know."""
    stablehlo.register_stablehlo_passes()
    registry = ir.DialectRegistry()
    _jax_mlir_ext.register_dialects(registry)
    made = ir.Context()
    made.append_dialect_registry(registry)
    made.load_all_available_dialects()
    stablehlo.register_dialect(made)
    chlo.register_dialect(made)
    return made


def parse(text):
    """The module that MLIR reads, verified; MLIRError where it does not."""
    with context():
        module = ir.Module.parse(text)
        module.operation.verify()
        return module


def accepts_generic(text):
    """Raise MLIRError where MLIR's parser does not take a text of dialects unknown to it."""
    with ir.Context() as unknown:
        unknown.allow_unregistered_dialects = True
        ir.Module.parse(text).operation.verify()


def interpret_stablehlo(text, inputs, types):
    """The results of the text's ``main`` by StableHLO's reference interpreter, as arrays of ``types``."""
    with context():
        module = ir.Module.parse(_closed(text, inputs, types, real=True))
        module.operation.verify()
        passmanager.PassManager.parse("builtin.module(func.func(chlo-legalize-to-stablehlo))").run(module.operation)
        parts = iter(stablehlo.eval_module(module, []))
        return [_assemble(parts, type) for type in types]


def _assemble(parts, type):
    result = np.empty(type.shape, type.dtype)
    if type.dtype in COMPLEX:
        result.real, result.imag = _array(next(parts)), _array(next(parts))
    else:
        result[...] = _array(next(parts))
    return result


def _array(attribute):
    return np.array(attribute).reshape(tuple(attribute.type.shape))


def _closed(text, inputs, types, *, real=False):
    """The text with ``main`` renamed, and a ``main`` without arguments that calls it. With ``real`` it returns the two
    parts of complex numbers, and float64 for any floating point type."""
    w = Writer("    ")
    operands = [w.constant(Dense(np.asarray(array))) for array in inputs]
    name = w.fresh()
    w.write(f"{name}:{len(types)} = ", "func.call", operands, types, callee="@program")
    shown = []
    for index, type in enumerate(types):
        value = Tensor(f"{name}#{index}", type)
        if not real:
            shown.append(value)
        elif type.dtype in COMPLEX:
            part = type.with_dtype(np.float32 if type.dtype == np.complex64 else np.float64)
            shown += [w.op("real", [value], part), w.op("imag", [value], part)]
        else:
            shown.append(w.convert(value, np.float64) if type.dtype in FLOATING else value)
    w.write("", "func.return", shown, [])
    type = function_type([], [value.type for value in shown])
    body = "\n".join(w.lines)
    caller = f'  "func.func"() ({{\n{body}\n  }}) {{function_type = {type}, sym_name = "main"}} : () -> ()\n'
    start, end = text.replace('sym_name = "main"', 'sym_name = "program"').rsplit("})", 1)
    return f"{start}{caller}}}){end}"


@functools.cache
def _client():
    return xla_client.make_cpu_client()


def run_xla(text, inputs, types):
    """The results of ``main`` compiled by XLA for the CPU."""
    client = _client()
    devices = _jax.DeviceList(tuple(client.local_devices()))
    loaded = client.compile_and_load(_closed(text, inputs, types), devices, xla_client.CompileOptions())
    parts = loaded.execute_sharded([]).disassemble_into_single_device_arrays()
    return [np.array(part._single_device_array_to_np_array_did_copy()[0]) for (part,) in parts]
