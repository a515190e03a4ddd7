"""Kernels of every kind, of every operation and in every element type compile for GPUs that are not there."""

import re

import numpy as np
import pytest
from mixad.ir import Builder, Dense, Graph, Module, TensorType, registered
from mixad.ir.errors import DeviceError
from mixad.ir.types import bfloat16
from mixad.runtime.compiler import compile_module
from mixad.runtime.triton import TRITON, Options, backend_for
from mixad.runtime.triton.compiler import CDNA3, HOPPER, compile_kernels
from mixad.runtime.triton.expressions import LONG, TRITON_NAMES

from ...proof.programs import accepted, sample_arrays
from .assembly import rounded_constants


def _families(dtype):
    """Programs whose kernels are of every kind."""
    n = TensorType((301, 77), dtype)

    def rows(b, x):
        row = b.reduce_max(x, axes=(1,))
        return b.exp(b.sub(x, b.broadcast_in_dim(row, shape=(301, 77), dims=(0,))))

    return {
        "pointwise": (lambda b, x, y: b.add(b.tanh(x), b.pow(x, y)), (n, n)),
        "rows": (rows, (n,)),
        "looped": (lambda b, x: b.reduce_prod(x, axes=(1,)), (TensorType((5, 3000), dtype),)),
        "columns": (lambda b, x: b.argmax(x, axis=0), (n,)),
        "split": (lambda b, x: b.reduce_sum(x, axes=(0,)), (TensorType((100_000,), dtype),)),
        "tiles": (
            lambda b, x, y: b.maximum(b.contract(x, y, spec="ik,jk->ij"), b.constant(value=_zero(dtype))),
            (n, n),
        ),
        "split_tiles": (
            lambda b, x, y: b.contract(x, y, spec="ki,kj->ij"),
            (TensorType((5000, 32), dtype), TensorType((5000, 16), dtype)),
        ),
        "moves": (
            lambda b, x: b.pad(b.reverse(x, axes=(1,)), low=(1, 0), high=(0, 2), interior=(0, 1)),
            (n,),
        ),
        "cumsum": (lambda b, x: b.cumsum(x, axis=1, reverse=True), (n,)),
        "sort": (lambda b, x: b.sort(x, axis=0), (n,)),
        "gather": (lambda b, x, i: b.gather(x, i, axes=(1,)), (n, TensorType((9,), np.int32))),
        "scatter": (
            lambda b, x, u, i: b.scatter_add(x, u, i, axes=(0,)),
            (n, TensorType((400, 77), dtype), TensorType((400,), np.int64)),
        ),
        "small": (lambda b, x: b.sort(b.sub(x, b.reverse(x, axes=(0,))), axis=0), (TensorType((8,), dtype),)),
        "special": (lambda b, x: b.add(b.polygamma(x, n=0), b.polygamma(x, n=2)), (n,)),
    }


def _zero(dtype):
    return Dense(np.zeros((), dtype), TensorType((301, 301), dtype))


def _kernels(dtype):
    found = {}
    for build, types in _families(np.dtype(dtype)).values():
        graph = Graph("f")
        graph.set_outputs([build(Builder(graph), *[graph.add_input(type) for type in types])])
        module = Module()
        module.add(graph)
        found.update(dict.fromkeys(compile_module(module, TRITON)["f"].run.plan.kernels()))
    return list(found)


@pytest.mark.slow
@pytest.mark.parametrize("dtype", [np.float32, np.float64, bfloat16], ids=str)
def test_every_family_compiles_for_hopper(dtype):
    kernels = _kernels(dtype)
    binaries = compile_kernels(kernels, HOPPER)
    assert all(binary.code.startswith(b"\x7fELF") for binary in binaries)
    assert all(binary.metadata["shared"] <= 232_448 for binary in binaries)
    assert not any(binary.metadata["global_scratch_size"] for binary in binaries)
    products = [
        binary.stages["ptx"] for kernel, binary in zip(kernels, binaries, strict=True) if "tl.dot" in kernel.source
    ]
    assert products
    if dtype is bfloat16:
        assert any("wgmma" in ptx or "mma.sync" in ptx for ptx in products)


#: What Triton 3.6 does not compile for AMD: what its library lacks there. (And products of float64 matrices.)
NOT_FOR_AMD = {"libdevice.tgamma", "libdevice.erfcinv", "libdevice.normcdfinv"}


@pytest.mark.slow
@pytest.mark.parametrize("dtype", [np.float32, np.float64, bfloat16], ids=str)
def test_families_compile_for_amd_too(dtype):
    kernels = _kernels(dtype)
    products = [kernel for kernel in kernels if "tl.dot" in kernel.source and dtype is np.float64]
    others = [kernel for kernel in kernels if kernel not in products]
    assert all(binary.code.startswith(b"\x7fELF") for binary in compile_kernels(others, CDNA3))
    for kernel in products:
        with pytest.raises(DeviceError, match="does not compile"):
            compile_kernels([kernel], CDNA3)


