"""Interleaved rounds and medians: how every comparison here is made.

On a shared machine a figure drifts with what the neighbours do. So the things to be compared take
turns, round by round, and the ratio of two of them is the median of their ratios within a round.
"""

from __future__ import annotations

import gc
from dataclasses import dataclass
from statistics import median
from time import perf_counter
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping


@dataclass(frozen=True)
class Measured:
    """Seconds a round of each contender, in the order of the rounds."""

    seconds: Mapping[str, list[float]]

    def each(self, name: str, items: int) -> float:
        """Median microseconds for one item."""
        return median(self.seconds[name]) / items * 1e6

    def ratio(self, name: str, base: str) -> float:
        """The median over the rounds of what `name` took against `base`."""
        pairs = zip(self.seconds[name], self.seconds[base], strict=True)
        return median(mine / other for mine, other in pairs)

    def quietest(self, name: str, base: str) -> float:
        """What `name` took against `base`, each in its quietest round.

        Neighbours on the machine slow an interpreter down more than they slow down arithmetic; far
        from this figure, the median tells as much about them.
        """
        return min(self.seconds[name]) / min(self.seconds[base])


def timed(work: Callable[[], object]) -> Callable[[], float]:
    """A contender that runs here: it tells how long its round took."""

    def round_() -> float:
        began = perf_counter()
        work()
        return perf_counter() - began

    return round_


def interleave(contenders: Mapping[str, Callable[[], float]], rounds: int) -> Measured:
    """Let all contenders take turns for so many rounds, after one round that does not count.

    What there is before the first round is kept out of the garbage collector's way, which stays
    on. A full collection between turns would leave the next contender with cold caches.
    """
    for contender in contenders.values():
        contender()
    gc.collect()
    gc.freeze()
    seconds: dict[str, list[float]] = {name: [] for name in contenders}
    for _ in range(rounds):
        for name, contender in contenders.items():
            seconds[name].append(contender())
    gc.unfreeze()
    return Measured(seconds)
