"""Which known mistake explains what failed: in gradings, as a student meets it."""

import pytest

from grader.grading import grade, grade_here
from grader.report import Status, student_view
from grader.sandbox.pool import SandboxPool
from grader.submission import Submission

CHECKS = """
@check(group="values", points=2)
@drawn(examples=15, always=[{"n": 3}, {"n": 5}], n=integers(0, 9))
def test_double(student, reference, rng, n):
    '''Twice each element.'''
    x = rng.integers(1, 9, n).astype(float)
    assert_matches(actual=student.double(x), expected=reference.double(x))

@check(group="values", points=1)
def test_single(student):
    '''A single number.'''
    x = np.array([3.0])
    assert_matches(actual=student.double(x), expected=np.array([6.0]))
"""
EXPECT = """
mistake = "{mistake}"
fails = ["test_values.py::test_double"]
hint = "{hint}"
text = "{mistake}?"
"""
KNOWN = {
    "tripled": "def double(x):\n    return x + x + x\n",
    "first_only": "def double(x):\n    y = x.copy()\n    y[:1] *= 2\n    return y\n",
    "refused": "def double(x):\n    raise ValueError('no')\n",
    "long_refused": (
        "def double(x):\n    if len(x) > 4:\n        raise ValueError('long')\n    return x * 2\n"
    ),
}


def files(**known):
    written = {}
    for name, source in known.items():
        folder = f"submissions/known_wrong/{name}"
        written[f"{folder}/double.py"] = source
        hint = name.replace("_", "-")
        written[f"{folder}/expect.toml"] = EXPECT.format(mistake=f"It is {hint}", hint=hint)
    return written


@pytest.fixture
def assignment(write_assignment):
    return write_assignment(CHECKS, 3, **files(**KNOWN))


def hints(report):
    return {
        check.id.partition("::")[2]: check.hint.id if check.hint else None
        for check in report.checks
        if check.status is Status.FAILED
    }


def here(assignment, source, seed=7):
    return grade_here(Submission({"double.py": source.encode()}), assignment, seed=seed)


def test_the_hint_of_the_one_mistake_that_gives_the_same_results_is_shown(
    assignment, process_launcher
):
    source = b"import numpy as np\n\ndef double(x):\n    return np.add(x, 2 * x)\n"
    with SandboxPool(process_launcher, assignment.limits) as pool:
        report = grade(Submission({"double.py": source}), assignment, pool, seed=7)
    assert hints(report) == {"test_double": "tripled", "test_single": "tripled"}
    assert report.checks[0].hint.text == "It is tripled?"


@pytest.mark.parametrize("name", KNOWN)
def test_every_known_mistake_finds_itself(assignment, name):
    shown = hints(here(assignment, KNOWN[name]))
    assert shown["test_double"] == name.replace("_", "-")


def test_a_mistake_that_nobody_knows_has_no_hint_but_facts(assignment):
    report = here(assignment, "def double(x):\n    return x * 5\n")
    assert hints(report) == {"test_double": None, "test_single": None}
    assert "2.5 times what is expected" in report.checks[0].message


def test_a_mistake_that_explains_only_some_of_the_failing_cases_is_not_named(assignment):
    source = "def double(x):\n    return x * 3 if len(x) < 4 else x * 7\n"
    assert hints(here(assignment, source))["test_double"] is None


def test_a_mistake_that_fails_where_the_student_passes_is_not_named(assignment):
    source = "def double(x):\n    return x * (3 if len(x) > 4 else 2)\n"
    assert hints(here(assignment, source)) == {"test_double": None}


def test_an_exception_is_explained_by_the_same_one_in_the_same_cases(assignment):
    source = (
        "def double(x):\n    if len(x) >= 5:\n        raise ValueError('oh')\n    return 2 * x\n"
    )
    assert hints(here(assignment, source)) == {"test_double": "long-refused"}
    source = source.replace("ValueError", "KeyError")
    assert hints(here(assignment, source)) == {"test_double": None}


def test_two_mistakes_with_the_same_results_cancel_each_other(write_assignment):
    twins = files(one=KNOWN["tripled"], other="def double(x):\n    return 3 * x\n")
    assignment = write_assignment(CHECKS, 3, **twins)
    assert set(hints(here(assignment, KNOWN["tripled"])).values()) == {None}


def test_where_a_check_leaves_two_mistakes_the_others_decide(write_assignment):
    # On a single number both give the same.
    halves = files(tripled=KNOWN["tripled"], tail="def double(x):\n    return x * 2 + x[:1]\n")
    assignment = write_assignment(CHECKS, 3, **halves)
    shown = hints(here(assignment, KNOWN["tripled"]))
    assert shown == {"test_double": "tripled", "test_single": "tripled"}


def test_results_that_round_differently_are_the_same_mistake(write_assignment):
    checks = """
    @check(group="values", points=2)
    def test_sum(student, rng):
        '''The sum of many numbers.'''
        from grader.checking import affine
        x = rng.normal(size=(1, 5000)).astype(np.float32)
        w = np.full((5000, 1), 2, np.float32)
        assert_matches(actual=student.double(x), expected=affine(x, w))
    """
    known = files(mean="import numpy as np\ndef double(x):\n    return 2 * x.mean(1, keepdims=1)\n")
    assignment = write_assignment(checks, **known)
    source = (
        "import numpy as np\ndef double(x):\n"
        "    total = np.float32(0)\n    for one in x[0]:\n        total += one\n"
        "    return np.array([[2 * total / 5000]], np.float32)\n"
    )
    assert hints(here(assignment, source)) == {"test_sum": "mean"}


def test_what_is_right_has_no_hint(assignment):
    report = here(assignment, "def double(x):\n    return x + x\n")
    assert {check.status for check in report.checks} == {Status.PASSED}
    assert all(check.hint is None for check in report.checks)


def test_a_hidden_check_shows_no_hint_to_the_student(write_assignment):
    hidden = CHECKS.replace("points=1)", 'points=1, visibility="hidden")')
    assignment = write_assignment(hidden, 3, **files(tripled=KNOWN["tripled"]))
    report = here(assignment, KNOWN["tripled"])
    assert hints(report)["test_single"] == "tripled"
    assert hints(student_view(report))["test_single"] is None


def test_a_known_mistake_that_seeds_the_global_generator_leaves_no_trace(write_assignment):
    import numpy as np

    source = "import numpy as np\nnp.random.seed(1)\ndef double(x):\n    return x\n"
    assignment = write_assignment(CHECKS, 3, **files(seeded=source))
    np.random.seed(99)
    expected = np.random.random()
    np.random.seed(99)
    here(assignment, "def double(x):\n    return x * 3\n")
    assert np.random.random() == expected


def test_facts_name_the_condition_that_tells_failing_from_passing_cases(write_assignment):
    assignment = write_assignment(CHECKS, 3)
    source = "def double(x):\n    return x * (3 if len(x) > 4 else 2)\n"
    (check, *_) = here(assignment, source).checks
    assert "those in which n is at least 5" in check.message
