"""A submission and an assignment in, a report out; whose fault it was is never mixed up."""

import importlib
from dataclasses import replace

import pytest

from grader.checking.run import Selection
from grader.errors import InfrastructureFault, SandboxUnavailable, SubmissionRefused
from grader.grading import grade, ungraded
from grader.report import Outcome, Status, from_json, to_json, without_times
from grader.sandbox.base import SandboxDescription
from grader.sandbox.pool import SandboxPool
from grader.sandbox.runtime import NUMPY
from grader.submission import load_submission

RIGHT = "def double(x):\n    return x * 2\n"
ONE_CHECK = """
@check(group="values", points=2)
@drawn(examples=20, n=integers(0, 50))
def test_double(student, reference, rng, n):
    '''Twice each element.'''
    x = rng.integers(-9, 9, n).astype(float)
    assert_matches(actual=student.double(x), expected=reference.double(x))
"""


@pytest.fixture
def run(tmp_path, process_launcher):
    """A function that grades the given source in a plain process."""

    def run(assignment, source=RIGHT, **options):
        path = tmp_path / "double.py"
        path.write_text(source)
        with SandboxPool(process_launcher, assignment.limits) as pool:
            return grade(load_submission(path), assignment, pool, seed=7, **options)

    return run


def test_a_right_submission_gets_full_marks(write_assignment, run):
    report = run(write_assignment(ONE_CHECK))
    assert report.outcome is Outcome.GRADED
    assert (report.score, report.max_score) == (2, 2)
    (check,) = report.checks
    assert check.id == "test_values.py::test_double"
    assert check.title == "Twice each element."
    assert check.status is Status.PASSED
    assert check.metrics["worst_error_over_bound"] == 0
    assert report.sandbox["kind"] == "process"
    assert report.sandbox["limits"]["memory_mib"] == 256
    assert report.assignment["version"] == "3"
    assert report.submission["files"] == {"double.py": len(RIGHT)}


def test_a_wrong_one_gets_the_smallest_case(write_assignment, run):
    report = run(write_assignment(ONE_CHECK), "def double(x):\n    return x + x.size\n")
    (check,) = report.checks
    assert check.status is Status.FAILED
    assert check.points == 0
    assert check.counterexample["case"] == {"n": 1}
    assert check.counterexample["index"] == [0]


def test_the_same_seed_gives_the_same_report_apart_from_times(write_assignment, run):
    assignment = write_assignment(ONE_CHECK)
    source = "def double(x):\n    return x * 2 + (x > 7)\n"
    first, second = run(assignment, source), run(assignment, source)
    assert to_json(without_times(first)) == to_json(without_times(second))


def test_where_objects_lie_in_memory_is_not_told(write_assignment, run):
    plain = run(write_assignment(TWO_CHECKS), "def double(x):\n    return 3 * x\n")
    raised = run(write_assignment(TWO_CHECKS), "def double(x):\n    raise ValueError(object())\n")
    unloaded = run(write_assignment(TWO_CHECKS), "raise ValueError(object())\n")
    assert "ValueError: <object object>" in unloaded.message
    for report in (plain, raised, unloaded):
        assert report.checks[0].message
        assert "0x" not in to_json(report)


def test_an_exception_is_told_with_the_students_line(write_assignment, run):
    report = run(write_assignment(ONE_CHECK), "def double(x):\n    return y\n")
    (check,) = report.checks
    assert check.failure == "student_exception"
    assert "NameError" in check.message
    assert "double.py, line 2, in double" in check.message
    assert report.failure is None


def test_printed_output_is_kept_with_its_check(write_assignment, run, capfd):
    report = run(write_assignment(ONE_CHECK), "def double(x):\n    print('hi')\n    return x * 2\n")
    assert report.score == 2
    assert report.checks[0].output.startswith("hi\n")
    assert capfd.readouterr() == ("", "")


TWO_CHECKS = """
@check(group="values", points=1)
def test_one(student):
    '''One.'''
    assert student.double(1.0) == 2.0

@check(group="values", points=1, visibility="hidden")
def test_two(student):
    '''Two.'''
    assert student.double(2.0) == 4.0
"""


