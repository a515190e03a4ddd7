"""MindSpore's execution settings, as far as they mean something here.

Both modes run alike: every derivative is a compiled program, and all else runs at once. With ``device_target="GPU"``
derivatives run on the GPU, if there is one that Triton can compile for; with a target that is not there, or not
supported, they run on the CPU, of which a warning tells, with the reason and the remedy.
"""

from __future__ import annotations

import warnings
from typing import Any, Final

from ..devices import device, missing_gpu, set_default

GRAPH_MODE: Final = 0
PYNATIVE_MODE: Final = 1
_TARGETS: Final = ("CPU", "GPU", "Ascend")

_settings: dict[str, Any] = {"mode": PYNATIVE_MODE, "device_target": "CPU", "device_id": 0}
_warned: set[str] = set()


def set_context(**settings: Any) -> None:
    """Set ``mode`` (``GRAPH_MODE`` or ``PYNATIVE_MODE``), ``device_target`` ("CPU", "GPU", "Ascend"), ``device_id``.

    Raises ValueError for another setting or value; nothing is set then. A target that programs cannot run on is a
    RuntimeWarning, once a process for each: MindSpore's programs name one at their beginning, and run on the CPU then.
    `mixad.device` is the way to insist on a GPU.
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
    missing = missing_gpu() if target == "GPU" else "mixad has no backend for it; name another target"
    set_default(device("gpu") if target == "GPU" and missing is None else None)
    if target != "CPU" and missing is not None and target not in _warned:
        _warned.add(target)
        text = f"device_target is {target!r}, and programs run on the CPU: {missing}"
        warnings.warn(text, RuntimeWarning, stacklevel=2)


def get_context(name: str) -> Any:
    """A setting, as `set_context` left it. Raises ValueError for a name that it does not take."""
    if name not in _settings:
        raise ValueError(f"context has no setting {name!r}; it has {', '.join(_settings)}")
    return _settings[name]
