"""`assignments/<slug>/` becomes an `Assignment`, or one says what is wrong with it."""

import contextlib
import os
import stat
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from grader.assignment_schema import (
    AssignmentDocument,
    Export,
    ExportKind,
    Interface,
    Leaderboard,
    Rung,
    SpeedRules,
    StyleRules,
    VerifyRules,
    parse_document,
)
from grader.content import content_sha256
from grader.decoding import suggestion
from grader.errors import AssignmentInvalid
from grader.sandbox.limits import Limits
from grader.sandbox.runtime import Runtime
from grader.text import quoted

__all__ = [
    "Assignment",
    "Export",
    "ExportKind",
    "Interface",
    "Leaderboard",
    "Rung",
    "SpeedRules",
    "StyleRules",
    "VerifyRules",
    "find_assignment",
    "load_assignment",
]

_DOCUMENT = "assignment.toml"
_DOCUMENT_BYTES = 256 * 1024
_FOLDER_BYTES = 256 * 1024 * 1024
_FOLDER_FILES = 10_000
# What tools leave behind, and the record that `verify` writes about the rest.
_NOT_CONTENT = frozenset(
    {"__pycache__", ".pytest_cache", ".mypy_cache", ".ruff_cache", ".hypothesis", ".DS_Store"}
)
_RECORD = "verified.json"


@dataclass(frozen=True)
class Assignment:
    """One assignment.

    Attributes:
        folder: Where it is; absolute.
        slug: Its name, which is the folder's.
        version: The author's, for people.
        title: One line.
        interface: What the student's module defines.
        points: Total of each group of checks.
        limits: On one grading.
        runtime: What student code computes with.
        style: What it may not use.
        speed: How checks of speed are judged.
        verify: What `grader verify` asks for.
        leaderboard: How submissions are ranked; None where they are not.
        sha256: Over all of the folder's files.
    """

    folder: Path
    slug: str
    version: str
    title: str
    interface: Interface
    points: Mapping[str, float]
    limits: Limits
    runtime: Runtime
    style: StyleRules
    speed: SpeedRules
    verify: VerifyRules
    leaderboard: Leaderboard | None
    sha256: str

    @property
    def statement(self) -> Path:
        """What students read."""
        return self.folder / "statement.md"

    @property
    def template(self) -> Path:
        """What students start from."""
        return self.folder / "template"

    @property
    def checks(self) -> Path:
        """The pytest files."""
        return self.folder / "checks"

    @property
    def reference(self) -> Path:
        """The trusted modules."""
        return self.folder / "reference"

    @property
    def submissions(self) -> Path:
        """Submissions whose verdict is known; may be missing."""
        return self.folder / "submissions"


def load_assignment(folder: Path) -> Assignment:
    """Read and validate an assignment's folder. Runs none of its code.

    Raises:
        AssignmentInvalid: It is not sound; the message names file, key and remedy.
    """
    folder = folder.resolve()
    document = _read_document(folder / _DOCUMENT)
    if document.id != folder.name:
        raise AssignmentInvalid(
            f'{folder / _DOCUMENT}: id is "{document.id}", but the folder is named '
            f"{quoted(folder.name)}: make them the same."
        )
    _require_files(folder, document.interface.file)
    return Assignment(
        folder=folder,
        slug=document.id,
        version=document.version,
        title=document.title,
        interface=document.interface,
        points=document.points,
        limits=document.limits,
        runtime=document.runtime,
        style=document.style,
        speed=document.speed,
        verify=document.verify,
        leaderboard=document.leaderboard,
        sha256=_folder_sha256(folder),
    )


def find_assignment(slug_or_path: str, roots: Sequence[Path]) -> Path:
    """The folder of an assignment.

    Args:
        slug_or_path: A folder that has an assignment.toml, or the name of one in `roots`.
        roots: Folders of assignments; the first that has it counts.

    Raises:
        AssignmentInvalid: There is none; near misses are named.
    """
    path = Path(slug_or_path)
    if _is_assignment(path):
        return path
    for root in roots:
        if path.name == slug_or_path and _is_assignment(root / path):
            return root / path
    known = sorted({name for root in roots for name in _names(root)})
    raise AssignmentInvalid(
        f"There is no assignment {quoted(slug_or_path)}.{suggestion(slug_or_path, known)}"
    )


