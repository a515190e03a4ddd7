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
SAMPLE_SECONDS = 2e-3
MAX_ROUNDS = 200
MIN_ROUNDS = 5
#: Threads of BLAS and OpenMP go on spinning for up to 25 ms behind a call; the next contestant waits until they rest.
REST_SECONDS = 0.03
#: A contestant that takes longer than this is left out of the rounds beyond `SLOW_ROUNDS`.
SLOW_SECONDS, SLOW_ROUNDS = 1.0, 2


class Quartiles(NamedTuple):
    low: float
    median: float
    high: float


def alternate(
    contestants: Mapping[str, Callable[[], Any]], seconds: float = 2.0, rest: float = REST_SECONDS
) -> dict[str, list[float]]:
    """Seconds a call, of each contestant in each round; about ``seconds`` of rounds altogether.

    Every other round goes through the contestants backwards. Before a short sample the contestant runs once, untimed.
    """
    once = {name: _shortest(call) for name, call in contestants.items()}
    samples: dict[str, list[float]] = {name: [] for name in contestants}
    end = time.perf_counter() + seconds
    order = list(contestants)
    for done in range(MAX_ROUNDS):
        if done >= MIN_ROUNDS and time.perf_counter() > end:
            break
        for name in order:
            if done >= SLOW_ROUNDS and once[name] > SLOW_SECONDS:
                continue
            time.sleep(rest)
            if once[name] < 10 * SAMPLE_SECONDS:
                contestants[name]()
            samples[name].append(_time(contestants[name], max(1, math.ceil(SAMPLE_SECONDS / once[name]))))
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
    """Quartiles of the subject's time over the rival's, within each round in which both took part."""
    return quartiles([a / b for a, b in zip(subject, rival, strict=False)])


def quartiles(numbers: Sequence[float]) -> Quartiles:
    if len(numbers) == 1:
        return Quartiles(*numbers * 3)
    return Quartiles(*statistics.quantiles(numbers, n=4, method="inclusive"))


def _shortest(call: Callable[[], Any]) -> float:
    """The time of one call, of the shortest of three where it is short."""
    first = _time(call, 1)
    return first if first > SAMPLE_SECONDS else min(first, _time(call, 1), _time(call, 1))


def _time(call: Callable[[], Any], number: int) -> float:
    start = time.perf_counter()
    for _ in range(number):
        call()
    return (time.perf_counter() - start) / number
