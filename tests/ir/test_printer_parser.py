"""Programs to text and back: the same structure, the same bits, the same text."""

from __future__ import annotations

import struct
from typing import Any
from unittest import mock

import mixad.ops  # noqa: F401 - registers the operations
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from mixad.ir import (
    Builder,
    Dense,
    Graph,
    Location,
    Module,
    OpDefinition,
    SymbolRef,
    TensorType,
    definition,
    module_fingerprint,
    parse_module,
    print_graph,
    print_module,
)
from mixad.ir.errors import ParseError
from mixad.ir.parser import parse_graph
from mixad.ir.types import DTYPE_NAMES

F32 = TensorType((2, 3), np.float32)
DTYPES = list(DTYPE_NAMES)
EXAMPLE = """module @demo {
  func @g(%x: tensor<2x3xf32>) -> (tensor<2x3xf32>) {
    %0 = tensor.sin %x : tensor<2x3xf32>
    return %0
  }
  func @f(%x: tensor<2x3xf32>, %0: tensor<2x3xf32>) -> (tensor<2x3xf32>) attributes {linear_inputs = [1]} {
    %y = tensor.sin %x : tensor<2x3xf32>
    %1:2 = ad.vjp %x, %y {aux = 0, callee = @g, sens = "given", wrt = [0]} : tensor<2x3xf32>, tensor<2x3xf32>
    %2 = tensor.constant {value = dense<2.0> : tensor<2x3xf32>} : tensor<2x3xf32>
    return %1#1
  }
}
"""


def carry(value: Any, **options: bool) -> Any:
    """What becomes of an attribute that is printed and parsed; the text must be a fixed point."""
    module = Module("m")
    module.add(Graph("f", {"a": value}))
    text = print_module(module, **options)
    again = parse_module(text)
    assert print_module(again, **options) == text
    assert module_fingerprint(again) == module_fingerprint(module)
    return again["f"].attributes["a"]


def identical(one: Any, two: Any) -> bool:
    """Equality of attributes to the bit, types included."""
    if isinstance(one, tuple):
        return isinstance(two, tuple) and len(one) == len(two) and all(map(identical, one, two))
    if isinstance(one, float):
        return isinstance(two, float) and struct.pack("<d", one) == struct.pack("<d", two)
    return type(one) is type(two) and bool(one == two)


def test_example_is_a_fixed_point() -> None:
    assert str(parse_module(EXAMPLE)) == EXAMPLE
    assert print_graph(parse_module(EXAMPLE)["g"]) == str(parse_graph("\n".join(EXAMPLE.split("\n")[1:5])))


def bits(dtype: np.dtype[Any]) -> st.SearchStrategy[bytes]:
    size = dtype.itemsize
    if dtype == np.bool_:
        return st.sampled_from([b"\0", b"\1"])
    return st.binary(min_size=size, max_size=size)


@st.composite
def arrays(draw: st.DrawFn) -> Dense:
    """Arrays of any type, whose elements are any bits: NaN payloads, infinities, -0.0, subnormals."""
    dtype = draw(st.sampled_from(DTYPES))
    shape = draw(st.sampled_from([(), (1,), (2,), (0,), (2, 0, 3), (2, 3), (1, 2, 1), (5, 13), (65,)]))
    splat = draw(st.booleans())
    # A long array repeats a few drawn elements: drawing each would be slow.
    pool = draw(st.lists(bits(dtype), min_size=1, max_size=6))
    count = 1 if splat else int(np.prod(shape))
    data = np.frombuffer(b"".join(pool[i % len(pool)] for i in range(count)) + bytes(16), dtype, count)
    return Dense(data.reshape(() if splat else shape), TensorType(shape, dtype))


names = st.text(min_size=1, max_size=8).filter(lambda name: name.isprintable() or "\n" in name)
attributes = st.recursive(
    st.one_of(
        st.booleans(),
        st.integers(),
        st.floats(),
        st.binary(min_size=8, max_size=8).map(lambda data: struct.unpack("<d", data)[0]),
        st.text(st.characters(), max_size=8),
        st.text(st.characters(codec=None, categories=["Cs", "Cc"]), max_size=4),
        st.sampled_from(DTYPES),
        st.builds(TensorType, st.tuples(st.integers(0, 5), st.integers(0, 5)), st.sampled_from(DTYPES)),
        st.builds(SymbolRef, names),
        arrays(),
    ),
    lambda inner: st.lists(inner, max_size=3).map(tuple),
    max_leaves=4,
)


