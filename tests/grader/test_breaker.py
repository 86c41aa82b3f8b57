"""After a fault of ours known submissions come first; who judges them wrongly judges nobody."""

import pytest

from grader.breaker import FAULTS_OF_ONE, Breaker, examine
from grader.errors import AssignmentInvalid, GraderUnwell, InfrastructureFault
from grader.report import Outcome
from grader.sandbox.pool import SandboxPool
from grader.submission import Submission

CHECK = """
@check(group="values", points=2)
def test_double(student, reference, rng):
    '''Twice each element.'''
    x = rng.integers(1, 9, 5).astype(float)
    assert_matches(actual=student.double(x), expected=reference.double(x))
"""
KNOWN = {
    "submissions/accepted/sum/double.py": "def double(x):\n    return x + x\n",
    "submissions/known_wrong/square/double.py": "def double(x):\n    return x * x * x\n",
    "submissions/known_wrong/square/expect.toml": (
        'mistake = "It cubes."\nhint = "cubed"\ntext = "Twice is not a power."\n'
        'fails = ["test_values.py::test_double"]\n'
    ),
}
RIGHT = Submission({"double.py": b"def double(x):\n    return 2 * x\n"})


class Faulty:
    """A launcher that fails as often as it is told to."""

    def __init__(self, launcher):
        self.runtime = launcher.runtime
        self.describe = launcher.describe
        self.faults = 0
        self._launcher = launcher

    def launch(self, limits):
        if self.faults > 0:
            self.faults -= 1
            raise InfrastructureFault("The engine is gone. Try again.")
        return self._launcher.launch(limits)


@pytest.fixture
def launcher(process_launcher):
    return Faulty(process_launcher)


@pytest.fixture
def pool(launcher, write_assignment):
    limits = write_assignment(CHECK, **KNOWN).limits
    with SandboxPool(launcher, limits, ahead=0) as pool:
        yield pool


def test_a_grader_that_is_well_grades(write_assignment, pool):
    assignment = write_assignment(CHECK, **KNOWN)
    assert examine(assignment, pool) == []
    breaker = Breaker(assignment, pool)
    assert breaker.grade(RIGHT, seed=1).score == 2
    assert not breaker.suspicious


@pytest.mark.parametrize(
    ("spoilt", "said"),
    [
        ({"reference/solution.py": "def double(x):\n    return x\n"}, "accepted/sum fails"),
        ({"reference/solution.py": "def double(x):\n    return x**3\n"}, "square passes"),
    ],
)
def test_a_grader_that_judges_wrongly_judges_nobody(write_assignment, pool, spoilt, said):
    breaker = Breaker(write_assignment(CHECK, **KNOWN, **spoilt), pool)
    for _ in range(2):
        with pytest.raises(GraderUnwell, match=said):
            breaker.grade(RIGHT, seed=1)


def test_after_a_fault_known_submissions_come_first(write_assignment, pool, launcher):
    breaker = Breaker(write_assignment(CHECK, **KNOWN), pool)
    breaker.require_well()
    launcher.faults = 2
    assert breaker.grade(RIGHT, seed=1).outcome is Outcome.INFRASTRUCTURE_FAULT
    assert breaker.suspicious
    with pytest.raises(GraderUnwell, match="The engine is gone"):
        breaker.grade(RIGHT, seed=1)
    assert breaker.grade(RIGHT, seed=1).score == 2


def test_what_fails_alone_again_and_again_is_poison(write_assignment, pool, launcher):
    breaker = Breaker(write_assignment(CHECK, **KNOWN), pool)
    for _ in range(FAULTS_OF_ONE):
        assert not breaker.is_poison(RIGHT)
        breaker.require_well()
        launcher.faults = 1
        assert breaker.grade(RIGHT, seed=1).score is None
    assert breaker.is_poison(RIGHT)
    assert not breaker.is_poison(Submission({"double.py": b"x = 1\n"}))


def test_faults_of_a_grader_that_was_not_well_are_nobodys(write_assignment, pool, launcher):
    breaker = Breaker(write_assignment(CHECK, **KNOWN), pool)
    for _ in range(FAULTS_OF_ONE):
        breaker.require_well()
        launcher.faults = 2
        assert breaker.grade(RIGHT, seed=1).score is None
        with pytest.raises(GraderUnwell):
            breaker.require_well()
    assert not breaker.is_poison(RIGHT)


@pytest.mark.parametrize("kind", ["accepted", "known_wrong"])
def test_without_known_submissions_nobody_can_tell(write_assignment, pool, kind):
    files = {name: text for name, text in KNOWN.items() if f"/{kind}/" not in name}
    with pytest.raises(AssignmentInvalid, match="needs an accepted and a known-wrong"):
        Breaker(write_assignment(CHECK, slug="bare", **files), pool).grade(RIGHT, seed=1)
