"""The command line: what is asked, what comes out, and with which exit status."""

import io
import json
import os
import re
import shlex
import tarfile
import zipfile
from dataclasses import dataclass
from pathlib import Path

import pytest

from grader.cli import main
from grader.report import Outcome, Status, from_json, to_json, without_times
from grader.text import columns

RIGHT = "def double(x):\n    return x * 2\n"
WRONG = "def double(x):\n    print('so far')\n    return x * 3\n"
CHECKS = """
@check(group="values", points=2)
@drawn(examples=20, n=integers(0, 50))
def test_double(student, reference, rng, n):
    '''Twice each element.'''
    x = rng.integers(-9, 9, n).astype(float)
    assert_matches(actual=student.double(x), expected=reference.double(x))

@check(group="values", points=1, visibility="hidden")
def test_secret(student):
    '''Larger numbers.'''
    assert student.double(1e9) == 2e9, "SECRET figure"

@check(group="values", points=1, visibility="after_deadline")
def test_later(student):
    '''Negative numbers.'''
    assert student.double(-1.0) == -2.0, "LATER figure"
"""
CONTROLS = re.compile("[\x00-\x09\x0b-\x1f\x7f-\x9f]")


@dataclass(frozen=True)
class Ran:
    status: int
    out: str
    err: str


@pytest.fixture(autouse=True)
def elsewhere(tmp_path, monkeypatch):
    """Away from this repository's assignments, in a folder with none."""
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    monkeypatch.delenv("ONEBYONE_ASSIGNMENTS", raising=False)
    monkeypatch.delenv("NO_COLOR", raising=False)


@pytest.fixture
def assignment(write_assignment):
    """What `--assignment` is given."""
    return str(write_assignment(CHECKS, points=4).folder)


@pytest.fixture
def run(capsys):
    """A function that runs the command line in this process."""

    def run(*arguments):
        try:
            status = main(arguments)
        except SystemExit as usage:
            status = usage.code
        return Ran(status, *capsys.readouterr())

    return run


@pytest.fixture
def grade(run, assignment):
    """A function that grades, without a sandbox, for the assignment above."""

    def grade(path, *options):
        return run("grade", path, "--assignment", assignment, "--sandbox", "process", *options)

    return grade


@pytest.mark.parametrize(("source", "score"), [(RIGHT, 4), (WRONG, 0), ("not Python at all", 0)])
def test_what_was_graded_has_status_0_whatever_the_score(grade, hand_in, source, score):
    ran = grade(hand_in(source))
    assert ran.status == 0
    assert re.search(rf"^Total +{score} / 4$", ran.out, re.MULTILINE)
    assert max(map(columns, ran.out.split("\n"))) <= 80
    assert ran.err == "sandbox: process, as asked for\n"


@pytest.mark.parametrize(
    "options",
    [
        [],
        ["a.py", "b.py"],
        ["a.py", "--seed", "-1"],
        ["a.py", "--seed", "9223372036854775808"],
        ["a.py", "--seed", "seven"],
        ["a.py", "--seed", "9" * 10_000],
        ["a.py", "--format", "yaml"],
        ["a.py", "--sandbox", "hope"],
        ["a.py", "--assignment"],
        ["a.py", "--no-such-option"],
    ],
)
def test_wrong_usage_has_status_2(run, options):
    ran = run("grade", *options)
    assert ran.status == 2
    assert ran.out == ""
    assert ran.err.startswith("usage: grader ")


def test_without_a_command_it_says_which_there_are(run):
    ran = run()
    assert ran.status == 2
    assert "COMMAND" in ran.err
    shown = run("--help")
    assert (shown.status, shown.err) == (0, "")
    assert "grade a submission" in shown.out
    assert run("--version").out.startswith("grader 0.")


