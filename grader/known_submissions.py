"""Submissions whose verdict an author knows: `submissions/` of an assignment's folder."""

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from functools import cached_property
from pathlib import Path
from typing import TypeVar

from grader.assignment import Assignment
from grader.decoding import DecodeError, decode, suggestion
from grader.errors import AssignmentInvalid, SubmissionRefused
from grader.submission import Submission, load_submission, require_file
from grader.text import quoted

EXPECTATION = "expect.toml"
_EXPECTATION_BYTES = 64 * 1024
_HINT = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")
_HINT_CHARACTERS = 400
_Expectation = TypeVar("_Expectation")


class Kind(StrEnum):
    """What an author says of a submission; the names of the folders."""

    ACCEPTED = "accepted"
    KNOWN_WRONG = "known_wrong"
    TOO_SLOW = "too_slow"


@dataclass(frozen=True, kw_only=True)
class Accepted:
    """What is expected of a right solution.

    Attributes:
        points: Of groups in which it does not earn all points, the least and the most.
    """

    points: Mapping[str, tuple[float, ...]] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class KnownWrong:
    """A misconception, and what is expected of a submission that holds it.

    Attributes:
        mistake: What it does wrong, for authors.
        fails: The checks that it fails, all of them.
        may_fail: Those that it may fail or pass.
        hint: The misconception's id.
        text: What a student who holds it is told.
    """

    mistake: str
    fails: tuple[str, ...]
    may_fail: tuple[str, ...] = ()
    hint: str
    text: str


@dataclass(frozen=True, kw_only=True)
class TooSlow:
    """What is expected of a submission that is right, but slow.

    Attributes:
        mistake: The slow path, for authors.
        hint: Its id.
        not_full: The checks that must not give all of their points.
    """

    mistake: str
    hint: str
    not_full: tuple[str, ...]


@dataclass(frozen=True)
class KnownSubmission:
    """One folder below `submissions/`.

    Attributes:
        kind: What its author says of it.
        folder: Where it is.
        expectation: Of its kind.
    """

    kind: Kind
    folder: Path
    expectation: Accepted | KnownWrong | TooSlow

    @property
    def name(self) -> str:
        """Kind and folder: `known_wrong/no_bias`."""
        return f"{self.kind}/{self.folder.name}"

    @cached_property
    def submission(self) -> Submission:
        """Its files, as a student would hand them in: without the expectation."""
        files = load_submission(self.folder).files
        return Submission({name: files[name] for name in files if name != EXPECTATION})


@dataclass(frozen=True)
class KnownSubmissions:
    """All of an assignment's, each kind sorted by name."""

    accepted: tuple[KnownSubmission, ...]
    known_wrong: tuple[KnownSubmission, ...]
    too_slow: tuple[KnownSubmission, ...]

    @property
    def all(self) -> tuple[KnownSubmission, ...]:
        """Accepted ones first."""
        return self.accepted + self.known_wrong + self.too_slow


def load_known_submissions(assignment: Assignment) -> KnownSubmissions:
    """Read and validate what lies below `submissions/`. Runs none of it.

    Raises:
        AssignmentInvalid: A folder lacks the module, or its expectation is not sound.
    """
    by_kind = {kind: _of_kind(assignment, kind) for kind in Kind}
    return KnownSubmissions(
        accepted=by_kind[Kind.ACCEPTED],
        known_wrong=by_kind[Kind.KNOWN_WRONG],
        too_slow=by_kind[Kind.TOO_SLOW],
    )


def load_known_submission(assignment: Assignment, kind: Kind, folder: Path) -> KnownSubmission:
    """Read and validate one.

    Raises:
        AssignmentInvalid: It lacks the module, or its expectation is not sound.
    """
    try:
        expectation = _expectation(kind, folder / EXPECTATION)
        known = KnownSubmission(kind, folder, expectation)
        require_file(known.submission, assignment.interface.file)
    except SubmissionRefused as error:
        raise AssignmentInvalid(f"{folder}: {error}") from None
    return known