PARTS = """
from grader.checking.mismatch import Mismatch, PartialCredit
from grader.checking.recorder import record, record_speed
from grader.measurement import SpeedMeasurement

def speed(share):
    return SpeedMeasurement(
        work={{}}, device={{}}, ratio=1.5, low=1.25, high=2.0, confidence=0.95, pairs=2, tries=1,
        void=0, rungs=(), benefit_of_doubt=False, share=share, student_s=(0.2, 0.3),
        reference_s=(0.1, 0.2), null_s=(), student_first=(True, False),
    )

@check(group="values", points=0.3)
def test_part(student):
    '''In part.'''
    record("speed_looks", 3)
    record_speed(speed({share}))
    hint = "a-loop", "Is there a loop?"
    raise PartialCredit("Slow.", share={share}, hint=hint, metrics={{"speed_ratio": 1.5}})

@check(group="values", points=0.7)
def test_whole(student):
    '''The whole.'''
    record_speed(speed(1.0))

@check(group="values", points=1)
def test_wrong(student):
    '''Wrong.'''
    raise Mismatch("Wrong.", hint=("off-by-one", "Count again."))
"""


def test_a_part_of_the_points_is_earned_and_scored(write_assignment, run):
    report = run(write_assignment(PARTS.format(share=0.7)))
    part, whole, wrong = report.checks
    assert (part.status, part.points, part.max_points) == (Status.PARTIAL, 0.21, 0.3)
    assert (part.message, part.hint.id, part.hint.text) == ("Slow.", "a-loop", "Is there a loop?")
    assert part.metrics == {"speed_looks": 3, "speed_ratio": 1.5}
    assert (part.speed.ratio, part.speed.share) == (1.5, 0.7)
    assert (whole.status, whole.points, whole.hint) == (Status.PASSED, 0.7, None)
    assert whole.speed.student_s == (0.2, 0.3)
    assert (wrong.status, wrong.hint.id, wrong.speed) == (Status.FAILED, "off-by-one", None)
    assert (report.score, report.max_score) == (0.91, 2)
    assert from_json(to_json(report)) == report


@pytest.mark.parametrize("share", [0, 1e-12])
def test_no_share_of_the_points_is_a_failure(write_assignment, run, share):
    part = run(write_assignment(PARTS.format(share=share))).checks[0]
    assert (part.status, part.points) == (Status.FAILED, 0)
    assert part.speed is not None
    assert part.hint is not None


def test_a_share_that_rounds_to_all_points_is_all_of_them(write_assignment, run):
    part = run(write_assignment(PARTS.format(share=1 - 1e-12))).checks[0]
    assert (part.status, part.points) == (Status.PASSED, 0.3)


@pytest.mark.parametrize("share", [1, -0.1, "float('nan')"])
def test_a_share_that_is_none_is_the_authors_fault(write_assignment, run, share):
    report = run(write_assignment(PARTS.format(share=share)))
    assert report.outcome is Outcome.ASSIGNMENT_FAULT
    assert "share from 0" in report.message


def test_a_grading_goes_on_in_a_fresh_sandbox(write_assignment, run):
    source = "import os\ndef double(x):\n    if x == 1: os._exit(3)\n    return 2 * x\n"
    report = run(write_assignment(TWO_CHECKS), source)
    assert [check.status for check in report.checks] == [Status.FAILED, Status.PASSED]
    assert report.failure == "exited"
    assert report.score == 1


def test_a_grading_does_not_go_on_for_ever(write_assignment, run):
    many = "".join(
        f"""
@check(group="values", points=1)
def test_{k}(student):
    '''Number {k}.'''
    student.double(1.0)
"""
        for k in range(4)
    )
    report = run(write_assignment(many, points=4), "import os\ndef double(x): os._exit(0)\n")
    assert [check.status.value for check in report.checks] == [
        "failed",
        "failed",
        "not_run",
        "not_run",
    ]


def test_a_module_that_does_not_load_fails_as_a_whole(write_assignment, run):
    report = run(write_assignment(TWO_CHECKS), "import nothing_of_that_name\n")
    assert report.outcome is Outcome.GRADED
    assert report.failure == "student_exception"
    assert "double.py could not be imported: ModuleNotFoundError" in report.message
    assert {check.status for check in report.checks} == {Status.NOT_RUN}
    assert report.score == 0


def test_only_public_checks_on_request(write_assignment, run):
    report = run(write_assignment(TWO_CHECKS), selection=Selection(visible_only=True))
    assert [check.id for check in report.checks] == ["test_values.py::test_one"]


def test_progress_is_told(write_assignment, run):
    seen = []
    run(
        write_assignment(TWO_CHECKS),
        on_check=lambda check, total: seen.append((check.title, total)),
    )
    assert seen == [("One.", 2), ("Two.", 2)]