def test_an_unknown_assignment_is_refused_with_a_near_miss(run, hand_in, assignment, monkeypatch):
    monkeypatch.setenv("ONEBYONE_ASSIGNMENTS", str(Path(assignment).parent))
    ran = run("grade", hand_in(), "--assignment", "dubling")
    assert (ran.status, ran.out) == (1, "")
    assert "There is no assignment 'dubling'" in ran.err
    assert "doubling" in ran.err.replace("'dubling'", "")


def test_a_refused_assignment_has_a_json_document_too(run, hand_in):
    ran = run("grade", hand_in(), "--assignment", "dubling", "--format", "json", "--show-hidden")
    report = from_json(ran.out)
    assert (ran.status, report.outcome, report.score) == (1, Outcome.ASSIGNMENT_FAULT, None)
    assert report.assignment is None
    assert "There is no assignment 'dubling'" in report.message


@pytest.mark.parametrize(
    ("damage", "complaint"),
    [
        ({"assignment.toml": "not toml"}, "is not TOML"),
        ({"assignment.toml": "format = 1\nid = 'doubling'\n"}, "assignment.toml"),
        ({"assignment.toml": "format = 1\n" + "\x1b[31m"}, "is not TOML"),
    ],
)
def test_an_assignment_that_is_not_sound_has_status_1(
    assignment, grade, hand_in, damage, complaint
):
    for name, text in damage.items():
        Path(assignment, name).write_text(text)
    ran = grade(hand_in())
    assert (ran.status, ran.out) == (1, "")
    assert ran.err.startswith("The assignment was refused: ")
    assert complaint in ran.err
    assert not CONTROLS.search(ran.err)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("checks/test_values.py", CHECKS.replace("2e9", "SECRET_name")),
        ("reference/solution.py", "raise ValueError('SECRET_name')"),
        ("reference/solution.py", "import sys; sys.exit('SECRET_name')"),
        ("checks/conftest.py", "SECRET_name"),
    ],
)
def test_a_broken_check_is_told_to_its_author_only(write_assignment, run, hand_in, name, text):
    head = "from hypothesis.strategies import integers\nfrom grader.checking import *\n"
    folder = write_assignment(CHECKS, points=4, **{name: head + text}).folder
    words = ("grade", hand_in(), "--assignment", str(folder), "--sandbox", "process")
    told, shown = run(*words), run(*words, "--show-hidden")
    assert told.status == shown.status == 1
    assert "the assignment is at fault, not the submission" in told.out
    assert "SECRET" not in told.out + told.err
    assert "SECRET_name" in shown.out
    assert "Total" not in shown.out


def test_what_is_hidden_is_shown_on_request_only(grade, hand_in):
    path = hand_in(WRONG)
    for form in ("text", "json"):
        ran = grade(path, "--format", form)
        assert "Larger numbers." in ran.out
        assert "SECRET" not in ran.out + ran.err
        assert "LATER" not in ran.out + ran.err
        shown = grade(path, "--format", form, "--show-hidden")
        assert "SECRET figure" in shown.out
        assert "LATER figure" in shown.out
    assert "Of 2 that are not public, only the result is shown." in grade(path).out
    assert "only the result" not in grade(path, "--show-hidden").out


def test_only_public_checks_on_request(grade, hand_in):
    report = from_json(grade(hand_in(), "--visible-only", "--format", "json").out)
    assert [check.id for check in report.checks] == ["test_values.py::test_double"]
    assert report.checks[0].status is Status.PASSED


def test_a_gradescope_document(grade, hand_in):
    ran = grade(hand_in(WRONG), "--format", "gradescope")
    assert ran.status == 0
    document = json.loads(ran.out)
    assert document["score"] == 0
    assert [test["status"] for test in document["tests"]] == ["failed"] * 3
    by_name = {test["name"]: test for test in document["tests"]}
    assert "SECRET" not in ran.out
    assert by_name["Negative numbers."]["visibility"] == "after_due_date"
    assert "LATER figure" in by_name["Negative numbers."]["output"]


def test_gradescope_gets_a_refusal_as_a_document(grade, tmp_path):
    ran = grade(str(tmp_path / "nothing.py"), "--format", "gradescope")
    assert ran.status == 1
    assert json.loads(ran.out)["score"] == 0


