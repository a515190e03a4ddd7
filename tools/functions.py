"""The user's functions on the command line: ``module:function`` and ``--args "f32[3,4], f64[]"``."""

from __future__ import annotations

import argparse
import difflib
import importlib
import importlib.util
import os
import re
import sys
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from ..frontend.grad_operation import GradOperation
from ..frontend.graphs import make_graph
from ..frontend.selection import argument_names
from ..ir import Module, TensorType
from ..ir.errors import MixadError, TraceError
from ..ir.types import BOOL, DTYPES_BY_NAME, FLOATING

_TYPE = re.compile(r"(complex<f\d+>|[a-z]+\d*)\s*(?:\[\s*((?:\d+\s*(?:,\s*\d+\s*)*)?)\])?$")
_NUMBER = re.compile(r"[-+]?(?:\d+(\.\d*)?|\.\d+)(?:[eE][-+]?\d+)?$")
_WORDS = {"True": True, "False": False, "None": None}
#: NumPy's names, for those who do not know the IR's.
_DTYPES = {**DTYPES_BY_NAME, **{str(dtype): dtype for dtype in DTYPES_BY_NAME.values()}}
_DTYPES.update({f"i{bits}": np.dtype(f"int{bits}") for bits in (8, 16, 32, 64)})


def add_function_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what says which function, on which inputs."""
    parser.add_argument("function", metavar="MODULE:FUNCTION", help="mypackage.module:function, or file.py:function")
    parser.add_argument(
        "--args", default="", metavar="TYPES", help='types of the arguments, "f32[3,4], f64[]", or numbers, "2.5, 3"'
    )
    parser.add_argument(
        "--seed", type=int, metavar="N", help="give arrays of random numbers, so that Python can decide on them"
    )


def program_of(arguments: argparse.Namespace, order: int) -> Module:
    """The program of the function that the command line names, or of a derivative of it.

    Raises `MixadError` for a function that cannot be found, arguments that do not read, or whatever the function
    itself raises, with the user's line.
    """
    function = find_function(arguments.function)
    inputs = parse_arguments(arguments.args, arguments.seed)
    names = argument_names(function, range(len(inputs)), [1] * len(inputs))
    for _ in range(order):
        function = GradOperation(get_all=True)(function)
    try:
        module: Module = make_graph(function)(*inputs)
    except MixadError:
        raise
    except Exception as error:
        frame = traceback.extract_tb(error.__traceback__)[-1]
        raise TraceError(
            f"{arguments.function} on ({arguments.args}) raises {type(error).__name__}: {error}, at "
            f"{frame.filename}:{frame.lineno}; --args gives the arguments' types"
        ) from error
    given = [name for name, each in zip(names, inputs, strict=True) if not isinstance(each, bool | None)]
    types = [value.type for value in module.entry.inputs[: len(given)]]
    for graph in module:
        # The derivatives' argument lists begin with the function's own.
        if [value.type for value in graph.inputs[: len(given)]] == types:
            for value, name in zip(graph.inputs, given, strict=False):
                value.name = value.name or name
    return module


def find_function(spec: str) -> Callable[..., Any]:
    """The function that ``module:function`` names. The module is imported: its code runs."""
    name, colon, path = spec.rpartition(":")
    if not colon or not name or not path:
        raise MixadError(f"'{spec}' names no function; write module:function or file.py:function")
    found: Any = _load(name)
    for part in path.split("."):
        if not hasattr(found, part):
            known = [each for each in dir(found) if callable(getattr(found, each)) and not each.startswith("_")]
            close = difflib.get_close_matches(part, known, 1)
            hint = f"; did you mean '{close[0]}'?" if close else f"; it has {', '.join(known) or 'no function'}"
            raise MixadError(f"{name} has no '{part}'{hint}")
        found = getattr(found, part)
    if not callable(found):
        raise MixadError(f"{spec} is a {type(found).__name__}, and a function is needed")
    return found  # type: ignore[no-any-return]


def _load(name: str) -> Any:
    file = Path(name)
    try:
        if name.endswith(".py"):
            if not file.is_file():
                raise MixadError(f"there is no file {name}")
            # A file imports what stands beside it, as when Python runs it.
            sys.path.insert(0, str(file.parent.absolute()))
            spec = importlib.util.spec_from_file_location(file.stem, file)
            assert spec is not None
            assert spec.loader is not None
            module = importlib.util.module_from_spec(spec)
            sys.modules.setdefault(file.stem, module)
            spec.loader.exec_module(module)
            return module
        if os.getcwd() not in sys.path and "" not in sys.path:
            sys.path.insert(0, os.getcwd())
        return importlib.import_module(name)
    except MixadError:
        raise
    except Exception as error:
        raise MixadError(f"{name} cannot be imported: {type(error).__name__}: {error}") from error


def parse_arguments(text: str, seed: int | None = None) -> list[Any]:
    """``f32[3,4], f64[], 2.5``: types, which become arrays of random numbers where a seed is given, and numbers.

    Floating-point arrays are drawn from [0.5, 1.5), where most functions have derivatives.
    """
    generator = None if seed is None else np.random.default_rng(seed)
    items = [item.strip() for item in re.split(r",(?![^\[]*\])", text)] if text.strip() else []
    return [_argument(item, generator) for item in items]


def _argument(item: str, generator: np.random.Generator | None) -> Any:
    if item in _WORDS:
        return _WORDS[item]
    if _NUMBER.match(item):
        return int(item) if re.fullmatch(r"[-+]?\d+", item) else float(item)
    match = _TYPE.match(item)
    if match is None or match[1] not in _DTYPES:
        raise MixadError(
            f"--args: '{item[:80]}' is no type such as f32[3,4] or f64[] and no number; element types are "
            f"{', '.join(DTYPES_BY_NAME)}"
        )
    shape = tuple(int(size) for size in match[2].split(",")) if match[2] else ()
    type = TensorType(shape, _DTYPES[match[1]])
    return type if generator is None else _random(type, generator)


def _random(type: TensorType, generator: np.random.Generator) -> Any:
    if type.dtype == BOOL or type.dtype.kind in "iu":
        return generator.integers(0, 2, type.shape).astype(type.dtype)
    numbers = generator.uniform(0.5, 1.5, type.shape)
    if type.dtype not in FLOATING:
        return (numbers + 1j * generator.uniform(0.5, 1.5, type.shape)).astype(type.dtype)
    return np.asarray(numbers).astype(type.dtype)
