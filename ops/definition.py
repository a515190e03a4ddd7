"""How an operation is written: one class, from which the decorator reads everything.

An operation class states, as static methods:

``infer(x, y, *, attribute)``
    the type rule: operand types in, result type (or a tuple of them) out. Its positional parameters
    name the operands, a ``*operands`` parameter any number of them, keyword parameters the
    attributes.
``evaluate(x, y, *, attribute)``
    the meaning, on NumPy arrays.
``jvp_x(b, dx, x, y, *, attribute)``
    the derivative with respect to operand ``x``: the tangent of the result, linear in ``dx``,
    written with the builder ``b``, or None where it is zero. A keyword parameter ``out`` receives the
    operation's result.
``transpose_x(b, ct, x, y, *, attribute)``
    for an operation linear in ``x``: the cotangent of ``x``. Of ``x`` only the type may be used.

``linear_in`` lists groups of operands: the operation is jointly linear in each group while the
others are fixed. Operands in a group need no jvp (it is derived) but need a transpose; other operands
need a jvp, unless they are in ``constant_in`` (indices, predicates: no derivative) or the whole
operation is ``piecewise_constant`` (its derivative is zero). ``no_derivative_in`` lists operands whose derivative
exists but is not known here: asking for it is a `DerivativeError`. Missing or misspelt rules are an error
when the class is defined.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import FunctionType
from typing import Any, ClassVar

import numpy as np

from ..ir.attributes import Dense
from ..ir.builder import Builder, install_method
from ..ir.definition import OpDefinition, register
from ..ir.errors import ConstraintError, DefinitionError, DerivativeError, RuleError
from ..ir.graph import Operation, Value
from ..ir.types import TensorType

Array = np.ndarray[Any, Any]
Rule = Callable[..., Any]


@dataclass(frozen=True)
class Sample:
    """Inputs on which the generic tests try an operation.

    An operand is a shape (random numbers in the operation's ``domain``) or an array, used as it is.
    """

    operands: tuple[tuple[int, ...] | Array, ...]
    attributes: Mapping[str, Any]


def sample(*operands: tuple[int, ...] | Array, **attributes: Any) -> Sample:
    """A `Sample` with the given operands and attributes."""
    return Sample(operands, attributes)


def _sample_type(operand: tuple[int, ...] | Array) -> TensorType:
    if isinstance(operand, tuple):
        return TensorType(operand, np.dtype(np.float64))
    return TensorType(operand.shape, operand.dtype)


def _of_dtype(value: Any, dtype: np.dtype[Any]) -> Any:
    """An attribute that holds an element type, with another one."""
    if isinstance(value, np.dtype):
        return dtype
    return Dense(0, value.type.with_dtype(dtype)) if isinstance(value, Dense) else value


class Op:
    """Base of operation classes; see the module's text for the rules to write."""

    linear_in: ClassVar[tuple[tuple[str, ...], ...]] = ()
    constant_in: ClassVar[tuple[str, ...]] = ()
    no_derivative_in: ClassVar[tuple[str, ...]] = ()
    piecewise_constant: ClassVar[bool] = False
    #: Whether each element of the result depends on the same element of each operand alone.
    elementwise: ClassVar[bool] = False
    samples: ClassVar[tuple[Sample, ...]] = ()
    #: Interval of sample numbers, for all operands or one for each.
    domain: ClassVar[tuple[float, float] | tuple[tuple[float, float], ...]] = (-2.0, 2.0)
    #: Set by the decorator.
    definition: ClassVar[OpDefinition]
    infer: ClassVar[Rule]
    evaluate: ClassVar[Rule]


def zeros(b: Builder, type: TensorType) -> Value:
    """A constant of zeros."""
    return full(b, type, 0)


def full(b: Builder, type: TensorType, number: complex) -> Value:
    """A constant that repeats one number."""
    value: Value = b.constant(value=Dense(np.asarray(number, type.dtype), type))
    return value


class Rules:
    """The rules of one operation, checked and ready to be called on an `Operation`."""

    def __init__(self, cls: type[Op], name: str) -> None:
        self.cls = cls
        self.name = name
        self.operands, self.variadic, self.attributes, self.optional = _signature(cls, name)
        self._jvps: dict[str, _Bound] = {}
        self._transposes: dict[str, _Bound] = {}
        self._check_evaluate()
        self._collect()
        explicit = set(self._jvps)
        self._groups = [
            tuple(self.operands.index(operand) for operand in group if operand not in explicit)
            for group in cls.linear_in
        ]
        self.evaluate: Rule = cls.evaluate
        #: The operand whose element type the operation is about: the first that is no index or predicate.
        self.data = next((i for i, name in enumerate(self.operands) if name not in cls.constant_in), 0)

    def takes(self, dtype: np.dtype[Any]) -> bool:
        """Whether the type rule takes data of this element type, on any of the samples (without any: as it decides)."""
        return not self.cls.samples or any(self._takes(sample, dtype) for sample in self.cls.samples)

    def _takes(self, sample: Sample, dtype: np.dtype[Any]) -> bool:
        given = [_sample_type(operand) for operand in sample.operands]
        data = given[self.data].dtype if given else None
        types = [type.with_dtype(dtype) if type.dtype == data else type for type in given]
        attributes = dict(sample.attributes)
        if not given:
            attributes = {name: _of_dtype(value, dtype) for name, value in attributes.items()}
        try:
            self.cls.infer(*types, **attributes)
        except ConstraintError:
            return False
        return True

    def _check_evaluate(self) -> None:
        """The meaning takes what the type rule takes; NumPy's own functions do not say what they take."""
        if isinstance(self.cls.evaluate, FunctionType):
            operands, _, attributes, _ = _parameters(self.cls.evaluate)
            if operands != self.operands or set(attributes) != set(self.attributes):
                raise DefinitionError(
                    f"{self.name}: evaluate takes ({', '.join((*operands, *attributes))}) where infer takes "
                    f"({', '.join((*self.operands, *self.attributes))})"
                )

    def _collect(self) -> None:
        known = set(self.operands)
        for attribute in dir(self.cls):
            for prefix, table in (("jvp_", self._jvps), ("transpose_", self._transposes)):
                if attribute.startswith(prefix):
                    operand = attribute.removeprefix(prefix)
                    if operand not in known:
                        raise DefinitionError(
                            f"{self.name}: rule {attribute!r} names no operand; it has {', '.join(self.operands)}"
                        )
                    table[operand] = _Bound(self, attribute)
        linear = {operand for group in self.cls.linear_in for operand in group}
        for operand in (linear | {*self.cls.constant_in, *self.cls.no_derivative_in}) - known:
            raise DefinitionError(f"{self.name}: {operand!r} is no operand; it has {', '.join(self.operands)}")
        for operand in self.operands:
            if operand in linear and operand not in self._transposes:
                raise DefinitionError(f"{self.name}: linear in {operand!r} but has no transpose_{operand}")
            covered = operand in linear or operand in self._jvps or operand in self.cls.constant_in
            covered = covered or operand in self.cls.no_derivative_in
            if not covered and not self.cls.piecewise_constant:
                raise DefinitionError(
                    f"{self.name}: operand {operand!r} has no jvp_{operand}, is not in linear_in and not in constant_in"
                )

    def position(self, index: int) -> str:
        """The declared name of operand ``index`` (a variadic operand's without its number)."""
        return self.operands[min(index, len(self.operands) - 1)]

    def jvp(self, b: Builder, op: Operation, tangents: Sequence[Value | None]) -> tuple[Value | None, ...]:
        """The tangents of ``op``'s results, given its operands' (None where zero)."""
        count = len(op.results)
        if self.cls.piecewise_constant:
            return (None,) * count
        for operand in self.cls.no_derivative_in:
            if tangents[self.operands.index(operand)] is not None:
                raise DerivativeError(
                    f"'{self.name}' has no derivative rule for its operand {operand!r}, at {op.location}; hold that "
                    "operand fixed: leave it out of what is differentiated, or put stop_gradient around it"
                )
        terms: list[Sequence[Value]] = []
        for group in self._groups:
            members = self._members(group, len(op.operands))
            if any(tangents[i] is not None for i in members):
                terms.append(_apply_linear(b, op, members, tangents))
        for operand, rule in self._jvps.items():
            index = self.operands.index(operand)
            tangent = tangents[index]
            if tangent is not None:
                term = rule(b, tangent, op)
                if term is not None:
                    terms.append((term,) if count == 1 else term)
                    check_rule(f"jvp_{operand}", op, terms[-1], [value.type for value in op.results])
        if not terms:
            return (None,) * count
        totals = list(terms[0])
        for more in terms[1:]:
            totals = [b.add(total, term) for total, term in zip(totals, more, strict=True)]
        return tuple(totals)

    def transpose(
        self, b: Builder, op: Operation, cotangents: Sequence[Value | None], linear: Sequence[bool]
    ) -> list[Value | None]:
        """The cotangents of ``op``'s operands where ``linear`` is true, None elsewhere."""
        ct = cotangents[0] if len(op.results) == 1 else tuple(cotangents)
        found: list[Value | None] = [None] * len(op.operands)
        last = len(self.operands) - 1
        for index, name in enumerate(self.operands):
            if self.variadic and index == last:
                if any(linear[last:]):
                    values = self._transposes[name](b, ct, op)
                    for offset, value in enumerate(values):
                        if linear[last + offset]:
                            found[last + offset] = value
            elif linear[index]:
                rule = self._transposes.get(name)
                if rule is None:
                    raise DefinitionError(f"{self.name} is not linear in operand {name!r}: it has no transpose")
                found[index] = rule(b, ct, op)
        return found

    def _members(self, group: tuple[int, ...], count: int) -> list[int]:
        last = len(self.operands) - 1
        if self.variadic and last in group:
            return [*(i for i in group if i != last), *range(last, count)]
        return list(group)


def check_rule(rule: str, op: Operation, found: Any, wanted: Sequence[TensorType]) -> None:
    """`RuleError` where a rule of ``op`` gives something else than values of the ``wanted`` types (or None)."""
    values = list(found) if isinstance(found, Sequence) else [found]
    types = [value.type if isinstance(value, Value) else type(value).__name__ for value in values]
    kept = [want if value is None else found for value, found, want in zip(values, types, wanted, strict=False)]
    if len(values) != len(wanted) or any(found is not want for found, want in zip(kept, wanted, strict=True)):
        shown = [", ".join(map(str, part)) for part in (types, wanted)]
        raise RuleError(f"the rule {rule} of '{op.name}' gives ({shown[0]}) for ({shown[1]}), at {op.location}")


class _Bound:
    """One derivative rule, with the arguments that its signature asks for."""

    __slots__ = ("attributes", "function", "wants_out")

    def __init__(self, rules: Rules, attribute: str) -> None:
        self.function: Rule = getattr(rules.cls, attribute)
        parameters = list(inspect.signature(self.function).parameters.values())
        positional = [p.name for p in parameters if p.kind is p.POSITIONAL_OR_KEYWORD]
        star = [p.name for p in parameters if p.kind is p.VAR_POSITIONAL]
        keywords = [p.name for p in parameters if p.kind is p.KEYWORD_ONLY]
        expected = list(rules.operands)
        if [*positional[2:], *star] != expected or len(positional) < 2:
            raise DefinitionError(
                f"{rules.name}: {attribute} takes ({', '.join([*positional, *star])}) where "
                f"(b, tangent or cotangent, {', '.join(expected)}) is expected"
            )
        unknown = set(keywords) - set(rules.attributes) - {"out"}
        if unknown:
            raise DefinitionError(f"{rules.name}: {attribute} asks for unknown attributes {sorted(unknown)}")
        self.wants_out = "out" in keywords
        self.attributes = [name for name in keywords if name != "out"]

    def __call__(self, b: Builder, d: Any, op: Operation) -> Any:
        attributes = op.attributes
        keywords = {name: attributes[name] for name in self.attributes if name in attributes}
        if self.wants_out:
            keywords["out"] = op.results[0] if len(op.results) == 1 else op.results
        return self.function(b, d, *op.operands, **keywords)


def _apply_linear(
    b: Builder, op: Operation, members: Sequence[int], tangents: Sequence[Value | None]
) -> tuple[Value, ...]:
    """The operation itself, with the operands ``members`` replaced by their tangents."""
    operands = list(op.operands)
    for index in members:
        tangent = tangents[index]
        operands[index] = zeros(b, operands[index].type) if tangent is None else tangent
    return b.create(op.definition, tuple(operands), op.attributes).results


def _signature(cls: type[Op], name: str) -> tuple[tuple[str, ...], bool, tuple[str, ...], dict[str, Any]]:
    for required in ("infer", "evaluate"):
        if not callable(getattr(cls, required, None)):
            raise DefinitionError(f"{name}: the class has no {required!r} rule")
    return _parameters(cls.infer)


def _parameters(rule: Rule) -> tuple[tuple[str, ...], bool, tuple[str, ...], dict[str, Any]]:
    """A rule's operands, whether the last stands for many, its attributes and the attributes' defaults."""
    parameters = inspect.signature(rule).parameters.values()
    operands = tuple(p.name for p in parameters if p.kind in (p.POSITIONAL_OR_KEYWORD, p.VAR_POSITIONAL))
    variadic = any(p.kind is p.VAR_POSITIONAL for p in parameters)
    attributes = tuple(p.name for p in parameters if p.kind is p.KEYWORD_ONLY)
    optional = {p.name: p.default for p in parameters if p.kind is p.KEYWORD_ONLY and p.default is not p.empty}
    return operands, variadic, attributes, optional


def operation(name: str) -> Callable[[type[Op]], type[Op]]:
    """Class decorator: check an operation's rules, register it, give `Builder` its method.

    Raises `DefinitionError` where a rule is missing, misspelt or of the wrong signature.
    """

    def define(cls: type[Op]) -> type[Op]:
        rules = Rules(cls, name)
        infer_rule = cls.infer

        def infer(types: Sequence[TensorType], attributes: Mapping[str, Any]) -> tuple[TensorType, ...]:
            found = infer_rule(*types, **attributes)
            found = found if type(found) is tuple else (found,)
            for each in found:
                if type(each) is not TensorType:
                    raise RuleError(f"the rule infer of '{name}' gives {each!r:.60} where a TensorType is needed")
            return found

        definition = OpDefinition(
            name=name,
            operands=rules.operands,
            attributes=rules.attributes,
            infer=infer,
            variadic=rules.variadic,
            optional=rules.optional,
            rules=rules,
            doc=inspect.cleandoc(cls.__doc__ or ""),
        )
        cls.definition = definition
        register(definition)
        if definition.dialect in ("tensor", "ad", "linalg", "fft"):
            install_method(definition)
        return cls

    return define
