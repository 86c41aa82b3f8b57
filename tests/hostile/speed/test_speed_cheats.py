"""Every known way to look faster than one is, on top of a slow but right layer where it can be.

Each folder of `submissions` holds one cheat. It is graded like any submission, and must not get
more of any duel than its twin, which is the same layer without the trick.
"""

import tomllib
from pathlib import Path

import pytest

from grader.assignment import load_assignment
from grader.grading import grade
from grader.report import Outcome, Status
from grader.sandbox.pool import SandboxPool
from grader.submission import Submission

pytestmark = pytest.mark.docker

HERE = Path(__file__).parent
ASSIGNMENT = load_assignment(HERE / "speed-hostile")
CHEATS = sorted(path.parent for path in HERE.glob("submissions/*/cheat.py"))
TWINS = {"slow": 0.7, "fast": 1.0}
DUELS = ("test_forward_speed", "test_backward_speed")
TRIES = 3
KEYS = {"what", "outcome", "at_most", "twin", "checks"}

WRONG_ONCE = """
import core


class Dense(core.Dense):
    repeats = 1
    timed = 0

    def one_is_off(self, array):
        if array.size > 1000:
            Dense.timed += 1
            if Dense.timed == {number}:
                array[-1, -1, -1] += 1
        return array

    def outputs(self, x):
        return self.one_is_off(super().outputs(x))
"""


def expectation(folder):
    expected = tomllib.loads((folder / "expect.toml").read_text())
    assert set(expected) <= KEYS
    return expected


def judge(source, launcher):
    """The checks of a grading by name; what came to nothing on a noisy machine is tried again."""
    files = {"layers.py": source, "core.py": (HERE / "core.py").read_bytes()}
    for _ in range(TRIES):
        with SandboxPool(launcher, ASSIGNMENT.limits) as pool:
            report = grade(Submission(files), ASSIGNMENT, pool, seed=1)
        if report.outcome is not Outcome.INFRASTRUCTURE_FAULT:
            break
    assert report.outcome is Outcome.GRADED
    return {check.id.rpartition("::")[2]: check for check in report.checks}


def share(check):
    return check.points / check.max_points


@pytest.mark.parametrize("twin", TWINS)
def test_an_honest_layer_gets_what_its_speed_is_worth(twin, docker_launcher):
    checks = judge((HERE / "twins" / f"{twin}.py").read_bytes(), docker_launcher)
    assert checks["test_forward"].status is checks["test_gradients"].status is Status.PASSED
    assert [share(checks[name]) for name in DUELS] == [pytest.approx(TWINS[twin])] * 2


@pytest.mark.parametrize("folder", CHEATS, ids=lambda folder: folder.name)
def test_a_cheat_gains_nothing_over_its_honest_twin(folder, docker_launcher):
    expected = expectation(folder)
    checks = judge((folder / "cheat.py").read_bytes(), docker_launcher)
    assert checks["test_forward"].status is checks["test_gradients"].status is Status.PASSED
    duels = [checks[name] for name in DUELS]
    assert all(share(check) <= TWINS[expected["twin"]] + 1e-9 for check in duels)
    if expected["outcome"] == "not_full":
        assert all(share(check) <= expected["at_most"] + 1e-9 for check in duels)
        assert all(check.failure in (None, "time_limit") for check in duels)
    else:
        assert expected["outcome"] == "fails"
        for name in expected.get("checks", DUELS):
            assert share(checks[name]) == 0
            assert checks[name].status is Status.FAILED


@pytest.mark.parametrize("number", [1, 5, 10])
def test_one_wrong_element_in_one_of_many_timed_outputs_is_found(number, docker_launcher):
    source = WRONG_ONCE.format(number=number).encode()
    check = judge(source, docker_launcher)["test_forward_speed"]
    assert check.status is Status.FAILED
    assert check.points == 0
    assert "Wrong values in what forward returns: 1 of" in check.message
