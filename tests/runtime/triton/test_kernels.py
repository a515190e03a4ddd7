"""Kernels of every kind, on shapes that take several blocks, in Triton's interpreter against the reference."""

import numpy as np
import pytest
from mixad.ir import Builder, Dense, Graph, Module, TensorType
from mixad.ir.errors import BoundsError, UnsupportedOperationError
from mixad.ir.types import bfloat16
from mixad.runtime.compiler import compile_module
from mixad.runtime.reference import interpret
from mixad.runtime.triton import TRITON, Options, backend_for
from mixad.runtime.triton.lowering import arrange

from ...proof.programs import assert_close

RNG = np.random.default_rng(0)
FLOATS = [np.float64, np.float32, np.float16, bfloat16]


def normal(*shape, dtype=np.float64):
    return np.asarray(RNG.standard_normal(shape)).astype(dtype)


def module_of(build, *arrays):
    graph = Graph("f")
    inputs = [graph.add_input(TensorType(array.shape, array.dtype)) for array in arrays]
    found = build(Builder(graph), *inputs)
    graph.set_outputs(found if isinstance(found, list) else [found])
    module = Module()
    module.add(graph)
    return module


def check(build, *arrays, kernels=None, ulps=32, backend=TRITON):
    """The program's numbers are the reference's, and it has so many kernels; returns their sources."""
    module = module_of(build, *arrays)
    expected = interpret(module.clone().entry, *arrays)
    program = compile_module(module, backend)["f"]
    for _ in range(3):  # the third call replays what the second one recorded
        for found, wanted in zip(program.run(*arrays), expected, strict=True):
            assert_close(found, wanted, ulps)
    if kernels is not None:
        assert sum(1 for _ in program.run.plan.kernels()) == kernels
    return program.source


def spread(b, row, like):
    """A row's values along the columns of ``like``."""
    return b.broadcast_in_dim(row, shape=like.type.shape, dims=(0,))


def softmax(b, x):
    powers = b.exp(b.sub(x, spread(b, b.reduce_max(x, axes=(1,)), x)))
    return b.div(powers, spread(b, b.reduce_sum(powers, axes=(1,)), x))


def layer_norm(b, x):
    size = b.constant(value=_constant(x.type.shape[:1], x.type.shape[1], x.type.dtype))
    centred = b.sub(x, spread(b, b.div(b.reduce_sum(x, axes=(1,)), size), x))
    variance = b.div(b.reduce_sum(b.square(centred), axes=(1,)), size)
    return b.mul(centred, spread(b, b.rsqrt(variance), x))


def _constant(shape, number, dtype):
    return Dense(np.asarray(number, dtype), TensorType(shape, dtype))


def test_float64_becomes_float16_in_one_rounding():
    halfway = np.array([1 + 2**-11 + 2**-40, 1 + 3 * 2**-11 - 2**-40, 65519.999999, 2**-25 + 2**-60, -65520.0])
    check(lambda b, x: b.convert(x, dtype=np.dtype(np.float16)), halfway, ulps=0)


# --- fusion --------------------------------------------------------------------------------------


@pytest.mark.parametrize("build", [softmax, layer_norm])
@pytest.mark.parametrize("shape", [(7, 100), (3, 1100), (3, 5000), (1, 9000)])
@pytest.mark.parametrize("dtype", [np.float64, np.float16])
def test_row_wise_programs_are_one_kernel(build, shape, dtype):
    ulps = 32 if dtype is np.float64 else 8
    source = check(build, normal(*shape, dtype=dtype), kernels=1, ulps=ulps)
    assert ("for r in range" in source) == (shape[1] > 4096)


def test_elementwise_operations_broadcasts_and_views_are_one_kernel():
    def build(b, x, y):
        rows = b.broadcast_in_dim(y, shape=(301, 77), dims=(1,))
        return [b.mul(b.sin(x), rows), b.add(b.transpose(b.reverse(x, axes=(0,)), permutation=(1, 0)), _other(b, y))]

    def _other(b, y):
        return b.broadcast_in_dim(y, shape=(77, 301), dims=(0,))

    check(build, normal(301, 77), normal(77), kernels=1)


