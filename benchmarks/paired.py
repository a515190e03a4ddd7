"""Timing by turns: the contestants take turns in one process, and what counts is the ratio within a turn.

A machine that is busy with other work slows both halves of a pair alike, so the median of paired ratios stands
where a ratio of two separate timings would not.
"""

from __future__ import annotations

import math
import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

#: A sample is as many calls as take about this long.
SAMPLE_SECONDS = 1e-3
MAX_ROUNDS = 300
MIN_ROUNDS = 7


class Quartiles(NamedTuple):
    low: float
    median: float
    high: float


def alternate(contestants: Mapping[str, Callable[[], Any]], seconds: float = 2.0) -> dict[str, list[float]]:
    """Seconds a call, of each contestant in each round; about ``seconds`` of rounds altogether.

    Every other round goes through the contestants backwards.
    """
    numbers = {name: _calls_in_a_sample(call) for name, call in contestants.items()}
    samples: dict[str, list[float]] = {name: [] for name in contestants}
    end = time.perf_counter() + seconds
    order = list(contestants)
    for done in range(MAX_ROUNDS):
        if done >= MIN_ROUNDS and time.perf_counter() > end:
            break
        for name in order:
            samples[name].append(_time(contestants[name], numbers[name]))
        order.reverse()
    return samples


def alternate_cold(
    contestants: Mapping[str, Callable[[], Any]], prepare: Callable[[], None], seconds: float = 10.0
) -> dict[str, list[float]]:
    """As `alternate`, for calls that start from nothing: no warming up, and ``prepare`` runs, untimed, before each.

    There is one round where one takes ``seconds``.
    """
    samples: dict[str, list[float]] = {name: [] for name in contestants}
    order = list(contestants)
    end = time.perf_counter() + seconds
    for _ in range(MIN_ROUNDS):
        for name in order:
            prepare()
            samples[name].append(_time(contestants[name], 1))
        order.reverse()
        if time.perf_counter() > end:
            break
    return samples


def ratio(subject: Sequence[float], rival: Sequence[float]) -> Quartiles:
    """Quartiles of the subject's time over the rival's, within each round."""
    return quartiles([a / b for a, b in zip(subject, rival, strict=True)])


def quartiles(numbers: Sequence[float]) -> Quartiles:
    if len(numbers) == 1:
        return Quartiles(*numbers * 3)
    return Quartiles(*statistics.quantiles(numbers, n=4, method="inclusive"))


def _calls_in_a_sample(call: Callable[[], Any]) -> int:
    call()
    once = min(_time(call, 1) for _ in range(3))
    return max(1, math.ceil(SAMPLE_SECONDS / once))


def _time(call: Callable[[], Any], number: int) -> float:
    start = time.perf_counter()
    for _ in range(number):
        call()
    return (time.perf_counter() - start) / number
