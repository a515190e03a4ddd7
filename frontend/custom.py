"""custom_jvp and custom_vjp: functions whose derivative their author states."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import Any

from ..ir import user_location
from ..ir.errors import DerivativeError
from .custom_recording import CustomRecording
from .selection import Function, name_of
from .tracing import current_trace


class CustomRule:
    """A function with a derivative of its own, made by `custom_jvp` or `custom_vjp`.

    It may have both rules: forward mode then uses the one, reverse mode the other. With one alone, the other mode is
    made of it by transposition.
    """

    def __init__(self, fun: Function, nondiff_argnums: tuple[int, ...]) -> None:
        functools.update_wrapper(self, fun, updated=())
        self.fun = fun
        self.nondiff = nondiff_argnums
        #: The rules given: "jvp", and "forward" with "backward".
        self.rules: dict[str, Function] = {}

    def defjvp(self, rule: Function) -> Function:
        """Set the forward rule: ``rule(*nondiff, primals, tangents) -> (out, tangent of out)``, linear in the
        tangents. ``primals`` and ``tangents`` are tuples of the other arguments. Returns ``rule``."""
        self.rules["jvp"] = rule
        return rule

    def defvjp(self, forward: Function, backward: Function) -> None:
        """Set the reverse rule: ``forward(*args) -> (out, residuals)``, and
        ``backward(*nondiff, residuals, cotangent of out)``, linear in the cotangent, which returns a tuple of the
        cotangents of the other arguments (None where one is zero)."""
        self.rules |= {"forward": forward, "backward": backward}

    def __call__(self, *args: Any) -> Any:
        """The function's value; recorded with its rules, where a trace is active."""
        trace = current_trace()
        if trace is None:
            return self.fun(*args)
        if not self.rules:
            raise DerivativeError(f"@{name_of(self.fun)} has no rule, at {user_location()}: call its defjvp or defvjp")
        return CustomRecording(self.fun, self.rules, self.nondiff, args, trace).result()


def custom_jvp(fun: Function | None = None, *, nondiff_argnums: Sequence[int] = ()) -> Any:
    """Decorator: a function whose derivative is stated by ``fun.defjvp`` (and ``fun.defvjp``, if given too).

    Arguments in ``nondiff_argnums`` reach function and rules as they are. What the function uses from outside is
    constant: that a value from outside is differentiated is a `DerivativeError`.
    """
    if fun is None:
        return functools.partial(custom_jvp, nondiff_argnums=nondiff_argnums)
    return CustomRule(fun, tuple(nondiff_argnums))


def custom_vjp(fun: Function | None = None, *, nondiff_argnums: Sequence[int] = ()) -> Any:
    """Decorator: a function whose derivative is stated by ``fun.defvjp`` (and ``fun.defjvp``, if given too)."""
    return custom_jvp(fun, nondiff_argnums=nondiff_argnums)
