import contextlib
import os
import tomllib
from dataclasses import fields
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from grader.assignment import (
    Export,
    ExportKind,
    Interface,
    Rung,
    SpeedRules,
    find_assignment,
    load_assignment,
)
from grader.assignment_schema import LIMIT_RANGES, parse_document
from grader.decoding import DecodeError
from grader.errors import AssignmentInvalid
from grader.sandbox.limits import Limits
from grader.sandbox.runtime import Arrays, Device, Runtime

RUNG = "{{at_most = {}, share = {}}}"

SEEDED = settings(deadline=None, derandomize=True)

DOCUMENT = """
format = 1
id = "dense"
version = "2026.1"
title = "Dense from scratch"

[interface]
file = "layers.py"

[[interface.exports]]
name = "Dense"
kind = "class"
init = "(in_features, units, use_bias=True)"
methods = ["forward", "backward"]
attributes = ["kernel", "bias"]

[[interface.exports]]
name = "relu"
kind = "function"
signature = "(x, *, slope=0.0)"

[points]
forward = 4
gradients = 2.5

[limits]
call_s = 5
"""


def write(folder: Path, document: str = DOCUMENT) -> Path:
    for name, text in {
        "assignment.toml": document,
        "statement.md": "Write Dense.",
        "template/layers.py": "class Dense: ...",
        "checks/test_forward.py": "def test_it(): ...",
        "reference/solution.py": "class Dense: ...",
    }.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text, encoding="utf-8")
    return folder


@pytest.fixture
def folder(tmp_path):
    return write(tmp_path / "dense")


def test_a_sound_folder_becomes_an_assignment(folder):
    assignment = load_assignment(folder)
    assert assignment.slug == "dense"
    assert assignment.version == "2026.1"
    assert assignment.title == "Dense from scratch"
    assert assignment.interface == Interface(
        "layers.py",
        (
            Export(
                name="Dense",
                kind=ExportKind.CLASS,
                init="(in_features, units, use_bias=True)",
                methods=("forward", "backward"),
                attributes=("kernel", "bias"),
            ),
            Export(name="relu", kind=ExportKind.FUNCTION, signature="(x, *, slope=0.0)"),
        ),
    )
    assert dict(assignment.points) == {"forward": 4, "gradients": 2.5}
    assert assignment.limits == Limits(call_s=5)
    assert assignment.statement.is_file()
    assert (assignment.template / "layers.py").is_file()
    assert (assignment.checks / "test_forward.py").is_file()
    assert (assignment.reference / "solution.py").is_file()
    assert assignment.submissions == folder / "submissions"


