"""Whose doing an end was, for each kind of evidence."""

import pytest

from grader.sandbox.attribution import attribute, explain
from grader.sandbox.base import Evidence
from grader.sandbox.failures import Failure
from grader.sandbox.limits import Limits


@pytest.mark.parametrize("exit_code", [0, 1, 137, -9, None])
def test_an_exit_code_proves_nothing(exit_code):
    quiet = Evidence(exit_code, out_of_memory=False, process_limit_hit=False)
    assert attribute(None, quiet) is Failure.EXITED
    hungry = Evidence(exit_code, out_of_memory=True, process_limit_hit=False)
    assert attribute(None, hungry) is Failure.MEMORY_LIMIT


@pytest.mark.parametrize(
    "reason", [Failure.TIME_LIMIT, Failure.OUTPUT_LIMIT, Failure.PROTOCOL_VIOLATION]
)
def test_what_we_ended_is_told_by_our_reason(reason):
    for out_of_memory in (False, True):
        assert attribute(reason, Evidence(137, out_of_memory, False)) is reason


def test_a_refused_fork_explains_a_silence_and_an_exit_but_not_a_violation():
    forks = Evidence(None, out_of_memory=False, process_limit_hit=True)
    assert attribute(None, forks) is Failure.PROCESS_LIMIT
    assert attribute(Failure.TIME_LIMIT, forks) is Failure.PROCESS_LIMIT
    assert attribute(Failure.PROTOCOL_VIOLATION, forks) is Failure.PROTOCOL_VIOLATION


@pytest.mark.parametrize(
    ("failure", "words"),
    [
        (Failure.TIME_LIMIT, "within 5 s (during: forward)"),
        (Failure.MEMORY_LIMIT, "more than 512 MiB"),
        (Failure.PROCESS_LIMIT, "more than 64 processes"),
        (Failure.OUTPUT_LIMIT, "more than 1024 KiB"),
        (Failure.PROTOCOL_VIOLATION, "not an answer to what was asked: half a frame"),
        (Failure.EXITED, "with exit code 3"),
    ],
)
def test_each_end_is_said_with_the_limit_that_was_in_force(failure, words):
    message = explain(failure, Limits(call_s=5), "forward", exit_code=3, detail="half a frame")
    assert words in message


def test_importing_has_a_limit_of_its_own():
    message = explain(
        Failure.TIME_LIMIT,
        Limits(load_s=2, call_s=5),
        "importing layers.py",
        exit_code=None,
        detail="",
    )
    assert "within 2 s" in message


def test_a_process_that_runs_on_has_no_exit_code():
    assert "cut the connection" in explain(
        Failure.EXITED, Limits(), "forward", exit_code=None, detail=""
    )