def _transposed(b, x, *permutation):
    return b.transpose(x, permutation=permutation)


@pytest.mark.parametrize("dtype", [np.float64, np.float16])
def test_what_is_read_along_another_axis_is_read_in_square_tiles(dtype):
    x, y = normal(130, 150, dtype=dtype), normal(150, 130, dtype=dtype)
    source = check(lambda b, x, y: b.add(b.sin(_transposed(b, x, 1, 0)), y), x, y, kernels=1, ulps=8)
    assert "XBLOCK: tl.constexpr = 32" in source
    assert "RBLOCK: tl.constexpr = 32" in source
    assert "across = tl.program_id(0) % 5" in source


def test_square_tiles_of_several_axes():
    x = normal(40, 17, 30)
    for permutation in ((2, 1, 0), (1, 2, 0), (2, 0, 1)):
        source = check(lambda b, x, p=permutation: b.exp(_transposed(b, x, *p)), x, kernels=1)
        assert "def turned_exp" in source

    def build(b, x, i):
        y = b.mul(_transposed(b, x, 2, 1, 0), b.gather(x, i, i, i, axes=(0, 1, 2)))
        return [y, b.reshape(b.neg(y), shape=(510, 40))]

    check(build, x, RNG.integers(0, 17, (30, 17, 40)), kernels=1)
    for other in (normal(20, 30), normal(10, 5000)):  # small arrays, and axes that are short, stay as they are
        assert "def pointwise_exp" in check(lambda b, x: b.exp(_transposed(b, x, 1, 0)), other)


def test_a_reshape_does_not_part_a_chain_from_its_reduction():
    check(lambda b, x: b.reduce_sum(b.reshape(b.exp(x), shape=(30, 7, 11)), axes=(1,)), normal(30, 77), kernels=1)


def test_what_is_read_elsewhere_is_stored_first():
    def build(b, x):
        s = b.sin(x)
        return b.sub(
            b.slice(s, starts=(1,), sizes=(999,), steps=(1,)), b.slice(s, starts=(0,), sizes=(999,), steps=(1,))
        )

    check(build, normal(1000), kernels=2)


def test_a_contraction_takes_what_moves_its_operands_and_what_follows():
    def build(b, x, y, bias):
        padded = b.pad(y, low=(3, 0), high=(0, 1), interior=(0, 0))
        product = b.contract(b.transpose(x, permutation=(1, 0)), padded, spec="ik,kj->ij")
        return b.tanh(b.add(product, b.broadcast_in_dim(bias, shape=(33, 19), dims=(1,))))

    source = check(build, normal(40, 33), normal(37, 18), normal(19), kernels=1)
    assert source.count("tl.dot(") == 1


def test_a_contraction_converts_and_scales_its_operands_itself():
    def build(b, x, y):
        half = b.constant(value=_constant((40, 33), 0.5, np.float32))
        scaled = b.transpose(b.convert(b.mul(b.neg(x), half), dtype=bfloat16), permutation=(1, 0))
        return b.contract(scaled, b.convert(y, dtype=bfloat16), spec="ik,kj->ij")

    check(build, normal(40, 33, dtype=np.float32), normal(40, 18), kernels=1, ulps=4)


def test_what_others_read_too_is_not_computed_in_the_tiles():
    def build(b, x, y):
        scaled = b.square(x)
        return [b.contract(scaled, y, spec="ik,kj->ij"), scaled]

    check(build, normal(40, 33), normal(33, 18), kernels=2)


def test_a_long_chain_of_writes_is_stored_now_and_then():
    def build(b, x):
        for i in range(40):
            x = b.insert_slice(x, b.slice(x, starts=(i,), sizes=(1,), steps=(1,)), starts=(99 - i,), steps=(1,))
        return x

    source = check(build, normal(100))
    assert len(source) < 60_000


