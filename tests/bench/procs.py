# SPDX-License-Identifier: Apache-2.0
"""What /proc tells about a process."""
import os
import pathlib

TICKS = os.sysconf("SC_CLK_TCK")


def cpu_seconds(pid):
    """User and system time of all threads of a process so far."""
    fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


def children_cpu_seconds():
    """The same of this program's children that have ended."""
    times = os.times()
    return times.children_user + times.children_system


def wake_ups(pid):
    """How often threads of the process went to sleep of their own will so far, which is how often they woke."""
    lines = [line for status in pathlib.Path(f"/proc/{pid}/task").glob("*/status") for line in status.read_text().splitlines()]
    return sum(int(line.split()[1]) for line in lines if line.startswith("voluntary_ctxt_switches:"))


def children(pid):
    return [int(child) for child in pathlib.Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
