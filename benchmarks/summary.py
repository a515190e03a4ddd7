"""The targets, and whether they are met: computed from the results, the rows that miss by name."""

from __future__ import annotations

import statistics
from collections.abc import Iterable, Sequence

from .results import OWN, PEERS, Result

#: At most so much of the fastest peer's time on every row, and of these peers' in the geometric mean.
EVERY_ROW, MEANS = 1.0, {"JAX": 0.5, "torch.compile": 0.7}
FIRST_GRADIENT, MEMORY, COST = 0.2, 1.0, 3.0


def summary(results: Sequence[Result]) -> str:
    """Targets with what was measured, then each row of the comparison of speed."""
    speed = [each for each in results if each.bar == "speed"]
    lines = [["target", "measured", "met"], ["---", "---", "---"]]
    if speed:
        lines += [_speed(speed), *_means(speed)]
    if first := [each for each in results if each.bar == "first gradient" and "JAX" in each.samples]:
        found = {each.row: each.ratio("JAX").median for each in first if OWN in each.samples}
        lines.append(_worst(f"time to first gradient at most {FIRST_GRADIENT} of jax.jit's", found, FIRST_GRADIENT))
    if memory := [each for each in results if each.bar == "memory" and each.peers]:
        found = {each.row: each.closest()[1] for each in memory if OWN in each.samples}
        lines.append(_worst("peak memory at most the best peer's", found, MEMORY))
    if costs := {each.label: each.cost.median for each in speed if each.cost}:
        lines.append(_worst(f"a gradient's cost at most {COST:g} times its function's", costs, COST))
    failed = [f"{each.label} ({each.absent[OWN]})" for each in results if OWN in each.absent]
    parts = [_table(lines), _misses(results)]
    if failed:
        parts.append("mixad has no figure: " + "; ".join(failed) + ".")
    return "\n\n".join(part for part in parts if part)


def _speed(speed: Sequence[Result]) -> list[str]:
    found = {each.label: each.closest()[1] for each in speed if OWN in each.samples and each.peers}
    return _worst(f"at most {EVERY_ROW} of the fastest peer's time on every row", found, EVERY_ROW)


def _means(speed: Sequence[Result]) -> Iterable[list[str]]:
    """The geometric means that are targets, then those of the other peers."""
    for peer in (*MEANS, *(name for name in PEERS if name not in MEANS)):
        ratios = [each.ratio(peer).median for each in speed if OWN in each.samples and peer in each.samples]
        bar = MEANS.get(peer)
        what = f"geometric mean against {peer}" + (f" at most {bar}" if bar else "")
        if not ratios:
            if bar:
                yield [what, "no figure", _met(False)]
            continue
        mean = statistics.geometric_mean(ratios)
        yield [what, f"{mean:.2g} over {len(ratios)} rows", _met(mean <= bar) if bar else ""]


def _worst(what: str, found: dict[str, float], bar: float) -> list[str]:
    if not found:
        return [what, "no figure", _met(False)]
    good = sum(value <= bar for value in found.values())
    worst = max(found, key=lambda name: found[name])
    return [what, f"{good} of {len(found)} rows; largest {found[worst]:.2g} ({worst})", _met(good == len(found))]


def _met(met: bool) -> str:
    return "yes" if met else "**no**"


def _misses(results: Sequence[Result]) -> str:
    """The rows that miss a target, by name."""
    lines = [["row that misses", "target", "measured"], ["---", "---", "---:"]]
    for each in results:
        if OWN not in each.samples:
            continue
        if each.bar in ("speed", "memory") and each.peers:
            peer, value = each.closest()
            if value > (EVERY_ROW if each.bar == "speed" else MEMORY):
                lines.append([each.label, f"the {each.bar} of {peer}", f"{value:.2g}"])
        if each.bar == "first gradient" and "JAX" in each.samples and each.ratio("JAX").median > FIRST_GRADIENT:
            lines.append([each.label, f"{FIRST_GRADIENT} of JAX's time", f"{each.ratio('JAX').median:.2g}"])
        if each.bar == "speed" and each.cost and each.cost.median > COST:
            lines.append([each.label, f"{COST:g} times its function's cost", f"{each.cost.median:.2g}"])
    return _table(lines) if len(lines) > 2 else "Every row meets its targets."


def _table(lines: Iterable[Sequence[str]]) -> str:
    return "\n".join(f"| {' | '.join(each.replace('|', '/') for each in line)} |" for line in lines)
