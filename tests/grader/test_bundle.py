"""What students get, and what they can do with it."""

import io
import zipfile

import numpy as np
import pytest

from grader.assignment import load_assignment
from grader.bundle import bundle, to_zip
from grader.checking.examples.script import FILE, from_bytes
from grader.errors import AssignmentInvalid
from grader.grading import check_examples
from grader.report import Status
from grader.scaffold import scaffold
from grader.submission import Submission


@pytest.fixture
def assignment(tmp_path):
    return load_assignment(scaffold("scale-shift", tmp_path))


@pytest.fixture
def check(assignment):
    """Run the bundle's public checks on a source."""
    examples, arrays = from_bytes(bundle(assignment)[FILE])

    def run(source):
        return check_examples(Submission({"layers.py": source.encode()}), examples, arrays)

    return run


def solution(assignment):
    return (assignment.reference / "solution.py").read_text()


def test_a_bundle_holds_statement_template_examples_and_nothing_else(assignment):
    (assignment.folder / "picture.png").write_bytes(b"png")
    (assignment.folder / "verified.json").write_text("{}")
    files = bundle(assignment)
    assert set(files) == {"statement.md", "layers.py", "picture.png", FILE}
    assert files["layers.py"] == (assignment.template / "layers.py").read_bytes()


def test_the_same_assignment_gives_the_same_bytes(assignment):
    first, second = (to_zip(bundle(assignment), "it") for _ in range(2))
    assert first == second
    names = zipfile.ZipFile(io.BytesIO(first)).namelist()
    assert names == [f"it/{FILE}", "it/layers.py", "it/statement.md"]


def test_a_template_file_that_hides_another_is_refused(assignment):
    (assignment.template / "statement.md").write_text("mine")
    with pytest.raises(AssignmentInvalid, match="rename it"):
        bundle(assignment)


def test_the_reference_passes_its_own_examples(assignment, check):
    report = check(solution(assignment))
    assert {c.id: c.status for c in report.checks} == {
        "test_forward.py::test_forward": Status.PASSED,
        "test_gradients.py::test_backward": Status.PASSED,
        "test_interface.py::test_parameters": Status.PASSED,
    }
    assert report.score == report.max_score == 5


def test_a_mistake_is_shown_with_its_case(assignment, check):
    source = solution(assignment).replace("* self.gamma + self.beta", "* self.gamma")
    results = {c.group: c for c in check(source).checks}
    assert results["forward"].status is Status.FAILED
    assert results["forward"].counterexample["case"] == {"batch": 1, "features": 1}
    assert results["gradients"].status is Status.PASSED


def test_an_exception_shows_the_students_own_lines(assignment, check):
    source = solution(assignment).replace("return dy * self.gamma", "return dy / nothing")
    (failed,) = [c for c in check(source).checks if c.status is Status.FAILED]
    assert failed.failure == "student_exception"
    assert "NameError" in failed.message
    assert "layers.py, line" in failed.message


def test_a_module_that_does_not_load_fails_every_check(check):
    report = check("import nothing_of_the_kind\n")
    assert {c.status for c in report.checks} == {Status.NOT_RUN}
    assert "could not be imported" in report.message


def test_an_endless_loop_ends(assignment, tmp_path):
    path = assignment.folder / "assignment.toml"
    path.write_text(path.read_text().replace("call_s = 5", "call_s = 0.2\nload_s = 1"))
    examples, arrays = from_bytes(bundle(load_assignment(assignment.folder))[FILE])
    source = solution(assignment).replace(
        "self._x = x\n", "self._x = x\n        while 1: pass\n", 1
    )
    report = check_examples(Submission({"layers.py": source.encode()}), examples, arrays)
    failed = {c.group: c for c in report.checks}["forward"]
    assert failed.status is Status.FAILED
    assert "0.2 s" in failed.message


def test_every_public_check_of_the_shipped_assignment_is_an_example_or_named(pytestconfig):
    folder = pytestconfig.rootpath / "assignments" / "dense-conv1x1"
    examples, arrays = from_bytes(bundle(load_assignment(folder))[FILE])
    assert len(examples.checks) >= 20
    assert examples.left_out == ()
    assert examples.hidden >= 3
    source = (folder / "submissions/accepted/einsum/layers.py").read_text()
    report = check_examples(Submission({"layers.py": source.encode()}), examples, arrays)
    assert {c.status for c in report.checks} == {Status.PASSED}


def test_known_mistakes_fail_the_examples_of_the_shipped_assignment(pytestconfig):
    folder = pytestconfig.rootpath / "assignments" / "dense-conv1x1"
    examples, arrays = from_bytes(bundle(load_assignment(folder))[FILE])
    for name in ("no_bias", "input_mutated", "channels_first_reshape", "mean_over_batch"):
        source = (folder / f"submissions/known_wrong/{name}/layers.py").read_text()
        report = check_examples(Submission({"layers.py": source.encode()}), examples, arrays)
        assert any(c.status is Status.FAILED for c in report.checks), name


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"PK\x05\x06" + bytes(18),
        to_zip({"checks.json": b"{}", "arrays.npz": b""}, "x"),
    ],
)
def test_damaged_examples_are_refused_with_a_remedy(content):
    with pytest.raises(AssignmentInvalid, match="take it from the assignment again"):
        from_bytes(content)


def test_examples_with_pickled_arrays_are_refused(assignment):
    content = bundle(assignment)[FILE]
    held = io.BytesIO()
    np.savez(held, a0=np.array([{}], object))
    out = io.BytesIO()
    with (
        zipfile.ZipFile(io.BytesIO(content)) as source,
        zipfile.ZipFile(out, "w") as target,
    ):
        target.writestr("checks.json", source.read("checks.json"))
        target.writestr("arrays.npz", held.getvalue())
    with pytest.raises(AssignmentInvalid, match="damaged"):
        from_bytes(out.getvalue())