@pytest.mark.parametrize(
    ("checks", "complaint"),
    [
        ("", "holds no check"),
        ("def test_x(student): '''X.'''", "has no @check"),
        (ONE_CHECK.replace('group="values"', 'group="valves"'), "valves"),
        (ONE_CHECK.replace("points=2", "points=3"), "add up to 3"),
        (ONE_CHECK.replace("'''Twice each element.'''", ""), "docstring"),
        (ONE_CHECK.replace("points=2", "points=-1"), "more than 0"),
        (ONE_CHECK.replace("points=2", "points=2, visibility='secret'"), "visibility"),
        ("not Python at all", "SyntaxError"),
        (ONE_CHECK.replace("student.double(x)", "student.treble(x)"), "treble"),
        (ONE_CHECK.replace("reference.double", "reference.nothing"), "AttributeError"),
        (ONE_CHECK.replace("rng,", "rng, fixture_of_no_name,"), "fixture_of_no_name"),
        (
            "@check(group='values', points=2)\ndef test_x(student):\n"
            "    '''X.'''\n    pytest.skip('not today')",
            "not today",
        ),
        (
            "@check(group='values', points=2)\ndef test_x(student):\n"
            "    '''X.'''\n    student.double({})",
            "cannot be sent",
        ),
    ],
)
def test_a_fault_of_the_author_is_never_a_grade(write_assignment, run, checks, complaint):
    report = run(write_assignment(checks))
    assert report.outcome is Outcome.ASSIGNMENT_FAULT
    assert complaint in report.message
    assert report.score is None
    assert report.checks == ()


def test_a_fault_in_one_check_stops_the_grading(write_assignment, run):
    checks = TWO_CHECKS.replace("student.double(1.0) == 2.0", "1 / 0")
    seen = []
    report = run(write_assignment(checks), on_check=lambda check, _: seen.append(check.id))
    assert report.outcome is Outcome.ASSIGNMENT_FAULT
    assert "ZeroDivisionError" in report.message
    assert seen == []


class BrokenLauncher:
    """Stands for an engine that is gone."""

    runtime = NUMPY

    def __init__(self, working=None, launches=0):
        self._working, self._left = working, launches

    def describe(self):
        return SandboxDescription("docker", "sha256:0", "")

    def launch(self, limits):
        if self._left == 0:
            raise InfrastructureFault("the engine is gone")
        self._left -= 1
        return self._working.launch(limits)

    def close(self):
        pass


@pytest.mark.parametrize("launches", [0, 1])
def test_a_fault_of_ours_is_never_a_grade(write_assignment, tmp_path, process_launcher, launches):
    assignment = write_assignment(TWO_CHECKS)
    (tmp_path / "double.py").write_text("import os\ndef double(x): os._exit(0)\n")
    launcher = BrokenLauncher(process_launcher, launches)
    with SandboxPool(launcher, assignment.limits) as pool:
        report = grade(load_submission(tmp_path / "double.py"), assignment, pool)
    assert report.outcome is Outcome.INFRASTRUCTURE_FAULT
    assert report.message == "the engine is gone"
    assert report.score is None
    assert report.seed is not None


def test_a_grading_that_did_not_begin_has_a_report_too(write_assignment):
    assignment = write_assignment(TWO_CHECKS)
    refused = ungraded(SubmissionRefused("too large"), assignment)
    assert (refused.outcome, refused.message) == (Outcome.REFUSED, "too large")
    fault = ungraded(SandboxUnavailable("no engine"), assignment)
    assert fault.outcome is Outcome.INFRASTRUCTURE_FAULT
    assert fault.score is None


def test_checks_are_read_anew_each_time(write_assignment, run):
    assert run(write_assignment(TWO_CHECKS)).score == 2
    changed = write_assignment(TWO_CHECKS.replace("== 4.0", "== 5.0"))
    assert run(changed).score == 1


def test_a_second_grading_in_one_process_is_refused(write_assignment, run):
    assignment = write_assignment(TWO_CHECKS)
    with pytest.raises(RuntimeError, match="one process for each"):
        run(assignment, on_check=lambda *_: run(assignment))


def test_what_checks_print_reaches_nobody(write_assignment, run, capfd):
    run(write_assignment(TWO_CHECKS.replace("assert", "print('seed 7'); assert")))
    assert capfd.readouterr() == ("", "")


def test_what_reference_and_conftest_print_reaches_nobody(write_assignment, run, capfd):
    noise = "print('seed 7')\n"
    files = {"checks/conftest.py": noise, "reference/solution.py": noise + RIGHT}
    assert run(write_assignment(TWO_CHECKS, **files)).score == 2
    assert capfd.readouterr() == ("", "")


