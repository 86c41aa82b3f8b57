"""Is the assignment sound? Run as an author would: plain pytest, no sandbox."""

import json
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import numpy as np
import pytest

from grader.checking.decorators import check_info
from grader.checking.plugin import import_file

FOLDER = Path(__file__).parents[2] / "assignments" / "dense-conv1x1"
CHECK_FILES = sorted((FOLDER / "checks").glob("test_*.py"))
ACCEPTED = sorted(path.parent for path in FOLDER.glob("submissions/accepted/*/layers.py"))
KNOWN_WRONG = sorted(path.parent for path in FOLDER.glob("submissions/known_wrong/*/layers.py"))
TOO_SLOW = sorted(path.parent for path in FOLDER.glob("submissions/too_slow/*/layers.py"))


def declared_checks():
    checks = {}
    for path in CHECK_FILES:
        for name, value in vars(import_file(path, f"checks_{path.stem}")).items():
            info = check_info(value)
            if info is not None:
                checks[f"{path.name}::{name}"] = info
    return checks


def speed_checks():
    return {name for name, info in declared_checks().items() if info.group == "speed"}


def expectation(folder):
    return tomllib.loads((folder / "expect.toml").read_text())


@pytest.fixture(scope="module")
def failing():
    """The checks that each student's file fails, by its folder; all checks ran, none was timed."""
    students = [FOLDER / "template", *ACCEPTED, *KNOWN_WRONG, *TOO_SLOW]
    runs = {f"1:{folder / 'layers.py'}": folder for folder in students}
    driver = Path(__file__).with_name("many_students.py")
    command = [sys.executable, str(driver), str(FOLDER / "checks"), *runs]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=True)
    verdicts = json.loads(done.stdout)
    for each in verdicts.values():
        assert set(each) == set(declared_checks())
    return {
        folder: {check for check, outcome in verdicts[run].items() if outcome == "failed"}
        for run, folder in runs.items()
    }


def test_the_student_template_is_the_assignments_template():
    template = {path.name: path.read_bytes() for path in (FOLDER / "template").iterdir()}
    student = FOLDER.parents[1] / "student_template"
    assert {path.name: path.read_bytes() for path in student.iterdir()} == template
    assert set(template) == {"layers.py", "README.md"}


def test_the_points_of_each_group_add_up_to_100():
    declared = tomllib.loads((FOLDER / "assignment.toml").read_text())["points"]
    groups = {}
    for info in declared_checks().values():
        groups[info.group] = groups.get(info.group, 0) + info.points
    assert groups == declared
    assert sum(declared.values()) == 100


def test_the_statement_tells_how_many_checks_there_are_and_how_many_are_hidden():
    statement = (FOLDER / "statement.md").read_text()
    checks = declared_checks().values()
    hidden = [info for info in checks if info.visibility == "hidden"]
    assert f"Of {len(checks)} checks, {len(hidden)} are hidden" in statement
    for group in {info.group for info in checks}:
        mine = [info for info in checks if info.group == group]
        (row,) = re.findall(
            rf"^\| `{group}` \| (\d+) \| (\d+)(?:, (\d+) hidden)? \|", statement, re.M
        )
        counts = [int(number or 0) for number in row]
        assert counts == [
            sum(info.points for info in mine),
            len(mine),
            sum(info.visibility == "hidden" for info in mine),
        ]


def test_titles_are_sentences_and_differ():
    titles = [info.title for info in declared_checks().values()]
    assert len(set(titles)) == len(titles)
    assert all(title.endswith(".") and len(title) < 100 for title in titles)


