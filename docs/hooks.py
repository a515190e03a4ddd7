"""Hooks of MkDocs: the pages that are generated from docstrings and tables."""

from __future__ import annotations

from typing import Any

from mixad.tools.reference import pages
from mkdocs.structure.files import File, Files


def on_files(files: Files, *, config: Any) -> Files:
    """Add the generated pages to those in docs/."""
    for name, text in pages().items():
        files.append(File.generated(config, name, content=text))
    return files
