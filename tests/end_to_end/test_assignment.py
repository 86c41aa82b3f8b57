"""The assignment's own submissions, through each sandbox."""

import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from grader.assignment import load_assignment
from grader.grading import grade
from grader.report import Outcome, Status, from_json, student_view, to_json, without_times
from grader.sandbox.pool import SandboxPool
from grader.submission import load_submission

ASSIGNMENT = load_assignment(Path(__file__).parent.parent.parent / "assignments" / "dense-conv1x1")
ACCEPTED = sorted(ASSIGNMENT.submissions.glob("accepted/*/"))
KNOWN_WRONG = sorted(ASSIGNMENT.submissions.glob("known_wrong/*/"))
SEEDS = (1, 2, 3)


def grade_folder(folder, launcher, seed):
    with SandboxPool(launcher, ASSIGNMENT.limits) as pool:
        return grade(load_submission(folder / "layers.py"), ASSIGNMENT, pool, seed=seed)


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("folder", ACCEPTED, ids=lambda folder: folder.name)
def test_accepted_solutions_get_full_marks(folder, seed, any_launcher):
    report = grade_folder(folder, any_launcher, seed)
    assert report.outcome is Outcome.GRADED
    assert {check.status for check in report.checks} == {Status.PASSED}
    assert report.score == report.max_score == sum(ASSIGNMENT.points.values())
    assert report.failure is None
    assert student_view(report).message is None


@pytest.mark.docker
def test_the_command_line_gives_the_same_as_json(docker_launcher):
    folder = ASSIGNMENT.submissions / "accepted" / "matmul"
    command = [sys.executable, "-m", "grader", "grade", str(folder), "--format", "json"]
    command += ["--assignment", "dense-conv1x1", "--sandbox", "docker", "--seed", "3"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    shown, direct = from_json(done.stdout), grade_folder(folder, docker_launcher, 3)
    assert to_json(without_times(shown)) == to_json(without_times(student_view(direct)))


def test_the_template_earns_nothing_and_every_check_fails_cleanly(any_launcher):
    report = grade_folder(ASSIGNMENT.template, any_launcher, 1)
    assert report.score == 0
    assert report.failure is None
    for check in report.checks:
        assert check.status is Status.FAILED
        assert check.failure == "student_exception"
        assert "NotImplementedError" in check.message


@pytest.mark.docker
@pytest.mark.parametrize("folder", KNOWN_WRONG, ids=lambda folder: folder.name)
def test_known_wrong_submissions_fail_what_they_declare_and_nothing_else(folder, docker_launcher):
    expected = tomllib.loads((folder / "expect.toml").read_text())
    report = grade_folder(folder, docker_launcher, 1)
    failed = {check.id for check in report.checks if check.status is Status.FAILED}
    assert failed - set(expected.get("may_fail", ())) == set(expected["fails"])
    assert report.failure is None


@pytest.mark.docker
@pytest.mark.parametrize("name", ["accepted/matmul", "known_wrong/no_bias"])
def test_the_same_seed_gives_the_same_report_apart_from_times(name, docker_launcher):
    folder = ASSIGNMENT.submissions / name
    reports = [without_times(grade_folder(folder, docker_launcher, 5)) for _ in range(2)]
    assert to_json(reports[0]) == to_json(reports[1])