def test_who_watches_may_print(write_assignment, run, capfd):
    run(write_assignment(TWO_CHECKS), on_check=lambda check, total: print(check.title))
    assert capfd.readouterr() == ("One.\nTwo.\n", "")


@pytest.mark.parametrize(
    ("name", "source", "complaint"),
    [
        ("reference/solution.py", "double = lambda x: x x", "SyntaxError"),
        ("reference/solution.py", "raise SystemExit('enough')", "SystemExit: enough"),
        ("checks/conftest.py", "1 / 0", "ZeroDivisionError"),
        ("checks/conftest.py", "pytest_plugins = ['nothing_of_that_name']", "of_that_name"),
        ("checks/conftest.py", "def pytest_configure(): 1 / 0", "ZeroDivisionError"),
        ("checks/conftest.py", "import pytest\npytest.exit('enough')", "enough"),
    ],
)
def test_a_fault_of_the_author_says_what_it_is_and_prints_nothing(
    write_assignment, run, capfd, name, source, complaint
):
    report = run(write_assignment(TWO_CHECKS, **{name: source}))
    assert report.outcome is Outcome.ASSIGNMENT_FAULT
    assert complaint in report.message
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("drawn", ["", "@drawn(n=integers(0, 3))\n"])
def test_ctrl_c_is_nobodys_fault(write_assignment, run, drawn):
    checks = TWO_CHECKS.replace("def test_one(student", f"{drawn}def test_one(student")
    checks = checks.replace("assert student.double(1.0) == 2.0", "raise KeyboardInterrupt")
    if drawn:
        checks = checks.replace("test_one(student", "test_one(student, n")
    assignment = write_assignment(checks)
    with pytest.raises(KeyboardInterrupt):
        run(assignment)
    assert run(write_assignment(TWO_CHECKS)).score == 2  # and the next grading is as any other


def test_a_check_that_ends_pytest_is_the_authors_fault(write_assignment, run):
    checks = TWO_CHECKS.replace("assert student.double(1.0) == 2.0", "pytest.exit('enough')")
    report = run(write_assignment(checks))
    assert report.outcome is Outcome.ASSIGNMENT_FAULT
    assert "pytest could not run" in report.message


def test_a_conftest_of_the_author_works(write_assignment, run):
    conftest = "import pytest\n@pytest.fixture\ndef two():\n    return 2.0\n"
    checks = TWO_CHECKS.replace("(student)", "(student, two)").replace("2.0 == ", "two == ")
    assert run(write_assignment(checks, **{"checks/conftest.py": conftest})).score == 2


def test_the_whole_grading_has_a_deadline(write_assignment, run):
    assignment = write_assignment(TWO_CHECKS)
    assignment = replace(assignment, limits=replace(assignment.limits, wall_s=0.5, call_s=10))
    report = run(assignment, "def double(x):\n    while True: pass\n")
    assert report.failure == "time_limit"
    assert "whole grading" in report.message
    assert [check.status.value for check in report.checks] == ["failed", "not_run"]


def test_hidden_checks_come_last_so_that_what_they_show_can_be_printed_nowhere(
    write_assignment, run
):
    hidden_first = TWO_CHECKS.replace(
        "points=1)\ndef test_one", 'points=1, visibility="hidden")\ndef test_one'
    ).replace(', visibility="hidden")\ndef test_two', ")\ndef test_two")
    source = "seen = []\ndef double(x):\n    seen.append(x)\n    print(seen)\n    return x * 2\n"
    report = run(write_assignment(hidden_first), source)
    assert [check.visibility for check in report.checks] == ["public", "hidden"]
    assert report.checks[0].output == "[2.0]\n"


BESIDE = """
from factors import FACTOR

@check(group="values", points=2)
def test_double(student, reference, rng):
    '''As the file beside this one says.'''
    assert FACTOR == {factor}
    x = rng.integers(1, 9, 5).astype(float)
    assert_matches(actual=student.double(x), expected=reference.double(x))
"""


def test_files_beside_the_checks_are_those_of_the_assignment_at_hand(
    write_assignment, run, monkeypatch
):
    one, two = (
        write_assignment(
            BESIDE.format(factor=factor), slug=slug, **{"checks/factors.py": f"FACTOR = {factor}\n"}
        )
        for slug, factor in (("one", 1), ("two", 2))
    )
    monkeypatch.syspath_prepend(one.checks)
    assert importlib.import_module("factors").FACTOR == 1
    for assignment in (two, one, two):
        assert run(assignment).score == 2
