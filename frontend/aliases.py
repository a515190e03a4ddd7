"""Public names of modules that live elsewhere: ``mixad.array_api`` is `mixad.frontend.array_api`, ``mixad.mindspore``
is `mixad.frontend.mindspore`, ``mixad.numpy`` is `mixad.frontend.namespace`, ``mixad.scipy`` is
`mixad.frontend.scipy`, the same modules."""

from __future__ import annotations

import sys
from types import ModuleType

from . import array_api, mindspore, namespace, scipy


def publish(alias: str, module: ModuleType) -> None:
    """Make an imported module, and its imported submodules, importable under the name ``alias`` as well."""
    name = module.__name__
    for each in [each for each in sys.modules if each == name or each.startswith(f"{name}.")]:
        sys.modules[alias + each.removeprefix(name)] = sys.modules[each]
    parent, _, child = alias.rpartition(".")
    setattr(sys.modules[parent], child, module)


PACKAGE = __name__.partition(".")[0]
publish(f"{PACKAGE}.array_api", array_api)
publish(f"{PACKAGE}.mindspore", mindspore)
publish(f"{PACKAGE}.numpy", namespace)
publish(f"{PACKAGE}.scipy", scipy)
