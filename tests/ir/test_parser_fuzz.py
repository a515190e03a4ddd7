"""Whatever the text, the parser answers with a verified module or a located `ParseError`."""

from __future__ import annotations

from unittest import mock

import mixad.ops  # noqa: F401 - registers the operations
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from mixad.ir import OpDefinition, definition, module_fingerprint, parse_module, print_module, verify
from mixad.ir.errors import ParseError

REGION = OpDefinition("test.region", ("x",), ("mode",), lambda types, attributes: (types[0],), regions=1)

PROGRAM = r"""// A comment
module @demo {
  func @g(%x: tensor<2x3xf32> loc("a.py":1), %y: tensor<f64>) -> (tensor<2x3xf32>)
      attributes {l = [1], "a b" = 2} {
    %0 = tensor.sin %x : tensor<2x3xf32> loc("a.py":3 "f" "tensor.cos" 1)
    %1 = tensor.tanh %y : tensor<f64>
    return %0
  }
  func @"quoted name"(%x: tensor<2x3xf32>) -> (tensor<2x3xf32>, tensor<2x3xf32>) attributes {
      b = true, d = bf16, f = -1.5e-10, hex = 0x7FF8000000000001 : f64, i = -12, l = [1, [2.0, "\C3\A9\n"], []],
      t = tensor<0x3xcomplex<f32>>, s = @g} {
    %0:2 = ad.vjp %x, %x {aux = 0, callee = @k, sens = "given", wrt = [0]} : tensor<2x3xf32>, tensor<2x3xf32>
    return %0#0, %0#1
  }
  func @k(%x: tensor<2x3xf32>) -> (tensor<2x3xf32>) attributes {
      c = dense<[(1.0, -0.0), (0x7FC00001, 2.5)]> : tensor<2xcomplex<f32>>, e = dense<> : tensor<0x3xf64>,
      h = dense<[[true, false]]> : tensor<1x2xi1>, r = dense_resource<blob> : tensor<2xsi16>,
      z = dense<-1> : tensor<9xsi8>} {
    %0 = test.region %x {mode = "m"} ({
    ^body(%x: tensor<f32>) attributes {n = 1}:
      %0 = tensor.sin %x : tensor<f32>
      return %0
    }) : tensor<2x3xf32>
    return %0
  }
}

{-#
  dialect_resources: {
    builtin: {
      blob: "0x0800000001000200"
    }
  }
#-}
"""

WORDS = r"""module func return attributes loc dense dense_resource tensor.sin tensor.constant ad.vjp control.call
( ) { } [ ] < > , : = -> {-# #-} ({ }) %x %0 %0#1 @f ^b " \ # % @ ^ ! ; ' tensor< > x - . e 0x
0 -1 99999999999999999999 0x 0xFF 1e9 1.0 1.0e999 true bf16 complex<f32> tensor<1099511627777xf32> é ²"""
VOCABULARY = [
    *PROGRAM.split(),
    *WORDS.split(),
    "\n",
    "\t",
    "\r",
    "\0",
    "\ud800",
    "\ufeff",
    "\u2028",
    "\u0663",
    r'@"\ED\A0\80"',
]


def check_place(error: ParseError, text: str) -> None:
    """The message names a place in the text, quotes its line and points at it."""
    first, quoted, caret = str(error).split("\n")
    assert first.startswith(f"fuzz.mix:{error.line}:{error.column}: error: ")
    assert 1 <= error.column <= len(text.split("\n")[error.line - 1]) + 1
    assert caret.strip() == "^"
    assert len(caret) <= len(quoted) + 1


def parse(text: str) -> None:
    """Parse; what is accepted must be a valid program that is its own fixed point."""
    with mock.patch.dict(definition._registry, {REGION.name: REGION}):
        try:
            module = parse_module(text, "fuzz.mix")
        except ParseError as error:
            check_place(error, text)
            return
        verify(module)
        printed = print_module(module, locations=True)
        again = parse_module(printed)
        assert print_module(again, locations=True) == printed
        assert module_fingerprint(again) == module_fingerprint(module)


def test_the_program_that_is_mutated_is_valid() -> None:
    with mock.patch.dict(definition._registry, {REGION.name: REGION}):
        assert list(parse_module(PROGRAM).functions) == ["g", "quoted name", "k"]


@given(st.text())
@example("")
@example("\n\n")
@example("module {}")
@example('"' * 100)
@example("\ud800")
def test_random_text(text: str) -> None:
    parse(text)