def test_small_programs_are_one_kernel():
    def build(b, x, i):
        y = b.sin(x)
        z = b.sort(b.sub(y, b.reverse(y, axes=(0,))), axis=0)
        w = b.gather(z, i, axes=(0,))
        return [b.scatter_add(z, w, i, axes=(0,)), b.contract(w, w, spec="i,j->ij")]

    source = check(build, normal(4), np.array([3, 0, 1, -2]), kernels=1)
    assert source.count("    tl.debug_barrier()\n") == 14
    check(lambda b, x: b.sort(x, axis=0), normal(64), kernels=2)  # 23 steps, of which 16 are one kernel


# --- contractions --------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", FLOATS)
def test_tiles_in_every_element_type(dtype):
    source = check(
        lambda b, x, y: b.contract(x, y, spec="ik,kj->ij"),
        normal(70, 90, dtype=dtype),
        normal(90, 33, dtype=dtype),
        ulps=8,
    )
    assert ('input_precision="ieee"' in source) == (dtype is np.float32)


@pytest.mark.parametrize("precision", ["tf32", "tf32x3"])
def test_the_precision_of_products_is_as_asked_for(precision):
    build = lambda b, x, y: b.contract(x, y, spec="ik,kj->ij")  # noqa: E731
    x = normal(16, 16, dtype=np.float32)
    program = compile_module(module_of(build, x, x), backend_for(Options(precision)))["f"]
    assert f'input_precision="{precision}"' in program.source


@pytest.mark.parametrize(
    ("spec", "x", "y"),
    [
        ("bik,bkj->jbi", (3, 20, 40), (3, 40, 18)),
        ("aikc,kcj->jia", (2, 20, 5, 7), (5, 7, 18)),
        ("ik,jk->ij", (129, 17), (65, 17)),
        ("ik,k->i", (50, 700), (700,)),
        ("i,j->ij", (40,), (50,)),
        ("ik,kj->j", (20, 30), (30, 40)),
        ("ki,kj->ij", (3000, 16), (3000, 16)),
    ],
)
def test_contractions_of_every_shape(spec, x, y):
    check(lambda b, x, y: b.contract(x, y, spec=spec), normal(*x), normal(*y))


def test_contractions_of_integers():
    x, y = RNG.integers(-9, 9, (20, 30)), RNG.integers(-9, 9, (30, 40))
    check(lambda b, x, y: b.contract(x, y, spec="ik,kj->ij"), x, y)


def test_zeros_that_absorb_infinities():
    x, y = normal(20, 30), normal(30, 20)
    x[:, 3], y[3, 5], y[7, 2] = 0, np.inf, np.nan
    check(lambda b, x, y: b.contract_no_nan(x, y, spec="ik,kj->ij"), x, y)


# --- reductions, sums, sorts, writes -------------------------------------------------------------


def test_reductions_over_every_axis():
    x = normal(12, 130, 5)

    def build(b, x):
        return [
            *(b.reduce_sum(x, axes=axes) for axes in ((0,), (1,), (2,), (0, 2), (1, 2), (0, 1, 2))),
            *(b.reduce_max(x, axes=(0, 2)), b.reduce_min(x, axes=(1,)), b.argmin(x, axis=1), b.argmax(x, axis=0)),
        ]

    check(build, x, ulps=64)


@pytest.mark.parametrize("size", [100, 3000])
def test_extrema_and_their_places(size):
    x = np.round(normal(6, size) * 3)
    x[1, 50], x[2, :], x[3, 7] = np.nan, -np.inf, np.inf

    def build(b, x):
        return [b.reduce_max(x, axes=(1,)), b.reduce_min(x, axes=(1,)), b.argmax(x, axis=1), b.argmin(x, axis=1)]

    check(build, x, kernels=1)


