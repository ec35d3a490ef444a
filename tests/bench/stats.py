# SPDX-License-Identifier: Apache-2.0
"""Bars, and the sums over rounds. The machine is shared and drifts, so sides take turns and ratios are made within a round."""
import dataclasses
import operator
import statistics
from typing import Callable


class Failure(Exception):
    """A measurement that could not be made; the message says why."""


class Absent(Exception):
    """A measurement that needs what is not shipped with the project, and is not there; the message says what."""


@dataclasses.dataclass(frozen=True)
class Bar:
    """A limit that a value has to keep."""

    sign: str
    limit: float
    holds: Callable[[float, float], bool]

    def met_by(self, value):
        return self.holds(value, self.limit)

    def verdict(self, value):
        return "ok" if self.met_by(value) else "short"

    def __str__(self):
        return f"{self.sign} {self.limit:g}"


class NoBar:
    """Of a row that only informs: nothing was promised."""

    def verdict(self, _):
        return ""

    def __str__(self):
        return "–"


def at_most(limit):
    return Bar("≤", limit, operator.le)


def at_least(limit):
    return Bar("≥", limit, operator.ge)


def exactly(limit):
    return Bar("=", limit, operator.eq)


def alternate(rounds, sides):
    """Calls each of `sides` (name → function) in turn, `rounds` times. The answers by name."""
    samples = {name: [] for name in sides}
    for _ in range(rounds):
        for name, measure in sides.items():
            samples[name].append(measure())
    return samples


def median(samples, figure):
    """Of one figure (a key) of all samples."""
    return statistics.median(sample[figure] for sample in samples)


def ratio(above, below, figure):
    """The median of the rounds' ratios."""
    return statistics.median(a[figure] / b[figure] for a, b in zip(above, below))
