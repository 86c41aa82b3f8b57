import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from grader.errors import SubmissionRefused
from grader.intake import DEFAULT_BOUNDS, KEPT_SUFFIXES, Intake, SubmissionBounds, size_text

SEEDED = settings(deadline=None, derandomize=True)


def collect(*names, bounds=DEFAULT_BOUNDS, content=b"x"):
    intake = Intake(bounds)
    for name in names:
        if (admitted := intake.admit(name)) is not None:
            intake.take(admitted, [content])
    return intake.finish()


@pytest.mark.parametrize(
    "name",
    [
        *("/etc/passwd.py", "../layers.py", "a/../../layers.py", "..", "a\\b.py", "C:\\a.py"),
        *("a\0.py", "layers.py\0.txt", "__MACOSX/../../a.py"),
    ],
)
def test_names_that_lead_elsewhere_are_refused(name):
    with pytest.raises(SubmissionRefused, match="does not stay inside"):
        collect(name)


@pytest.mark.parametrize(
    "name",
    [
        *("C:a.py", "-rf.py", "a b.py", "é.py", "数.py", "a\nb.py", "\x1b[31m.py", "\u202egnp.py"),
        *("a;b.py", "$(x).py", "folder/-x/a.py", "caf\udce9.py", "layers.py:stream.py"),
    ],
)
def test_names_of_unusual_characters_are_refused_and_shown_escaped(name):
    with pytest.raises(SubmissionRefused, match="is not acceptable: rename it") as caught:
        collect(name)
    assert str(caught.value).isascii()
    assert str(caught.value).isprintable()


@pytest.mark.parametrize("name", ["a" * 98 + ".py", "a/" * 60 + "b.py", "a" * 100_000 + ".py"])
def test_long_names_are_refused_in_a_short_sentence(name):
    with pytest.raises(SubmissionRefused, match="is longer than 100 characters") as caught:
        collect(name)
    assert len(str(caught.value)) < 200


def test_deep_names_are_refused():
    assert collect("a/b/c/d/e.py", "x.py")
    with pytest.raises(SubmissionRefused, match="more than 5 folders deep"):
        collect("a/b/c/d/e/f.py")


@pytest.mark.parametrize(
    "name",
    [
        *("a.exe", "a.so", "a.pth", "inner.zip", "notebook.ipynb", "README", "a.py.gz", "py"),
        *("a.pyx", "a.pdf"),
    ],
)
def test_files_of_other_kinds_are_refused_by_name(name):
    with pytest.raises(SubmissionRefused, match=rf"'{name}' are not accepted: remove it"):
        collect(name)


@pytest.mark.parametrize(
    "name",
    [
        *("__MACOSX/._layers.py", ".DS_Store", "a/__pycache__/x.cpython-311.pyc", ".git/HEAD"),
        *(".venv/lib/python3.11/site-packages/some/very/deep/path/of/a/package/x.so", "x.pyc"),
        *(".ipynb_checkpoints/a.ipynb", "._layers.py", "./", ".", "Thumbs.db", "a/.hidden/é.exe"),
    ],
)
def test_what_tools_leave_behind_is_ignored(name):
    assert collect(name, "layers.py") == {"layers.py": b"x"}


@pytest.mark.parametrize(
    ("one", "other"),
    [
        *(("a.py", "a.py"), ("a.py", "./a.py"), ("a.py", "A.PY"), ("a/b.py", "A/B.py")),
        *(("a/b.py", "a//b.py"), ("a.py", "a.py/b.py"), ("a.py/b.py", "A.py")),
    ],
)
def test_names_that_some_system_takes_for_one_are_refused(one, other):
    with pytest.raises(SubmissionRefused, match="occurs twice"):
        collect(one, other)


@pytest.mark.parametrize(
    ("names", "kept"),
    [
        (["hw/layers.py", "hw/notes.md"], ["layers.py", "notes.md"]),
        (["a/b/layers.py", "a/b/c/x.py"], ["c/x.py", "layers.py"]),
        (["a/layers.py", "b/x.py"], ["a/layers.py", "b/x.py"]),
        (["layers.py", "a/x.py"], ["a/x.py", "layers.py"]),
        (["hw/layers.py", "__MACOSX/hw/._layers.py", ".DS_Store"], ["layers.py"]),
    ],
)
def test_folders_that_all_files_share_are_taken_off(names, kept):
    assert sorted(collect(*names)) == kept


def test_nothing_to_keep_is_refused():
    with pytest.raises(SubmissionRefused, match="holds no files"):
        collect(".DS_Store")


def test_too_many_entries_are_refused_ignored_ones_included():
    bounds = SubmissionBounds(entries=3)
    with pytest.raises(SubmissionRefused, match="more than 3 entries"):
        collect(".git/a", ".git/b", ".git/c", "layers.py", bounds=bounds)


def test_too_many_files_are_refused():
    with pytest.raises(SubmissionRefused, match="more than 50 files"):
        collect(*(f"m{i}.py" for i in range(51)))


@pytest.mark.parametrize(
    ("bounds", "message"),
    [
        (SubmissionBounds(file_bytes=1000), "'a.py' is larger than 1000 bytes"),
        (SubmissionBounds(total_bytes=1000), "together are larger than 1000 bytes"),
    ],
)
def test_reading_stops_at_the_bound(bounds, message):
    intake = Intake(bounds)
    given_out = 0

    def endless():
        nonlocal given_out
        while True:
            given_out += 100
            yield b"x" * 100

    with pytest.raises(SubmissionRefused, match=message):
        intake.take("a.py", endless())
    assert given_out <= 1100


@SEEDED
@given(st.text(st.characters(exclude_categories=()), max_size=30))
def test_any_name_is_kept_ignored_or_refused(name):
    intake = Intake(DEFAULT_BOUNDS)
    try:
        admitted = intake.admit(name)
    except SubmissionRefused as error:
        assert str(error).isprintable()  # noqa: PT017
        return
    if admitted is not None:
        assert admitted.isascii()
        assert not {"", ".", ".."} & set(admitted.split("/"))


def test_small_archives_may_expand_more_than_the_ratio():
    assert DEFAULT_BOUNDS.allowed_expansion(10) == 64 * 1024
    assert DEFAULT_BOUNDS.allowed_expansion(10_000) == 1_000_000


def test_python_is_kept():
    assert ".py" in KEPT_SUFFIXES


def test_sizes_are_told_in_round_units():
    assert size_text(1024 * 1024) == "1 MiB"
    assert size_text(100) == "100 bytes"
