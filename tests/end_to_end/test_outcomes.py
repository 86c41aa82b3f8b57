"""Each way to go wrong has its own outcome, in a real sandbox. One folder a submission."""

import tomllib
from dataclasses import replace
from pathlib import Path

import pytest

from grader.assignment import load_assignment
from grader.grading import grade
from grader.report import Outcome, Status
from grader.sandbox.pool import SandboxPool
from grader.sandbox.select import KINDS
from grader.submission import load_submission

ROOT = Path(__file__).parent.parent.parent
ASSIGNMENT = ROOT / "assignments" / "dense-conv1x1"
SUBMISSIONS = sorted(
    path.parent for path in Path(__file__).parent.glob("submissions/*/expect.toml")
)
KEYS = {
    "what",
    "failure",
    "message",
    "check_status",
    "check_failure",
    "check_message",
    "rest",
    "unlimited_in",
}


@pytest.fixture(scope="module")
def assignment():
    assignment = load_assignment(ASSIGNMENT)
    limits = replace(assignment.limits, call_s=1.5, load_s=3, memory_mib=256, restarts=1)
    return replace(assignment, limits=limits)


def expectation(folder):
    expected = tomllib.loads((folder / "expect.toml").read_text())
    assert set(expected) <= KEYS
    return expected


def cases():
    """Each submission in each sandbox that limits what it uses up."""
    for folder in SUBMISSIONS:
        for kind in KINDS:
            if kind not in expectation(folder).get("unlimited_in", ()):
                marks = () if kind == "process" else (getattr(pytest.mark, kind),)
                yield pytest.param(folder, kind, id=f"{folder.name}-{kind}", marks=marks)


@pytest.mark.parametrize(("folder", "kind"), list(cases()))
def test_each_submission_has_its_outcome(folder, kind, assignment, request):
    expected = expectation(folder)
    launcher = request.getfixturevalue(f"{kind}_launcher")
    files = load_submission(folder)
    files = replace(files, files={k: v for k, v in files.files.items() if k != "expect.toml"})

    with SandboxPool(launcher, assignment.limits) as pool:
        report = grade(files, assignment, pool, seed=1)

    assert report.outcome is Outcome.GRADED
    assert report.score == 0
    assert report.failure == expected.get("failure")
    assert expected.get("message", "") in (report.message or "")
    if expected.get("check_status") == "not_run":
        assert {check.status for check in report.checks} == {Status.NOT_RUN}
        return
    failed = [check for check in report.checks if check.status is Status.FAILED]
    assert any(
        check.failure == expected.get("check_failure")
        and expected.get("check_message", "") in check.message
        for check in failed
    )
    if expected.get("rest") == "not_run":
        assert len([check for check in report.checks if check.status is Status.NOT_RUN]) > 10
