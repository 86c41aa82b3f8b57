"""V01: files and names are sound."""

import difflib
import stat
from collections.abc import Iterator
from pathlib import Path

from grader.assignment import Assignment, load_assignment
from grader.bundle import IMAGES
from grader.errors import AssignmentInvalid
from grader.known_submissions import Kind, load_known_submission
from grader.text import quoted
from grader.verifying.finding import Finding, error

_TEXTS = frozenset({".py", ".toml", ".md", ".txt", ".json", ".cfg", ".csv"})
_LEFT_OVERS = frozenset(
    {"__pycache__", ".pytest_cache", ".mypy_cache", ".ruff_cache", ".hypothesis", ".DS_Store"}
)
_FOLDERS = frozenset({"template", "reference", "checks", "submissions"})
_FILES = frozenset({"assignment.toml", "statement.md", "verified.json"})
_KINDS = frozenset(kind.value for kind in Kind)
_TEXT_BYTES = 1 << 20
_IMAGE_BYTES = 4 << 20


def prove(folder: Path) -> list[Finding]:
    """All that is wrong with the files of an assignment's folder, not only the first thing."""
    findings = [*_of_names(folder), *_of_files(folder)]
    try:
        assignment = load_assignment(folder)
    except AssignmentInvalid as fault:
        message = str(fault)
        invalid = error("V01-invalid", str(folder), message, "Mend what it names.")
        return [invalid, *findings]
    return [*findings, *_of_submissions(assignment)]


def _of_names(folder: Path) -> Iterator[Finding]:
    """Names at the top, and of the kinds of submissions, that mean nothing."""
    known = _FOLDERS | _FILES
    for path in _entries(folder):
        if path.name not in known and not (path.is_file() and path.suffix.lower() in IMAGES):
            yield _unknown(path.name, known)
    for path in _entries(folder / "submissions"):
        if path.name not in _KINDS or not path.is_dir():
            yield _unknown(f"submissions/{path.name}", {f"submissions/{kind}" for kind in _KINDS})


def _unknown(name: str, known: frozenset[str] | set[str]) -> Finding:
    near = difflib.get_close_matches(name, sorted(known), n=1)
    meant = f" Did you mean {near[0]}?" if near else ""
    return error(
        "V01-unknown-name",
        name,
        f"{quoted(name)} means nothing in an assignment, so it is never looked at.{meant}",
        f"Use {', '.join(sorted(known))}, and images beside statement.md.",
    )


def _of_files(folder: Path) -> Iterator[Finding]:
    for path in sorted(folder.rglob("*")):
        relative = path.relative_to(folder)
        if _LEFT_OVERS & set(relative.parts):
            continue
        mode = path.lstat().st_mode
        if stat.S_ISREG(mode):
            yield from _of_file(path, relative.as_posix())
        elif not stat.S_ISDIR(mode):
            yield error(
                "V01-link",
                relative.as_posix(),
                "It is a link or a special file.",
                "Put a regular file in its place.",
            )


def _of_file(path: Path, name: str) -> Iterator[Finding]:
    is_text = path.suffix.lower() in _TEXTS
    bound = _TEXT_BYTES if is_text else _IMAGE_BYTES
    size = path.stat().st_size
    if size > bound:
        yield error(
            "V01-too-large",
            name,
            f"It has {size / (1 << 20):.1f} MiB; more than {bound >> 20} is no such file.",
            "Make it smaller, or let the checks compute what it holds.",
        )
        return
    if not is_text:
        return
    content = path.read_bytes()
    try:
        content.decode("utf-8")
    except UnicodeDecodeError as fault:
        line = content.count(b"\n", 0, fault.start) + 1
        yield error("V01-not-text", f"{name}:{line}", "It is not UTF-8.", "Save it as UTF-8.")
    if b"\r" in content:
        line = content.count(b"\n", 0, content.index(b"\r")) + 1
        yield error(
            "V01-line-ends",
            f"{name}:{line}",
            "It has line ends with a carriage return.",
            "Save it with line ends of Unix: a line feed alone.",
        )


def _of_submissions(assignment: Assignment) -> Iterator[Finding]:
    """What is wrong with each known submission."""
    for kind in Kind:
        for path in _entries(assignment.submissions / kind.value):
            try:
                if not path.is_dir():
                    raise AssignmentInvalid(f"{path} is not a folder.")
                load_known_submission(assignment, kind, path)
            except AssignmentInvalid as fault:
                yield error(
                    "V01-expectation",
                    path.relative_to(assignment.folder).as_posix(),
                    str(fault),
                    f"A folder here holds {assignment.interface.file} and, where its verdict has "
                    f"to be told, an expect.toml: mend what the message names.",
                )


def _entries(folder: Path) -> list[Path]:
    if not folder.is_dir():
        return []
    return [path for path in sorted(folder.iterdir()) if path.name not in _LEFT_OVERS]