def test_the_assignment_of_the_course_loads():
    load_assignment(Path(__file__).parents[2] / "assignments" / "dense-conv1x1")


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("format = 1", "format = 2", "format must be 1"),
        ("format = 1", "", "lacks the key format"),
        ("format = 1", "format = 1\nfromat = 1", "unknown key 'fromat'. Did you mean format?"),
        ('id = "dense"', 'id = "Dense"', "id must be lower-case words"),
        ('id = "dense"', 'id = "../dense"', "id must be lower-case words"),
        ('id = "dense"', 'id = "conv"', "make them the same"),
        ('id = "dense"', "id = 5", "id must be text"),
        ('version = "2026.1"', "version = 1", "version must be text"),
        ('version = "2026.1"', 'version = ""', "version must be text like 1"),
        ("Dense from scratch", "two\\nlines", "title must be one line"),
        ("Dense from scratch", "\\u001b[31mred", "title must be one line"),
        ("Dense from scratch", " ", "title must be one line"),
        ('file = "layers.py"', 'file = "../layers.py"', "interface.file must be a module's name"),
        ('file = "layers.py"', 'file = "layers"', "interface.file must be a module's name"),
        ('file = "layers.py"', 'file = "class.py"', "cannot be imported"),
        ('file = "layers.py"', 'fiel = "layers.py"', "Did you mean file?"),
        ('name = "Dense"', 'name = "_Dense"', "without an underscore"),
        ('name = "Dense"', 'name = "class"', "must be a Python name"),
        ('name = "Dense"', 'name = "a-b"', "must be a Python name"),
        ('name = "Dense"', 'name = "relu"', "'relu' occurs twice"),
        ('kind = "class"', 'kind = "module"', "one of class, function, not 'module'"),
        ('kind = "function"', 'kind = "function"\nmethods = ["x"]', "no init, methods"),
        ('kind = "function"', 'kind = "class"', "say init instead of signature"),
        ('signature = "(x, *, slope=0.0)"', "", "lacks the key signature"),
        ('init = "(in_features, units, use_bias=True)"', "", "lacks the key init"),
        ("(x, *, slope=0.0)", "x", "must be parameters in parentheses"),
        ("(x, *, slope=0.0)", "(x", "must be parameters in parentheses"),
        ("(x, *, slope=0.0)", "(x): pass\\ndef g()", "must be parameters in parentheses"),
        ("(x, *, slope=0.0)", "(x) -> int", "must be parameters in parentheses"),
        ("(x, *, slope=0.0)", "(x, x)", "must be parameters in parentheses"),
        ("(x, *, slope=0.0)", "(x=exit(3))", "default that is not a literal"),
        ("(x, *, slope=0.0)", "(" * 400, "must be parameters in parentheses"),
        ("(x, *, slope=0.0)", "(x=" + "[" * 300, "must be parameters in parentheses"),
        ('["forward", "backward"]', '["forward", "forward"]', "'forward' occurs twice"),
        ('["forward", "backward"]', '["forward", "kernel"]', "'kernel' occurs twice"),
        ('["forward", "backward"]', '["__init__"]', "without an underscore"),
        ('["forward", "backward"]', '"forward"', "methods must be a list"),
        ("forward = 4", "forward = 0", "more than 0"),
        ("forward = 4", "forward = nan", "more than 0"),
        ("forward = 4", "forward = inf", "more than 0"),
        ("forward = 4", "forward = true", "points.forward must be a number"),
        ("forward = 4", "forward = " + "9" * 5000, "integer string conversion"),
        ("forward = 4", "forward = 0x" + "f" * 5000, "not a huge number"),
        ("forward = 4", '"a\\u001bb" = 4', "lower-case, like forward"),
        ("forward = 4\ngradients = 2.5", "", "points is empty"),
        ("call_s = 5", "call_s = 0", "limits.call_s must be 0.01 to 600, not 0"),
        ("call_s = 5", "call_s = 200", "more than limits.wall_s"),
        ("call_s = 5", "calls = 5", "Did you mean call_s?"),
        ("call_s = 5", "memory_mib = 512.5", "limits.memory_mib must be a whole number"),
        ("call_s = 5", "processes = 1000000", "limits.processes must be 4 to 4096"),
        ("[limits]", "[limit]", "Did you mean limits?"),
        ("[limits]", "[speed]\ncall_ms = 0\n[limits]", "speed.call_ms must be 0.1 to 1000"),
        ("[limits]", "[speed]\nsmall_share = 2\n[limits]", "speed.small_share must be 0 to 1"),
        ("[limits]", "[speed]\nsmall_s = nan\n[limits]", "speed.small_s must be"),
        ("[limits]", '[speed]\narrays = "torch"\n[limits]', "unknown key speed.arrays|arrays"),
        ("[limits]", '[runtime]\narrays = "jax"\n[limits]', "one of numpy, torch, not 'jax'"),
        ("[limits]", '[runtime]\ndevice = "cuda"\n[limits]', 'say runtime.arrays = "torch"'),
        ("[limits]", '[runtime]\ndevices = "cpu"\n[limits]', "Did you mean device?"),
        ("[limits]", '[style]\nforbid = ["torch.nn"]\n[limits]', "Did you mean forbidden?"),
        ("[limits]", '[style]\nforbidden = "torch.nn"\n[limits]', "forbidden must be a list"),
        ("[limits]", "[style]\nforbidden = [1]\n[limits]", "forbidden"),
        ("[limits]", '[style]\nforbidden = [""]\n[limits]', "like torch.nn"),
        ("[limits]", '[style]\nforbidden = ["."]\n[limits]', "like torch.nn"),
        ("[limits]", '[style]\nforbidden = ["torch..nn"]\n[limits]', "like torch.nn"),
        ("[limits]", '[style]\nforbidden = ["torch.nn()"]\n[limits]', "like torch.nn"),
        ("[limits]", '[style]\nforbidden = [".a.b"]\n[limits]', "like torch.nn"),
        ("[limits]", '[style]\nforbidden = ["torch.class"]\n[limits]', "like torch.nn"),
        ("[limits]", '[style]\nforbidden = ["t\\u001b"]\n[limits]', "like torch.nn"),
        ("[limits]", f'[style]\nforbidden = ["{"a" * 101}"]\n[limits]', "like torch.nn"),
        ("[limits]", '[style]\nforbidden = ["a", "a"]\n[limits]', "'a' occurs twice"),
        (
            "[limits]",
            f"[style]\nforbidden = {[f'a{n}' for n in range(101)]}\n[limits]",
            "100 will do",
        ),
        ("[limits]", "[speed]\nladder = 1\n[limits]", "Did you mean ladders?"),
        ("[limits]", "[speed.ladders]\nup = []\n[limits]", "must have 1 to 20 rungs, not 0"),
        ("[limits]", "[speed.ladders]\nUP = []\n[limits]", "lower-case, like forward"),
        ("[limits]", f"[speed.ladders]\nup = [{RUNG.format(0, 1)}]\n[limits]", "at_most must be"),
        ("[limits]", f"[speed.ladders]\nup = [{RUNG.format(4, 1.5)}]\n[limits]", "at most 1"),
        ("[limits]", f"[speed.ladders]\nup = [{RUNG.format('nan', 1)}]\n[limits]", "at_most"),
        (
            "[limits]",
            f"[speed.ladders]\nup = [{RUNG.format(9, 1)}, {RUNG.format(4, 0.5)}]\n[limits]",
            "each rung must ask for less",
        ),
        (
            "[limits]",
            f"[speed.ladders]\nup = [{RUNG.format(4, 0.5)}, {RUNG.format(9, 0.5)}]\n[limits]",
            "and give less",
        ),
        ("[limits]", "[limits", "is not TOML"),
        ("call_s = 5", "call_s = " + "[" * 5000, "nested too deeply|not TOML"),
    ],
)
def test_a_fault_of_the_document_is_named_with_file_key_and_remedy(folder, old, new, message):
    assert old in DOCUMENT
    (folder / "assignment.toml").write_text(DOCUMENT.replace(old, new, 1), encoding="utf-8")
    with pytest.raises(AssignmentInvalid, match=message) as caught:
        load_assignment(folder)
    assert "assignment.toml" in str(caught.value)
    assert len(str(caught.value)) < 600 + len(str(folder))
    assert "\x1b" not in str(caught.value)


