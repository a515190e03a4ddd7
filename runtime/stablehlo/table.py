"""How each operation is written in StableHLO: one row an operation."""

from __future__ import annotations

from typing import Final

from ...ir.definition import registered
from ...ir.types import DTYPE_NAMES
from ..support import Support, SupportTable
from . import elementwise, indexing, structure
from .elementwise import Row, binary, unary

ROWS: Final[dict[str, Row]] = {
    "tensor.neg": unary("negate"),
    "tensor.sign": elementwise.sign,
    "tensor.abs": elementwise.absolute,
    "tensor.square": elementwise.square,
    "tensor.reciprocal": elementwise.reciprocal,
    "tensor.sqrt": unary("sqrt"),
    "tensor.rsqrt": unary("rsqrt"),
    "tensor.exp": unary("exponential"),
    "tensor.expm1": unary("exponential_minus_one"),
    "tensor.log": unary("log"),
    "tensor.log1p": unary("log_plus_one"),
    "tensor.sigmoid": unary("logistic"),
    "tensor.erf": unary("chlo.erf"),
    "tensor.floor": unary("floor"),
    "tensor.ceil": unary("ceil"),
    "tensor.round": unary("round_nearest_even"),
    "tensor.trunc": elementwise.trunc,
    "tensor.real": elementwise.real,
    "tensor.is_finite": elementwise.is_finite,
    "tensor.sin": unary("sine"),
    "tensor.cos": unary("cosine"),
    "tensor.tan": unary("tan"),
    "tensor.asin": unary("chlo.asin"),
    "tensor.acos": unary("chlo.acos"),
    "tensor.atan": unary("chlo.atan"),
    "tensor.sinh": unary("chlo.sinh"),
    "tensor.cosh": unary("chlo.cosh"),
    "tensor.tanh": unary("tanh"),
    "tensor.asinh": unary("chlo.asinh"),
    "tensor.acosh": unary("chlo.acosh"),
    "tensor.atanh": unary("chlo.atanh"),
    "tensor.add": binary("add"),
    "tensor.sub": binary("subtract"),
    "tensor.mul": binary("multiply"),
    "tensor.div": binary("divide"),
    "tensor.pow": binary("power"),
    "tensor.atan2": binary("atan2"),
    "tensor.maximum": binary("maximum"),
    "tensor.minimum": binary("minimum"),
    "tensor.remainder": elementwise.remainder,
    "tensor.floor_divide": elementwise.floor_divide,
    "tensor.logical_not": unary("not"),
    "tensor.logical_and": binary("and"),
    "tensor.logical_or": binary("or"),
    "tensor.logical_xor": binary("xor"),
    "tensor.compare": elementwise.compare,
    "tensor.select": elementwise.select,
    "tensor.convert": elementwise.convert,
    "tensor.constant": structure.constant,
    "tensor.iota": structure.iota,
    "tensor.reshape": structure.reshape,
    "tensor.transpose": structure.transpose,
    "tensor.broadcast_in_dim": structure.broadcast_in_dim,
    "tensor.concatenate": structure.concatenate,
    "tensor.slice": structure.slice,
    "tensor.insert_slice": structure.insert_slice,
    "tensor.pad": structure.pad,
    "tensor.reverse": structure.reverse,
    "tensor.reduce_sum": structure.reduction("add", 0),
    "tensor.reduce_prod": structure.reduction("multiply", 1),
    "tensor.reduce_max": structure.extremum("maximum"),
    "tensor.reduce_min": structure.extremum("minimum"),
    "tensor.reduce_and": structure.reduction("and", True),
    "tensor.reduce_or": structure.reduction("or", False),
    "tensor.argmax": structure.position("maximum"),
    "tensor.argmin": structure.position("minimum"),
    "tensor.cumsum": structure.cumsum,
    "tensor.contract": structure.contract,
    "tensor.gather": indexing.gather,
    "tensor.scatter_add": indexing.scatter_add,
    "tensor.scatter": indexing.scatter,
    "ad.stop_gradient": elementwise.identity,
    "ad.mul_no_nan": elementwise.mul_no_nan,
}


def support_table() -> SupportTable:
    """The declared table: the operations that have a row, on the element types that their type rules take."""
    rows = {
        name: Support(frozenset(dtype for dtype in DTYPE_NAMES if registered()[name].rules.takes(dtype)))
        for name in ROWS
    }
    return SupportTable("stablehlo", rows)
