"""What the scheduler counts, and what of it is a disturbance."""

import os
import subprocess
import sys
import time

import pytest

from grader.sandbox.core_time import CoreTime, core_time, disturbed_s


@pytest.fixture
def running():
    """A function that runs Python code on one core; it is ended afterwards."""
    started = []
    core = min(os.sched_getaffinity(0))

    def start(code):
        process = subprocess.Popen(
            [sys.executable, "-c", f"import os; os.sched_setaffinity(0, {{{core}}})\n{code}"]
        )
        started.append(process)
        return process.pid

    yield start
    for process in started:
        process.kill()
        process.wait()


def gained(pid, seconds=0.6):
    time.sleep(0.3)  # until it is up
    before = core_time({pid})
    time.sleep(seconds)
    after = core_time({pid})
    return after.ran - before.ran, after.waited - before.waited


def test_who_runs_alone_or_sleeps_is_told_from_who_waits_for_others(running):
    assert gained(running("import time; time.sleep(60)"))[0] < 0.1
    first = running("while True: pass")
    running("while True: pass")
    running("while True: pass")
    ran, waited = gained(first, 1.5)
    assert ran > 0.1
    assert waited > 0.3


def test_of_processes_that_are_gone_nothing_is_known(running):
    assert core_time(set()) is None
    assert core_time({2**22 - 1}) is None


@pytest.mark.parametrize(
    ("ran", "waited", "took", "disturbed"),
    [
        (1.0, 0.0, 1.0, 0.0),  # alone
        (0.0, 0.0, 1.0, 0.0),  # asleep
        (0.4, 0.6, 1.0, 0.6),  # others ran
        (1.0, 1.0, 1.0, 0.0),  # two threads of its own took turns
        (1.9, 0.1, 1.0, 0.0),  # on two cores
    ],
)
def test_a_disturbance_is_when_others_ran(ran, waited, took, disturbed):
    before, after = CoreTime(5.0, 7.0), CoreTime(5.0 + ran, 7.0 + waited)
    assert disturbed_s(before, after, took) == pytest.approx(disturbed)
    assert disturbed_s(None, after, took) == disturbed_s(before, None, took) == 0.0
