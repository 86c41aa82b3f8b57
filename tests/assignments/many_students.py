"""Run one assignment's checks on many students' files in this process; print JSON.

Arguments: the folder of the checks, then SEED:FILE for each run. Starting an interpreter for each
would take longer than the checks do.
"""

import contextlib
import io
import json
import sys

import pytest


class Verdicts:
    """A pytest plugin that notes how each check ended."""

    def __init__(self):
        self.verdicts = {}

    def pytest_runtest_logreport(self, report):
        name = report.nodeid.rpartition("checks/")[2]
        if report.failed or report.when == "call":
            self.verdicts[name] = report.outcome


def run(checks, seed, student):
    seen = Verdicts()
    arguments = [checks, "-q", "-p", "no:cacheprovider", "--check-seed", seed]
    # The plugin is imported already in the second run, which is fine here.
    arguments += ["--student", student, "-W", "ignore::pytest.PytestAssertRewriteWarning"]
    with contextlib.redirect_stdout(io.StringIO()):
        pytest.main(arguments, plugins=[seen])
    return seen.verdicts


if __name__ == "__main__":
    runs = {each: run(sys.argv[1], *each.split(":", 1)) for each in sys.argv[2:]}
    json.dump(runs, sys.stdout)
