"""`verified.json`: what was proved of which version of an assignment. Publishing asks for it."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from grader import __version__
from grader.assignment import Assignment
from grader.decoding import decode

RECORD = "verified.json"
_FORMAT = 1
_BYTES = 4 << 20


@dataclass(frozen=True, kw_only=True)
class Record:
    """The outcome of one `grader verify`.

    Attributes:
        format: Of this file.
        assignment_sha256: Of the folder that was looked at.
        grader_version: That looked.
        proved: Whether every property was proved.
        parts: The properties that were looked at, by name: whether each was proved.
        sandbox: Its kind; empty where none was needed.
        image_digest: Of its image.
        device: `cpu`, or the GPU.
        seeds: With how many seeds verdicts were repeated.
        mutation_score: Caught mutants, counted ones; none where mutants were not tried.
        survivors: Names of mutants that no check catches.
        worst_error_over_bound: Of right solutions.
        least_error_over_bound: By which a wrong one failed; none where all bounds are zero.
        matrix: By submission: points of each group.
        findings: Codes of what was found.
        seconds: That it took.
    """

    format: int = _FORMAT
    assignment_sha256: str
    grader_version: str
    proved: bool
    parts: Mapping[str, bool]
    sandbox: str
    image_digest: str | None
    device: str
    seeds: int
    mutation_score: tuple[int, ...] | None
    survivors: tuple[str, ...]
    worst_error_over_bound: float | None
    least_error_over_bound: float | None
    matrix: Mapping[str, Mapping[str, float]]
    findings: tuple[str, ...]
    seconds: float


def write_record(record: Record, assignment: Assignment) -> Path:
    """Put the record into the assignment's folder; never half of it."""
    path = assignment.folder / RECORD
    beside = path.with_suffix(".tmp")
    beside.write_text(to_text(record), encoding="utf-8")
    beside.replace(path)
    return path


def to_text(record: Record) -> str:
    """One JSON document."""
    return json.dumps(_plain(asdict(record)), indent=2, allow_nan=False) + "\n"


def load_record(assignment: Assignment) -> Record | None:
    """The record in an assignment's folder; None where there is none that can be read."""
    try:
        with (assignment.folder / RECORD).open("rb") as file:
            content = file.read(_BYTES)
        return decode(Record, json.loads(content))
    except (OSError, ValueError, RecursionError):
        return None


def why_not_publishable(assignment: Assignment) -> str | None:
    """Why an assignment may not be published; None if it may.

    It may if a whole `grader verify` of this very folder proved it, with this major version.
    """
    record = load_record(assignment)
    remedy = f"run `grader verify {assignment.slug}`"
    if record is None:
        return f"It has not been verified: {remedy}."
    if record.assignment_sha256 != assignment.sha256:
        return f"It has changed since it was verified: {remedy} again."
    if record.grader_version.split(".")[0] != __version__.split(".")[0]:
        return f"It was verified by version {record.grader_version} of the grader: {remedy} again."
    return None if record.proved else f"It was not proved sound: {remedy}, and see why."


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    return value
