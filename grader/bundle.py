"""What students get of an assignment, and nothing else."""

import io
import zipfile
from collections.abc import Mapping

from grader.assignment import Assignment
from grader.checking.examples.record import record_examples
from grader.checking.examples.script import FILE, to_bytes
from grader.errors import AssignmentInvalid

IMAGES = frozenset({".png", ".jpg", ".jpeg", ".gif", ".svg", ".webp"})
"""Suffixes of the files beside statement.md that belong to it."""

_STATEMENT = "statement.md"


def bundle(assignment: Assignment) -> dict[str, bytes]:
    """The files that students get: statement, images, template, public checks as examples.

    The public checks' code stays: it needs the reference. See `grader.checking.examples`.

    Raises:
        AssignmentInvalid: Two files would have the same name, or the reference does not pass.
    """
    files = {_STATEMENT: assignment.statement.read_bytes()}
    for path in sorted(assignment.folder.iterdir()):
        if path.is_file() and path.suffix.lower() in IMAGES:
            files[path.name] = path.read_bytes()
    for path in sorted(assignment.template.rglob("*")):
        name = path.relative_to(assignment.template).as_posix()
        if path.is_dir() or "__pycache__" in path.parts:
            continue
        if name in files or name == FILE:
            raise AssignmentInvalid(f"{path}: the bundle has another file of this name: rename it.")
        files[name] = path.read_bytes()
    examples, arrays = record_examples(assignment)
    return {**files, FILE: to_bytes(examples, arrays)}


def to_zip(files: Mapping[str, bytes], folder: str) -> bytes:
    """A zip with everything in one folder; the same files give the same bytes."""
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in sorted(files.items()):
            entry = zipfile.ZipInfo(f"{folder}/{name}")
            entry.external_attr = 0o644 << 16
            archive.writestr(entry, data, zipfile.ZIP_DEFLATED)
    return content.getvalue()