def test_the_checks_run_under_plain_pytest_and_the_reference_passes_them():
    command = [sys.executable, "-m", "pytest", str(FOLDER / "checks"), "-q"]
    command += ["-p", "no:cacheprovider"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"{len(declared_checks())} passed" in done.stdout


@pytest.mark.parametrize("folder", [*ACCEPTED, *TOO_SLOW], ids=lambda path: path.name)
def test_every_accepted_or_slow_submission_passes_every_check(folder, failing):
    assert failing[folder] == set()


def test_the_template_fails_every_check(failing):
    assert failing[FOLDER / "template"] == set(declared_checks())


@pytest.mark.parametrize("folder", KNOWN_WRONG, ids=lambda path: path.name)
def test_every_known_wrong_submission_fails_what_it_declares_and_nothing_else(folder, failing):
    expected = expectation(folder)
    failed = failing[folder] - speed_checks()  # these also ask for right results, and first
    assert set(expected["fails"]) <= failed
    assert failed <= {*expected["fails"], *expected.get("may_fail", [])}


def test_known_wrong_submissions_declare_existing_checks_and_a_hint_each():
    checks = declared_checks()
    expected = [expectation(folder) for folder in KNOWN_WRONG]
    assert len(expected) >= 40
    for each in expected:
        assert set(each) <= {"mistake", "fails", "may_fail", "hint", "text"}
        assert each["mistake"]
        assert each["fails"]
        assert set(each["fails"]) <= set(checks)
        assert re.fullmatch(r"[a-z0-9-]+", each["hint"])
        assert each["text"].endswith((".", "?"))
    for key in ("hint", "text", "mistake"):
        assert len({each[key] for each in expected}) == len(expected)


@pytest.mark.parametrize("folder", KNOWN_WRONG, ids=lambda path: path.name)
def test_a_hint_asks_where_to_look_and_holds_no_code(folder):
    text = expectation(folder)["text"]
    assert "?" in text
    assert not re.search(r"[@\[\]*/<>]|\w\(|\bself\b|\bnp\b", text)


def test_slow_submissions_name_a_slow_path_each_and_speed_checks_that_they_do_not_pass():
    expected = [expectation(folder) for folder in TOO_SLOW]
    assert len(expected) >= 4
    for each in expected:
        assert set(each) == {"mistake", "hint", "not_full"}
        assert each["mistake"]
        assert set(each["not_full"]) <= speed_checks()
        assert re.fullmatch(r"[a-z0-9-]+", each["hint"])
    for key in ("hint", "mistake"):
        assert len({each[key] for each in expected}) == len(expected)


def test_accepted_submissions_declare_points_only_where_they_are_not_all():
    declared = tomllib.loads((FOLDER / "assignment.toml").read_text())["points"]
    for folder in ACCEPTED:
        if (folder / "expect.toml").exists():
            expected = expectation(folder)
            assert set(expected) == {"points"}
            for group, (least, most) in expected["points"].items():
                assert 0 <= least <= most <= declared[group]


def test_every_check_is_failed_by_a_submission_that_is_wrong_or_slow():
    wrong = {check for folder in KNOWN_WRONG for check in expectation(folder)["fails"]}
    slow = {check for folder in TOO_SLOW for check in expectation(folder)["not_full"]}
    assert wrong == set(declared_checks()) - speed_checks()
    assert slow == speed_checks()


def test_the_example_in_the_templates_readme_is_right(solution, capsys, monkeypatch):
    readme = (FOLDER / "template" / "README.md").read_text()
    (code,) = re.findall(r"```python\n(.*?)```", readme, flags=re.DOTALL)
    promised = re.findall(r"print\(.*\)  # (.*)", code)
    monkeypatch.setitem(sys.modules, "layers", solution)
    exec(compile(code, "README.md", "exec"), {})
    printed = capsys.readouterr().out
    numbers = [float(n) for n in re.findall(r"[\d.]+", printed)]
    assert numbers == [float(n) for line in promised for n in re.findall(r"[\d.]+", line)]


def test_the_numbers_in_the_statement_are_right(solution):
    layer = solution.Dense(2, 3)
    layer.kernel = np.array([[1, 0, 2], [3, 1, 0]], np.float32)
    layer.bias = np.array([10, 20, 30], np.float32)
    assert layer.forward(np.array([[1, 2]], np.float32)).tolist() == [[17, 22, 32]]
    assert layer.count_params() == solution.Conv1x1(2, 3, rank=1).count_params() == 9
    assert solution.Dense(200, 3).count_params() == 603


def test_submissions_use_only_numpy_and_the_standard_library():
    for path in FOLDER.glob("submissions/*/*/layers.py"):
        modules = re.findall(r"^(?:from|import) (\w+)", Path(path).read_text(), flags=re.MULTILINE)
        assert set(modules) <= {"numpy", "itertools"}
