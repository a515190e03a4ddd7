"""Public names of modules that live elsewhere: ``mixad.mindspore`` is `mixad.frontend.mindspore`, the same module."""

from __future__ import annotations

import sys
from types import ModuleType

from . import mindspore


def publish(alias: str, module: ModuleType) -> None:
    """Make an imported module, and its imported submodules, importable under the name ``alias`` as well."""
    name = module.__name__
    for each in [each for each in sys.modules if each == name or each.startswith(f"{name}.")]:
        sys.modules[alias + each.removeprefix(name)] = sys.modules[each]
    parent, _, child = alias.rpartition(".")
    setattr(sys.modules[parent], child, module)


publish(f"{__name__.partition('.')[0]}.mindspore", mindspore)
