"""The command line: what is asked, what comes out on which stream, and with which exit status."""

import io
import json
import os
import re
import shlex
import signal
import subprocess
import sys
import tarfile
import time
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
NOISE = """
import os
print("NOISE of Python")
os.system("echo NOISE of a process")
os.write(1, b"NOISE of a descriptor\\n")
"""
NOWHERE = "unix:///nonexistent/docker.sock"
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
def write(tmp_path):
    """A function that writes a submission and returns its path as an argument."""

    def write(source=RIGHT, name="double.py"):
        path = tmp_path / "handed in" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(source)
        return str(path)

    return write


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


def start(*arguments, **options):
    """The command line in a process of its own."""
    environment = {**os.environ, **options.pop("environment", {})}
    streams = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, **options}
    return subprocess.Popen(
        [sys.executable, "-m", "grader", *arguments], env=environment, text=True, **streams
    )


def run_apart(*arguments, **options):
    process = start(*arguments, **options)
    out, err = process.communicate(timeout=120)
    return Ran(process.returncode, out, err)


@pytest.mark.parametrize(("source", "score"), [(RIGHT, 4), (WRONG, 0), ("not Python at all", 0)])
def test_what_was_graded_has_status_0_whatever_the_score(grade, write, source, score):
    ran = grade(write(source))
    assert ran.status == 0
    assert re.search(rf"^Total +{score} / 4$", ran.out, re.MULTILINE)
    assert max(map(columns, ran.out.split("\n"))) <= 80
    assert ran.err == "sandbox: process, as asked for\n"


def test_json_is_one_document_of_what_was_graded(assignment, write):
    ran = run_apart(
        *("grade", write(), "--assignment", assignment, "--sandbox", "process"),
        *("--format", "json", "--seed", "7"),
    )
    report = from_json(ran.out)
    assert (ran.status, report.outcome) == (0, Outcome.GRADED)
    assert (report.score, report.max_score, report.seed) == (4, 4, 7)
    assert "{" not in ran.err


def test_json_is_one_document_of_what_was_refused(assignment, write):
    ran = run_apart(
        *("grade", write("x" * (4 << 20)), "--assignment", assignment, "--sandbox", "process"),
        *("--format", "json"),
    )
    report = from_json(ran.out)
    assert (ran.status, report.outcome) == (1, Outcome.REFUSED)
    assert report.score is None
    assert ran.err == ""


@pytest.mark.parametrize("name", ["json", "gradescope", "text"])
def test_a_fault_of_ours_has_status_3_and_no_score(assignment, write, name):
    ran = run_apart(
        *("grade", write(), "--assignment", assignment, "--sandbox", "docker", "--format", name),
        environment={"DOCKER_HOST": NOWHERE},
    )
    assert ran.status == 3
    if name == "json":
        report = from_json(ran.out)
        assert report.outcome is Outcome.INFRASTRUCTURE_FAULT
        assert report.score is None
        assert "start Docker" in report.message
    elif name == "gradescope":
        # Without a results.json, Gradescope says that the autograder failed.
        assert ran.out == ""
        assert "start Docker" in ran.err
    else:
        assert "the grader is at fault, not the submission" in ran.out
        assert "Total" not in ran.out


def test_nothing_but_the_report_reaches_standard_output(write_assignment, write):
    noisy = CHECKS.replace("    x =", "    print('NOISE'); os.system('echo NOISE')\n    x =")
    folder = write_assignment(
        NOISE + noisy,
        points=4,
        **{
            "checks/conftest.py": NOISE + "def pytest_sessionfinish():\n    print('NOISE')\n",
            "reference/solution.py": NOISE + RIGHT,
        },
    ).folder
    path = write(NOISE.replace("NOISE", "voice") + RIGHT)
    ran = run_apart(
        *("grade", path, "--assignment", str(folder), "--sandbox", "process"),
        *("--format", "json"),
    )
    report = from_json(ran.out)
    assert report.score == 4
    assert report.checks[0].output.startswith("voice of Python\nvoice of a process\n")
    assert "NOISE" not in ran.out


def test_checks_that_do_not_load_leave_standard_output_alone_too(write_assignment, write):
    folder = write_assignment(CHECKS, points=4, **{"checks/conftest.py": NOISE + "1 / 0\n"}).folder
    ran = run_apart(
        *("grade", write(), "--assignment", str(folder), "--sandbox", "process"),
        *("--format", "json", "--show-hidden"),
    )
    assert ran.status == 1
    report = from_json(ran.out)
    assert report.outcome is Outcome.ASSIGNMENT_FAULT
    assert "conftest.py" in report.message
    assert "ZeroDivisionError" in report.message


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


def test_an_unknown_assignment_is_refused_with_a_near_miss(run, write, assignment, monkeypatch):
    monkeypatch.setenv("ONEBYONE_ASSIGNMENTS", str(Path(assignment).parent))
    ran = run("grade", write(), "--assignment", "dubling", "--format", "json")
    assert (ran.status, ran.out) == (1, "")
    assert "There is no assignment 'dubling'" in ran.err
    assert "doubling" in ran.err.replace("'dubling'", "")


