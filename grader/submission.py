"""What a student hands in becomes a `Submission`, or is refused with a sentence that says why."""

import difflib
import os
import stat
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from types import MappingProxyType

from grader.archives import tar, zip  # noqa: A004 - the formats' names
from grader.content import content_sha256
from grader.errors import SubmissionRefused
from grader.intake import DEFAULT_BOUNDS, KEPT_SUFFIXES, Intake, SubmissionBounds, size_text
from grader.text import quoted

__all__ = ["Submission", "SubmissionBounds", "load_submission", "require_file"]

_CHUNK = 64 * 1024
_OPEN = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC


@dataclass(frozen=True)
class Submission:
    """The files of one submission.

    Attributes:
        files: Contents by relative name, sorted; `/` stands between folders.
    """

    files: Mapping[str, bytes]

    def __post_init__(self) -> None:
        object.__setattr__(self, "files", MappingProxyType(dict(sorted(self.files.items()))))

    @cached_property
    def sha256(self) -> str:
        """Content address: the same files have the same, be they a folder, a zip or a tar."""
        return content_sha256("submission", self.files.items())

    @property
    def size(self) -> int:
        """Bytes of all files together."""
        return sum(map(len, self.files.values()))


def load_submission(
    path: Path, bounds: SubmissionBounds = DEFAULT_BOUNDS, *, single_name: str | None = None
) -> Submission:
    """Read a .py file, a folder, a zip or a tar (also .gz, .bz2, .xz).

    Nothing is unpacked on disk, no link is followed, and nothing is read far beyond a bound.

    Args:
        path: Where it is. What kind it is, its content tells, not its name.
        bounds: How large it may be.
        single_name: What a single .py file is to be called, whatever its own name.

    Raises:
        SubmissionRefused: It cannot be graded as it is; one sentence says what to change.
    """
    intake = Intake(bounds)
    try:
        with _opened(path) as (descriptor, mode):
            if stat.S_ISDIR(mode):
                _read_folder(descriptor, "", intake)
            elif path.suffix.lower() == ".py":
                _read_module(descriptor, single_name or path.name, intake)
            else:
                _read_archive(descriptor, path, intake)
    except OSError as error:
        raise _unreadable(path.name, error) from None
    return Submission(intake.finish())


def read_submission(
    uploads: Sequence[tuple[str, bytes]],
    bounds: SubmissionBounds = DEFAULT_BOUNDS,
    *,
    single_name: str | None = None,
) -> Submission:
    """Read what came over a wire: a .py file, a zip, a tar, or the files of a folder.

    Args:
        uploads: Name and content of each; names are relative, `/` stands between folders.
        bounds: How large it may be.
        single_name: What a single .py file is to be called, whatever its own name.

    Raises:
        SubmissionRefused: It cannot be graded as it is; one sentence says what to change.
    """
    intake = Intake(bounds)
    if len(uploads) == 1:
        name, content = uploads[0]
        if name.lower().endswith(".py"):
            uploads = [(single_name or name, content)]
        elif not name.lower().endswith(KEPT_SUFFIXES):
            _unpack(content, name, intake)
            return Submission(intake.finish())
    for name, content in uploads:
        if (admitted := intake.admit(name)) is not None:
            intake.take(admitted, [content])
    return Submission(intake.finish())


def require_file(submission: Submission, name: str) -> None:
    """Make sure that the file which the assignment asks for is there.

    Raises:
        SubmissionRefused: It is not; a similar name is pointed out.
    """
    if name in submission.files:
        return
    similar = [file for file in submission.files if Path(file).name.lower() == name.lower()]
    similar += difflib.get_close_matches(name, submission.files, n=1)
    remedy = f"rename {quoted(similar[0])} to that" if similar else "add it"
    raise SubmissionRefused(f"The file {quoted(name)} is missing: {remedy}.")


@contextmanager
def _opened(name: Path | str, folder: int | None = None) -> Iterator[tuple[int, int]]:
    """A descriptor of a regular file or a folder, and its mode. Never one of anything else."""
    mode = os.stat(name, dir_fd=folder, follow_symlinks=False).st_mode
    descriptor = -1
    try:
        if stat.S_ISREG(mode) or stat.S_ISDIR(mode):
            descriptor = os.open(name, _OPEN, dir_fd=folder)
            mode = os.fstat(descriptor).st_mode  # it may have been exchanged in between
        if not (stat.S_ISREG(mode) or stat.S_ISDIR(mode)):
            raise SubmissionRefused(
                f"{quoted(Path(name).name)} is a link or a special file: put a regular file in "
                f"its place."
            )
        yield descriptor, mode
    finally:
        if descriptor >= 0:
            os.close(descriptor)


def _read_module(descriptor: int, name: str, intake: Intake) -> None:
    admitted = intake.admit(name)
    if admitted is None:
        raise SubmissionRefused(f"The file {quoted(name)} is a hidden one: rename it.")
    intake.take(admitted, _chunks(descriptor))


def _read_folder(folder: int, prefix: str, intake: Intake) -> None:
    admitted = []
    with os.scandir(folder) as entries:
        for entry in entries:
            if (name := intake.admit(prefix + entry.name)) is not None:
                admitted.append((name, entry.name))
    for name, last in sorted(admitted):
        with _opened(last, folder) as (descriptor, mode):
            if stat.S_ISDIR(mode):
                _read_folder(descriptor, f"{name}/", intake)
            else:
                intake.take(name, _chunks(descriptor))


def _read_archive(descriptor: int, path: Path, intake: Intake) -> None:
    bound = intake.bounds.archive_bytes
    with open(descriptor, "rb", closefd=False) as file:
        content = file.read(bound + 1)
    _unpack(content, path.name, intake)


def _unpack(content: bytes, name: str, intake: Intake) -> None:
    bound = intake.bounds.archive_bytes
    if len(content) > bound:
        raise SubmissionRefused(
            f"The file {quoted(name)} is larger than {size_text(bound)}: hand in only the "
            f"files that the assignment asks for."
        )
    if content.startswith(zip.MAGIC):
        zip.read_zip(content, intake)
    elif tar.is_tar(content):
        tar.read_tar(content, intake)
    else:
        raise SubmissionRefused(
            f"{quoted(name)} is neither a .py file nor a folder, a zip or a tar: hand in one "
            f"of these."
        )


def _chunks(descriptor: int) -> Iterator[bytes]:
    while chunk := os.read(descriptor, _CHUNK):
        yield chunk


def _unreadable(name: str, error: OSError) -> SubmissionRefused:
    file = error.filename if isinstance(error.filename, str) else name
    reason = "does not exist" if isinstance(error, FileNotFoundError) else "cannot be read"
    return SubmissionRefused(
        f"{quoted(Path(file).name or file)} {reason}: check its name and that you may read it."
    )
