"""Backends: where programs run. Each is one folder beside this file."""

from __future__ import annotations

from typing import Protocol

from ..ir.graph import Graph
from ..ir.module import Module
from .program import Program
from .support import SupportTable


class Backend(Protocol):
    """What the compiler asks of a backend."""

    @property
    def name(self) -> str:
        """The name by which users choose it."""

    @property
    def support(self) -> SupportTable:
        """The declared support table."""

    @property
    def pipeline(self) -> str:
        """The passes from a traced module to a simplified one, in which every target's operations are arrays'."""

    @property
    def lowering(self) -> str:
        """The passes from there to what `lower` takes; empty where that is the same."""

    def lower(self, graph: Graph, module: Module, annotate: bool = False) -> Program:
        """Make the program of one function of ``module``; with ``annotate`` the source names operations and user's
        lines."""


_backends: dict[str, Backend] = {}


def register_backend(backend: Backend) -> None:
    """Make a backend known by its name."""
    _backends[backend.name] = backend


def backend_named(name: str) -> Backend:
    """The backend called ``name``; ValueError where there is none."""
    try:
        return _backends[name]
    except KeyError:
        raise ValueError(f"there is no backend '{name}'; there are {', '.join(_backends)}") from None


def backends() -> list[Backend]:
    """All backends."""
    return list(_backends.values())
