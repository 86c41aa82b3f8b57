"""Plain pytest on an assignment's checks, as its author runs it: a process of its own each time."""

import re
import subprocess
import sys

import pytest

from grader.checking.decorators import derive_seed

CHECKS = """
@check(group="values", points=1)
@drawn(examples=10, n=integers(0, 10**9))
def test_drawn(student, reference, rng, n):
    '''Twice each element.'''
    print("\\ndrawn", n)
    x = rng.normal(size=3)
    assert_matches(actual=student.double(x), expected=reference.double(x))

@check(group="values", points=1)
def test_plain(student, rng, case_seed):
    '''Twice a number.'''
    print("\\nplain", case_seed, rng.integers(10**9))
    there = student.hold(np.ones(2))
    assert (student.double(there) == 2.0).all()
"""


@pytest.fixture
def run(tmp_path):
    """A function that runs pytest without any configuration; its exit status and what it said."""

    def run(*arguments):
        options = ("-s", "-p", "no:cacheprovider", "--import-mode=importlib", "-W", "error")
        ran = subprocess.run(
            [sys.executable, "-B", "-m", "pytest", *options, *map(str, arguments)],
            cwd=tmp_path,
            capture_output=True,
            text=True,
            check=False,
        )
        return ran.returncode, ran.stdout + ran.stderr

    return run


@pytest.fixture
def folder(write_assignment):
    return write_assignment(CHECKS).folder


def cases(said):
    """What was drawn."""
    return re.findall(r"^(?:drawn|plain) .*$", said, re.MULTILINE)


def test_checks_run_against_the_reference(run, folder):
    status, said = run(folder / "checks")
    assert status == 0, said
    assert "2 passed" in said
    assert "seed" not in said


def test_checks_run_against_a_named_file(run, folder, tmp_path):
    (tmp_path / "wrong.py").write_text("def double(x):\n    return x * 3\n")
    for path in ("wrong.py", tmp_path / "wrong.py"):
        status, said = run(folder / "checks", "--student", path)
        assert status == 1
        assert "2 failed" in said
        assert "Mismatch" in said
    assert run(folder / "checks", "--student", folder / "reference" / "solution.py")[0] == 0


def test_an_oracle_is_the_reference_where_there_is_one(run, write_assignment):
    oracle = "def double(x):\n    return x * 5\n"
    folder = write_assignment(CHECKS, **{"reference/oracle.py": oracle}).folder
    status, said = run(folder / "checks")
    assert status == 1
    assert "1 failed, 1 passed" in said


def test_the_same_seed_draws_the_same_cases(run, folder):
    status, said = run(folder / "checks", "--check-seed", "7")
    assert status == 0
    assert "onebyone: seed 7" in said
    assert len(cases(said)) == 11
    assert cases(run(folder / "checks", "--check-seed=7")[1]) == cases(said)
    drawn_anew = [cases(run(folder / "checks")[1]) for _ in range(2)]
    assert drawn_anew[0] != drawn_anew[1]


def test_a_check_has_the_seed_that_it_has_in_a_grading_wherever_pytest_runs(run, folder):
    expected = derive_seed(7, "test_values.py::test_plain")
    for place in (folder, folder / "checks", f"{folder}/checks/test_values.py::test_plain"):
        assert f"plain {expected} " in run(place, "--check-seed=7")[1]


def test_a_check_in_a_folder_is_named_with_it(run, write_assignment):
    text = "from grader.checking import check\n\n@check(group='values', points=1)\n"
    text += "def test_here(case_seed):\n    '''Here.'''\n    print('\\nplain', case_seed)\n"
    folder = write_assignment(CHECKS, **{"checks/more/test_deep.py": text}).folder
    expected = derive_seed(7, "more/test_deep.py::test_here")
    assert f"plain {expected}" in run(folder / "checks" / "more", "--check-seed=7")[1]


def test_two_assignments_in_one_run_keep_apart(run, write_assignment):
    triple = "def double(x):\n    return x * 3\n"
    first = write_assignment(CHECKS).folder
    second = write_assignment(
        CHECKS.replace("== 2.0", "== 3.0"), slug="tripling", **{"reference/solution.py": triple}
    ).folder
    status, said = run(first / "checks", second / "checks", "--check-seed=7")
    assert status == 0, said
    assert "4 passed" in said


@pytest.mark.parametrize("fixture", ["student", "reference", "rng", "case_seed"])
def test_outside_of_an_assignment_the_fixtures_say_what_they_are_for(run, tmp_path, fixture):
    (tmp_path / "test_elsewhere.py").write_text(f"def test_x({fixture}):\n    pass\n")
    status, said = run(tmp_path / "test_elsewhere.py")
    assert status == 1
    assert "this fixture is for checks below a folder with an assignment.toml" in said


def test_tests_that_use_no_fixture_of_ours_are_left_alone(run, tmp_path):
    (tmp_path / "conftest.py").write_text(
        "import pytest\n@pytest.fixture\ndef rng():\n    return 'their own'\n"
    )
    (tmp_path / "test_elsewhere.py").write_text(
        "def test_x(rng):\n    assert rng == 'their own'\ndef test_y():\n    pass\n"
    )
    status, said = run(tmp_path / "test_elsewhere.py")
    assert status == 0
    assert "onebyone: seed" not in said


@pytest.mark.parametrize(
    ("option", "complaint"),
    [
        ("--student=nothing.py", "nothing.py"),
        ("--student=notes.txt", "is not a Python file"),
        ("--student=broken.py", "SyntaxError"),
        ("--check-seed=seven", "invalid int value"),
    ],
)
def test_what_cannot_be_used_is_named(run, folder, tmp_path, option, complaint):
    (tmp_path / "notes.txt").write_text("hello")
    (tmp_path / "broken.py").write_text("def double(x:\n")
    status, said = run(folder / "checks", option)
    assert status != 0
    assert "passed" not in said
    assert complaint in said


def test_an_assignment_that_is_not_sound_is_told_in_a_plain_run_too(run, folder):
    (folder / "statement.md").unlink()
    status, said = run(folder / "checks")
    assert status == 1
    assert "statement.md is missing" in said
