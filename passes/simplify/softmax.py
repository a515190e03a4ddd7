"""reciprocals and reuse-contractions: what the derivatives of a softmax, and of attention, need not compute."""

from __future__ import annotations

import itertools
import string
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from ...ir.builder import Builder
from ...ir.graph import Graph, Operation, Value
from ...ir.module import Module
from ...ir.rewriting import PatternTable
from ...ops.contraction import Labels, multiply_adds, parse_spec, points
from ..manager import Pass, PassLog, register_pass
from ..scope import functions
from .deviations import repeated_along
from .patterns import defined_by
from .sums import rearrangeable

table = PatternTable()


@register_pass("reciprocals")
@dataclass(frozen=True)
class Reciprocals(Pass):
    """x / s -> x * (1 / s) in derivatives, where s is repeated and at least 1: the sum of exp(y - max(y)).

    So the quotient is a product with a row, which `arrange-factors` puts where arrays are small. It has one rounding
    more. Other divisors stay: 0 / 1e-310 is 0, and 0 * (1 / 1e-310) is NaN.
    """

    function: str = ""

    def run(self, module: Module, log: PassLog) -> bool:
        count = sum(sum(table.rewrite(graph).values()) for graph in functions(module, self.function))
        log.count("quotients", count)
        return count > 0


@table.pattern("tensor.div")
def quotient_of_softmax(op: Operation, b: Builder) -> Value | None:
    """x / repeated(s) -> x * repeated(1 / s)."""
    repeat = defined_by(op.operands[1], "tensor.broadcast_in_dim")
    if repeat is None or not rearrangeable(op):
        return None
    row = repeat.operands[0]
    if row.type.size * 2 > op.result.type.size or not _is_at_least_one(row):
        return None
    return b.mul(op.operands[0], b.broadcast_in_dim(b.reciprocal(row), **repeat.attributes))


def _is_at_least_one(x: Value) -> bool:
    """Whether a value is the sum of exp(y - max(y)) over the axes of the maximum: NaN, or between 1 and their size."""
    while x.owner.name == "tensor.reshape":
        x = x.owner.operands[0]
    total = defined_by(x, "tensor.reduce_sum")
    powers = defined_by(total.operands[0], "tensor.exp") if total else None
    difference = defined_by(powers.operands[0], "tensor.sub") if powers else None
    if total is None or difference is None:
        return False
    y, largest = difference.operands
    row = repeated_along(largest, total.attributes["axes"])
    found = defined_by(row, "tensor.reduce_max") if row is not None else None
    return found is not None and found.operands[0] is y and found.attributes["axes"] == total.attributes["axes"]


@register_pass("reuse-contractions")
@dataclass(frozen=True)
class ReuseContractions(Pass):
    """sum(A * C) -> sum(P * (C Q)) in derivatives, where A = P Q' and C Q has been computed before, if it halves the
    cost.

    Attention's gradient has the sum of dP * P over its keys, dP = dO V': it is that of dO * O (Dao et al.,
    FlashAttention, 2022, appendix B.2). The error keeps its bound: n roundings of the sum of the absolute values of all
    products.
    """

    function: str = ""

    def run(self, module: Module, log: PassLog) -> bool:
        count = 0
        for graph in functions(module, self.function):
            places = {op: place for place, op in enumerate(graph)}
            for op in list(graph):
                if op.name in ("tensor.contract", "tensor.reduce_sum") and rearrangeable(op):
                    count += _reuse(op, graph, places)
        log.count("contractions", count)
        return count > 0


def _reuse(op: Operation, graph: Graph, places: dict[Operation, int]) -> bool:
    for operands, labels, cost in _sums_of_products(op, graph):
        for known in _known(op, operands, labels, graph):
            if places.get(known.product, len(places)) < places[op] and 0 < 2 * known.cost <= cost:
                b = Builder(graph, op, op.location)
                graph.replace(op, (b.contract(known.rest, known.product.result, spec=known.spec),))
                return True
    return False


def _sums_of_products(op: Operation, graph: Graph) -> Iterator[tuple[Sequence[Value], Labels, int]]:
    """The two factors of a contraction, or of what is summed, with labels, and how many multiplications there are."""
    if op.name == "tensor.contract":
        yield op.operands, parse_spec(op.attributes["spec"]), multiply_adds(op)
    elif product := defined_by(op.operands[0], "tensor.mul"):
        x, axes = product.result, op.attributes["axes"]
        if x.type.rank <= len(string.ascii_letters) and graph.has_one_use(x):
            letters = string.ascii_letters[: x.type.rank]
            out = "".join(letter for axis, letter in enumerate(letters) if axis not in axes)
            yield product.operands, Labels(letters, letters, out), x.type.size


@dataclass(frozen=True)
class _Known:
    """A contraction of ``rest`` with the result of ``product``, with so many multiplications."""

    rest: Value
    product: Operation
    spec: str
    cost: int


def _known(op: Operation, operands: Sequence[Value], labels: Labels, graph: Graph) -> Iterator[_Known]:
    """The contractions of other values that are equal to the sum of products A * C, where A = P Q' and C Q is there."""
    parts = labels.x, labels.y
    for at in (0, 1):
        inner, other = operands[at].owner, operands[1 - at]
        if inner.name != "tensor.contract":
            continue
        names = _names(inner, parts[at], labels.x + labels.y)
        users = [use for use in graph.uses(other) if use[0].name == "tensor.contract" and use[0] is not op]
        for (user, position), side in itertools.product(users, (0, 1)):
            if user.operands[1 - position] is inner.operands[side]:
                rest, axes = inner.operands[1 - side], names[1 - side]
                found = _matched(user, position, (parts[1 - at], names[side]), axes + labels.out)
                if found is not None:
                    spec = f"{axes},{found}->{labels.out}"
                    yield _Known(rest, user, spec, points(spec, rest, user.result))


def _names(inner: Operation, out: str, taken: str) -> tuple[str, str]:
    """The labels of a contraction's operands where its result has the labels ``out``; those summed are new."""
    labels = parse_spec(inner.attributes["spec"])
    names = dict(zip(labels.out, out, strict=True))
    fresh = (letter for letter in string.ascii_letters if letter not in taken)
    for letter in labels.x + labels.y:
        if letter not in names:
            names[letter] = next(fresh)
    x, y = ("".join(names[letter] for letter in part) for part in (labels.x, labels.y))
    return x, y


def _matched(user: Operation, position: int, own: tuple[str, str], needed: str) -> str | None:
    """The labels of a contraction's result, if those of its operands are ``own`` and it sums none that is needed."""
    labels = parse_spec(user.attributes["spec"])
    parts = (labels.x, labels.y) if position == 0 else (labels.y, labels.x)
    pairs = {*zip(parts[0], own[0], strict=True), *zip(parts[1], own[1], strict=True)}
    names = dict(pairs)
    if len(names) != len(pairs) or len(set(names.values())) != len(pairs):
        return None  # what is one axis here are two there
    found = "".join(names[letter] for letter in labels.out)
    return found if set(names.values()).difference(found).isdisjoint(needed) else None
