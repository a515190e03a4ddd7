"""The report: one HTML file that needs nothing else."""

from __future__ import annotations

import base64
import hashlib
import html
import json
import pkgutil
from collections.abc import Mapping
from typing import Any

_PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src '{style_hash}'; \
script-src '{script_hash}'">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>{title}</title>
<style>{style}</style>
</head>
<body>
<noscript>This report needs JavaScript. The same programs are in the .mix files beside it.</noscript>
<script type="application/json" id="data">{data}</script>
<script type="module">{script}</script>
</body>
</html>
"""


def page(data: Mapping[str, Any]) -> str:
    """The page of a recorder's ``data`` with, from the manifest, ``entry``, ``pipeline``, ``passes`` and the like.

    Whatever names the data holds, none is read as HTML or script: the data is JSON without a ``<``, the script puts
    it into the page as text, and the page's policy lets no other script run and nothing be loaded.
    """
    style = _asset("report.css")
    script = "\n".join(_asset(name) for name in ("graph.js", "model.js", "report.js"))
    text = json.dumps(data, separators=(",", ":"), ensure_ascii=True).replace("<", "\\u003c")
    return _PAGE.format(
        title=html.escape(f"mixad: {data['entry']}"),
        style=style,
        style_hash=_hash(style),
        script=script,
        script_hash=_hash(script),
        data=text,
    )


def _asset(name: str) -> str:
    data = pkgutil.get_data(__package__, name)
    assert data is not None  # this package's own file
    return data.decode()


def _hash(text: str) -> str:
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