def test_gradescope_never_gets_a_part_for_the_whole(grade, hand_in):
    ran = grade(hand_in(), "--format", "gradescope", "--visible-only")
    assert (ran.status, ran.out) == (2, "")
    assert "grade with all of them" in ran.err


def test_a_seed_repeats_a_grading(grade, hand_in):
    path = hand_in("def double(x):\n    return x * 2 + (x > 7)\n")
    first = from_json(grade(path, "--format", "json").out)
    again = from_json(grade(path, "--format", "json", "--seed", str(first.seed)).out)
    assert to_json(without_times(again)) == to_json(without_times(first))
    assert from_json(grade(path, "--format", "json").out).seed != first.seed


@pytest.mark.parametrize("name", ["double.py", "my $HOME 'of' code.py"])
def test_the_command_that_a_report_ends_with_repeats_it(run, grade, hand_in, name):
    first = grade(hand_in(WRONG, name)).out
    _, _, command = first.partition("To repeat this grading:\n")
    words = shlex.split(re.sub(r"\n +", " ", command))
    assert words[:2] == ["grader", "grade"]
    assert run(*words[1:]).out == first


def test_assignments_are_looked_up_in_all_roots_and_the_first_that_has_one_counts(
    run, hand_in, write_assignment, tmp_path, monkeypatch
):
    empty = tmp_path / "empty"
    empty.mkdir()
    first, second = tmp_path / "first", tmp_path / "second"
    write_assignment(CHECKS, points=4, root=first)
    write_assignment(CHECKS.replace("'''Larger", "'''Other"), points=4, root=second)
    write_assignment(CHECKS, points=4, slug="tripling", root=second)
    roots = [empty, first, second]
    monkeypatch.setenv("ONEBYONE_ASSIGNMENTS", os.pathsep.join(map(str, roots)))
    words = ("grade", hand_in(), "--sandbox", "process")
    assert "Larger numbers." in run(*words, "--assignment", "doubling").out
    assert "tripling, version 3" in run(*words, "--assignment", "tripling").out
    monkeypatch.setenv("ONEBYONE_ASSIGNMENTS", os.pathsep.join(map(str, reversed(roots))))
    assert "Other numbers." in run(*words, "--assignment", "doubling").out


def test_the_folder_assignments_here_comes_first(run, hand_in, write_assignment, tmp_path):
    write_assignment(CHECKS, points=4, root=tmp_path / "elsewhere" / "assignments")
    ran = run("grade", hand_in(), "--sandbox", "process", "--assignment", "doubling")
    assert ran.status == 0


@pytest.mark.parametrize("roots", ["", "::", "/dev/null", "/nonexistent", "a" * 300, "\x1b[31m"])
def test_roots_that_make_no_sense_hold_no_assignment(run, hand_in, monkeypatch, roots):
    monkeypatch.setenv("ONEBYONE_ASSIGNMENTS", roots)
    ran = run("grade", hand_in(), "--assignment", "doubling")
    assert (ran.status, ran.out) == (1, "")
    assert "There is no assignment 'doubling'" in ran.err


@pytest.mark.parametrize(
    "name", ["../../doubling", "doubling/checks", "a" * 300, "/", "", "\x1b[31m"]
)
def test_names_that_no_assignment_has_are_refused(run, hand_in, monkeypatch, assignment, name):
    monkeypatch.setenv("ONEBYONE_ASSIGNMENTS", str(Path(assignment).parent / "elsewhere" / "x"))
    Path("x").mkdir()
    ran = run("grade", hand_in(), "--assignment", name)
    assert (ran.status, ran.out) == (1, "")
    assert "There is no assignment" in ran.err
    assert not CONTROLS.search(ran.err)


