"""Drawn cases: a function of the seed, and shrunk to the smallest that fails."""

import inspect
import subprocess
import sys

import pytest
from hypothesis.strategies import integers

from grader.checking.drawing import drawn, drawn_values
from grader.errors import InfrastructureFault
from grader.sandbox.failures import Failure, SandboxEnded


def test_the_smallest_failing_case_comes_out():
    @drawn(examples=50, n=integers(0, 100), m=integers(0, 100))
    def check(n, m):
        assert n < 10 or m < 20, f"{n}, {m}"

    with pytest.raises(AssertionError) as error:
        check(case_seed=1)
    assert drawn_values(error.value) == {"n": 10, "m": 20}


def test_the_same_seed_draws_the_same_cases_and_numbers():
    def run(seed):
        seen = []

        @drawn(examples=10, n=integers(0, 1000))
        def check(rng, n):
            seen.append((n, rng.normal()))

        check(case_seed=seed, rng=None)
        return seen

    assert run(1) == run(1)
    assert run(1) != run(2)
    assert len(run(1)) == 10


DRAW = """
import sys
sys.path.insert(0, {folder!r})
for name in {modules}:
    __import__(name)
from hypothesis.strategies import integers
from grader.checking.drawing import drawn
seen = []
@drawn(examples=200, n=integers(0, 10**6))
def check(n):
    seen.append(n)
for seed in range(5):
    check(case_seed=seed)
print(seen)
"""


def test_cases_do_not_depend_on_what_else_is_imported(tmp_path):
    """Hypothesis would draw the constants of a module that is not installed."""
    module = tmp_path / "full_of_constants.py"
    module.write_text("N = {" + ", ".join(str(1000 + 997 * n) for n in range(300)) + "}\n")

    def draw(modules):
        program = DRAW.format(folder=str(tmp_path), modules=modules)
        return subprocess.check_output([sys.executable, "-c", program], cwd=tmp_path)

    assert draw(["full_of_constants"]) == draw([])


def test_numbers_are_a_function_of_the_case():
    numbers = {}

    @drawn(examples=20, n=integers(0, 3))
    def check(rng, n):
        assert numbers.setdefault(n, rng.normal()) == numbers[n]

    check(case_seed=5, rng=None)


def test_pytest_sees_the_fixtures_and_not_the_drawn_arguments():
    @drawn(n=integers())
    def check(student, rng, n):
        """Title."""

    assert list(inspect.signature(check).parameters) == ["student", "rng", "case_seed"]
    assert check.__doc__ == "Title."


@pytest.mark.parametrize(
    "fault",
    [
        InfrastructureFault("the engine is gone"),
        SandboxEnded(Failure.TIME_LIMIT, "too slow"),
        KeyboardInterrupt(),
    ],
)
def test_no_smaller_case_is_sought_after_an_end(fault):
    calls = []

    @drawn(examples=50, n=integers(0, 100))
    def check(n):
        calls.append(n)
        if n > 3:
            raise fault

    with pytest.raises(type(fault)) as raised:
        check(case_seed=1)
    assert raised.value is fault
    assert sum(n > 3 for n in calls) == 1


def test_shrinking_is_bounded():
    runs = []

    @drawn(examples=5, **{f"n{k}": integers(0, 10**12) for k in range(40)})
    def check(**values):
        runs.append(1)
        assert sum(values.values()) < 10**10, "large"

    with pytest.raises(AssertionError) as error:
        check(case_seed=1)
    assert len(runs) < 200
    assert set(drawn_values(error.value)) == {f"n{k}" for k in range(40)}


def test_an_exception_of_a_plain_check_has_no_case():
    assert drawn_values(AssertionError()) is None


def test_cases_that_are_always_tried_are_tried_after_the_drawn_ones():
    seen = []

    @drawn(examples=3, always=[{"n": 77}, {"n": 78}], n=integers(0, 9))
    def check(n):
        seen.append(n)
        assert n != 78

    with pytest.raises(AssertionError) as error:
        check(case_seed=1)
    assert seen[3:] == [77, 78]
    assert drawn_values(error.value) == {"n": 78}