def _names(root: Path) -> Iterator[str]:
    """The assignments in a folder; none where it is not one."""
    with contextlib.suppress(OSError, ValueError):
        yield from (file.parent.name for file in root.glob(f"*/{_DOCUMENT}"))


def _is_assignment(folder: Path) -> bool:
    try:
        return (folder / _DOCUMENT).is_file()
    except (OSError, ValueError):  # a name that no file can have
        return False


def _read_document(path: Path) -> AssignmentDocument:
    try:
        with path.open("rb") as file:
            content = file.read(_DOCUMENT_BYTES + 1)
    except OSError as error:
        reason = error.strerror or "it cannot be read"
        raise AssignmentInvalid(
            f"{path}: {reason}. An assignment's folder has an assignment.toml."
        ) from None
    if len(content) > _DOCUMENT_BYTES:
        raise AssignmentInvalid(f"{path} is larger than 256 KiB: it is not an assignment.toml.")
    try:
        return parse_document(tomllib.loads(content.decode("utf-8")))
    except UnicodeDecodeError:
        raise AssignmentInvalid(f"{path} is not UTF-8: save it as UTF-8.") from None
    except tomllib.TOMLDecodeError as error:
        raise AssignmentInvalid(f"{path} is not TOML: {str(error)[:200]}.") from None
    except RecursionError:
        raise AssignmentInvalid(
            f"{path} is nested too deeply: keep to the documented keys."
        ) from None
    except ValueError as error:  # what the schema refuses, and numbers of too many digits
        raise AssignmentInvalid(f"{path}: {error}") from None


def _require_files(folder: Path, module: str) -> None:
    for name, remedy in (
        ("statement.md", "write there what students have to do"),
        ("reference/solution.py", "write there a solution that passes every check"),
        (f"template/{module}", "put there what students start from"),
    ):
        if not (folder / name).is_file():
            raise AssignmentInvalid(f"{folder / name} is missing: {remedy}.")
    if not any((folder / "checks").rglob("test_*.py")):
        raise AssignmentInvalid(
            f"{folder / 'checks'} holds no test_*.py: write checks, as ordinary pytest files."
        )


def _folder_sha256(folder: Path) -> str:
    """Hash of everything an author wrote; one file at a time is in memory."""
    try:
        return content_sha256("assignment", _contents(folder))
    except OSError as error:
        raise AssignmentInvalid(f"{error.filename or folder}: {error.strerror}.") from None


def _contents(folder: Path) -> Iterator[tuple[str, bytes]]:
    total = 0
    paths = {path.relative_to(folder).as_posix(): path for path in _regular_files(folder)}
    if len(paths) > _FOLDER_FILES:
        raise AssignmentInvalid(f"{folder} holds more than {_FOLDER_FILES} files: remove some.")
    for name in sorted(paths):
        total += paths[name].stat().st_size
        if total > _FOLDER_BYTES:
            raise AssignmentInvalid(f"{folder} is larger than 256 MiB: remove files from it.")
        yield name, paths[name].read_bytes()


def _regular_files(folder: Path) -> Iterator[Path]:
    for parent, folders, files in os.walk(folder, onerror=_raise):
        folders[:] = [name for name in folders if name not in _NOT_CONTENT]
        for name in (*folders, *files):
            path = Path(parent, name)
            mode = path.lstat().st_mode
            if stat.S_ISDIR(mode) or _is_left_over(path, folder):
                continue
            if not stat.S_ISREG(mode):
                raise AssignmentInvalid(
                    f"{path} is a link or a special file: put a regular file there."
                )
            yield path


def _is_left_over(path: Path, folder: Path) -> bool:
    return path.name in _NOT_CONTENT or path.suffix == ".pyc" or path == folder / _RECORD


def _raise(error: OSError) -> None:
    raise error
