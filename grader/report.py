"""What a grading found: the model, and its JSON. `docs/report.schema.json` describes the latter."""

import functools
import json
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields, is_dataclass, replace
from enum import Enum, StrEnum
from numbers import Integral, Real
from typing import Any, TypedDict, cast

from grader.decoding import decode, parse_json
from grader.measurement import SpeedMeasurement
from grader.sandbox.failures import Failure

SCHEMA_VERSION = 1

_AS_THEY_ARE = frozenset({str, int, bool, type(None)})
_HIDDEN_CHECK = "This check is hidden."
_HIDDEN_END = "Your code ended in a hidden check."
_HIDDEN_FAULT = (
    "A fault of the assignment, not of your submission: nothing was graded. What it is stands in "
    "the full report, for the author."
)


class Outcome(StrEnum):
    """What became of the grading as a whole. Only `graded` has a score."""

    GRADED = "graded"
    REFUSED = "refused"
    ASSIGNMENT_FAULT = "assignment_fault"
    INFRASTRUCTURE_FAULT = "infrastructure_fault"


class Status(StrEnum):
    """How one check ended; `partial` earned a part of its points."""

    PASSED = "passed"
    PARTIAL = "partial"
    FAILED = "failed"
    NOT_RUN = "not_run"


class Visibility(StrEnum):
    """Who sees more of a check than its title and what it earned."""

    PUBLIC = "public"
    HIDDEN = "hidden"
    AFTER_DEADLINE = "after_deadline"


@dataclass(frozen=True)
class Hint:
    """What a known mistake is called, and what its author says to whom makes it."""

    id: str
    text: str


@dataclass(frozen=True)
class GroupScore:
    """What the checks of one group earned, of what they could."""

    name: str
    score: float
    max_score: float


@dataclass(frozen=True, kw_only=True)
class CheckResult:
    """How one check ended.

    Attributes:
        id: `test_file.py::test_name`.
        title: What the student reads.
        group: Where its points count.
        status: `passed` earns all points, `partial` a part of them, all else none.
        failure: What stopped the student's code in this check; None for a wrong result.
        points: Earned.
        max_points: What passing earns.
        visibility: Who sees more than title, status and points.
        message: What is wrong, in plain words; None where it passed.
        hint: The known mistake that explains it.
        metrics: Figures such as `worst_error_over_bound`.
        counterexample: The smallest case that fails, as JSON values: `case` (what was drawn),
            `index`, `actual`, `expected`, `bound`, shapes.
        output: What the student's code printed.
        speed: What was measured of it, whether it passed or not; None where nothing was timed.

    Raises:
        ValueError: The points do not go with the status, or the measurement is none.
    """

    id: str
    title: str
    group: str
    status: Status
    failure: Failure | None = None
    points: float
    max_points: float
    visibility: Visibility
    message: str | None = None
    hint: Hint | None = None
    metrics: Mapping[str, float] = field(default_factory=dict)
    counterexample: Mapping[str, Any] | None = None
    output: str | None = None
    speed: SpeedMeasurement | None = None

    def __post_init__(self) -> None:
        total, points = self.max_points, self.points
        if not (math.isfinite(total) and total > 0):
            raise ValueError(f"a check has a number of points to earn, not {total}")
        earned = {
            Status.PASSED: points == total,
            Status.PARTIAL: 0 < points < total,
            Status.FAILED: points == 0,
            Status.NOT_RUN: points == 0,
        }
        if not earned[self.status]:
            raise ValueError(f"{self.status} does not go with {points} of {total} points")
        if self.speed is not None:
            _validate_speed(self.speed)


def _validate_speed(speed: SpeedMeasurement) -> None:
    times = (*speed.student_s, *speed.reference_s, *speed.null_s)
    ratios = [ratio for ratio in (speed.low, speed.ratio, speed.high) if ratio is not None]
    shares = (speed.confidence, speed.share, *(rung.share for rung in speed.rungs))
    if not all(math.isfinite(time) and time >= 0 for time in times):
        raise ValueError("a time is a number of seconds, not less than 0")
    if len(ratios) not in (0, 3) or not all(math.isfinite(r) and r >= 0 for r in ratios):
        raise ValueError("a ratio has an interval, and both are numbers not less than 0")
    if ratios != sorted(ratios):
        raise ValueError("a ratio is within its interval")
    if not all(0 <= share <= 1 for share in shares):
        raise ValueError("a share is a number from 0 to 1")
    if not all(math.isfinite(rung.at_most) and rung.at_most > 0 for rung in speed.rungs):
        raise ValueError("a rung is a ratio of more than 0")
    if not 0 <= speed.pairs <= min(len(speed.student_s), len(speed.reference_s)):
        raise ValueError("each pair has a time of both sides")
    if speed.tries < 0 or speed.void < 0:
        raise ValueError("tries are counted from 0")


class SubmissionInfo(TypedDict):
    """Which submission: its content address, and the size of each file in bytes."""

    sha256: str
    files: Mapping[str, int]


class AssignmentInfo(TypedDict):
    """Which assignment; `sha256` is that of its whole folder."""

    slug: str
    version: str
    sha256: str


class Versions(TypedDict):
    """What the trusted side ran on."""

    python: str
    numpy: str
    pytest: str
    hypothesis: str


class SandboxInfo(TypedDict):
    """Where the student's code ran. `limits` are those of `grader.sandbox.limits.Limits`."""

    kind: str
    image_digest: str | None
    isolation: str
    limits: Mapping[str, float]