@pytest.mark.parametrize("size", [100_000, 100_003])
def test_a_long_sum_is_split_over_programs(size):
    def build(b, x):
        y = b.sin(x)
        total = b.reduce_sum(b.square(y), axes=(0,))
        return [y, b.reduce_sum(y, axes=(0,)), b.reduce_max(y, axes=(0,)), b.sqrt(total), b.reduce_prod(y, axes=(0,))]

    source = check(build, normal(size), kernels=2, ulps=2**12)
    assert "split = tl.program_id(1)" in source
    x = normal(size)
    x[size // 2] = np.nan
    check(lambda b, x: [b.reduce_min(x, axes=(0,)), b.reduce_and(b.compare(x, x, direction="eq"), axes=(0,))], x)


def test_a_long_inner_product_is_split_over_programs():
    check(lambda b, x, y: b.sin(b.contract(x, y, spec="i,i->")), normal(50_000), normal(50_000), kernels=2, ulps=2**14)


@pytest.mark.parametrize("dtype", [np.float64, np.float16])
def test_a_product_of_few_tiles_and_long_sums_is_split(dtype):
    def build(b, x, y):
        return b.tanh(b.mul(b.contract(x, y, spec="ki,kj->ji"), _splat(b, (18, 20), 0.1, x.type.dtype)))

    def _splat(b, shape, number, dtype):
        return b.constant(value=_constant(shape, number, dtype))

    source = check(build, normal(3000, 20, dtype=dtype), normal(3000, 18, dtype=dtype), kernels=2, ulps=256)
    assert "split = tl.program_id(1)" in source


def test_running_sums():
    def build(b, x):
        return [b.cumsum(x, axis=1, reverse=False), b.cumsum(x, axis=0, reverse=True)]

    check(build, normal(30, 2500), ulps=64)


def test_sorts_are_stable_and_put_nan_last():
    x = np.where(np.arange(300) % 50 == 0, np.nan, np.round(normal(300) * 3))
    check(lambda b, x: [b.sort(x, axis=0), b.argsort(x, axis=0)], x)
    check(lambda b, x: [b.sort(x, axis=0), b.argsort(x, axis=1)], np.round(normal(20, 7)))


@pytest.mark.parametrize("dtype", [np.float64, np.float32, np.int32])
def test_scattered_sums_do_not_depend_on_the_order_of_threads(dtype):
    indices = RNG.integers(-20, 20, 150)
    x, updates = (10 * normal(20, 3)).astype(dtype), (10 * normal(150, 3)).astype(dtype)

    module = module_of(lambda b, x, u, i: b.scatter_add(x, u, i, axes=(0,)), x, updates, indices)
    wanted = interpret(module.clone().entry, x, updates, indices)[0]
    found = compile_module(module, TRITON)["f"].run(x, updates, indices)[0]
    np.testing.assert_array_equal(found, wanted)  # in the order of the updates: to the last bit


def test_writes_of_which_the_last_wins():
    check(
        lambda b, x, u, i, j: b.scatter(x, u, i, j, axes=(1, 0)),
        RNG.integers(0, 99, (4, 5, 2)),
        RNG.integers(0, 99, (60, 2)),
        RNG.integers(-5, 5, 60),
        RNG.integers(-4, 4, 60),
    )


@pytest.mark.parametrize("index", [4, -5])
def test_an_index_out_of_range_is_an_error_of_the_call(index):
    x, good, bad = normal(4, 2), np.array([0, 3, -4]), np.array([0, index, 1])
    reads = compile_module(module_of(lambda b, x, i: b.gather(x, i, axes=(0,)), x, good), TRITON)["f"]
    writes = module_of(lambda b, x, u, i: b.scatter_add(x, u, i, axes=(0,)), x, normal(3, 2), good)
    adds = compile_module(writes, TRITON)["f"]
    for run, arrays in ((reads.run, (x,)), (adds.run, (x, normal(3, 2)))):
        for _ in range(2):
            with pytest.raises(BoundsError, match=f"index {index} is out of bounds for axis 0 with size 4"):
                run(*arrays, bad)
            run(*arrays, good)


def test_memory_of_values_that_do_not_live_together_is_shared():
    lives = [("a", 1000, 0, 1), ("b", 1000, 1, 2), ("c", 1000, 2, 3), ("d", 10, 3, 3)]
    offsets, total = arrange(lives)
    assert total == 2048
    assert offsets["a"] == offsets["c"] != offsets["b"]


def test_large_arrays_are_indexed_with_64_bits():
    def source(shape):
        graph = Graph("f")
        b, x = Builder(graph), graph.add_input(TensorType(shape, np.int8))
        part = b.slice(x, starts=(shape[0] - 3, 0), sizes=(3, 5), steps=(1, 1))
        graph.set_outputs([part, b.reduce_max(x, axes=(1,))])
        module = Module()
        module.add(graph)
        return compile_module(module, TRITON)["f"].source

    assert source((1 << 16, 1 << 16)).count("tl.program_id(0).to(tl.int64)") == 2
    assert "int64" not in source((1 << 12, 1 << 12))


def _wide_kernels(build, *types):
    """How many kernels of a program of arrays there is no room for index with 64 bits, and how many there are."""
    graph = Graph("f")
    graph.set_outputs([build(Builder(graph), *[graph.add_input(type) for type in types])])
    module = Module()
    module.add(graph)
    sources = [kernel.source for kernel in compile_module(module, TRITON)["f"].run.plan.kernels()]
    return sum("tl.program_id(0).to(tl.int64)" in source for source in set(sources)), len(set(sources))


def test_places_beyond_the_arrays_are_indexed_with_64_bits():
    """Rows are padded for sorting, a search adds two places, and rows of a large array are read beside partial sums."""
    x, few = TensorType((3, 2**29 + 1), np.int8), TensorType((10,), np.int8)
    assert _wide_kernels(lambda b, x: b.sort(x, axis=1), x) == (3, 3)
    many = TensorType((2**30 + 1,), np.int8)
    index = TensorType((2**30 + 1,), np.int64)
    wide, _ = _wide_kernels(lambda b, x, y, at: b.scatter_add(x, y, at, axes=(0,)), few, many, index)
    assert wide == 3  # all but the one that makes places of indices

    def column(b, x):
        first = b.reshape(b.slice(x, starts=(0, 0), sizes=(250, 1), steps=(1, 1)), shape=(250,))
        return b.add(b.reduce_sum(x, axes=(1,)), first)

    assert _wide_kernels(column, TensorType((250, 10**7), np.float32)) == (2, 2)


@pytest.mark.parametrize("name", ["sort", "argsort"])
def test_rows_that_are_too_long_to_sort(name):
    graph = Graph("f")
    b, x = Builder(graph), graph.add_input(TensorType((2**31 + 1,), np.int8))
    graph.set_outputs([getattr(b, name)(x, axis=0)])
    module = Module()
    module.add(graph)
    with pytest.raises(UnsupportedOperationError, match=rf"at most 2,147,483,648 elements, and 'tensor.{name}'"):
        compile_module(module, TRITON)


def test_places_in_long_rows_have_64_bits():
    for size, kind in ((1 << 16, "int32"), (1 << 32, "int64")):
        graph = Graph("f")
        b, x = Builder(graph), graph.add_input(TensorType((size,), np.int8))
        graph.set_outputs([b.argmax(x, axis=0)])
        module = Module()
        module.add(graph)
        assert f"rindex.to(tl.{kind})" in compile_module(module, TRITON)["f"].source


def test_the_source_says_what_it_computes():
    source = check(lambda b, x: b.reduce_sum(b.mul(b.sin(x), x), axes=(1,)), normal(5, 7))
    for part in ("def row_sin_mul_reduce_sum_", "# p0: func.argument tensor<5x7xf64>", "# @f: 1 steps"):
        assert part in source
