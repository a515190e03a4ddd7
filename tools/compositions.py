"""The table of compositions: NumPy's and SciPy's functions, what they are made of and what is claimed for them.

Every cell is found by tracing the function's first sample call (`mixad.frontend.samples`), in each element type, and
looking up its operations in a backend's table; a generated test proves each cell.
"""

from __future__ import annotations

import functools
import operator
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from ..frontend import scipy as traced_scipy
from ..frontend.catalog import compositions
from ..frontend.graphs import make_graph
from ..frontend.samples import SAMPLES, Sample
from ..ir import Graph, Module, Operation, Value
from ..ir.errors import MixadError
from ..ir.types import BOOL, DTYPE_NAMES, INEXACT
from ..runtime.backend import backend_named, backends
from ..runtime.support import ANY_ORDER, SupportTable, data_types
from .tables import dtypes_text

HEADER: Final = ("composition", "element types", "order", "not by", "operations")


@dataclass(frozen=True)
class CompositionRow:
    """One function: the operations that its sample is traced to, the element types that it takes (none where the
    backend lacks an operation), and the highest order of derivative (0 where derivatives are zero, or there are none);
    ``refused`` names the operands whose derivative no rule gives."""

    name: str
    sample: Sample
    operations: tuple[str, ...]
    dtypes: frozenset[np.dtype[Any]]
    order: int
    refused: tuple[str, ...]

    def reaches(self, order: int) -> bool:
        """Whether there are derivatives to an order (zeros count, as in the table of operations)."""
        return bool(self.dtypes) and (not self.order or self.order >= order)

    def cells(self) -> tuple[str, ...]:
        """The row as text, in the order of `HEADER`."""
        order = "any" if self.order >= ANY_ORDER else str(self.order) if self.order else "zero"
        made_of = " ".join(name.removeprefix("tensor.") for name in self.operations)
        return (
            self.name,
            dtypes_text(self.dtypes) or "-",
            order if self.dtypes else "-",
            " ".join(self.refused),
            made_of or "-",
        )


@functools.cache
def composition_rows(backend: str) -> tuple[CompositionRow, ...]:
    """All compositions by name, with the operations' element types and order of derivative as the backend of a name
    declares them."""
    support = backend_named(backend).support
    return tuple(row for name, sample in first_samples().items() if (row := _row(name, sample, support)))


@functools.cache
def first_samples() -> dict[str, Sample]:
    """The sample of each composition: the first that calls nothing else, or whose outermost call it is, or that calls
    it."""
    names = {id(function): name for name, function in compositions().items()}
    alone: dict[str, Sample] = {}
    outer: dict[str, Sample] = {}
    inner: dict[str, Sample] = {}
    for sample in SAMPLES:
        for position, call in enumerate(sample.calls):
            name = names.get(id(_resolve(call)))
            if name is not None:
                (inner if position else alone if len(sample.calls) == 1 else outer).setdefault(name, sample)
    found = inner | outer | alone
    return {name: found[name] for name in names.values() if name in found}


def _resolve(call: str) -> Any:
    root, _, rest = call.partition(".")
    try:
        return operator.attrgetter(rest)({"np": np, "scipy": traced_scipy}[root])
    except AttributeError:
        return None  # NumPy is too old to have it


def _row(name: str, sample: Sample, support: SupportTable) -> CompositionRow | None:
    module = trace(sample)
    if module is None:
        return None
    operations = dict.fromkeys(op.name for graph in module for op in graph if op.name != "tensor.constant")
    active, refused, depends = _activity(module.entry)
    order = min((_declared(op, support) for op in active), default=ANY_ORDER) if depends else 0
    traced = {dtype: trace(sample, dtype) for dtype in DTYPE_NAMES}
    dtypes = frozenset(dtype for dtype, each in traced.items() if each is not None and _runs(each, support))
    return CompositionRow(name, sample, tuple(operations), dtypes, order, refused)


def _runs(module: Module, support: SupportTable) -> bool:
    """Whether a backend declares every operation of a program, but for those that none does, which passes replace."""
    return all(
        support[op.name].dtypes.issuperset(data_types(op)) if op.name in support else op.name not in _everywhere()
        for graph in module
        for op in graph
    )


@functools.cache
def _everywhere() -> frozenset[str]:
    """The operations that any backend declares."""
    return frozenset(name for each in backends() for name in each.support)


def _declared(op: Operation, support: SupportTable) -> int:
    row = support.get(op.name)
    return ANY_ORDER if row is None else row.order


def arguments(sample: Sample, dtype: np.dtype[Any] | None = None) -> list[Any]:
    """The sample's arrays; with the floating-point and complex ones in ``dtype``, if one is given."""
    return [x if dtype is None or x.dtype.kind not in "fc" else _converted(x, dtype) for x in sample.arguments]


def _converted(x: Any, dtype: np.dtype[Any]) -> Any:
    if dtype == BOOL:
        return x.real > 0
    if dtype.kind in "iu":
        whole = np.rint(10 * np.nan_to_num(x.real))
        return (whole - np.min(whole, initial=0) if dtype.kind == "u" else whole).astype(dtype)
    if dtype.kind == "c" and x.dtype.kind == "f":
        part = 0.3 * np.cos(x)
        square = x.ndim == 2 and x.shape[0] == x.shape[1]
        x = x + 1j * (part - part.T if square else part)  # a symmetric matrix becomes a Hermitian one
    return (x.real if dtype.kind != "c" else x).astype(dtype)


def trace(sample: Sample, dtype: np.dtype[Any] | None = None) -> Module | None:
    """The sample's program, its inexact inputs in ``dtype``; None where that element type is refused."""
    function: Callable[..., Any] = sample.function(np=np, scipy=traced_scipy)
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        try:
            module: Module = make_graph(function)(*arguments(sample, dtype))
        except (MixadError, np.linalg.LinAlgError):
            return None
    return module


def _activity(graph: Graph) -> tuple[list[Operation], tuple[str, ...], bool]:
    """The operations through which an output depends differentiably on an input, the operands among them whose
    derivative is refused, and whether there is such an output."""
    reached: set[Value] = {value for value in graph.inputs if value.type.dtype in INEXACT}
    forward = [op for op in graph if _pushes(op, reached)]
    wanted = {value for value in graph.outputs if value in reached}
    depends, active = bool(wanted), []
    for op in reversed(forward):
        if not wanted.isdisjoint(op.results):
            active.append(op)
            wanted.update(value for value in op.operands if value in reached)
    refused = [operand for op in active for operand in _refused(op, reached)]
    return active, tuple(dict.fromkeys(refused)), depends


def _pushes(op: Operation, reached: set[Value]) -> bool:
    """Whether an operation hands a derivative on; its results are then reached."""
    rules = op.definition.rules
    if rules is not None and rules.cls.piecewise_constant:
        return False
    fixed = () if rules is None else rules.cls.constant_in
    if not any(v in reached for i, v in enumerate(op.operands) if rules is None or rules.position(i) not in fixed):
        return False
    reached.update(value for value in op.results if value.type.dtype in INEXACT)
    return True


def _refused(op: Operation, reached: set[Value]) -> Iterator[str]:
    rules = op.definition.rules
    if rules is not None:
        for position, value in enumerate(op.operands):
            if value in reached and rules.position(position) in rules.cls.no_derivative_in:
                yield rules.position(position)