@given(attributes)
def test_attributes_survive(value: Any) -> None:
    assert identical(carry(value), value)


@pytest.mark.parametrize("dtype", DTYPES, ids=DTYPE_NAMES.values())
@pytest.mark.parametrize("shape", [(), (1,), (0,), (2, 3), (100,), (5, 0, 2)])
def test_splat_and_full_arrays_stay_apart(dtype: np.dtype[Any], shape: tuple[int, ...]) -> None:
    type = TensorType(shape, dtype)
    for data in (np.ones((), dtype), np.ones(shape, dtype)):
        again = carry(Dense(data, type))
        assert again == Dense(data, type)
        assert again.is_splat == (data.ndim == 0)


def test_large_arrays_are_resources_and_shared() -> None:
    large = Dense(np.arange(100, dtype=np.float32))
    text = print_graph(Graph("f", {"a": (large, large), "b": Dense(np.arange(100, dtype=np.int8))}))
    assert text.count("dense_resource<dense_0> : tensor<100xf32>") == 2
    assert text.count('dense_0: "0x08000000' + large.bits().hex().upper()) == 1
    assert parse_graph(text).attributes["b"] == Dense(np.arange(100, dtype=np.int8))


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (1e-10, "1.0e-10"),
        (float("inf"), "0x7FF0000000000000 : f64"),
        (-0.0, "-0.0"),
        (Dense(np.float32(0.1)), "dense<0.1> : tensor<f32>"),
        (Dense(np.array([np.nan, 1e20], np.float32)), "dense<[0x7FC00000, 1.0e+20]> : tensor<2xf32>"),
        (Dense(np.array([[1 + 2j]])), "dense<[[(1.0, 2.0)]]> : tensor<1x1xcomplex<f64>>"),
        (Dense(np.zeros((0, 2))), "dense<> : tensor<0x2xf64>"),
        (np.dtype(np.complex64), "complex<f32>"),
        ((True, 1, ()), "[true, 1, []]"),
        ('a"\\\né', r'"a\"\\\0Aé"'),
        (SymbolRef("a b"), '@"a b"'),
    ],
)
def test_attribute_text(value: Any, text: str) -> None:
    assert f"attributes {{a = {text}}}" in print_graph(Graph("f", {"a": value}))


@st.composite
def modules(draw: st.DrawFn) -> Module:
    """Random programs over operations of one operand, with hints, locations and constants."""
    module = Module(draw(st.sampled_from(["", "m", "a b"])))
    hints = st.sampled_from(["", "x", "y", "x_1", "7", "é", "a b"])
    places = st.builds(Location, st.sampled_from(["", "a.py"]), st.integers(0, 9), st.text(max_size=2), names)
    for name in draw(st.lists(names, min_size=1, max_size=3)):
        graph = Graph(name)
        values = [graph.add_input(F32, draw(hints), draw(places)) for _ in range(draw(st.integers(1, 3)))]
        builder = Builder(graph)
        for _ in range(draw(st.integers(0, 8))):
            builder.location = draw(places)
            kind = draw(st.sampled_from(["tensor.sin", "tensor.tanh", "ad.stop_gradient", "tensor.constant"]))
            if kind == "tensor.constant":
                op = builder.build(kind, value=draw(arrays()))
            else:
                float_values = [value for value in values if value.type is F32]
                op = builder.build(kind, draw(st.sampled_from(float_values)))
            op.results[0].name = draw(hints)
            values.append(op.results[0])
        graph.set_outputs(draw(st.lists(st.sampled_from(values), max_size=3)))
        module.add(graph)
    return module


@given(modules(), st.booleans())
def test_modules_survive(module: Module, locations: bool) -> None:
    text = print_module(module, locations=locations)
    again = parse_module(text)
    assert print_module(again, locations=locations) == text
    assert module_fingerprint(again) == module_fingerprint(module)
    if locations:
        for one, two in zip(module, again, strict=True):
            assert [op.location for op in one] == [op.location for op in two]
            assert [value.owner.location for value in one.inputs] == [value.owner.location for value in two.inputs]


def test_hints_are_unique_and_legal() -> None:
    graph = Graph("f")
    for hint in ("x", "x", "x_1", "", "1", "a-b", "x"):
        graph.add_input(F32, hint)
    header = print_graph(graph).split("(")[1]
    assert header.replace(": tensor<2x3xf32>", "").startswith("%x, %x_1, %x_1_1, %0, %1, %2, %x_2)")