def test_what_student_code_computes_with_is_numpy_unless_said_otherwise(folder):
    assert load_assignment(folder).runtime == Runtime(arrays=Arrays.NUMPY, device=Device.CPU)
    assert load_assignment(folder).style.forbidden == ()
    tables = '[runtime]\narrays = "torch"\ndevice = "cuda"\n'
    tables += '[style]\nforbidden = ["torch.nn", ".requires_grad"]\n[limits]'
    (folder / "assignment.toml").write_text(DOCUMENT.replace("[limits]", tables))
    assignment = load_assignment(folder)
    assert assignment.runtime == Runtime(arrays=Arrays.TORCH, device=Device.CUDA)
    assert assignment.style.forbidden == ("torch.nn", ".requires_grad")


def test_ladders_replace_the_default_ones_together(folder):
    speed = f"[speed]\nsmall_share = 0\n[speed.ladders]\nup = [{RUNG.format(2, 1)}]\n[limits]"
    (folder / "assignment.toml").write_text(DOCUMENT.replace("[limits]", speed))
    rules = load_assignment(folder).speed
    assert dict(rules.ladders) == {"up": (Rung(at_most=2, share=1),)}
    assert rules.small_share == 0
    assert rules.call_ms == SpeedRules().call_ms


def test_the_default_ladders_are_the_documented_ones(folder):
    ladders = load_assignment(folder).speed.ladders
    assert {
        name: [(rung.at_most, rung.share) for rung in rungs] for name, rungs in ladders.items()
    } == {
        "forward": [(4, 1), (15, 0.7), (100, 0.4)],
        "backward": [(4, 1), (20, 0.7), (100, 0.4)],
        "memory": [(2.5, 1), (6, 0.5)],
    }


def test_a_document_that_is_not_text_is_refused(folder):
    (folder / "assignment.toml").write_bytes(b"\xff\xfe")
    with pytest.raises(AssignmentInvalid, match="save it as UTF-8"):
        load_assignment(folder)


def test_a_huge_document_is_refused_unread(folder):
    with (folder / "assignment.toml").open("wb") as file:
        file.truncate(1 << 40)
    with pytest.raises(AssignmentInvalid, match="larger than 256 KiB"):
        load_assignment(folder)


@SEEDED
@given(
    st.dictionaries(
        st.sampled_from(["format", "id", "version", "title", "interface", "points", "limits", "x"]),
        st.recursive(
            st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
            lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
            max_leaves=5,
        ),
    )
)
def test_no_table_breaks_the_schema(table):
    with pytest.raises(DecodeError):
        parse_document(table)


