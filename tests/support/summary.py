# SPDX-License-Identifier: Apache-2.0
"""Counts the tests of one run from meson's testlog.json and prints `N passed, N failed`; exits 1 when one failed or none ran.

A program that speaks TAP counts with each of its tests, any other as one. A program that ended badly (a crash, a time-out, a sanitizer's
report, a plan that does not match) counts as a failure of its own when none of its tests says so.
"""
import json
import re
import sys

TAP_LINE = re.compile(r"^(not )?ok\b([^#\n]*)(#\s*skip)?", re.IGNORECASE | re.MULTILINE)
TAP_PLAN = re.compile(r"^1\.\.\d+", re.MULTILINE)
GOOD_RESULTS = ("OK", "SKIP")


def count_program(test):
    """Returns (passed, failed, skipped) of one program."""
    good = test["result"] in GOOD_RESULTS
    output = test.get("stdout") or ""
    if not TAP_PLAN.search(output):
        return (int(test["result"] == "OK"), int(not good), int(test["result"] == "SKIP"))
    passed = failed = skipped = 0
    for line in TAP_LINE.finditer(output):
        if line.group(3):
            skipped += 1
        elif line.group(1):
            failed += 1
        else:
            passed += 1
    if test["result"] == "SKIP" and not skipped:
        skipped = 1
    if not good and not failed:
        failed = 1
    return passed, failed, skipped


def main():
    try:
        with open(sys.argv[1], encoding="utf-8") as log:
            counts = [count_program(json.loads(line)) for line in log]
    except FileNotFoundError:
        counts = []
    passed, failed, skipped = (sum(column) for column in zip(*counts)) if counts else (0, 0, 0)
    print(f"{passed} passed, {failed} failed" + (f", {skipped} skipped" if skipped else ""))
    return 1 if failed or not passed else 0


if __name__ == "__main__":
    sys.exit(main())
