"""The assignment's own submissions, through each sandbox."""

import functools
import shutil
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
TOO_SLOW = sorted(ASSIGNMENT.submissions.glob("too_slow/*/"))
SEEDS = (1, 2, 3)


@pytest.fixture(scope="module")
def untimed(tmp_path_factory):
    """The assignment without its checks of speed, which take most of the time."""
    folder = tmp_path_factory.mktemp("untimed") / ASSIGNMENT.folder.name
    unneeded = shutil.ignore_patterns("test_speed.py", "submissions", "__pycache__")
    shutil.copytree(ASSIGNMENT.folder, folder, ignore=unneeded)
    text = (folder / "assignment.toml").read_text()
    assert "\nspeed = 20\n" in text
    (folder / "assignment.toml").write_text(text.replace("\nspeed = 20\n", "\n"))
    return load_assignment(folder)


def grade_folder(folder, launcher, seed, assignment=ASSIGNMENT):
    """Grade; where the machine was too busy, do what the report says: try again."""
    for _ in range(3):
        with SandboxPool(launcher, assignment.limits) as pool:
            report = grade(load_submission(folder / "layers.py"), assignment, pool, seed=seed)
        if report.outcome is not Outcome.INFRASTRUCTURE_FAULT:
            break
    return report


@pytest.fixture(scope="module")
def in_docker(docker_launcher):
    """A function that grades a folder in docker, with its checks of speed; once for all tests."""
    return functools.cache(lambda folder: grade_folder(folder, docker_launcher, 1))


def speed_checks(report):
    return {check.id: check for check in report.checks if check.group == "speed"}


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("folder", ACCEPTED, ids=lambda folder: folder.name)
def test_accepted_solutions_pass_all_checks_that_ask_what_is_right(
    folder, seed, any_launcher, untimed
):
    report = grade_folder(folder, any_launcher, seed, untimed)
    assert report.outcome is Outcome.GRADED
    assert {check.status for check in report.checks} == {Status.PASSED}
    assert report.score == report.max_score == sum(untimed.points.values())
    assert report.failure is None
    assert student_view(report).message is None


@pytest.mark.docker
@pytest.mark.parametrize("folder", ACCEPTED, ids=lambda folder: folder.name)
def test_accepted_solutions_get_full_marks_or_as_many_for_speed_as_they_say(folder, in_docker):
    declared = folder / "expect.toml"
    said = tomllib.loads(declared.read_text())["points"] if declared.exists() else {}
    report = in_docker(folder)
    assert report.outcome is Outcome.GRADED
    assert report.failure is None
    for group in report.groups:
        least, most = said.get(group.name, (group.max_score, group.max_score))
        assert least <= round(group.score, 9) <= most, group


def test_a_layer_as_fast_as_the_reference_gets_full_marks_in_every_sandbox(any_launcher):
    report = grade_folder(ASSIGNMENT.submissions / "accepted" / "matmul", any_launcher, 2)
    assert report.outcome is Outcome.GRADED
    assert report.score == report.max_score == 100


@pytest.mark.docker
def test_plain_loops_get_their_points_for_the_small_case_and_not_more(in_docker):
    (loops,) = [folder for folder in ACCEPTED if folder.name == "loops"]
    report = in_docker(loops)
    assert report.outcome is Outcome.GRADED
    for name in ("dense", "conv"):
        for call in ("forward", "backward"):
            check = speed_checks(report)[f"test_speed.py::test_{name}_{call}"]
            assert check.status is Status.PARTIAL
            assert check.points == pytest.approx(0.1 * check.max_points)
            assert check.hint.id == "loop-over-positions"


@pytest.mark.docker
@pytest.mark.parametrize("folder", TOO_SLOW, ids=lambda folder: folder.name)
def test_slow_submissions_lose_points_for_speed_alone_and_are_told_why(folder, docker_launcher):
    expected = tomllib.loads((folder / "expect.toml").read_text())
    report = grade_folder(folder, docker_launcher, 1)
    assert report.outcome is Outcome.GRADED
    assert report.failure is None
    slow = {check.id: check for check in report.checks if check.status is not Status.PASSED}
    assert set(expected["not_full"]) <= set(slow) <= set(speed_checks(report))
    for check in slow.values():
        assert check.status is Status.PARTIAL
        if check.speed is not None:
            assert check.hint.id == expected["hint"]


@pytest.mark.docker
def test_the_speed_of_what_is_wrong_is_not_measured(docker_launcher):
    report = grade_folder(ASSIGNMENT.submissions / "known_wrong" / "no_bias", docker_launcher, 1)
    for check in speed_checks(report).values():
        assert check.status is Status.NOT_RUN
        assert check.speed is None
        assert "forward" in check.message


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
    for check in speed_checks(report).values():
        assert check.status is Status.NOT_RUN
    for check in report.checks:
        if check.group == "speed":
            continue
        assert check.status is Status.FAILED
        assert check.failure == "student_exception"
        assert "NotImplementedError" in check.message


@pytest.mark.docker
@pytest.mark.parametrize("folder", KNOWN_WRONG[::4], ids=lambda folder: folder.name)
def test_known_wrong_submissions_fail_what_they_declare_and_nothing_else(
    folder, docker_launcher, untimed
):
    expected = tomllib.loads((folder / "expect.toml").read_text())
    report = grade_folder(folder, docker_launcher, 1, untimed)
    failed = {check.id for check in report.checks if check.status is Status.FAILED}
    assert failed - set(expected.get("may_fail", ())) == set(expected["fails"])
    assert report.failure is None


@pytest.mark.docker
@pytest.mark.parametrize("name", ["accepted/matmul", "known_wrong/no_bias"])
def test_the_same_seed_gives_the_same_report_apart_from_times(name, docker_launcher):
    folder = ASSIGNMENT.submissions / name
    reports = [without_times(grade_folder(folder, docker_launcher, 5)) for _ in range(2)]
    assert to_json(reports[0]) == to_json(reports[1])
