# SPDX-License-Identifier: Apache-2.0
"""The rows of the table and who measures them."""
import dataclasses

import stats


@dataclasses.dataclass(frozen=True)
class Row:
    """One line: `name` as in the project's list of bars, with a word more where a row there has several figures."""

    name: str
    title: str
    bar: stats.Bar | stats.NoBar


@dataclasses.dataclass(frozen=True)
class Group:
    """Rows that come out of one measurement: `measure(settings)` yields (name, value, raw figures)."""

    rows: tuple
    measure: object
    needs_floor: bool  # ratios to what the floor responder does: void when the floor is none
    theme: str         # a word that stands for all rows of such groups on the command line


@dataclasses.dataclass(frozen=True)
class Settings:
    rounds: int
    seconds: int  # for each side in each round


GROUPS = []


def measures(*rows, needs_floor=False, theme=""):
    """Decorator of a measuring function: which rows it yields."""
    def register(measure):
        GROUPS.append(Group(tuple(Row(*row) for row in rows), measure, needs_floor, theme))
        return measure
    return register


def expand(names):
    """The same with the names of rows where a theme was."""
    for name in names:
        themed = [row.name for group in GROUPS if group.theme == name for row in group.rows]
        yield from themed or [name]
