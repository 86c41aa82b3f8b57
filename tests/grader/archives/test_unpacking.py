"""Tars of our own, written out; and what is none of ours."""

import io
import tarfile

import pytest

from grader.archives.unpacking import unpack_tar


def tar_of(*entries):
    content = io.BytesIO()
    with tarfile.open(fileobj=content, mode="w") as archive:
        for entry, data in entries:
            entry.size = len(data)
            archive.addfile(entry, io.BytesIO(data))
    content.seek(0)
    return tarfile.open(fileobj=content)


def entry(name, kind=tarfile.REGTYPE, mode=0o644, target=""):
    made = tarfile.TarInfo(name)
    made.type, made.mode, made.linkname = kind, mode, target
    return made


def test_files_and_folders_are_written_with_their_rights(tmp_path):
    given = tmp_path / "given"
    (given / "folder").mkdir(parents=True)
    (given / "folder" / "secret").write_bytes(b"\0\1")
    (given / "folder" / "secret").chmod(0o600)
    content = io.BytesIO()
    with tarfile.open(fileobj=content, mode="w") as archive:
        archive.add(given, "given")
    content.seek(0)
    with tarfile.open(fileobj=content) as archive:
        unpack_tar(archive, tmp_path / "out")
    written = tmp_path / "out" / "given" / "folder" / "secret"
    assert written.read_bytes() == b"\0\1"
    assert written.stat().st_mode & 0o777 == 0o600


def test_rights_beyond_the_usual_are_not_given(tmp_path):
    with tar_of((entry("file", mode=0o6777), b"")) as archive:
        unpack_tar(archive, tmp_path)
    assert (tmp_path / "file").stat().st_mode & 0o7777 == 0o755


@pytest.mark.parametrize(
    "hostile",
    [
        entry("../outside"),
        entry("/tmp/outside"),
        entry("a/../../outside"),
        entry("link", tarfile.SYMTYPE, target="/etc/passwd"),
        entry("link", tarfile.LNKTYPE, target="first"),
        entry("device", tarfile.CHRTYPE),
        entry("pipe", tarfile.FIFOTYPE),
    ],
    ids=lambda each: f"{each.name}-{each.type.decode()}",
)
def test_what_is_none_of_ours_is_refused(tmp_path, hostile):
    with (
        tar_of((entry("first"), b"1"), (hostile, b"")) as archive,
        pytest.raises(ValueError, match=r"elsewhere|neither"),
    ):
        unpack_tar(archive, tmp_path / "out")
    assert [path.name for path in tmp_path.rglob("*") if path.is_file()] == ["first"]


def test_a_file_is_not_written_twice(tmp_path):
    with (
        tar_of((entry("file"), b"1"), (entry("file"), b"2")) as archive,
        pytest.raises(FileExistsError),
    ):
        unpack_tar(archive, tmp_path)