def test_regions() -> None:
    region = OpDefinition("test.region", ("x",), (), lambda types, attributes: (types[0],), regions=2)
    text = """func @f(%x: tensor<f32>) -> (tensor<f32>) {
  %0 = test.region %x ({
  ^body(%x: tensor<f64>) attributes {n = 1}:
    %0 = tensor.sin %x : tensor<f64>
    return %0
  }, {
  ^"a b"():
    return
  }) : tensor<f32> loc("a.py":3 "f" "tensor.sin" 2)
  return %0
}
"""
    with mock.patch.dict(definition._registry, {region.name: region}):
        graph = parse_graph(text)
        assert print_graph(graph, locations=True) == text
        (op,) = graph
        assert [region.name for region in op.regions] == ["body", "a b"]
        assert '^bb0(%x: tensor<f64>):\n    %0 = "tensor.sin"(%x)' in print_graph(graph, generic=True)


def test_generic_form() -> None:
    graph = parse_module(EXAMPLE)["g"]
    graph.attributes.update(i=3, b=True, f=2.0, d=np.dtype(np.int64), l=(1, -1.5))
    assert print_graph(graph, generic=True) == (
        '"func.func"() ({\n'
        "^bb0(%x: tensor<2x3xf32>):\n"
        '  %0 = "tensor.sin"(%x) : (tensor<2x3xf32>) -> tensor<2x3xf32>\n'
        '  "func.return"(%0) : (tensor<2x3xf32>) -> ()\n'
        '}) {function_type = (tensor<2x3xf32>) -> tensor<2x3xf32>, sym_name = "g", "mixad.b" = true, '
        '"mixad.d" = si64, "mixad.f" = 2.0 : f64, "mixad.i" = 3 : i64, '
        '"mixad.l" = [1 : i64, -1.5 : f64]} : () -> ()\n'
    )


@pytest.mark.parametrize(
    ("old", "new", "place", "message"),
    [
        ("return %1#1", "return %7", "10:12", "use of undefined value %7"),
        ("return %1#1", "return %1", "10:12", "%1 names 2 values: write %1#0 for the first"),
        ("tensor.sin %x", "tensor.sine %x", "3:10", "unknown operation 'tensor.sine'; did you mean 'tensor.sin'?"),
        ("tensor.sin %x", "tensor.sin %x, %x", "3:10", "'tensor.sin' op (V3) has 2 operands and takes 1"),
        ("tensor.sin %x", "tensor.sin %x {k = 1}", "3:10", "'tensor.sin' op (V3) has no attribute 'k'; it takes none"),
        ("%1:2 =", "%1:3 =", "8:5", "3 results are named, and 2 types are given"),
        ("%2 =", "%y =", "9:5", "value %y is defined twice"),
        ("@g(", "@f(", "6:8", "function @f is defined twice"),
        ("callee = @g", "callee = @h", "8:12", "'ad.vjp' op (V5) refers to @h, which the module does not have"),
        ("return %1#1", "return", "10:5", "returns () where the function declares (tensor<2x3xf32>)"),
        ("    return %0\n", "", "4:3", "expected an operation such as tensor.sin, or return, found '}'"),
        ("func @g", "fun @g", "2:3", "expected 'func', found 'fun'"),
        ("@f(%x:", "@f(%x", "6:14", "expected ':', found 'tensor<2x3xf32>'"),
        ("@demo", '@"demo', "1:8", "unexpected a string that does not end on its line"),
    ],
)
def test_error_is_located(old: str, new: str, place: str, message: str) -> None:
    text = EXAMPLE.replace(old, new)
    with pytest.raises(ParseError) as caught:
        parse_module(text, "file.mix")
    line, column = map(int, place.split(":"))
    quoted = text.split("\n")[line - 1][: column + 99]
    assert str(caught.value) == (f"file.mix:{place}: error: {message}\n  {quoted}\n  {' ' * (column - 1)}^")


def test_error_quotes_a_part_of_a_long_line() -> None:
    with pytest.raises(ParseError) as caught:
        parse_module(f"module {{\n{' ' * 10_000}\t\0 func{' ' * 10_000}}}", "file.mix")
    message, quoted, caret = str(caught.value).split("\n")
    assert message == r"file.mix:2:10002: error: unexpected character '\x00'"
    assert quoted[caret.index("^") + 2 :].startswith("func")
    assert len(quoted) < 250
