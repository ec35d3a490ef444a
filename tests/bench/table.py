# SPDX-License-Identifier: Apache-2.0
"""Runs what measures the rows asked for and prints the table, line by line as it comes."""
import os
import platform
import sys

import rows
import rows_hits
import rows_counted  # noqa: F401 — importing it makes its rows known
import rows_hitratio  # noqa: F401
import rows_load  # noqa: F401
import rows_processes  # noqa: F401
import rows_store  # noqa: F401
import rows_backends  # noqa: F401
import rows_faults  # noqa: F401
import stage
import stats

FLOOR = rows.Row("floor", "requests/s of the floor responder against nginx's own cache in memory", stats.at_least(0.70))

PROBLEMS = (stats.Failure, AssertionError, OSError)  # of a measurement, not of this program


def print_line(name, value, bar, verdict, words):
    print(f"{name:<20} {value:>9}  {str(bar):<8} {verdict:<6} {words}", flush=True)


def print_row(row, value, raw, verdict):
    print_line(row.name, f"{value:.3g}" if value < 1000 else f"{value:.0f}", row.bar, verdict, f"{row.title}; {raw}")


def wanted(row, names):
    return not names or row.name in names or row.name.split()[0] in names


def unknown(names):
    known = {row.name for group in rows.GROUPS for row in group.rows}
    known |= {name.split()[0] for name in known}
    return [name for name in names if name not in known]


def print_failure(row, problem):
    print_line(row.name, "", "", "failed", str(problem).strip())


def check_floor(settings):
    """Whether the floor is one; a run in which it is not says nothing about what is measured against it."""
    try:
        value, raw = rows_hits.measure_floor(settings)
    except PROBLEMS as problem:
        print_failure(FLOOR, problem)
        return False
    good = FLOOR.bar.met_by(value)
    print_row(FLOOR, value, raw, "ok" if good else "void")
    return good


def run_group(group, settings, names, void):
    """False when it could not be measured."""
    by_name = {row.name: row for row in group.rows}
    try:
        for name, value, raw in group.measure(settings):
            row = by_name[name]
            if wanted(row, names):
                print_row(row, value, raw, "void" if void else row.bar.verdict(value))
    except stats.Absent as problem:
        for row in (row for row in group.rows if wanted(row, names)):
            print_line(row.name, "", row.bar, "absent", str(problem))
    except PROBLEMS as problem:
        print_failure(group.rows[0], problem)
        return False
    return True


def run(arguments):
    """The exit status: 0 when everything could be measured, however it came out."""
    names = list(rows.expand(arguments.rows))
    if unknown(names):
        print(f"no such row: {', '.join(unknown(names))}; --list shows them", file=sys.stderr)
        return 2
    groups = [group for group in rows.GROUPS if any(wanted(row, names) for row in group.rows)]
    if arguments.list:
        for row in (row for group in groups for row in group.rows if wanted(row, names)):
            print_line(row.name, "", row.bar, "", row.title)
        return 0
    stage.raise_file_limit()
    settings = rows.Settings(arguments.rounds, arguments.seconds)
    print(f"{platform.machine()}, {os.cpu_count()} processors, load {os.getloadavg()[0]:.1f}, Linux {platform.release()}, "
          f"{settings.rounds} rounds of {settings.seconds} s")
    print_line("name", "value", "bar", "", "")
    sound = not any(group.needs_floor for group in groups) or check_floor(settings)
    return 0 if all([run_group(group, settings, names, group.needs_floor and not sound) for group in groups]) else 1
