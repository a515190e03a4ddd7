"""What the IR knows about an operation: its name, operands, attributes and type rule.

The classes of `mixad.ops` compile themselves to an `OpDefinition` and register it here, so that
the IR checks, prints and parses operations without knowing any of them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from .types import TensorType

#: operand types, attributes -> result types
Infer = Callable[[Sequence[TensorType], Mapping[str, Any]], tuple[TensorType, ...]]


@dataclass(frozen=True, eq=False)
class OpDefinition:
    """One operation.

    ``name`` is dialect and mnemonic (``tensor.sin``). ``operands`` names the operands; with
    ``variadic`` the last name stands for any number of them. ``attributes`` names the attributes,
    ``optional`` those that have a default, with it. ``rules`` is the operation's class in
    `mixad.ops`, which holds its derivative and evaluation rules.
    """

    name: str
    operands: tuple[str, ...]
    attributes: tuple[str, ...]
    infer: Infer
    variadic: bool = False
    optional: Mapping[str, Any] = field(default_factory=dict)
    regions: int = 0
    rules: Any = None
    doc: str = ""

    @property
    def dialect(self) -> str:
        """The part of the name before the dot."""
        return self.name.partition(".")[0]

    @property
    def mnemonic(self) -> str:
        """The part of the name after the dot."""
        return self.name.partition(".")[2]

    def operand_name(self, index: int) -> str:
        """The name of operand ``index``; a variadic operand's name with its number."""
        last = len(self.operands) - 1
        if self.variadic and index >= last:
            return f"{self.operands[last]}[{index - last}]"
        return self.operands[index]


_registry: dict[str, OpDefinition] = {}


def register(definition: OpDefinition) -> None:
    """Make an operation known by its name. A name can be taken once."""
    if definition.name in _registry:
        raise ValueError(f"operation {definition.name!r} is registered already")
    _registry[definition.name] = definition


def lookup(name: str) -> OpDefinition:
    """The definition of ``name``; KeyError where there is none."""
    return _registry[name]


def registered() -> Mapping[str, OpDefinition]:
    """All operations by name, in order of registration."""
    return dict(_registry)