@pytest.mark.parametrize(
    ("damage", "complaint"),
    [
        ({"assignment.toml": "not toml"}, "is not TOML"),
        ({"assignment.toml": "format = 1\nid = 'doubling'\n"}, "assignment.toml"),
        ({"assignment.toml": "format = 1\n" + "\x1b[31m"}, "is not TOML"),
    ],
)
def test_an_assignment_that_is_not_sound_has_status_1(assignment, grade, write, damage, complaint):
    for name, text in damage.items():
        Path(assignment, name).write_text(text)
    ran = grade(write())
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
def test_a_broken_check_is_told_to_its_author_only(write_assignment, run, write, name, text):
    head = "from hypothesis.strategies import integers\nfrom grader.checking import *\n"
    folder = write_assignment(CHECKS, points=4, **{name: head + text}).folder
    words = ("grade", write(), "--assignment", str(folder), "--sandbox", "process")
    told, shown = run(*words), run(*words, "--show-hidden")
    assert told.status == shown.status == 1
    assert "the assignment is at fault, not the submission" in told.out
    assert "SECRET" not in told.out + told.err
    assert "SECRET_name" in shown.out
    assert "Total" not in shown.out


def test_what_is_hidden_is_shown_on_request_only(grade, write):
    path = write(WRONG)
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


def test_only_public_checks_on_request(grade, write):
    report = from_json(grade(write(), "--visible-only", "--format", "json").out)
    assert [check.id for check in report.checks] == ["test_values.py::test_double"]
    assert report.checks[0].status is Status.PASSED


def test_a_gradescope_document(grade, write):
    ran = grade(write(WRONG), "--format", "gradescope")
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


def test_gradescope_never_gets_a_part_for_the_whole(grade, write):
    ran = grade(write(), "--format", "gradescope", "--visible-only")
    assert (ran.status, ran.out) == (2, "")
    assert "grade with all of them" in ran.err


def test_a_seed_repeats_a_grading(grade, write):
    path = write("def double(x):\n    return x * 2 + (x > 7)\n")
    first = from_json(grade(path, "--format", "json").out)
    again = from_json(grade(path, "--format", "json", "--seed", str(first.seed)).out)
    assert to_json(without_times(again)) == to_json(without_times(first))
    assert from_json(grade(path, "--format", "json").out).seed != first.seed


@pytest.mark.parametrize("name", ["double.py", "my $HOME 'of' code.py"])
def test_the_command_that_a_report_ends_with_repeats_it(run, grade, write, name):
    first = grade(write(WRONG, name)).out
    _, _, command = first.partition("To repeat this grading:\n")
    words = shlex.split(re.sub(r"\n +", " ", command))
    assert words[:2] == ["grader", "grade"]
    assert run(*words[1:]).out == first


def test_assignments_are_looked_up_in_all_roots_and_the_first_that_has_one_counts(
    run, write, write_assignment, tmp_path, monkeypatch
):
    empty = tmp_path / "empty"
    empty.mkdir()
    first, second = tmp_path / "first", tmp_path / "second"
    write_assignment(CHECKS, points=4, root=first)
    write_assignment(CHECKS.replace("'''Larger", "'''Other"), points=4, root=second)
    write_assignment(CHECKS, points=4, slug="tripling", root=second)
    roots = [empty, first, second]
    monkeypatch.setenv("ONEBYONE_ASSIGNMENTS", os.pathsep.join(map(str, roots)))
    words = ("grade", write(), "--sandbox", "process")
    assert "Larger numbers." in run(*words, "--assignment", "doubling").out
    assert "tripling, version 3" in run(*words, "--assignment", "tripling").out
    monkeypatch.setenv("ONEBYONE_ASSIGNMENTS", os.pathsep.join(map(str, reversed(roots))))
    assert "Other numbers." in run(*words, "--assignment", "doubling").out


def test_the_folder_assignments_here_comes_first(run, write, write_assignment, tmp_path):
    write_assignment(CHECKS, points=4, root=tmp_path / "elsewhere" / "assignments")
    ran = run("grade", write(), "--sandbox", "process", "--assignment", "doubling")
    assert ran.status == 0


@pytest.mark.parametrize("roots", ["", "::", "/dev/null", "/nonexistent", "a" * 300, "\x1b[31m"])
def test_roots_that_make_no_sense_hold_no_assignment(run, write, monkeypatch, roots):
    monkeypatch.setenv("ONEBYONE_ASSIGNMENTS", roots)
    ran = run("grade", write(), "--assignment", "doubling")
    assert (ran.status, ran.out) == (1, "")
    assert "There is no assignment 'doubling'" in ran.err


