"""Running `control.sweeps` with bounded memory.

Each sweep needs the states that the sweeps before it had at every step. A stretch of steps short enough is computed
once more and its states are kept; a longer one is cut into parts, and kept are the states at the ends of the parts,
from which each part is computed again when it is its turn. With s slots, n <= s steps of a loop and its adjoint take n
evaluations of the loop's body beside the adjoint's own, n <= s**2 take 2 n, n <= s**3 take 3 n, and at most s states
are kept for each of these levels (multi-level checkpointing; Griewank and Walther, Evaluating Derivatives, section
12.3).
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from typing import Any, Final

import numpy as np

from ..ir.graph import Graph
from ..ir.module import Module
from ..passes.manager import PassManager

#: The states kept on each level take at most so many bytes, unless that is fewer than the fewest slots.
SLOT_BYTES: Final = 1 << 28
FEWEST_SLOTS: Final = 16
MOST_SLOTS: Final = 1024

#: The states of one sweep, the step of one sweep.
States = tuple[Any, ...]
Body = Callable[..., States]


class Sweeps:
    """Sweeps of given sizes; ``results`` are the positions of the states whose final value is asked for, and ``nbytes``
    is what the states of one step take."""

    def __init__(self, groups: Sequence[int], results: Sequence[int], nbytes: int) -> None:
        self.nbytes = nbytes
        place = [(number, i) for number, size in enumerate(groups) for i in range(size)]
        self.results = [place[i] for i in results]
        self.wanted = sorted({number for number, _ in self.results})

    def run(self, steps: Any, bodies: Sequence[Body], states: Sequence[States], consts: States) -> States:
        """The final states asked for. ``bodies[i](t, *states of sweeps 0 to i, *consts)`` makes the next of sweep i."""
        if not self.wanted:
            return ()
        slots = max(FEWEST_SLOTS, min(MOST_SLOTS, SLOT_BYTES // max(self.nbytes, 1)))
        finals = _Run(bodies, consts, slots).finals(0, int(steps), list(states), self.wanted)
        return tuple([finals[number][i] for number, i in self.results])


class _Run:
    """One run; a stretch of steps is its first step and the one behind its last."""

    def __init__(self, bodies: Sequence[Body], consts: States, slots: int) -> None:
        self.bodies, self.consts, self.slots = bodies, consts, slots

    def finals(self, start: int, stop: int, entries: list[States], wanted: Collection[int]) -> dict[int, States]:
        """The states of the ``wanted`` sweeps behind a stretch; with ``entries`` each sweep enters it."""
        last = max(wanted)
        if not last:
            return {0: self._forward(start, stop, entries[0])}
        if stop - start > self.slots:
            return self._in_parts(start, stop, entries, wanted)
        #: By step, the states that the sweeps so far had before it.
        before: list[States] = [()] * (stop - start)
        found = {}
        for number in range(last + 1):
            found[number] = self._sweep(number, start, entries[number], before, number < last, number in wanted)
        return found

    def _forward(self, start: int, stop: int, state: States) -> States:
        """The first sweep alone: no state is kept."""
        body, consts = self.bodies[0], self.consts
        for t in range(start, stop):
            state = body(np.int64(t), *state, *consts)
        return state

    def _sweep(self, number: int, start: int, state: States, before: list[States], keep: bool, to_end: bool) -> States:
        """One sweep over a stretch: its final state, if that is wanted. Its states are added to ``before``, if they are
        to be kept."""
        body, consts = self.bodies[number], self.consts
        order = range(len(before) - 1, -1, -1) if number % 2 else range(len(before))
        for i in order if to_end else order[:-1]:
            earlier = before[i]
            if keep:
                before[i] = earlier + state
            state = body(np.int64(start + i), *earlier, *state, *consts)
        if keep and not to_end and order:
            before[order[-1]] += state
        return state

    def _in_parts(self, start: int, stop: int, entries: list[States], wanted: Collection[int]) -> dict[int, States]:
        """A long stretch, part by part."""
        size = -(-(stop - start) // self.slots)
        parts = [(at, min(at + size, stop)) for at in range(start, stop, size)]
        inside: list[list[States]] = [[] for _ in parts]
        found = {}
        last = max(wanted)
        for number in range(last + 1):
            state = entries[number]
            order = range(len(parts) - 1, -1, -1) if number % 2 else range(len(parts))
            for count, index in enumerate(order, 1):
                inside[index].append(state)
                if count < len(parts) or number in wanted:
                    state = self.finals(*parts[index], inside[index], (number,))[number]
                if number == last:
                    inside[index] = []
            found[number] = state
        return found


def one_sweep(body: Graph, own: slice, count: int, lowering: str = "") -> Graph:
    """A step of one of the sweeps alone, of its states, those of earlier ones, and the constants. ``lowering`` are a
    target's passes, which the whole body cannot have had: they might tie its sweeps together."""
    graph = body.clone(f"{body.name}_sweep")
    graph.set_outputs(graph.outputs[own])
    alone = Module()
    alone.functions[graph.name] = graph
    PassManager(",".join(filter(None, ("dce", lowering)))).run(alone)
    for index in reversed(range(own.stop + 1, count + 1)):
        graph.remove_input(index)
    return graph
