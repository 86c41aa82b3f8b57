"""Is linear-conv1x1-torch sound? Every known verdict, in this process, and one in a container."""

import re
import sys
import tomllib
from pathlib import Path

import pytest

from grader.assignment import load_assignment
from grader.bundle import bundle
from grader.checking.examples.script import FILE, from_bytes
from grader.checking.plugin import import_file
from grader.checking.run import list_checks
from grader.cli import main
from grader.grading import check_examples, grade, grade_here
from grader.known_submissions import load_known_submissions
from grader.report import Outcome, Status
from grader.sandbox.pool import SandboxPool
from grader.sandbox.runtime import NUMPY, Runtime
from grader.sandbox.select import choose_sandbox
from grader.submission import load_submission

pytestmark = pytest.mark.oracles

FOLDER = Path(__file__).parents[2] / "assignments" / "linear-conv1x1-torch"
ACCEPTED = sorted(path.parent for path in FOLDER.glob("submissions/accepted/*/layers.py"))
KNOWN_WRONG = sorted(path.parent for path in FOLDER.glob("submissions/known_wrong/*/layers.py"))
WITH_NN = FOLDER / "submissions" / "known_wrong" / "uses_functional"
TOO_SLOW = sorted(path.parent for path in FOLDER.glob("submissions/too_slow/*/layers.py"))


@pytest.fixture(scope="module")
def assignment():
    pytest.importorskip("torch")
    return load_assignment(FOLDER)


@pytest.fixture(scope="module")
def checks(assignment):
    return list_checks(assignment)


@pytest.fixture(scope="module")
def reports(assignment):
    """What comes of each folder, without a clock."""
    folders = [FOLDER / "template", *ACCEPTED, *KNOWN_WRONG, *TOO_SLOW]
    return {
        folder: grade_here(
            load_submission(folder / "layers.py", single_name="layers.py"), assignment, seed=1
        )
        for folder in folders
    }


def expectation(folder):
    return tomllib.loads((folder / "expect.toml").read_text())


def failed(report):
    return {check.id for check in report.checks if check.status is Status.FAILED}


def test_there_are_enough_of_each_kind():
    assert len(ACCEPTED) >= 3
    assert len(KNOWN_WRONG) >= 20
    assert len(TOO_SLOW) >= 2


def test_the_points_of_each_group_add_up_to_100(assignment, checks):
    groups = {}
    for info in checks.values():
        groups[info.group] = groups.get(info.group, 0) + info.points
    assert groups == assignment.points
    assert sum(groups.values()) == 100


def test_the_statement_tells_what_each_group_holds(checks):
    statement = (FOLDER / "statement.md").read_text()
    hidden = [info for info in checks.values() if info.visibility == "hidden"]
    assert f"Of {len(checks)} checks, {len(hidden)} are hidden" in statement
    for group in {info.group for info in checks.values()}:
        mine = [info for info in checks.values() if info.group == group]
        (row,) = re.findall(
            rf"^\| `{group}` \| (\d+) \| (\d+)(?:, (\d+) hidden)? \|", statement, re.MULTILINE
        )
        counts = [sum(i.points for i in mine), len(mine), sum(i in hidden for i in mine)]
        assert [int(number or 0) for number in row] == counts


def test_the_statement_names_all_that_is_forbidden(assignment):
    statement = (FOLDER / "statement.md").read_text()
    for name in assignment.style.forbidden:
        assert f"`{name.strip('._') if name.startswith('.') else name}`" in statement


@pytest.mark.parametrize("folder", [*ACCEPTED, *TOO_SLOW], ids=lambda path: path.name)
def test_what_is_right_passes_every_check(folder, reports):
    report = reports[folder]
    assert report.outcome is Outcome.GRADED, report.message
    assert failed(report) == set()
    assert report.score == report.max_score == 100


def test_the_template_earns_nothing_and_says_why(reports):
    report = reports[FOLDER / "template"]
    assert report.score == 0
    for check in report.checks:
        if check.status is Status.FAILED:
            assert check.message.startswith("Your code raised NotImplementedError")
            assert check.hint is None


@pytest.mark.parametrize("folder", KNOWN_WRONG, ids=lambda path: path.name)
def test_what_is_wrong_fails_what_it_declares_and_shows_its_own_hint(folder, reports):
    report, expected = reports[folder], expectation(folder)
    assert report.outcome is Outcome.GRADED, report.message
    wrong = {name for name in failed(report) if not name.startswith("test_speed")}
    assert set(expected["fails"]) <= wrong
    assert wrong <= {*expected["fails"], *expected.get("may_fail", [])}
    shown = {check.hint.id: check.hint.text for check in report.checks if check.hint is not None}
    assert shown == {expected["hint"]: expected["text"]}