@pytest.mark.parametrize(
    "name", ["../../doubling", "doubling/checks", "a" * 300, "/", "", "\x1b[31m"]
)
def test_names_that_no_assignment_has_are_refused(run, write, monkeypatch, assignment, name):
    monkeypatch.setenv("ONEBYONE_ASSIGNMENTS", str(Path(assignment).parent / "elsewhere" / "x"))
    Path("x").mkdir()
    ran = run("grade", write(), "--assignment", name)
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


def test_without_any_assignment_it_asks_which_one(run, write):
    ran = run("grade", write())
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


def test_a_file_with_a_hostile_name_is_graded_and_its_name_shown_harmlessly(grade, write):
    ran = grade(write(RIGHT, "\x1b[2J\x1b]0;owned\x07\n.py"))
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


def test_a_gpu_goes_to_docker_only(grade, write):
    ran = grade(write(), "--device", "0")
    assert ran.status == 3
    assert "a GPU can only be passed to docker" in " ".join(ran.out.split())


def test_without_a_sandbox_only_ones_own_code_is_run_and_that_is_said(assignment, write):
    words = ("grade", write(), "--assignment", assignment)
    environment = {"DOCKER_HOST": NOWHERE, "PATH": ""}
    refused = run_apart(*words, environment=environment)
    assert refused.status == 3
    assert "add --own-code" in " ".join(refused.out.split())
    ran = run_apart(*words, "--own-code", environment=environment)
    assert ran.status == 0
    assert "NO ISOLATION" in ran.err
    assert "sandbox     process (none" in ran.out


def test_a_terminal_that_lacks_a_character_shows_its_number(assignment, write):
    ran = run_apart(
        *("grade", write("def double(x):\n    raise ValueError('é数\\ud800')\n")),
        *("--assignment", assignment, "--sandbox", "process"),
        environment={"PYTHONIOENCODING": "ascii"},
    )
    assert ran.status == 0
    assert r"\xe9\u6570" in ran.out


def test_ctrl_c_is_no_fault_of_anybody_and_no_grade(assignment, write, tmp_path):
    mark = tmp_path / "mark"
    source = f"import time\ndef double(x):\n    open({str(mark)!r}, 'w')\n    time.sleep(600)\n"
    grading = start("grade", write(source), "--assignment", assignment, "--sandbox", "process")
    deadline = time.monotonic() + 60
    while not mark.exists():
        assert time.monotonic() < deadline
        time.sleep(0.01)
    grading.send_signal(signal.SIGINT)
    out, err = grading.communicate(timeout=60)
    assert (grading.returncode, out) == (3, "")
    assert err.endswith("Interrupted; nothing was graded.\n")


def run_on_terminal(*arguments, streams=("stdout", "stderr"), **options):
    """Run with these streams on a terminal; what the terminal got, and what the others."""
    ours, theirs = os.openpty()
    process = start(*arguments, **dict.fromkeys(streams, theirs), **options)
    os.close(theirs)
    shown = b""
    # Reading ends with an error when the last process has let go of the terminal.
    while chunk := read_terminal(ours):
        shown += chunk
    os.close(ours)
    out, err = process.communicate(timeout=60)
    return process.returncode, shown.decode().replace("\r\n", "\n"), out or "", err or ""


def read_terminal(descriptor):
    try:
        return os.read(descriptor, 1 << 16)
    except OSError:
        return b""


def test_colour_is_for_terminals_that_want_it(assignment, write):
    words = ("grade", write(WRONG), "--assignment", assignment, "--sandbox", "process")
    plain = run_apart(*words, "--seed", "1").out
    assert "\x1b" not in plain
    status, coloured, _, err = run_on_terminal(*words, "--seed", "1", streams=["stdout"])
    assert status == 0
    assert "\x1b[31mFAIL" in coloured
    assert re.sub(r"\x1b\[\d+m", "", coloured) == plain
    assert "\x1b" not in err
    options = {"streams": ["stdout"], "environment": {"NO_COLOR": "1"}}
    assert run_on_terminal(*words, "--seed", "1", **options)[1] == plain


def test_progress_is_one_line_that_goes_away_and_on_a_terminal_only(write_assignment, write):
    title = "数字" * 60
    folder = write_assignment(CHECKS.replace("Larger numbers.", title), points=4).folder
    status, shown, out, _ = run_on_terminal(
        *("grade", write(), "--assignment", str(folder), "--sandbox", "process"),
        *("--format", "json"),
        streams=["stderr"],
    )
    assert status == 0
    assert from_json(out).score == 4
    _, *lines, last = shown.split("\r\x1b[K")
    assert [line.split(" ")[1] for line in lines] == ["1/3", "2/3", "3/3"]
    assert lines[0] == "doubling: 1/3 Twice each element."
    assert last == ""
    assert all("\n" not in line and columns(line) < 80 for line in lines)
    assert run_apart(
        *("grade", write(), "--assignment", str(folder), "--sandbox", "process")
    ).err == ("sandbox: process, as asked for\n")