@settings(SEEDED, suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=50)
@given(change=st.binary(min_size=1, max_size=20), at=st.integers(0, len(DOCUMENT)))
def test_a_garbled_document_is_invalid_or_sound_but_never_a_crash(folder, change, at):
    content = DOCUMENT.encode()
    (folder / "assignment.toml").write_bytes(content[:at] + change + content[at:])
    with contextlib.suppress(AssignmentInvalid):
        load_assignment(folder)


@pytest.mark.parametrize(
    "name",
    [
        "assignment.toml",
        "statement.md",
        "template/layers.py",
        "checks/test_forward.py",
        "reference/solution.py",
    ],
)
def test_a_missing_part_is_an_error(folder, name):
    (folder / name).unlink()
    with pytest.raises(AssignmentInvalid, match="dense"):
        load_assignment(folder)


def test_a_missing_folder_is_an_error(tmp_path):
    with pytest.raises(AssignmentInvalid, match="No such file"):
        load_assignment(tmp_path / "nothing")


def test_every_limit_has_a_range_that_its_default_is_in():
    assert list(LIMIT_RANGES) == [field.name for field in fields(Limits)]
    for name, (low, high) in LIMIT_RANGES.items():
        assert low <= getattr(Limits(), name) <= high


def test_the_hash_covers_every_file_an_author_wrote(folder):
    before = load_assignment(folder).sha256
    assert load_assignment(folder).sha256 == before
    for name in ("statement.md", "checks/test_forward.py", "submissions/known_wrong/a/layers.py"):
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("changed", encoding="utf-8")
        after = load_assignment(folder).sha256
        assert after != before
        before = after
    (folder / "statement.md").rename(folder / "statement2.md")
    write(folder.parent / "other", DOCUMENT.replace('"dense"', '"other"'))
    assert load_assignment(folder.parent / "other").sha256 != before


def test_the_hash_leaves_out_what_tools_leave_behind(folder):
    before = load_assignment(folder).sha256
    for name in (
        "verified.json",
        "checks/__pycache__/x.pyc",
        ".pytest_cache/y",
        "template/.DS_Store",
    ):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text("x", encoding="utf-8")
    assert load_assignment(folder).sha256 == before


@pytest.mark.parametrize("target", ["/etc/passwd", "..", "nowhere"])
def test_links_in_the_folder_are_refused(folder, target):
    (folder / "checks" / "link").symlink_to(target)
    with pytest.raises(AssignmentInvalid, match="is a link or a special file"):
        load_assignment(folder)


def test_special_files_are_refused(folder):
    os.mkfifo(folder / "checks" / "pipe")
    with pytest.raises(AssignmentInvalid, match="is a link or a special file"):
        load_assignment(folder)


def test_an_assignment_is_found_by_folder_or_by_name(folder, monkeypatch):
    roots = [folder.parent / "nowhere", folder.parent]
    assert find_assignment(str(folder), []) == folder
    assert find_assignment("dense", roots) == folder
    monkeypatch.chdir(folder.parent)
    assert find_assignment("dense", [Path("elsewhere")]).resolve() == folder


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("denze", "Did you mean dense?"),
        ("zzz", "There are: dense"),
        ("", "There are: dense"),
        ("x\0y", "There is no assignment"),
        ("\x1b[31m", r"'\\x1b\[31m'"),
        pytest.param("x" * 10_000, "There is no assignment", id="long"),
    ],
)
def test_an_unknown_name_lists_near_ones(folder, name, message):
    with pytest.raises(AssignmentInvalid, match=message):
        find_assignment(name, [folder.parent])


@pytest.mark.parametrize("root", ["nothing", "/dev/null", "x" * 300, "x" * 5000, "\0"])
def test_a_root_that_is_no_folder_holds_nothing(folder, root):
    assert find_assignment("dense", [Path(root), folder.parent]) == folder
    with pytest.raises(AssignmentInvalid, match="Did you mean dense"):
        find_assignment("denze", [Path(root), folder.parent])


def test_a_name_does_not_lead_out_of_its_root(folder):
    with pytest.raises(AssignmentInvalid, match="There is no assignment"):
        find_assignment("inner/../dense", [folder.parent])


def test_the_example_document_is_what_the_parser_reads():
    assert parse_document(tomllib.loads(DOCUMENT)).id == "dense"