def test_a_submission_below_an_assignment_is_for_that_one(run, assignment, monkeypatch):
    folder = Path(assignment, "submissions", "accepted", "plain")
    folder.mkdir(parents=True)
    (folder / "double.py").write_text(RIGHT)
    for path in (folder, folder / "double.py"):
        assert run("grade", str(path), "--sandbox", "process").status == 0
    monkeypatch.chdir(folder.parent)
    assert run("grade", "plain", "--sandbox", "process").status == 0
    assert run("grade", "plain/../plain/double.py", "--sandbox", "process").status == 0


def test_without_any_assignment_it_asks_which_one(run, hand_in):
    ran = run("grade", hand_in())
    assert (ran.status, ran.out) == (1, "")
    assert "--assignment SLUG" in ran.err


HOSTILE_NAMES = [
    "\x1b]0;owned\x07\x1b[2J.py",
    "a\nTotal   100 / 100\n.py",
    "\udcff\udcfe.py",
    "a" * 300,
    "a" * 300 + "/double.py",
    "a" * 5000,
    "-",
    "",
]


@pytest.mark.parametrize("name", HOSTILE_NAMES)
def test_a_hostile_name_is_refused_and_harmless_to_show(run, grade, name):
    unguessed, refused = run("grade", name), grade(name)
    assert unguessed.status == refused.status == 1
    assert "--assignment SLUG" in unguessed.err
    assert "Refused: not graded." in refused.out
    for text in (unguessed.err, refused.out, refused.err):
        assert not CONTROLS.search(text)
        assert len(text) < 1000
    assert "\nTotal" not in refused.out + unguessed.err


def test_links_in_a_circle_are_refused(run, grade, tmp_path):
    loop = tmp_path / "loop"
    loop.symlink_to(loop)
    assert "--assignment SLUG" in run("grade", str(loop)).err
    assert "link or a special file" in grade(str(loop)).out


def test_a_file_with_a_hostile_name_is_graded_and_its_name_shown_harmlessly(grade, hand_in):
    ran = grade(hand_in(RIGHT, "\x1b[2J\x1b]0;owned\x07\n.py"))
    assert ran.status == 0
    assert not CONTROLS.search(ran.out)


def zip_of(*entries):
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in entries:
            archive.writestr(name, content)
    return stream.getvalue()


def tar_of(*entries):
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w:gz") as archive:
        for entry in entries:
            archive.addfile(entry)
    return stream.getvalue()


def link(name, target):
    entry = tarfile.TarInfo(name)
    entry.type, entry.linkname = tarfile.SYMTYPE, target
    return entry


@pytest.mark.parametrize(
    "content",
    [
        zip_of(("double.py", RIGHT), ("../../../\x1b[31mevil.py", "")),
        zip_of(("/etc/double.py", RIGHT)),
        zip_of(("double.py", bytes(256 << 20))),
        zip_of(("double.py", RIGHT))[:-30],
        zip_of(("other.py", RIGHT)),
        tar_of(link("double.py", "/etc/passwd")),
        tar_of(tarfile.TarInfo("../double.py")),
        b"\x1f\x8b" + bytes(100),
        b"",
        b"\x1b]0;owned\x07",
    ],
    ids=range(10),
)
def test_a_hostile_archive_is_refused(grade, tmp_path, content):
    path = tmp_path / "handed-in.zip"
    path.write_bytes(content)
    before = set(tmp_path.rglob("*"))
    ran = grade(str(path))
    assert ran.status == 1
    assert "Refused: not graded." in ran.out
    assert not CONTROLS.search(ran.out + ran.err)
    assert set(tmp_path.rglob("*")) == before


def test_an_archive_is_graded(grade, tmp_path):
    (tmp_path / "fine.zip").write_bytes(zip_of(("double.py", RIGHT)))
    assert grade(str(tmp_path / "fine.zip")).status == 0


def test_a_gpu_goes_to_docker_only(grade, hand_in):
    ran = grade(hand_in(), "--device", "0")
    assert ran.status == 3
    assert "a GPU can only be passed to docker" in " ".join(ran.out.split())
