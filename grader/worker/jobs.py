"""What a runner is told, and what it says: small JSON documents that both ends read with care."""

import json
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from grader.decoding import parse_json
from grader.tracing import is_trace

TASK = "onebyone.grade"
"""Name of the only task there is."""

REPORTS = "reports"
"""The exchange that runners publish to, and the queue behind it."""

LARGEST_REPORT = 8 * 1024 * 1024
"""Bytes of what a runner may say at once."""

LARGEST_JOB = 64 * 1024
QUEUES = ("cpu", "gpu")

_SHA256 = re.compile(r"[0-9a-f]{64}")
_RECEIPT = re.compile(r"[0-9a-z]{1,40}")
_KINDS = frozenset({"phase", "check", "report", "fault", "unwell"})
_LONGEST_TOKEN = 1000


class NotAJob(ValueError):
    """A message is not what it should be; the text says in which way."""


@dataclass(frozen=True, kw_only=True)
class Job:
    """One grading.

    Attributes:
        token: Stands for the attempt; whoever shows it may fetch its files and report on it.
        receipt: Of the submission, for logs.
        trace: Of the submission: joins what every part logs about it.
        archive_url: Where its zip is.
        archive_sha256: Of the zip.
        assignment_url: Where a tar of the assignment's folder is.
        assignment_sha256: Of the assignment's content.
        seed: Of all drawn cases.
    """

    token: str
    receipt: str
    trace: str
    archive_url: str
    archive_sha256: str
    assignment_url: str
    assignment_sha256: str
    seed: int

    def __post_init__(self) -> None:
        """Refuse what cannot be one. Raises NotAJob."""
        for name in ("token", "archive_url", "assignment_url"):
            value = getattr(self, name)
            if not isinstance(value, str) or not 0 < len(value) <= _LONGEST_TOKEN:
                raise NotAJob(f"{name} is no text of 1 to {_LONGEST_TOKEN} characters")
        if not isinstance(self.receipt, str) or not _RECEIPT.fullmatch(self.receipt):
            raise NotAJob("receipt is no receipt")
        if not is_trace(self.trace):
            raise NotAJob("trace is no trace id")
        for name in ("archive_url", "assignment_url"):
            if not getattr(self, name).startswith(("http://", "https://")):
                raise NotAJob(f"{name} is no address of HTTP")
        for name in ("archive_sha256", "assignment_sha256"):
            value = getattr(self, name)
            if not isinstance(value, str) or not _SHA256.fullmatch(value):
                raise NotAJob(f"{name} is no SHA-256")
        if type(self.seed) is not int or not 0 <= self.seed < 2**63:
            raise NotAJob("seed is no whole number from 0 to 2**63 - 1")


@dataclass(frozen=True, kw_only=True)
class Said:
    """What a runner says of a job.

    Attributes:
        token: Of the job.
        kind: Of the event, as `grader.runner.messages.Event` has it.
        body: The same event's.
        runner: Which machine says so, for logs.
    """

    token: str
    kind: str
    body: dict[str, Any]
    runner: str


def job_of(fields: object) -> Job:
    """Read a job. Raises NotAJob."""
    return Job(**_fields(fields, Job))


def said_of(content: bytes) -> Said:
    """Read what a runner says. Raises NotAJob."""
    if len(content) > LARGEST_REPORT:
        raise NotAJob(f"it has {len(content)} bytes, more than {LARGEST_REPORT}")
    try:
        fields = parse_json(content)
    except ValueError as error:
        raise NotAJob("it is not JSON") from error
    said = Said(**_fields(fields, Said))
    if not isinstance(said.token, str) or not 0 < len(said.token) <= _LONGEST_TOKEN:
        raise NotAJob("token is no text")
    if said.kind not in _KINDS:
        raise NotAJob(f"kind is none of {', '.join(sorted(_KINDS))}")
    if not isinstance(said.body, dict) or not isinstance(said.runner, str):
        raise NotAJob("body or runner is of another type")
    return said


def to_bytes(said: Said) -> bytes:
    """As it is published. Raises NotAJob where it is too large to be."""
    content = json.dumps(asdict(said), allow_nan=False, separators=(",", ":")).encode()
    if len(content) > LARGEST_REPORT:
        raise NotAJob(f"it has {len(content)} bytes, more than {LARGEST_REPORT}")
    return content


def _fields(fields: object, kind: type[Job] | type[Said]) -> dict[str, Any]:
    wanted = set(kind.__dataclass_fields__)
    if not isinstance(fields, Mapping) or set(fields) != wanted:
        raise NotAJob(f"its fields are not {', '.join(sorted(wanted))}")
    return dict(fields)
