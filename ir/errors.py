"""Every error that mixad raises, in one family.

Each class is also the built-in exception that Python programmers expect, so ``except ValueError``
keeps working. A message says what was wrong (with both numbers), where in the user's code, and
what to do about it.
"""

from __future__ import annotations

import numpy as np


class MixadError(Exception):
    """Base of every error raised by mixad."""


class ConstraintError(MixadError):
    """An operation's labelled constraint does not hold.

    ``label`` is the constraint's name in the operation's docstring, such as ``"C1"``. Raised by type
    rules; the builder re-raises it as `ShapeError` or `DTypeError` with operation and location.
    """

    def __init__(self, label: str, message: str) -> None:
        super().__init__(f"({label}) {message}")
        self.label = label
        self.message = message


class ShapeConstraint(ConstraintError, ValueError):
    """A labelled constraint on shapes or attribute values does not hold."""


class DTypeConstraint(ConstraintError, TypeError):
    """A labelled constraint on element types does not hold."""


class ShapeError(MixadError, ValueError):
    """Shapes or values that do not fit together."""


class NoAxisError(MixadError, np.exceptions.AxisError):
    """An axis that the array does not have; also NumPy's AxisError (a ValueError and an IndexError)."""


class BoundsError(MixadError, IndexError):
    """An index beyond the array's size, or of a kind that is no index."""


class DTypeError(MixadError, TypeError):
    """An element type that the operation does not take."""


class VerificationError(MixadError, ValueError):
    """A graph or module that breaks a rule of the IR.

    ``operation`` is the one at fault, or None; ``problem`` is what is wrong with it, without the place.
    """

    def __init__(self, message: str, problem: str = "", operation: object = None) -> None:
        super().__init__(message)
        self.problem = problem or message
        self.operation = operation


class ParseError(MixadError, ValueError):
    """Text that is not a mixad program; the message carries file, line, column and a caret.

    Attributes: ``filename`` (str), ``line`` and ``column`` (int, counted from 1).
    """

    def __init__(self, message: str, filename: str = "<string>", line: int = 1, column: int = 1) -> None:
        super().__init__(message)
        self.filename = filename
        self.line = line
        self.column = column


class PassError(MixadError, ValueError):
    """An unknown pass, a malformed pipeline or an option that a pass does not have."""


class DerivativeError(MixadError, TypeError):
    """A derivative was asked of something that has none (integers, non-arrays, wrong seeds)."""


class RuleError(MixadError, TypeError):
    """A user's rule whose result has the wrong structure, shape or dtype."""


class NonScalarOutputError(MixadError, ValueError):
    """`grad` of a function whose output is not one number."""


class TraceError(MixadError, TypeError):
    """A traced array met something that needs real memory or a real number."""


class UnsupportedOperationError(MixadError, NotImplementedError):
    """An operation, or an element type of one, that a backend's support table does not list."""


class UnsupportedOrderError(MixadError, NotImplementedError):
    """A derivative order beyond what a backend's support table declares for an operation."""


class MemoryBudgetError(MixadError, MemoryError):
    """A program needs more memory than it is allowed, whatever is computed again."""


class NonFiniteError(MixadError, FloatingPointError):
    """A NaN or an infinity that `debug_nans` or `debug_infs` was told to stop at.

    Attributes: ``operation`` (str), the name of the one that made it, empty where an input held it; ``location``, the
    user's line and the derivation.
    """

    def __init__(self, message: str, operation: str = "", location: object = None) -> None:
        super().__init__(message)
        self.operation = operation
        self.location = location


class GradientError(MixadError, AssertionError):
    """A derivative that `check_grads` finds wrong.

    Attributes: ``order`` (int), ``mode`` (str), ``operation`` (str), the name of the one whose rule disagrees, empty
    where each agrees.
    """

    def __init__(self, message: str, order: int, mode: str, operation: str = "") -> None:
        super().__init__(message)
        self.order = order
        self.mode = mode
        self.operation = operation


class DefinitionError(MixadError, TypeError):
    """An operation class whose rules are missing, misspelt or of the wrong signature."""


class DeviceError(MixadError, RuntimeError):
    """A device that is not there, or that failed."""


class DeviceMemoryError(DeviceError, MemoryError):
    """A device without enough free memory."""
