"""How graphs, modules and values show themselves in a notebook.

The drawing is made in `mixad.tools.display`, which the IR does not import: it registers itself here.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

#: The kind of picture, ``svg`` or ``html`` -> what makes it; None where there is none of an object.
_renderers: Final[dict[str, Callable[[Any], str | None]]] = {}


def register_renderer(kind: str, render: Callable[[Any], str | None]) -> None:
    """Let ``render`` make the pictures of one kind, ``svg`` or ``html``."""
    _renderers[kind] = render


class Displayed:
    """Base of what a notebook draws. The pictures are None, and the notebook prints text, without `mixad.tools`."""

    __slots__ = ()

    def _repr_svg_(self) -> str | None:
        return _renderers["svg"](self) if "svg" in _renderers else None

    def _repr_html_(self) -> str | None:
        return _renderers["html"](self) if "html" in _renderers else None
