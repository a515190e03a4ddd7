"""The extension ``fft``."""

from __future__ import annotations

from typing import Any

import numpy as np

from .creation import check_device, own

__all__ = [
    "fft",
    "fftfreq",
    "fftn",
    "fftshift",
    "hfft",
    "ifft",
    "ifftn",
    "ifftshift",
    "ihfft",
    "irfft",
    "irfftn",
    "rfft",
    "rfftfreq",
    "rfftn",
]


def fft(x: Any, /, *, n: int | None = None, axis: int = -1, norm: str = "backward") -> Any:
    return np.fft.fft(x, n, axis, norm)  # type: ignore[arg-type]


def ifft(x: Any, /, *, n: int | None = None, axis: int = -1, norm: str = "backward") -> Any:
    return np.fft.ifft(x, n, axis, norm)  # type: ignore[arg-type]


def rfft(x: Any, /, *, n: int | None = None, axis: int = -1, norm: str = "backward") -> Any:
    return np.fft.rfft(x, n, axis, norm)  # type: ignore[arg-type]


def irfft(x: Any, /, *, n: int | None = None, axis: int = -1, norm: str = "backward") -> Any:
    return np.fft.irfft(x, n, axis, norm)  # type: ignore[arg-type]


def hfft(x: Any, /, *, n: int | None = None, axis: int = -1, norm: str = "backward") -> Any:
    return np.fft.hfft(x, n, axis, norm)  # type: ignore[arg-type]


def ihfft(x: Any, /, *, n: int | None = None, axis: int = -1, norm: str = "backward") -> Any:
    return np.fft.ihfft(x, n, axis, norm)  # type: ignore[arg-type]


def fftn(x: Any, /, *, s: Any = None, axes: Any = None, norm: str = "backward") -> Any:
    return np.fft.fftn(x, s, axes, norm)  # type: ignore[arg-type]


def ifftn(x: Any, /, *, s: Any = None, axes: Any = None, norm: str = "backward") -> Any:
    return np.fft.ifftn(x, s, axes, norm)  # type: ignore[arg-type]


def rfftn(x: Any, /, *, s: Any = None, axes: Any = None, norm: str = "backward") -> Any:
    return np.fft.rfftn(x, s, axes, norm)  # type: ignore[arg-type]


def irfftn(x: Any, /, *, s: Any = None, axes: Any = None, norm: str = "backward") -> Any:
    return np.fft.irfftn(x, s, axes, norm)  # type: ignore[arg-type]


def fftfreq(n: int, /, *, d: float = 1.0, dtype: Any = None, device: Any = None) -> Any:
    check_device(device)
    return own(np.fft.fftfreq(n, d).astype(np.float64 if dtype is None else dtype))


def rfftfreq(n: int, /, *, d: float = 1.0, dtype: Any = None, device: Any = None) -> Any:
    check_device(device)
    return own(np.fft.rfftfreq(n, d).astype(np.float64 if dtype is None else dtype))


def fftshift(x: Any, /, *, axes: Any = None) -> Any:
    return np.fft.fftshift(x, axes)


def ifftshift(x: Any, /, *, axes: Any = None) -> Any:
    return np.fft.ifftshift(x, axes)
