"""Text to programs, by recursive descent. The grammar is in docs/ir-text.md.

The text may come from anywhere: nothing in it is evaluated, imported or executed, nesting and sizes
are bounded, and whatever is wrong with it is a `ParseError` that shows the place.
"""

from __future__ import annotations

import binascii
import difflib
from collections.abc import Mapping
from typing import Any

from .attribute_parser import MAX_DEPTH, AttributeParser
from .definition import OpDefinition, registered
from .diagnostics import Source
from .errors import VerificationError
from .graph import Graph, Operation, Value
from .location import UNKNOWN, Location
from .module import Module
from .types import TensorType
from .verifier import verify


def parse_module(text: str, filename: str = "<string>") -> Module:
    """The module that ``text`` describes, verified.

    Raises `ParseError`, with place, source line and caret, at malformed text and at programs that break
    a rule of the IR or a constraint of an operation.
    """
    parser = Parser(Source(text, filename))
    module = parser.module()
    parser.verify(module)
    return module


def parse_graph(text: str, filename: str = "<string>") -> Graph:
    """The one function that ``text`` describes; it may refer to no other. Errors as `parse_module`."""
    parser = Parser(Source(text, filename))
    module = Module()
    parser.resources()
    parser.function(module)
    parser.finish()
    parser.verify(module)
    return module.entry


