"""A carry goes from step to step in the form in which it is used: parts of tidy-loops."""

from __future__ import annotations

from collections.abc import Callable

from ...ir.builder import Builder
from ...ir.graph import Operation, Value
from .draft import Carry, Draft


def split_carry(draft: Draft) -> int:
    """A carry that every step puts together, and the next takes apart again, is carried in its parts."""
    draft.body.set_outputs(draft.outputs())
    chosen = [part for part in draft.carry if _is_taken_apart(part, draft)]
    for part in chosen:
        _split(part, draft)
    draft.body.set_outputs([])
    return len(chosen)


def _is_taken_apart(part: Carry, draft: Draft) -> bool:
    whole = part.output.owner
    if whole.name != "tensor.concatenate" or not draft.body.has_one_use(part.output):
        return False
    uses = [user for user, _ in draft.body.uses(part.input)]
    return bool(uses) and all(user.name == "tensor.slice" and _place(user, whole) is not None for user in uses)


def _place(op: Operation, whole: Operation) -> tuple[int, int] | None:
    """The part of a concatenation within which a slice lies, and where that begins; None if it does in none."""
    axis, first = whole.attributes["axis"], 0
    start, size, step = (op.attributes[key][axis] for key in ("starts", "sizes", "steps"))
    for index, value in enumerate(whole.operands):
        last = first + value.type.shape[axis]
        if first <= start < last and step > 0 and start + step * (size - 1) < last:
            return index, first
        first = last
    return None


def _split(part: Carry, draft: Draft) -> None:
    whole, b = part.output.owner, draft.builder()
    axis, first, parts = whole.attributes["axis"], 0, []
    for value in whole.operands:
        shape = value.type.shape
        starts = tuple(first if i == axis else 0 for i in range(len(shape)))
        start = b.slice(part.start, starts=starts, sizes=shape, steps=(1,) * len(shape))
        own = draft.body.add_input(value.type)
        parts.append(Carry(start, own, value, own))
        first += shape[axis]
    for user, _ in draft.body.uses(part.input):
        found = _place(user, whole)
        assert found is not None
        index, first = found
        starts = tuple(start - first if i == axis else start for i, start in enumerate(user.attributes["starts"]))
        inner = Builder(draft.body, user, user.location)
        attributes = {**user.attributes, "starts": starts}
        draft.replace_in_body(user.result, inner.slice(parts[index].input, **attributes))
    place = draft.carry.index(part)
    draft.carry[place : place + 1] = parts
    if draft.is_used(part.result):
        draft.later.append(
            (part.result, [each.input for each in parts], lambda b, *given: b.concatenate(*given, axis=axis))
        )


def reshape_carry(draft: Draft) -> int:
    """A carry that is used in another shape alone is carried in that."""
    count = 0
    for place, part in enumerate(draft.carry):
        users = [user for user, _ in draft.body.uses(part.input)]
        shapes = {user.result.type.shape if user.name == "tensor.reshape" else None for user in users}
        if (
            len(shapes) != 1
            or part.input in draft.outputs()
            or (shape := shapes.pop()) in (None, part.input.type.shape)
        ):
            continue
        own = draft.body.add_input(part.input.type.with_shape(shape))
        for user in users:
            draft.replace_in_body(user.result, own)
        start = draft.builder().reshape(part.start, shape=shape)
        output = Builder(draft.body, None, part.output.owner.location).reshape(part.output, shape=shape)
        draft.carry[place] = Carry(start, own, output, own)
        if draft.is_used(part.result):
            draft.later.append((part.result, [own], _back(part.result.type.shape)))
        count += 1
    return count


def _back(shape: tuple[int, ...]) -> Callable[..., Value]:
    return lambda b, value: b.reshape(value, shape=shape)
