"""One student's sandboxes, one after the other; all of them real."""

from dataclasses import replace

import docker
import pytest

from grader.checking.session import NotRun, StudentSession
from grader.errors import InfrastructureFault
from grader.sandbox.failures import Failure, SandboxEnded, StudentError
from grader.sandbox.pool import SandboxPool
from grader.submission import Submission

CHECKS = """
@check(group="values", points=2)
def test_double(student):
    '''Twice.'''
"""
SOURCE = """
import gc, os, socket
loads = 0
def double(x):
    global loads
    loads += 1
    if x == "leave":
        print("leaving")
        os._exit(3)
    if x == "forge":
        line = next(o for o in gc.get_objects() if isinstance(o, socket.socket) and o.fileno() > 2)
        line.sendall(b"score: 100" * 100)
    if x == "raise":
        raise ValueError("no")
    print("asked for", x)
    return loads
"""


@pytest.fixture
def open_session(write_assignment):
    """A function that opens a session with a launcher's sandboxes; all are closed at the end."""
    opened = []
    assignment = write_assignment(CHECKS)

    def open_session(launcher, source=SOURCE, **limits):
        limited = replace(assignment, limits=replace(assignment.limits, **limits))
        pool = SandboxPool(launcher, limited.limits)
        submission = Submission({"double.py": source.encode()})
        opened.append((StudentSession(pool, submission, limited), pool))
        return opened[-1][0]

    yield open_session
    for session, pool in opened:
        session.close()
        session.close()  # again, without harm
        pool.close()


def ask(session, word):
    """What one check gets that calls `double` once: what it came to, and what was printed."""
    student = session.begin_check()
    error = result = None
    try:
        result = student.double(word)
    except (StudentError, SandboxEnded) as raised:
        error = raised
    error, output = session.end_check(error)
    return error or result, output


def test_checks_share_a_sandbox_as_long_as_it_lives(open_session, process_launcher):
    session = open_session(process_launcher)
    assert [ask(session, word)[0] for word in ("a", "b")] == [1, 2]
    assert isinstance(ask(session, "raise")[0], StudentError)
    assert ask(session, "c")[0] == 4
    assert (session.failure, session.message) == (None, None)
    session.finish()


def test_printed_output_goes_to_the_check_that_asked_for_it(open_session, process_launcher):
    session = open_session(process_launcher)
    assert ask(session, "a")[1] == "asked for a\n"
    assert ask(session, "b")[1] == "asked for b\n"
    assert ask(session, "leave")[1] == "leaving\n"


@pytest.mark.parametrize("restarts", [0, 1, 2])
def test_it_goes_on_in_a_fresh_sandbox_so_often_and_no_more(
    open_session, process_launcher, restarts
):
    session = open_session(process_launcher, restarts=restarts)
    for _ in range(restarts):
        error, _ = ask(session, "leave")
        assert error.failure is Failure.EXITED
        assert ask(session, "a")[0] == 1
    ask(session, "leave")
    for _ in range(2):
        with pytest.raises(NotRun, match="your code had ended in a check before"):
            session.begin_check()
    assert session.failure is Failure.EXITED
    session.finish()


def test_the_first_failure_is_the_one_that_is_told(open_session, process_launcher):
    session = open_session(process_launcher, restarts=2, call_s=0.5)
    ask(session, "leave")
    ask(session, "forge")
    assert session.failure is Failure.EXITED


def test_a_violation_of_the_protocol_ends_it_for_good(open_session, process_launcher):
    session = open_session(process_launcher, restarts=2)
    error, _ = ask(session, "forge")
    if not isinstance(error, SandboxEnded):  # the true answer came first, the forged one is next
        error, _ = ask(session, "a")
    assert error.failure is Failure.PROTOCOL_VIOLATION
    with pytest.raises(NotRun):
        session.begin_check()


def test_a_module_that_does_not_load_is_not_tried_again(open_session, process_launcher):
    session = open_session(process_launcher, "import os; os._exit(4)", restarts=2)
    for _ in range(2):
        with pytest.raises(NotRun, match=r"double\.py could not be imported\. Your code ended"):
            session.begin_check()
        assert session.end_check(None) == (None, "")
    assert session.failure is Failure.EXITED


def test_a_student_kept_beyond_its_sandbox_is_not_run(open_session, process_launcher):
    session = open_session(process_launcher)
    student = session.begin_check()
    session.end_check(SandboxEnded(Failure.TIME_LIMIT, "too slow"))
    with pytest.raises(NotRun, match="after its end"):
        student.double("a")


@pytest.mark.docker
@pytest.mark.parametrize("moment", ["check", "finish"])
def test_a_sandbox_that_somebody_removed_is_a_fault_of_ours(
    open_session, docker_launcher, moment, monkeypatch
):
    sandboxes = []
    launch = docker_launcher.launch
    monkeypatch.setattr(
        docker_launcher, "launch", lambda limits: sandboxes.append(launch(limits)) or sandboxes[-1]
    )
    session = open_session(docker_launcher)
    assert ask(session, "a")[0] == 1
    engine = docker.from_env()
    engine.containers.get(sandboxes[0].container_id).remove(force=True)
    engine.close()
    with pytest.raises(InfrastructureFault):
        ask(session, "b") if moment == "check" else session.finish()
