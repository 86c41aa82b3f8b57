"""The command line in a process of its own: both streams, terminals, signals."""

import os
import re
import signal
import subprocess
import sys
import time
from dataclasses import dataclass

import pytest

from grader.report import Outcome, from_json
from grader.text import columns

RIGHT = "def double(x):\n    return x * 2\n"
CHECKS = """
@check(group="values", points=2)
@drawn(examples=20, n=integers(0, 50))
def test_double(student, reference, rng, n):
    '''Twice each element.'''
    x = rng.integers(-9, 9, n).astype(float)
    assert_matches(actual=student.double(x), expected=reference.double(x))

@check(group="values", points=1, visibility="hidden")
def test_larger(student):
    '''Larger numbers.'''
    assert student.double(1e9) == 2e9

@check(group="values", points=1)
def test_negative(student):
    '''Negative numbers.'''
    assert student.double(-1.0) == -2.0
"""
NOISE = """
import os
print("NOISE of Python")
os.system("echo NOISE of a process")
os.write(1, b"NOISE of a descriptor\\n")
"""
NOWHERE = "unix:///nonexistent/docker.sock"


@dataclass(frozen=True)
class Ran:
    status: int
    out: str
    err: str


@pytest.fixture
def assignment(write_assignment):
    """What `--assignment` is given."""
    return str(write_assignment(CHECKS, points=4).folder)


def words(path, assignment, sandbox="process"):
    return ("grade", path, "--assignment", str(assignment), "--sandbox", sandbox)


def start(*arguments, **options):
    """The command line in a process of its own."""
    inherited = {name: value for name, value in os.environ.items() if name != "NO_COLOR"}
    environment = {**inherited, **options.pop("environment", {})}
    streams = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, **options}
    return subprocess.Popen(
        [sys.executable, "-m", "grader", *arguments], env=environment, text=True, **streams
    )


def run_apart(*arguments, **options):
    process = start(*arguments, **options)
    out, err = process.communicate(timeout=120)
    return Ran(process.returncode, out, err)


def test_json_is_one_document_of_what_was_graded(assignment, hand_in):
    ran = run_apart(*words(hand_in(), assignment), "--format", "json", "--seed", "7")
    report = from_json(ran.out)
    assert (ran.status, report.outcome) == (0, Outcome.GRADED)
    assert (report.score, report.max_score, report.seed) == (4, 4, 7)
    assert "{" not in ran.err


def test_json_is_one_document_of_what_was_refused(assignment, hand_in):
    ran = run_apart(*words(hand_in("x" * (4 << 20)), assignment), "--format", "json")
    report = from_json(ran.out)
    assert (ran.status, report.outcome) == (1, Outcome.REFUSED)
    assert report.score is None
    assert ran.err == ""


@pytest.mark.parametrize("name", ["json", "gradescope", "text"])
def test_a_fault_of_ours_has_status_3_and_no_score(assignment, hand_in, name):
    ran = run_apart(
        *words(hand_in(), assignment, "docker"),
        *("--format", name),
        environment={"DOCKER_HOST": NOWHERE},
    )
    assert ran.status == 3
    if name == "json":
        report = from_json(ran.out)
        assert report.outcome is Outcome.INFRASTRUCTURE_FAULT
        assert report.score is None
        assert "start Docker" in report.message
    elif name == "gradescope":
        # Without a results.json, Gradescope says that the autograder failed.
        assert ran.out == ""
        assert "start Docker" in ran.err
    else:
        assert "the grader is at fault, not the submission" in ran.out
        assert "Total" not in ran.out


def test_nothing_but_the_report_reaches_standard_output(write_assignment, hand_in):
    noisy = CHECKS.replace("    x =", "    print('NOISE'); os.system('echo NOISE')\n    x =")
    folder = write_assignment(
        NOISE + noisy,
        points=4,
        **{
            "checks/conftest.py": NOISE + "def pytest_sessionfinish():\n    print('NOISE')\n",
            "reference/solution.py": NOISE + RIGHT,
        },
    ).folder
    path = hand_in(NOISE.replace("NOISE", "voice") + RIGHT)
    ran = run_apart(*words(path, folder), "--format", "json")
    report = from_json(ran.out)
    assert report.score == 4
    assert report.checks[0].output.startswith("voice of Python\nvoice of a process\n")
    assert "NOISE" not in ran.out


