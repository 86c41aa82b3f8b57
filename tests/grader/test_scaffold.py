import pytest

from grader.assignment import load_assignment
from grader.errors import AssignmentInvalid
from grader.scaffold import scaffold


def test_a_new_folder_is_an_assignment_of_that_name(tmp_path):
    folder = scaffold("batch-norm", tmp_path)
    assignment = load_assignment(folder)
    assert assignment.slug == "batch-norm"
    assert not list(folder.rglob("*.txt"))


@pytest.mark.parametrize("slug", ["Dense", "a b", "", "../up", "x" * 61, "-x", "x--y"])
def test_a_name_that_is_none_is_refused(tmp_path, slug):
    with pytest.raises(AssignmentInvalid, match="lower-case words"):
        scaffold(slug, tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_an_existing_folder_is_left_alone(tmp_path):
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "file").write_text("kept")
    with pytest.raises(AssignmentInvalid, match="exists"):
        scaffold("mine", tmp_path)
    assert [path.name for path in (tmp_path / "mine").iterdir()] == ["file"]


def test_a_parent_that_does_not_exist_is_named(tmp_path):
    with pytest.raises(AssignmentInvalid, match="cannot be made"):
        scaffold("mine", tmp_path / "nowhere")