def _of_operations(dtype, every_sample=False, long=False):
    """The kernels of every operation alone, with the operation's name: of its first sample, whose indices and
    predicates are what they are, or of every one. (Those of long functions compile for Hopper in test_special.py.)"""
    found = {}
    for name, row in TRITON.support.items():
        definition = registered()[name]
        samples = () if definition.rules is None or (name in LONG) > long else definition.rules.cls.samples
        for number, sample in enumerate(samples if every_sample else samples[:1]):
            arrays = [
                array.astype(dtype) if array.dtype in (np.float64, dtype) else array
                for array in sample_arrays(definition, number)
            ]
            types = {dtype, sample.attributes.get("dtype", dtype)}
            if not arrays or not types <= row.dtypes or not accepted(definition, number, arrays):
                continue
            graph = Graph("f")
            operands = tuple(graph.add_input(TensorType(array.shape, array.dtype)) for array in arrays)
            graph.set_outputs(Builder(graph).create(definition, operands, sample.attributes).results)
            module = Module()
            module.add(graph)
            found.update(dict.fromkeys(compile_module(module, TRITON)["f"].run.plan.kernels(), name))
    return found


@pytest.mark.slow
@pytest.mark.parametrize("dtype", sorted(TRITON_NAMES, key=str), ids=str)  # a set's order varies by process
def test_the_kernels_of_every_operation_compile_for_hopper(dtype):
    kernels = _of_operations(dtype, dtype == np.float64)
    assert len(kernels) > {"f": 70, "V": 70, "b": 10}.get(dtype.kind, 30)
    binaries = compile_kernels(list(kernels), HOPPER)
    if dtype == np.float64:
        for binary, name in zip(binaries, kernels.values(), strict=True):
            assert not rounded_constants(binary), name


@pytest.mark.slow
def test_the_kernels_of_every_operation_compile_for_amd():
    kernels = _of_operations(np.dtype(np.float32), long=True)
    lacking = {kernel: each for kernel in kernels for each in NOT_FOR_AMD if each in kernel.source}
    compile_kernels([kernel for kernel in kernels if kernel not in lacking], CDNA3)
    assert set(lacking.values()) == NOT_FOR_AMD
    assert {"tensor.gamma", "tensor.beta", "tensor.bessel_j", "tensor.ndtri"} <= {kernels[each] for each in lacking}
    assert len(lacking) < 25 < 100 < len(kernels)
    for kernel in lacking:
        with pytest.raises(DeviceError, match=r"has no attribute '(tgamma|erfcinv|normcdfinv)'"):
            compile_kernels([kernel], CDNA3)


@pytest.mark.parametrize("precision", ["ieee", "tf32x3", "tf32"])
def test_the_precision_of_products_is_that_of_the_machine_code(precision):
    graph = Graph("f")
    x, y = (graph.add_input(TensorType((64, 64), np.float32)) for _ in "xy")
    graph.set_outputs([Builder(graph).contract(x, y, spec="ik,kj->ij")])
    module = Module()
    module.add(graph)
    program = compile_module(module, backend_for(Options(precision)))["f"]
    (binary,) = compile_kernels(list(program.run.plan.kernels()), HOPPER)
    instructions = re.findall(r"^\s+(?:wgmma|mma|fma)[.\w]+", binary.stages["ptx"], re.MULTILINE)
    tensor = sum(".tf32" in each for each in instructions)
    assert tensor == {"ieee": 0, "tf32": 4, "tf32x3": 12}[precision]  # 64 of 64 x 64 products, 16 at once
    assert ("fma.rn.f32" in binary.stages["ptx"]) == (precision == "ieee")


@pytest.mark.parametrize("dtype", [np.float32, np.float64], ids=str)
def test_transposed_operands_are_read_and_results_written_in_whole_lines(dtype):
    graph = Graph("f")
    b, x, y = Builder(graph), *(graph.add_input(TensorType((256, 256), dtype)) for _ in "xy")
    graph.set_outputs([b.add(b.transpose(x, permutation=(1, 0)), y)])
    module = Module()
    module.add(graph)
    (binary,) = compile_kernels(list(compile_module(module, TRITON)["f"].run.plan.kernels()), HOPPER)
    assert binary.metadata["shared"] == 32 * 32 * np.dtype(dtype).itemsize
    vector = "v4.b32" if dtype is np.float32 else "v2.b64"
    accesses = set(re.findall(r"(?:ld|st)\.global\.[.\w]+", binary.stages["ptx"]))
    assert accesses == {f"ld.global.{vector}", f"st.global.{vector}"}