@given(st.binary(), st.sampled_from(["latin-1", "utf-8", "ascii", "utf-16"]))
def test_random_bytes(data: bytes, encoding: str) -> None:
    parse(data.decode(encoding, "replace"))
    parse(data.decode("utf-8", "surrogateescape"))


@given(st.lists(st.sampled_from(VOCABULARY)))
def test_random_tokens(words: list[str]) -> None:
    parse(" ".join(words))
    parse("module { func @f(%x: tensor<f32>) -> () { " + " ".join(words) + " return } }")
    parse("module { func @f() -> () attributes {a = " + " ".join(words) + "} { return } }")


@settings(max_examples=400)
@given(st.data())
def test_mutated_program(data: st.DataObject) -> None:
    text = PROGRAM
    for _ in range(data.draw(st.integers(1, 4))):
        start = data.draw(st.integers(0, len(text)))
        length = data.draw(st.integers(0, 12))
        new = data.draw(st.one_of(st.just(""), st.text(max_size=4), st.sampled_from(VOCABULARY)))
        text = text[:start] + new + text[start + length :]
    parse(text)


@settings(max_examples=300)
@given(st.data())
def test_mutated_tokens(data: st.DataObject) -> None:
    words = PROGRAM.split(" ")
    for _ in range(data.draw(st.integers(1, 3))):
        at, other = (data.draw(st.integers(0, len(words) - 1)) for _ in range(2))
        kind = data.draw(st.sampled_from(["swap", "copy", "drop"]))
        if kind == "swap":
            words[at], words[other] = words[other], words[at]
        elif kind == "copy":
            words[at] = data.draw(st.sampled_from(VOCABULARY))
        else:
            words[at] = ""
    parse(" ".join(words))


@given(st.integers(0, len(PROGRAM)))
def test_truncated_program(length: int) -> None:
    parse(PROGRAM[:length])


ATTRIBUTE = "module {{ func @f() -> () attributes {{a = {}}} {{ return }} }}"


@pytest.mark.parametrize(
    ("attribute", "message"),
    [
        ("[" * 100_000, "lists are nested more than 32 deep"),
        ("dense<" + "[" * 100_000, "arrays are nested more than 32 deep"),
        ("9" * 100_000, "an integer of 100000 digits; 640 is the most"),
        ("tensor<1048577x1048576xf32>", "a type of more than 1099511627776 elements"),
        ("tensor<0x99999999999999999999xf32>", "a type of more than 1099511627776 elements"),
        (f"tensor<{'9' * 10_000}xf32>", "a type of more than 1099511627776 elements"),
        (f"tensor<{'1x' * 33}f32>", "a type of 33 dimensions; 32 is the most"),
        ("dense<1.0> : tensor<1099511627777xf32>", "a type of more than 1099511627776 elements"),
        ("dense<1.0e39> : tensor<f32>", "1.0e39 is too large for f32"),
        ("dense<-129> : tensor<si8>", "-129 is outside si8's [-128, 127]"),
        (f"dense<{'1' * 100_000}> : tensor<si8>", "is outside si8's [-128, 127]"),
        ("dense<0x10000> : tensor<bf16>", "0x10000 is more than the 16 bits of bf16"),
        ("0x10000000000000000 : f64", "0x10000000000000000 is more than the 64 bits of f64"),
        ("1.0e999", "1.0e999 is too large for f64"),
        (r'"\FF"', "escaped bytes that are not UTF-8"),
        (r'"\q"', r"unknown escape '\\q'"),
        (r'@"\ED\A0\80"', "a name with a lone surrogate, which is no character"),
        ('1, "\ud800" = 2', "a name with a lone surrogate, which is no character"),
        ("1, a = 2", "attribute 'a' is given twice"),
        ("[1,]", "expected an attribute, found ']'"),
        ("dense_resource<none> : tensor<f32>", "there is no resource none"),
        ("dense<[[1], [2, 3]]> : tensor<2x1xsi8>", "an element of shape [2] among others of shape [1]"),
        ("dense<[1, 2]> : tensor<3xsi8>", "elements of shape [2] for a tensor<3xsi8>"),
        ("dense<1> : tensor<f32>", "an element of type f32 is a number with a point, such as 2.0, not 1"),
        ("dense<1.5> : tensor<si8>", "an element of type si8 is an integer, not 1.5"),
        ("dense<1> : tensor<i1>", "an element of type i1 is true or false, not 1"),
        ("dense<1.0> : tensor<complex<f32>>", "are pairs (real, imaginary)"),
        ("dense<> : tensor<2xf32>", "no elements for 2 of a tensor<2xf32>"),
        ("f99", "unknown element type 'f99'"),
    ],
)
def test_hostile_attribute(attribute: str, message: str) -> None:
    with pytest.raises(ParseError) as caught:
        parse_module(ATTRIBUTE.format(attribute))
    assert message in str(caught.value)
    assert len(str(caught.value)) < 1000