def test_checks_that_do_not_load_leave_standard_output_alone_too(write_assignment, hand_in):
    folder = write_assignment(CHECKS, points=4, **{"checks/conftest.py": NOISE + "1 / 0\n"}).folder
    ran = run_apart(*words(hand_in(), folder), "--format", "json", "--show-hidden")
    assert ran.status == 1
    report = from_json(ran.out)
    assert report.outcome is Outcome.ASSIGNMENT_FAULT
    assert "conftest.py" in report.message
    assert "ZeroDivisionError" in report.message


def test_without_a_sandbox_only_ones_own_code_is_run_and_that_is_said(assignment, hand_in):
    automatic = words(hand_in(), assignment)[:-2]
    environment = {"DOCKER_HOST": NOWHERE, "PATH": ""}
    refused = run_apart(*automatic, environment=environment)
    assert refused.status == 3
    assert "add --own-code" in " ".join(refused.out.split())
    ran = run_apart(*automatic, "--own-code", environment=environment)
    assert ran.status == 0
    assert "NO ISOLATION" in ran.err
    assert "sandbox     process (none" in ran.out


def test_a_terminal_that_lacks_a_character_shows_its_number(assignment, hand_in):
    ran = run_apart(
        *words(hand_in("def double(x):\n    raise ValueError('é数\\ud800')\n"), assignment),
        environment={"PYTHONIOENCODING": "ascii"},
    )
    assert ran.status == 0
    assert r"\xe9\u6570" in ran.out


def test_a_reader_that_has_seen_enough_is_no_fault(assignment, hand_in):
    grading = start(*words(hand_in(), assignment))
    grading.stdout.close()
    grading.stdout = None
    _out, err = grading.communicate(timeout=60)
    assert grading.returncode == 0
    assert "Traceback" not in err
    assert "Broken pipe" not in err


@pytest.mark.parametrize("sign", [signal.SIGINT, signal.SIGTERM])
def test_an_interruption_is_no_fault_of_anybody_and_no_grade(assignment, hand_in, tmp_path, sign):
    mark = tmp_path / "mark"
    source = f"import time\ndef double(x):\n    open({str(mark)!r}, 'w')\n    time.sleep(600)\n"
    grading = start(*words(hand_in(source), assignment))
    deadline = time.monotonic() + 60
    while not mark.exists():
        assert time.monotonic() < deadline
        time.sleep(0.01)
    grading.send_signal(sign)
    out, err = grading.communicate(timeout=60)
    assert (grading.returncode, out) == (3, "")
    assert err.endswith("Interrupted; nothing was graded.\n")


def run_on_terminal(*arguments, streams=("stdout", "stderr"), **options):
    """Run with these streams on a terminal; what the terminal got, and what the others."""
    ours, theirs = os.openpty()
    process = start(*arguments, **dict.fromkeys(streams, theirs), **options)
    os.close(theirs)
    shown = b""
    # Reading ends with an error when the last process has let go of the terminal.
    while chunk := read_terminal(ours):
        shown += chunk
    os.close(ours)
    out, err = process.communicate(timeout=60)
    return process.returncode, shown.decode().replace("\r\n", "\n"), out or "", err or ""


def read_terminal(descriptor):
    try:
        return os.read(descriptor, 1 << 16)
    except OSError:
        return b""


def test_colour_is_for_terminals_that_want_it(assignment, hand_in):
    wrong = hand_in("def double(x):\n    return x * 3\n")
    seeded = (*words(wrong, assignment), "--seed", "1")
    plain = run_apart(*seeded).out
    assert "\x1b" not in plain
    status, coloured, _, err = run_on_terminal(*seeded, streams=["stdout"])
    assert status == 0
    assert "\x1b[31mFAIL" in coloured
    assert re.sub(r"\x1b\[\d+m", "", coloured) == plain
    assert "\x1b" not in err
    options = {"streams": ["stdout"], "environment": {"NO_COLOR": "1"}}
    assert run_on_terminal(*seeded, **options)[1] == plain


def test_progress_is_one_line_that_goes_away_and_on_a_terminal_only(write_assignment, hand_in):
    title = "数字" * 60
    folder = write_assignment(CHECKS.replace("Larger numbers.", title), points=4).folder
    arguments = words(hand_in(), folder)
    status, shown, out, _ = run_on_terminal(*arguments, "--format", "json", streams=["stderr"])
    assert status == 0
    assert from_json(out).score == 4
    _, *lines, last = shown.split("\r\x1b[K")
    assert [line.split(" ")[1] for line in lines] == ["1/3", "2/3", "3/3"]
    assert lines[0] == "doubling: 1/3 Twice each element."
    assert last == ""
    assert all("\n" not in line and columns(line) < 80 for line in lines)
    assert run_apart(*arguments).err == "sandbox: process, as asked for\n"
