"""MindSpore's execution settings, as far as they mean something here.

Both modes run alike: every derivative is a compiled program, and all else runs at once. Until there is a GPU
backend every ``device_target`` runs on the CPU; a target other than the CPU is logged once.
"""

from __future__ import annotations

import logging
from typing import Any, Final

GRAPH_MODE: Final = 0
PYNATIVE_MODE: Final = 1
_TARGETS: Final = ("CPU", "GPU", "Ascend")

_log = logging.getLogger("mixad.mindspore")
_settings: dict[str, Any] = {"mode": PYNATIVE_MODE, "device_target": "CPU", "device_id": 0}
_logged: set[str] = set()


def set_context(**settings: Any) -> None:
    """Set ``mode`` (``GRAPH_MODE`` or ``PYNATIVE_MODE``), ``device_target`` ("CPU", "GPU", "Ascend"), ``device_id``.

    Raises ValueError for another setting or value; nothing is set then.
    """
    for name, value in settings.items():
        if name not in _settings:
            raise ValueError(f"context has no setting {name!r}; it has {', '.join(_settings)}")
        if name == "mode" and value not in (GRAPH_MODE, PYNATIVE_MODE):
            raise ValueError(f"mode is {value!r}; it is GRAPH_MODE (0) or PYNATIVE_MODE (1)")
        if name == "device_target" and value not in _TARGETS:
            raise ValueError(f"device_target is {value!r}; it is one of {', '.join(_TARGETS)}")
    _settings.update(settings)
    target = _settings["device_target"]
    if target != "CPU" and target not in _logged:
        _logged.add(target)
        _log.info("device_target is %r and there is only the CPU backend: programs run on the CPU", target)


def get_context(name: str) -> Any:
    """A setting, as `set_context` left it. Raises ValueError for a name that it does not take."""
    if name not in _settings:
        raise ValueError(f"context has no setting {name!r}; it has {', '.join(_settings)}")
    return _settings[name]
