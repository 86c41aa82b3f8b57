import contextlib
import io
import os
import socket
import struct
import tarfile
import tracemalloc
import zipfile
import zlib
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from grader.errors import SubmissionRefused
from grader.submission import Submission, SubmissionBounds, load_submission, require_file

SEEDED = settings(
    deadline=None,
    derandomize=True,
    max_examples=60,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
LAYERS = b"class Dense:\n    pass\n"


def write_folder(folder: Path, files) -> Path:
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    return folder


def write_zip(path: Path, files) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return path


def write_tar(path: Path, files, mode="w") -> Path:
    with tarfile.open(path, mode) as archive:
        for name, content in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    return path


def test_a_single_file_is_named_as_it_is_or_as_it_is_asked_for(tmp_path):
    path = tmp_path / "my_layers.py"
    path.write_bytes(LAYERS)
    assert dict(load_submission(path).files) == {"my_layers.py": LAYERS}
    assert dict(load_submission(path, single_name="layers.py").files) == {"layers.py": LAYERS}
    odd = path.rename(tmp_path / "layers (final) é.py")
    assert dict(load_submission(odd, single_name="layers.py").files) == {"layers.py": LAYERS}
    with pytest.raises(SubmissionRefused, match="is not acceptable: rename it"):
        load_submission(odd)


def test_only_a_single_file_is_renamed(tmp_path):
    folder = write_folder(tmp_path / "hw", {"mine.py": LAYERS})
    assert list(load_submission(folder, single_name="layers.py").files) == ["mine.py"]
    archive = write_zip(tmp_path / "hw.zip", {"mine.py": LAYERS})
    assert list(load_submission(archive, single_name="layers.py").files) == ["mine.py"]


def test_an_empty_module_is_a_submission(tmp_path):
    (tmp_path / "layers.py").touch()
    assert load_submission(tmp_path / "layers.py").size == 0


@pytest.mark.parametrize("mode", ["w", "w:gz", "w:bz2", "w:xz"])
def test_the_same_files_have_the_same_hash_however_they_come(tmp_path, mode):
    files = {"layers.py": LAYERS, "notes/a.md": b"notes", "b.csv": b""}
    inside = {f"homework/{name}": content for name, content in files.items()}
    folder = write_folder(tmp_path / "homework", {**files, "__pycache__/x.pyc": b"junk"})
    submissions = [
        load_submission(path)
        for path in (
            folder,
            write_zip(tmp_path / "a.zip", files),
            write_zip(tmp_path / "b", dict(reversed(inside.items()))),
            write_tar(tmp_path / "c.tar", inside, mode),
            write_tar(tmp_path / "d", {f"./{name}": files[name] for name in files}, mode),
        )
    ]
    assert all(submission.files == files for submission in submissions)
    assert len({submission.sha256 for submission in submissions}) == 1
    assert submissions[0].size == len(LAYERS) + 5


names = st.from_regex(r"[a-zA-Z0-9_][a-zA-Z0-9_.-]{0,8}(\.py|\.md|\.csv)", fullmatch=True)
valid = st.dictionaries(
    st.lists(st.sampled_from(["a", "lib", "B"]), max_size=3).flatmap(
        lambda folders: names.map(lambda name: "/".join([*folders, name]))
    ),
    st.binary(max_size=300),
    min_size=1,
    max_size=8,
).filter(
    lambda files: (
        len({name.casefold() for name in files}) == len(files)
        and not {part.casefold() for name in files for part in name.split("/")[:-1]}
        & {name.split("/")[-1].casefold() for name in files}
    )
)


@SEEDED
@given(files=valid)
def test_any_valid_files_are_the_same_as_folder_zip_and_tar(tmp_path_factory, files):
    base = tmp_path_factory.mktemp("round")
    folder = load_submission(write_folder(base / "folder", files))
    zipped = load_submission(write_zip(base / "a.zip", files))
    tarred = load_submission(write_tar(base / "a.tar.gz", files, "w:gz"))
    assert folder.files == zipped.files == tarred.files
    assert folder.sha256 == zipped.sha256 == tarred.sha256
    assert sorted(folder.files.values()) == sorted(files.values())


@SEEDED
@given(
    content=st.binary(max_size=400),
    start=st.sampled_from(
        [
            b"",
            b"PK\x03\x04",
            b"PK\x05\x06",
            b"\x1f\x8b\x08\0",
            b"BZh9",
            b"\xfd7zXZ\0",
            b"\0" * 257 + b"ustar",
        ]
    ),
)
def test_random_bytes_are_refused_with_a_sentence(tmp_path, content, start):
    path = tmp_path / "upload"
    path.write_bytes(start + content)
    with pytest.raises(SubmissionRefused) as caught:
        load_submission(path)
    sentence = str(caught.value)
    assert sentence.endswith(".")
    assert len(sentence) < 300
    assert sentence.isprintable()


def test_other_contents_have_other_hashes():
    several = [
        {"a.py": b"1"},
        {"a.py": b"2"},
        {"b.py": b"1"},
        {"a.py": b"", "b.py": b"1"},
        {"a.py": b"1", "b.py": b""},
        {"a.pyb.py": b"1"},
    ]
    assert len({Submission(files).sha256 for files in several}) == len(several)


def test_a_submission_is_sorted_and_cannot_be_changed():
    given_files = {"b.py": b"1", "a.py": b"2"}
    submission = Submission(given_files)
    given_files["c.py"] = b"3"
    assert list(submission.files) == ["a.py", "b.py"]
    with pytest.raises(TypeError):
        submission.files["a.py"] = b"x"


def test_what_is_not_there_is_refused(tmp_path):
    with pytest.raises(SubmissionRefused, match=r"'layers.py' does not exist"):
        load_submission(tmp_path / "layers.py")
    with pytest.raises(SubmissionRefused, match="cannot be read"):
        load_submission(tmp_path / ("x" * 5000))


def test_an_empty_folder_is_refused(tmp_path):
    with pytest.raises(SubmissionRefused, match="holds no files"):
        load_submission(tmp_path)


def test_an_unreadable_file_is_refused(tmp_path):
    write_folder(tmp_path, {"layers.py": LAYERS})
    (tmp_path / "layers.py").chmod(0)
    user = os.geteuid()
    if user == 0:  # root may read everything
        os.seteuid(65534)
    try:
        with pytest.raises(SubmissionRefused, match="cannot be read"):
            load_submission(tmp_path)
    finally:
        os.seteuid(user)


@pytest.mark.parametrize("name", ["layers.txt", "layers.docx", "layers"])
def test_a_file_that_is_nothing_of_all_this_is_refused(tmp_path, name):
    (tmp_path / name).write_bytes(b"hello")
    with pytest.raises(SubmissionRefused, match=r"neither a .py file nor a folder, a zip or a tar"):
        load_submission(tmp_path / name)


@pytest.mark.parametrize("target", ["/etc/passwd", "..", "nowhere", "layers.py"])
def test_links_are_refused_in_a_folder_and_in_its_place(tmp_path, target):
    folder = write_folder(tmp_path / "hw", {"layers.py": LAYERS})
    (folder / "data.csv").symlink_to(target)
    with pytest.raises(SubmissionRefused, match=r"'data.csv' is a link or a special file"):
        load_submission(folder)
    (tmp_path / "link.py").symlink_to(folder / "layers.py")
    (tmp_path / "link").symlink_to(folder)
    for link in ("link.py", "link"):
        with pytest.raises(SubmissionRefused, match="is a link or a special file"):
            load_submission(tmp_path / link)


def test_special_files_are_refused_without_waiting_for_them(tmp_path):
    os.mkfifo(tmp_path / "a.py")
    with pytest.raises(SubmissionRefused, match="is a link or a special file"):
        load_submission(tmp_path)
    with pytest.raises(SubmissionRefused, match="is a link or a special file"):
        load_submission(tmp_path / "a.py")
    (tmp_path / "a.py").unlink()
    with contextlib.closing(socket.socket(socket.AF_UNIX)) as server:
        server.bind(str(tmp_path / "b.py"))
        with pytest.raises(SubmissionRefused, match="is a link or a special file"):
            load_submission(tmp_path)
    with pytest.raises(SubmissionRefused, match="is a link or a special file"):
        load_submission(Path("/dev/zero"))


def test_links_among_what_is_ignored_are_ignored(tmp_path):
    folder = write_folder(tmp_path, {"layers.py": LAYERS, ".venv/pyvenv.cfg": b""})
    (folder / ".venv" / "python").symlink_to("/usr/bin/python3")
    (folder / ".cache").symlink_to("/")
    assert list(load_submission(folder).files) == ["layers.py"]


def test_hostile_names_in_a_folder_are_refused(tmp_path):
    for name in (b"a\nb.py", b"\xff.py", b"-rf.py", "数.py".encode(), b"a\\b.py"):
        path = tmp_path / os.fsdecode(name)
        path.touch()
        with pytest.raises(SubmissionRefused, match="The name"):
            load_submission(tmp_path)
        path.unlink()


def test_a_folder_that_is_too_large_is_refused(tmp_path):
    with (tmp_path / "data.csv").open("wb") as file:
        file.truncate(1 << 40)
    with pytest.raises(SubmissionRefused, match=r"'data.csv' is larger than 1 MiB"):
        load_submission(tmp_path)


def test_an_endless_folder_is_refused(tmp_path):
    for i in range(60):
        (tmp_path / f"m{i}.py").touch()
    with pytest.raises(SubmissionRefused, match="more than 40 entries"):
        load_submission(tmp_path, SubmissionBounds(entries=40))
    with pytest.raises(SubmissionRefused, match="more than 50 files"):
        load_submission(tmp_path)


def test_a_deep_folder_is_refused(tmp_path):
    folder = tmp_path
    for _ in range(8):
        folder /= "d"
    write_folder(folder, {"layers.py": LAYERS})
    with pytest.raises(SubmissionRefused, match="more than 5 folders deep"):
        load_submission(tmp_path)


def test_a_large_archive_is_refused_unread(tmp_path):
    with (tmp_path / "a.zip").open("wb") as file:
        file.truncate(1 << 40)
    with pytest.raises(SubmissionRefused, match="larger than 8 MiB"):
        load_submission(tmp_path / "a.zip")


def test_reading_leaves_no_descriptor_open(tmp_path):
    write_folder(tmp_path, {"a/layers.py": LAYERS})
    (tmp_path / "a" / "link.py").symlink_to("x")
    before = len(os.listdir("/proc/self/fd"))
    with pytest.raises(SubmissionRefused):
        load_submission(tmp_path)
    assert len(os.listdir("/proc/self/fd")) == before


def deflated_gibibyte(first):
    """Raw deflate data of `first` and a GiB of zeros: one block that stands alone, many times."""
    packer = zlib.compressobj(9, wbits=-15)
    start = packer.compress(first) + packer.flush(zlib.Z_FULL_FLUSH)
    block = packer.compress(bytes(1 << 20)) + packer.flush(zlib.Z_FULL_FLUSH)
    return start + block * 1024 + packer.flush()


def zip_bomb():
    packed, size = deflated_gibibyte(b""), 1 << 30
    sizes = struct.pack("<3LH", 0, len(packed), size, len("layers.py"))
    local = b"PK\x03\x04" + struct.pack("<5H", 20, 0, 8, 0, 0) + sizes + bytes(2) + b"layers.py"
    central = b"PK\x01\x02" + struct.pack("<6H", 20, 20, 0, 8, 0, 0) + sizes + bytes(16)
    central += b"layers.py"
    end = struct.pack("<4H2LH", 0, 0, 1, 1, len(central), len(local) + len(packed), 0)
    return local + packed + central + b"PK\x05\x06" + end


def gzip_bomb():
    info = tarfile.TarInfo("layers.py")
    info.size = 1 << 30
    return b"\x1f\x8b\x08" + bytes(7) + deflated_gibibyte(info.tobuf()) + bytes(8)


@pytest.mark.parametrize("bomb", [zip_bomb, gzip_bomb])
@pytest.mark.parametrize("bounds", [SubmissionBounds(), SubmissionBounds(ratio=10**6)])
def test_a_bomb_of_a_gibibyte_is_refused_in_little_memory(tmp_path, bomb, bounds):
    path = tmp_path / "bomb"
    path.write_bytes(bomb())
    assert path.stat().st_size < 4 << 20
    tracemalloc.start()
    try:
        with pytest.raises(SubmissionRefused, match=r"larger than 1 MiB|far more than"):
            load_submission(path, bounds)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 16 << 20


def test_the_largest_archive_is_read_in_little_memory(tmp_path):
    path = tmp_path / "large.tar"
    filler = {f".git/{i}": os.urandom(1 << 19) for i in range(15)}
    write_tar(path, {**filler, "layers.py": LAYERS})
    tracemalloc.start()
    try:
        assert list(load_submission(path).files) == ["layers.py"]
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 32 << 20


@pytest.mark.parametrize(
    ("files", "remedy"),
    [
        (["layer.py"], "rename 'layer.py' to that"),
        (["Layers.py"], "rename 'Layers.py' to that"),
        (["src/layers.py", "x.py"], "rename 'src/layers.py' to that"),
        (["notes.md"], "add it"),
    ],
)
def test_the_file_that_is_asked_for_must_be_there(files, remedy):
    submission = Submission(dict.fromkeys(files, b""))
    with pytest.raises(SubmissionRefused, match=f"'layers.py' is missing: {remedy}"):
        require_file(submission, "layers.py")
    require_file(Submission({"layers.py": b""}), "layers.py")
