"""Compare two programs up to renaming.

The exit status is 0 where they are one program, whatever its values and functions are called, 1 where they differ, as
diff's. Both are printed with the same names for what they share, so that the difference alone is marked.
"""

from __future__ import annotations

import argparse
import difflib
import sys
from collections.abc import Sequence

from ..ir import Graph, Module, Operation, SymbolRef, module_fingerprint, print_module
from .opt import read_module

NAME = "diff"
#: Operations from which on the common ones do not count in aligning two programs.
_LONG = 4000


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("first", help="a program; '-' is the standard input")
    parser.add_argument("second", help="another")
    parser.add_argument("--context", "-U", type=int, default=3, metavar="N", help="lines around each difference")
    parser.add_argument("--quiet", "-q", action="store_true", help="print nothing: the status says it")


def run(arguments: argparse.Namespace) -> int:
    """Compare and print."""
    first, second = read_module(arguments.first), read_module(arguments.second)
    lines = compare(first, second, arguments.first, arguments.second, arguments.context)
    if not arguments.quiet:
        sys.stdout.writelines(lines)
    return int(bool(lines))


def compare(first: Module, second: Module, first_name: str, second_name: str, context: int = 3) -> list[str]:
    """A unified diff of two programs, which are renamed; empty where they are equal up to renaming."""
    if module_fingerprint(first) == module_fingerprint(second):
        return []
    _rename_functions(first, second)
    for one, other in zip(first, second, strict=False):
        _name_alike(one, other)
    old, new = [print_module(each).splitlines(keepends=True) for each in (first, second)]
    return list(difflib.unified_diff(old, new, first_name, second_name, n=context))


def _rename_functions(first: Module, second: Module) -> None:
    """Call the functions of ``second`` as those of ``first`` that stand at their places."""
    names = [graph.name for graph in first]
    names += [f"{graph.name}.second" for graph in list(second)[len(names) :]]
    new = dict(zip(second.functions, names, strict=False))
    for graph in second:
        graph.name = new[graph.name]
        for op in graph:
            op.attributes = {
                key: SymbolRef(new[value.name]) if isinstance(value, SymbolRef) else value
                for key, value in op.attributes.items()
            }
    second.functions = {graph.name: graph for graph in second}


def _name_alike(one: Graph, other: Graph) -> None:
    """Give the values of two functions names; operations that stand for each other get the same."""
    for graph in (one, other):
        for position, value in enumerate(graph.inputs):
            value.name = f"arg{position}"
    left, right = list(one), list(other)
    old, new = [[_key(op) for op in side] for side in (left, right)]
    # What is everywhere costs quadratic time, and in long programs it is not what to align by.
    matcher = difflib.SequenceMatcher(None, old, new, autojunk=len(old) + len(new) > _LONG)
    count = 0
    for tag, start, end, other_start, other_end in matcher.get_opcodes():
        if tag == "equal":
            for op, same in zip(left[start:end], right[other_start:other_end], strict=True):
                _name((op, same), f"v{count}")
                count += 1
            continue
        for side, ops in (("a", left[start:end]), ("b", right[other_start:other_end])):
            for number, op in enumerate(ops):
                _name((op,), f"v{count}{side}{number}")


def _name(ops: Sequence[Operation], name: str) -> None:
    for op in ops:
        for value in op.results:
            value.name = name


def _key(op: Operation) -> tuple[str, ...]:
    """What makes two operations alike, whatever their operands."""
    return (op.name, repr(sorted(op.attributes)), *(value.type.text for value in op.results))