@pytest.mark.parametrize(
    ("blob", "message"),
    [
        ("0x08000000", "resource b has 4 bytes, and a tensor<2xi1> needs 4 for the alignment and 2 for the elements"),
        ("0x080000000102", "resource b has bytes other than 0 and 1 for an i1"),
        ("0x0800000001 0", "a resource is a string of hexadecimal bytes"),
        ("0x080", "a resource is a string of hexadecimal bytes"),
        ("٣٣", "a resource is a string of hexadecimal bytes"),
    ],
)
def test_hostile_resource(blob: str, message: str) -> None:
    program = ATTRIBUTE.format("dense_resource<b> : tensor<2xi1>")
    with pytest.raises(ParseError) as caught:
        parse_module(f'{program} {{-# dialect_resources: {{ builtin: {{ b: "{blob}" }} }} #-}}')
    assert message in str(caught.value)


def test_regions_are_bounded() -> None:
    with mock.patch.dict(definition._registry, {REGION.name: REGION}):
        nested = 'test.region %x {mode = "m"} ({ ^b(%x: tensor<f32>): %0 = ' * 2000
        with pytest.raises(ParseError) as caught:
            parse_module(f"module {{ func @f(%x: tensor<f32>) -> () {{ %0 = {nested}")
    assert "regions are nested more than 32 deep" in str(caught.value)


VALUES = [
    "true",
    "0",
    "1",
    "-1",
    "3",
    "1099511627776",
    "1.5",
    "f32",
    "si64",
    "i1",
    "@f",
    "@g",
    "tensor<2x3xf32>",
    '""',
    '"ij,jk->ik"',
    '"ij"',
    '"i->"',
    '"->"',
    '","',
    '"lt"',
    "[]",
    "[0]",
    "[1,0]",
    "[0,0]",
    "[-1]",
    "[5]",
    "[2,3]",
    "[[0,1]]",
    "[[1,1],[2,2]]",
    "[1.5]",
    '["a"]',
    "[@f]",
    "[99999999999999]",
    '"given"',
    '"ones"',
    "dense<1.0>:tensor<2x3xf32>",
    "dense<[0,9]>:tensor<2xsi64>",
]


@settings(max_examples=400)
@given(st.data())
def test_operations_with_any_attributes(data: st.DataObject) -> None:
    known = definition.registered()
    name = data.draw(st.sampled_from(list(known)))
    count = max(len(known[name].operands) + data.draw(st.integers(-1, 1)), 0)
    types = data.draw(
        st.lists(st.sampled_from(["2x3xf32", "3x2xf32", "f64", "0xsi64", "3xi1"]), min_size=3, max_size=3)
    )
    operands = ", ".join(data.draw(st.sampled_from(["%a", "%b", "%c"])) for _ in range(count))
    attributes = ", ".join(f"{key} = {data.draw(st.sampled_from(VALUES))}" for key in known[name].attributes)
    result = data.draw(st.sampled_from(types))
    parse(
        f"module {{ func @f(%a: tensor<{types[0]}>, %b: tensor<{types[1]}>, %c: tensor<{types[2]}>) -> ()"
        f"{{ %0 = {name} {operands} {{{attributes}}} : tensor<{result}> return }} }}"
    )


def test_messages_quote_no_control_codes_and_are_bounded() -> None:
    name = "a\\1B[31m\\n" + "b" * 100_000
    with pytest.raises(ParseError) as caught:
        parse_module(f'module {{ func @f() -> () {{ control.call {{callee = @"{name}"}} : () return }} }}')
    assert r"refers to @a\x1b[31m\nbbb" in str(caught.value)
    assert str(caught.value).isascii()
    assert len(str(caught.value).split("\n")) == 3
    assert len(str(caught.value)) < 2000