@pytest.mark.parametrize("folder", KNOWN_WRONG, ids=lambda path: path.name)
def test_a_hint_asks_where_to_look_and_holds_no_code(folder):
    text = expectation(folder)["text"]
    assert text.endswith("?")
    assert not re.search(r"[@\[\]*/<>]|\w\(|\bself\b", text)


def test_every_check_is_failed_by_something_that_is_wrong(checks):
    wrong = {check for folder in KNOWN_WRONG for check in expectation(folder)["fails"]}
    assert wrong == {name for name, info in checks.items() if info.group != "speed"}


def test_mistakes_differ_in_id_text_and_mistake(assignment):
    known = [each.expectation for each in load_known_submissions(assignment).known_wrong]
    for key in ("hint", "text", "mistake"):
        assert len({getattr(each, key) for each in known}) == len(known)


def test_right_submissions_keep_to_the_rule_of_style_and_to_torch():
    for folder in (*ACCEPTED, *TOO_SLOW):
        source = (folder / "layers.py").read_text()
        modules = re.findall(r"^(?:from|import) (\w+)", source, flags=re.MULTILINE)
        assert set(modules) <= {"torch", "math"}


def test_the_example_in_the_templates_readme_is_right(assignment, capsys, monkeypatch):
    readme = (FOLDER / "template" / "README.md").read_text()
    (code,) = re.findall(r"```python\n(.*?)```", readme, flags=re.DOTALL)
    promised = re.findall(r"print\(.*\)  # (.*)", code)
    solution = import_file(FOLDER / "reference" / "solution.py", "linear_conv1x1_torch_readme")
    monkeypatch.setitem(sys.modules, "layers", solution)
    exec(compile(code, "README.md", "exec"), {})
    assert capsys.readouterr().out.splitlines() == promised


def test_without_torch_a_grading_falls_back_on_facts(assignment, monkeypatch):
    """In a container student code has its own; here nobody is suspected then."""
    choice = choose_sandbox("process", runtime=assignment.runtime)
    wrong = FOLDER / "submissions" / "known_wrong" / "gradients_negated" / "layers.py"
    submission = load_submission(wrong, single_name="layers.py")
    with SandboxPool(choice.launcher, assignment.limits) as pool:
        pool.wait_until_warm()
        monkeypatch.setattr(Runtime, "is_installed", property(lambda self: self == NUMPY))
        report = grade(submission, assignment, pool, seed=1)
    assert report.outcome is Outcome.GRADED
    assert failed(report)
    assert all(check.hint is None for check in report.checks)
    assert any("opposite sign" in (check.message or "") for check in report.checks)


def test_students_check_their_layers_and_their_style_without_the_grader(assignment):
    examples, arrays = from_bytes(bundle(assignment)[FILE])
    assert examples.arrays == "torch"
    for folder, verdict in ((ACCEPTED[0], set()), (WITH_NN, {"test_style.py::test_own_work"})):
        submission = load_submission(folder / "layers.py", single_name="layers.py")
        report = check_examples(submission, examples, arrays)
        assert failed(report) == verdict
    (style,) = [check for check in report.checks if check.status is Status.FAILED]
    assert style.hint.id == "forbidden-torch-nn"


def test_students_without_torch_are_told_what_to_install(assignment, tmp_path, monkeypatch, capsys):
    (tmp_path / FILE).write_bytes(bundle(assignment)[FILE])
    (tmp_path / "layers.py").write_bytes((ACCEPTED[0] / "layers.py").read_bytes())
    monkeypatch.setattr(Runtime, "is_installed", property(lambda self: self == NUMPY))
    assert main(["check", str(tmp_path)]) == 1
    assert "pip install 'onebyone[torch]'" in capsys.readouterr().err


@pytest.mark.docker
def test_an_accepted_submission_gets_full_marks_in_a_container(assignment, docker_launcher):
    choice = choose_sandbox("docker", runtime=assignment.runtime)
    submission = load_submission(
        FOLDER / "submissions/accepted/image_by_image/layers.py", single_name="layers.py"
    )
    with SandboxPool(choice.launcher, assignment.limits) as pool:
        report = grade(submission, assignment, pool, seed=1)
    choice.launcher.close()
    assert report.outcome is Outcome.GRADED, report.message
    lost = {check.id: check.message for check in report.checks if check.status != Status.PASSED}
    assert lost == {}
    assert report.score == 100
    assert {check.speed.device["arrays"] for check in report.checks if check.speed} == {"torch"}
