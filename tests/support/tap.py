#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Runs one file of unittest tests and prints TAP, so that meson counts each test and not each file.

usage: tap.py test_thing.py [unittest's test names]
"""
import importlib.util
import pathlib
import sys
import traceback
import unittest


class TapResult(unittest.TestResult):
    """Prints a line for each test as it ends; what went wrong follows as comments."""

    number = 0
    current_failed = False

    def line(self, ok, test, note=""):
        self.number += 1
        name = test.id().split(".", 1)[-1].replace("#", "")
        print(f"{'ok' if ok else 'not ok'} {self.number} - {name}{note}", flush=True)

    def comment(self, error):
        for text in "".join(traceback.format_exception(*error)).splitlines():
            print(f"# {text}", flush=True)

    def startTest(self, test):
        super().startTest(test)
        self.current_failed = False

    def addSuccess(self, test):
        if not self.current_failed:
            self.line(True, test)

    def addSubTest(self, test, subtest, error):
        super().addSubTest(test, subtest, error)
        if error is None:
            return
        self.current_failed = True
        self.line(False, subtest)
        self.comment(error)

    def addFailure(self, test, error):
        super().addFailure(test, error)
        self.line(False, test)
        self.comment(error)

    addError = addFailure

    def addExpectedFailure(self, test, error):
        self.addFailure(test, error)

    def addSkip(self, test, reason):
        super().addSkip(test, reason)
        self.line(True, test, f" # SKIP {reason}")


def load(path, names):
    spec = importlib.util.spec_from_file_location(path.stem, path)
    module = importlib.util.module_from_spec(spec)
    sys.modules[path.stem] = module
    sys.path.insert(0, str(path.parent))
    spec.loader.exec_module(module)
    loader = unittest.defaultTestLoader
    return loader.loadTestsFromNames(names, module) if names else loader.loadTestsFromModule(module)


def main():
    result = TapResult()
    try:
        load(pathlib.Path(sys.argv[1]).resolve(), sys.argv[2:]).run(result)
    except Exception:  # the file itself is broken: that is a failed test as well
        result.comment(sys.exc_info())
        print("Bail out! cannot load the tests")
        return 1
    print(f"1..{result.number}")
    return 0 if result.wasSuccessful() and result.number else 1


if __name__ == "__main__":
    sys.exit(main())
