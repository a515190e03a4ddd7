"""Reductions of tiles: how one begins, what a tile adds to it, what it comes to."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ...ir.graph import Operation
from .clusters import operand_points
from .expressions import computed, rounded
from .points import R, X
from .writer import INT32_ELEMENTS, Var

if TYPE_CHECKING:
    from .rows import Rows


def lowest(dtype: np.dtype[Any]) -> str:
    """The least number of an element type, as text."""
    if dtype.kind == "f" or computed(dtype).startswith("float"):
        return 'float("-inf")'
    return "0" if dtype.kind == "b" else str(np.iinfo(dtype).min)


def highest(dtype: np.dtype[Any]) -> str:
    """The greatest number of an element type, as text."""
    if dtype.kind == "f" or computed(dtype).startswith("float"):
        return 'float("inf")'
    return "1" if dtype.kind == "b" else str(np.iinfo(dtype).max)


class Fold:
    """One reduction: how it begins, what a tile adds, what it comes to."""

    def __init__(self, rows: Rows, op: Operation) -> None:
        self.rows = rows
        self.op = op
        self.dtype = op.operands[0].type.dtype
        self.floating = computed(self.dtype).startswith("float")
        self.kind = "int32" if self.dtype.kind == "b" else computed(self.dtype)
        self.name = op.name.removeprefix("tensor.").removeprefix("reduce_")
        self.largest = self.name in ("max", "argmax", "or")
        self.places = "int64" if rows.rnumel > INT32_ELEMENTS else "int32"
        self.neutral = {"sum": "0", "contract": "0", "prod": "1"}.get(
            self.name, lowest(self.dtype) if self.largest else highest(self.dtype)
        )

    def _tile(self) -> str:
        """The tile to be reduced, neutral beyond the rows' end."""
        rows, op = self.rows, self.op
        point = rows.cluster.full_point()
        points = operand_points(op, point)
        given = []
        for value, at in zip(op.operands, points, strict=True):
            assert at is not None
            given.append(rows.emit(value, at))
        text = rows.whole(given[0])
        if self.name == "contract":
            text = f"{text} * {rows.whole(given[1])}"
        if self.dtype.kind == "b":
            text = f"{text}.to(tl.int32)"
        if "r" in rows.masks and self.name not in ("argmax", "argmin"):
            text = f"tl.where(rmask, {text}, {self.neutral})"
        return rows.named(text, X | R, self.dtype).text

    def at_once(self) -> Var:
        """The result for rows that stand in one tile."""
        if self.name in ("argmax", "argmin"):
            self.begin()
            self.step()
            return self.finish()
        return self._close(self._tile())

    def begin(self) -> None:
        """Write what stands before the loop."""
        rows = self.rows
        self.total = rows.fresh("t")
        rows.line(f"{self.total} = tl.full([XBLOCK, RBLOCK], {self.neutral}, tl.{self.kind})")
        if self.name in ("argmax", "argmin"):
            self.place = rows.fresh("t")
            rows.line(f"{self.place} = tl.full([XBLOCK, RBLOCK], {rows.rnumel}, tl.{self.places})")

    def step(self) -> None:
        """Write what stands in the loop."""
        rows, tile, total = self.rows, self._tile(), self.total
        if self.name in ("sum", "contract"):
            rows.line(f"{total} = {total} + {tile}")
        elif self.name == "prod":
            rows.line(f"{total} = {total} * {tile}")
        elif self.name in ("argmax", "argmin"):
            better = f"({tile} {'>' if self.largest else '<'} {total})"
            if self.floating:
                better += f" | (({tile} != {tile}) & ({total} == {total}))"
            better = f"{better} | ({self.place} == {rows.rnumel})"
            if "r" in rows.masks:
                better = f"({better}) & rmask"
            name = rows.fresh("t")
            rows.line(f"{name} = {better}")
            rows.line(f"{total} = tl.where({name}, {tile}, {total})")
            rows.line(f"{self.place} = tl.where({name}, rindex.to(tl.{self.places}), {self.place})")
        else:
            nan = ", propagate_nan=tl.PropagateNan.ALL" if self.floating else ""
            rows.line(f"{total} = tl.{'maximum' if self.largest else 'minimum'}({total}, {tile}{nan})")

    def finish(self) -> Var:
        """Write what stands behind the loop; the result."""
        return self._close(self.total)

    def partial(self) -> str:
        """The result for a part of the rows, in the type that is computed in."""
        return self._reduced(self.total)

    def combined(self, parts: str) -> Var:
        """The result, of the results for the parts."""
        return self._close(parts)

    def _reduced(self, total: str) -> str:
        """A tile's reduction, other than of places, in the type that is computed in."""
        rows = self.rows
        if self.name in ("sum", "contract"):
            return f"tl.sum({total}, 1)[:, None].to(tl.{self.kind})"
        if self.name == "prod":
            return f"tl.reduce({total}, 1, multiply)[:, None]"
        extremum = "max" if self.largest else "min"
        if not self.floating:
            return f"tl.{extremum}({total}, 1)[:, None].to(tl.{self.kind})"
        nan = rows.named(f"{total} != {total}", X | R, self.dtype).text
        best = f"tl.{extremum}(tl.where({nan}, {self.neutral}, {total}), 1)[:, None]"
        return f'tl.where(tl.max({nan}.to(tl.int32), 1)[:, None] > 0, float("nan"), {best})'

    def _close(self, total: str) -> Var:
        rows, dtype = self.rows, self.op.result.type.dtype
        if self.name in ("argmax", "argmin"):
            return self._place(total)
        text = self._reduced(total)
        if dtype.kind == "b":
            text += " != 0"
        return rows.named(rounded(text, dtype), X, dtype)

    def _place(self, total: str) -> Var:
        """Where the first extremum, or the first NaN, stands."""
        rows, extremum = self.rows, "max" if self.largest else "min"
        chosen = f"{total} == {rows.named(f'tl.{extremum}({total}, 1)[:, None]', X, self.dtype).text}"
        if self.floating:
            nan = rows.named(f"{total} != {total}", X | R, self.dtype).text
            best = rows.named(
                f"tl.{extremum}(tl.where({nan}, {self.neutral}, {total}), 1)[:, None]", X, self.dtype
            ).text
            chosen = f"tl.where(tl.max({nan}.to(tl.int32), 1)[:, None] > 0, {nan}, {total} == {best})"
        place = f"tl.where(({chosen}) & ({self.place} < {rows.rnumel}), {self.place}, {rows.rnumel})"
        return rows.named(f"tl.min({place}, 1)[:, None].to(tl.int64)", X, self.op.result.type.dtype)