def _of_kind(assignment: Assignment, kind: Kind) -> tuple[KnownSubmission, ...]:
    folder = assignment.submissions / kind.value
    if not folder.is_dir():
        return ()
    folders = [path for path in sorted(folder.iterdir()) if path.name != "__pycache__"]
    for path in folders:
        if not path.is_dir():
            raise AssignmentInvalid(f"{path} is not a folder: give each submission one of its own.")
    return tuple(load_known_submission(assignment, kind, path) for path in folders)


def _expectation(kind: Kind, path: Path) -> Accepted | KnownWrong | TooSlow:
    if kind is Kind.ACCEPTED:
        return _accepted(path)
    return _known_wrong(path) if kind is Kind.KNOWN_WRONG else _too_slow(path)


def _accepted(path: Path) -> Accepted:
    if not path.exists():
        return Accepted()
    accepted = _read(Accepted, path)
    for group, bounds in accepted.points.items():
        if len(bounds) != 2 or not 0 <= bounds[0] <= bounds[1]:
            raise AssignmentInvalid(
                f"{path}: points.{group} must be the least and the most, like [3, 8]."
            )
    return accepted


def _known_wrong(path: Path) -> KnownWrong:
    known = _read(KnownWrong, path)
    _require_hint(known.hint, path)
    _require(bool(known.fails), path, "fails is empty: name the checks that find the mistake")
    twice = sorted({*known.fails} & {*known.may_fail})
    _require(not twice, path, f"{', '.join(twice)} stands in fails and in may_fail")
    _require_sentence("mistake", known.mistake, path)
    _require_sentence("text", known.text, path)
    return known


def _too_slow(path: Path) -> TooSlow:
    slow = _read(TooSlow, path)
    _require_hint(slow.hint, path)
    _require(bool(slow.not_full), path, "not_full is empty: name the checks that find it slow")
    _require_sentence("mistake", slow.mistake, path)
    return slow


def _read(kind: type[_Expectation], path: Path) -> _Expectation:
    try:
        with path.open("rb") as file:
            content = file.read(_EXPECTATION_BYTES + 1)
        if len(content) > _EXPECTATION_BYTES:
            raise AssignmentInvalid(f"{path} is larger than 64 KiB: it is not an expectation.")
        return decode(kind, tomllib.loads(content.decode("utf-8")))
    except OSError as error:
        keys = ", ".join(kind.__dataclass_fields__)  # type: ignore[attr-defined]
        raise AssignmentInvalid(
            f"{path}: {error.strerror or 'it cannot be read'}. Write there {keys}."
        ) from None
    except UnicodeDecodeError:
        raise AssignmentInvalid(f"{path} is not UTF-8: save it as UTF-8.") from None
    except tomllib.TOMLDecodeError as error:
        raise AssignmentInvalid(f"{path} is not TOML: {str(error)[:200]}.") from None
    except RecursionError:
        raise AssignmentInvalid(f"{path} is nested too deeply.") from None
    except DecodeError as error:
        raise AssignmentInvalid(f"{path}: {error}") from None


def unknown_check(name: str, checks: Mapping[str, object]) -> str:
    """The sentence for a check that an expectation names and that does not exist."""
    return f"There is no check {quoted(name)}.{suggestion(name, checks)}"


def _require_hint(hint: str, path: Path) -> None:
    fits = _HINT.fullmatch(hint) is not None and len(hint) <= 60
    _require(fits, path, f"hint must be words joined by hyphens, like no-bias, not {quoted(hint)}")


def _require_sentence(key: str, text: str, path: Path) -> None:
    fits = text.isprintable() and len(text.strip()) >= 1 and len(text) <= _HINT_CHARACTERS
    _require(fits, path, f"{key} must be one line of 1 to {_HINT_CHARACTERS} characters")


def _require(condition: bool, path: Path, message: str) -> None:
    if not condition:
        raise AssignmentInvalid(f"{path}: {message}.")