class Parser(AttributeParser):
    """Functions, operations and regions; attributes and types are `AttributeParser`'s."""

    def __init__(self, source: Source) -> None:
        super().__init__(source)
        self._known: Mapping[str, OpDefinition] = registered()
        self._offsets: dict[Operation, int] = {}

    def verify(self, module: Module) -> None:
        """Check the program; what is wrong is reported at the operation's place in the text."""
        try:
            verify(module)
        except VerificationError as error:
            offset = self._offsets.get(error.operation, 0) if isinstance(error.operation, Operation) else 0
            raise self.source.error(offset, error.problem) from None

    # --- modules and functions -------------------------------------------------------------------

    def module(self) -> Module:
        """``module @name { functions }`` and the resources."""
        self.resources()
        self.expect_word("module")
        module = Module(self.symbol() if self.token.kind == "symbol" else "")
        self.expect("{")
        while not self.accept("}"):
            self.function(module)
        self.finish()
        return module

    def function(self, module: Module) -> None:
        """``func @name(arguments) -> (types) attributes {...} { operations }``."""
        self.expect_word("func")
        at = self.token
        name = self.symbol()
        if name in module.functions:
            self.fail(f"function {at.text} is defined twice", at.offset)
        graph = Graph(name)
        scope: dict[str, tuple[Value, ...]] = {}
        self.arguments(graph, scope)
        self.expect("->")
        types = self.parenthesised_types()
        graph.attributes.update(self.graph_attributes())
        self.expect("{")
        self.body(graph, scope, types, 0)
        self._offsets[graph.end] = at.offset
        module.add(graph)

    def arguments(self, graph: Graph, scope: dict[str, tuple[Value, ...]]) -> None:
        """``(%x: tensor<f32>, ...)``."""

        def read() -> None:
            name = self.new_name(scope)
            self.expect(":")
            type = self.type()
            scope[name] = (graph.add_input(type, _hint(name), self.location()),)

        self.expect("(")
        self.comma_separated(")", read)

    def graph_attributes(self) -> dict[str, Any]:
        """``attributes {...}``, if there are any."""
        return self.dictionary() if self.accept_word("attributes") else {}

    def parenthesised_types(self) -> list[TensorType]:
        """``(types)``."""
        self.expect("(")
        return self.comma_separated(")", self.type)

    def body(
        self, graph: Graph, scope: dict[str, tuple[Value, ...]], types: list[TensorType] | None, depth: int
    ) -> None:
        """Operations, the return and the closing brace. ``types`` are those that the header promises."""
        while not (self.token.kind == "name" and self.token.text == "return"):
            self.operation(graph, scope, depth)
        at = self.advance()
        values = self.operands(scope)
        found = [value.type for value in values]
        if types is not None and found != types:
            self.fail(
                f"returns ({', '.join(map(str, found))}) where the function declares ({', '.join(map(str, types))})",
                at.offset,
            )
        graph.set_outputs(values)
        self.expect("}")

    # --- operations ------------------------------------------------------------------------------

    def operation(self, graph: Graph, scope: dict[str, tuple[Value, ...]], depth: int) -> None:
        """``%0:2 = dialect.name operands {attributes} ({regions}) : types loc(...)``."""
        name, count = "", 0
        at = self.token
        if at.kind == "value":
            name, count = self.new_name(scope), 1
            if self.accept(":"):
                count = self.integer()
            self.expect("=")
        where = self.token
        definition = self.definition()
        operands = self.operands(scope)
        attributes = self.dictionary() if self.token.kind == "{" else {}
        regions = self.regions(depth + 1) if self.token.kind == "(" else ()
        self.expect(":")
        types = self.parenthesised_types() if self.token.kind == "(" else self.types()
        if len(types) != count:
            self.fail(f"{count} results are named, and {len(types)} types are given", at.offset)
        op = Operation(definition, operands, attributes, types, regions, self.location())
        graph.insert(op)
        self._offsets[op] = where.offset
        if name:
            scope[name] = op.results
            op.results[0].name = _hint(name)

    def definition(self) -> OpDefinition:
        """A registered operation's name."""
        token = self.expect("name", "an operation such as tensor.sin, or return")
        found = self._known.get(token.text)
        if found is None:
            name = token.text[:80]
            close = difflib.get_close_matches(name, self._known, 1)
            hint = f"; did you mean '{close[0]}'?" if close else ""
            self.fail(f"unknown operation '{name}'{hint}", token.offset)
        return found

    def types(self) -> list[TensorType]:
        """One type or more."""
        types = [self.type()]
        while self.accept(","):
            types.append(self.type())
        return types

    def operands(self, scope: Mapping[str, tuple[Value, ...]]) -> tuple[Value, ...]:
        """Any number of uses of values."""
        if self.token.kind != "value":
            return ()
        values = [self.use(scope)]
        while self.accept(","):
            values.append(self.use(scope))
        return tuple(values)

    def use(self, scope: Mapping[str, tuple[Value, ...]]) -> Value:
        """``%x`` or ``%x#1``."""
        token = self.expect("value", "a value such as %0")
        name, mark, index = token.text.partition("#")
        values = scope.get(name)
        if values is None:
            self.fail(f"use of undefined value {name[:80]}", token.offset)
        if not mark:
            if len(values) != 1:
                self.fail(f"{name} names {len(values)} values: write {name}#0 for the first", token.offset)
            return values[0]
        if len(index) > 9 or int(index) >= len(values):
            self.fail(f"{name} names {len(values)} values, and #{index[:9]} is beyond them", token.offset)
        return values[int(index)]

    def new_name(self, scope: Mapping[str, tuple[Value, ...]]) -> str:
        """A value's name, where it is defined."""
        token = self.expect("value", "a value such as %0")
        if "#" in token.text:
            self.fail("a value is defined without '#'", token.offset)
        if token.text in scope:
            self.fail(f"value {token.text[:80]} is defined twice", token.offset)
        return token.text

    def regions(self, depth: int) -> tuple[Graph, ...]:
        """``({ ^name(arguments) attributes {...}: operations }, ...)``."""
        if depth > MAX_DEPTH:
            self.fail(f"regions are nested more than {MAX_DEPTH} deep")
        self.expect("(")
        regions = [self.region(depth)]
        while self.accept(","):
            regions.append(self.region(depth))
        self.expect(")")
        return tuple(regions)

    def region(self, depth: int) -> Graph:
        """One region: a graph with arguments of its own, which sees no value around it."""
        self.expect("{")
        label = self.expect("label", "a region's name such as ^body")
        graph = Graph(self.name_of(label))
        scope: dict[str, tuple[Value, ...]] = {}
        self.arguments(graph, scope)
        graph.attributes.update(self.graph_attributes())
        self.expect(":")
        self.body(graph, scope, None, depth)
        self._offsets[graph.end] = label.offset
        return graph

    # --- locations and resources -----------------------------------------------------------------

    def location(self) -> Location:
        """``loc("file":line "function" "origin" order)``, if there is one."""
        if not self.accept_word("loc"):
            return UNKNOWN
        self.expect("(")
        file = self.string()
        self.expect(":")
        line = self.integer()
        function, origin, order = "", "", 0
        if self.token.kind == "string":
            function = self.string()
            if self.token.kind == "string":
                origin, order = self.string(), self.integer()
        self.expect(")")
        return Location(file, line, function, origin, order)

    def resources(self) -> None:
        """The resources, which stand behind the program but are needed while reading it."""
        kinds = [token.kind for token in self.tokens]
        if "{-#" not in kinds:
            return
        back, start = self.index, kinds.index("{-#")
        self.seek(start + 1)
        for word in ("dialect_resources", "builtin"):
            self.expect_word(word)
            self.expect(":")
            self.expect("{")
        self.comma_separated("}", self.resource)
        self.expect("}")
        self.expect("#-}")
        self.expect("end", "nothing behind the resources")
        # The program ends where the resources begin.
        self.tokens[start:] = [self.tokens[start]._replace(kind="end", text="")]
        self.seek(back)

    def resource(self) -> None:
        """``name: "0x..."``."""
        name = self.expect("name", "a resource's name")
        if name.text in self.blobs:
            self.fail(f"resource {name.text[:80]} is defined twice", name.offset)
        self.expect(":")
        at = self.token
        try:
            self.blobs[name.text] = binascii.unhexlify(self.string().removeprefix("0x"))
        except ValueError:
            self.fail('a resource is a string of hexadecimal bytes, such as "0x08000000"', at.offset)

    def finish(self) -> None:
        """The end of the text."""
        self.expect("end", "the end of the text")


def _hint(name: str) -> str:
    """What a value's name in the text says about it: a number says nothing."""
    return "" if name[1:].isdecimal() else name[1:]