@dataclass(frozen=True, kw_only=True)
class Report:
    """One submission, graded or not, with everything that it takes to repeat the grading.

    Attributes:
        schema_version: Of the JSON form.
        outcome: Whether there is a score, and if not, whose fault that is.
        message: One sentence for people: why it was refused, what ended the student's process.
        failure: What first ended the student's process or kept the module from loading.
        score: Points earned; None unless graded.
        max_score: Points there were; None unless graded.
        groups: The same by group.
        checks: In the order they ran.
        submission: None where it was refused before it could be read.
        assignment: What it was judged by; None where the assignment itself was refused.
        grader_version: Of this package.
        versions: Of what else has a say in the numbers.
        seed: Of all drawn cases; None where nothing was drawn.
        sandbox: None where none was used.
        durations: Seconds by name. All that may differ between two gradings with one seed.

    Raises:
        ValueError: There is a score though nothing was graded, or none though it was.
    """

    schema_version: int = SCHEMA_VERSION
    outcome: Outcome
    message: str | None = None
    failure: Failure | None = None
    score: float | None = None
    max_score: float | None = None
    groups: tuple[GroupScore, ...] = ()
    checks: tuple[CheckResult, ...] = ()
    submission: SubmissionInfo | None
    assignment: AssignmentInfo | None
    grader_version: str
    versions: Versions
    seed: int | None
    sandbox: SandboxInfo | None
    durations: Mapping[str, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.schema_version != SCHEMA_VERSION:
            raise ValueError(f"schema_version must be {SCHEMA_VERSION}, not {self.schema_version}")
        for score in (self.score, self.max_score):
            if (score is not None) != (self.outcome is Outcome.GRADED):
                raise ValueError(f"a score goes with graded, and only with it: not {self.outcome}")
            if score is not None and not (math.isfinite(score) and score >= 0):
                raise ValueError(f"a score must be a number of points, not {score}")


def score_groups(
    checks: Iterable[CheckResult], points: Mapping[str, float]
) -> tuple[GroupScore, ...]:
    """Add up what was earned.

    Args:
        checks: All that belong to the grading.
        points: Total of each group, in the order to report them in.
    """
    earned = dict.fromkeys(points, 0.0)
    for check in checks:
        earned[check.group] += check.points
    # Sums of tenths miss their total by an ulp; the total is what the author wrote.
    return tuple(
        GroupScore(name, min(round(earned[name], 9), total), total)
        for name, total in points.items()
    )


def student_view(report: Report) -> Report:
    """What the student may see: of checks that are not public, title, status and points only.

    What is wrong with an assignment is left out as well: it may quote from a hidden check. So
    is what ended the student's process in a hidden check, since it may carry what the check was
    about (an exit code can be any number that student code likes).
    """
    message = report.message
    if report.outcome is Outcome.ASSIGNMENT_FAULT:
        message = _HIDDEN_FAULT
    elif message is not None and message in {
        check.message for check in report.checks if check.visibility is not Visibility.PUBLIC
    }:
        message = _HIDDEN_END
    return replace(
        report,
        checks=tuple(_student_view_of(check) for check in report.checks),
        message=message,
    )


def _student_view_of(check: CheckResult) -> CheckResult:
    if check.visibility is Visibility.PUBLIC:
        return check
    return CheckResult(
        id=check.id,
        title=check.title,
        group=check.group,
        status=check.status,
        points=check.points,
        max_points=check.max_points,
        visibility=check.visibility,
        message=_HIDDEN_CHECK,
    )


def without_times(report: Report) -> Report:
    """The part that the same seed gives again. Compare it as JSON: a NaN equals nothing.

    Measurements of speed are left out, and metrics that say by their name that they were
    measured: those ending in `_s` (seconds) or `_mib` (memory), or starting with `speed_`. Where
    a ratio is near a rung of its ladder, the status and points of that check may still differ.
    """
    return replace(
        report,
        durations={},
        checks=tuple(
            replace(
                check,
                speed=None,
                metrics={k: v for k, v in check.metrics.items() if not is_measured(k)},
            )
            for check in report.checks
        ),
    )


def is_measured(metric: str) -> bool:
    """Whether a metric says by its name that it differs from one grading to the next."""
    return metric.endswith(("_s", "_mib")) or metric.startswith("speed_")


def to_document(report: Report) -> dict[str, Any]:
    """In JSON's own types, keys in a fixed order; floats that JSON has not become text."""
    return cast("dict[str, Any]", _plain(report))


def to_json(report: Report) -> str:
    """The same as one JSON document."""
    return json.dumps(to_document(report), indent=2, allow_nan=False)


def to_compact_json(document: Mapping[str, Any]) -> str:
    """Of what `to_document` gave, for programs: without any space."""
    return json.dumps(document, separators=(",", ":"), allow_nan=False)


def from_json(text: str) -> Report:
    """Read what `to_json` wrote.

    Raises:
        ValueError: It is not a report, or one of another schema version.
    """
    return from_document(parse_json(text))


def from_document(document: object) -> Report:
    """The same of JSON that was parsed already, by `grader.decoding.parse_json`."""
    return decode(Report, document)


def _plain(value: object) -> object:
    kind = type(value)
    if kind in _AS_THEY_ARE or (kind is float and math.isfinite(cast(float, value))):
        return value
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if is_dataclass(value):
        return {name: _plain(getattr(value, name)) for name in _names(cast(object, kind))}
    return _scalar(value)


def _scalar(value: object) -> object:
    """NumPy's numbers become Python's."""
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, str):
        return value
    if isinstance(value, Integral):
        return int(value)
    if isinstance(value, Real):
        number = float(value)
        return number if math.isfinite(number) else str(number)
    raise TypeError(f"a report cannot hold a {type(value).__name__}")


@functools.cache
def _names(kind: Any) -> tuple[str, ...]:
    return tuple(each.name for each in fields(kind))
