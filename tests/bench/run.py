#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Measures what weir promises and prints a table: name, value, bar, ok or short, and the raw figures behind the value.

Nothing is asserted: the machine decides as well. All ratios are medians over rounds in which both sides took their turn. Run it on a
machine that has nothing else to do.
"""
import argparse
import os
import pathlib
import signal
import sys

HERE = pathlib.Path(__file__).resolve().parent


def parse_arguments():
    parser = argparse.ArgumentParser(prog="./dev bench", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--build", default="build/bench", help=argparse.SUPPRESS)
    parser.add_argument("--rounds", type=int, default=5, help="how often each side takes its turn (5)")
    parser.add_argument("--seconds", type=int, default=2, help="how long a side is loaded each time (2)")
    parser.add_argument("--list", action="store_true", help="print the rows and their bars, measure nothing")
    parser.add_argument("rows", nargs="*", metavar="ROW",
                        help="a name such as H1, or backends, store or hitratio for all rows about those; all rows when none is given")
    arguments = parser.parse_args()
    if arguments.rounds < 1 or arguments.seconds < 1:
        parser.error("--rounds and --seconds are at least 1")
    return arguments


def main():
    arguments = parse_arguments()
    # tests/support looks at these when it is imported.
    os.environ["WEIR_SOURCE_DIR"] = str(HERE.parents[1])
    os.environ["WEIR_BUILD_DIR"] = str(pathlib.Path(arguments.build).resolve())
    sys.path.insert(0, str(HERE.parent / "support"))
    # Told to stop, it unwinds, and what it has started ends with it.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("bench: stopped"))
    import table
    return table.run(arguments)


if __name__ == "__main__":
    sys.exit(main())
