"""What `grader verify` finds, and every code that a finding can have."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum


class Severity(StrEnum):
    """An error keeps an assignment from being proved; a warning does not."""

    ERROR = "error"
    WARNING = "warning"


@dataclass(frozen=True)
class Finding:
    """One thing that does not hold of an assignment.

    Attributes:
        code: One of `CODES`.
        severity: Whether it keeps the assignment from being proved.
        place: A file, a check, a submission.
        message: What is wrong, in plain words.
        remedy: What to do.
    """

    code: str
    severity: Severity
    place: str
    message: str
    remedy: str


CODES: Mapping[str, str] = {
    "V01-invalid": "The folder is not an assignment: a file is missing or not sound.",
    "V01-unknown-name": "A file or folder has a name that means nothing here.",
    "V01-not-text": "A text file is not UTF-8.",
    "V01-line-ends": "A text file has line ends of another system.",
    "V01-link": "There is a link or a special file.",
    "V01-too-large": "A file is larger than such a file should be.",
    "V01-expectation": "A known submission lacks its module, or its expect.toml is not sound.",
    "V02-export-missing": "The statement does not name an export of the interface.",
    "V02-group-missing": "The statement does not name a group of points.",
    "V02-unknown-group": "The statement's table names a group that does not exist.",
    "V02-html": "The statement holds raw HTML.",
    "V02-image": "An image of the statement is missing, remote or outside of the folder.",
    "V02-link": "A link of the statement leads nowhere, or to another place than the web.",
    "V03-template-does-not-load": "The template cannot be imported.",
    "V03-template-earns": "The template earns points.",
    "V03-template-breaks": "A check of the template ends otherwise than by something missing.",
    "V04-reference-loses": "The reference does not earn all points.",
    "V05-accepted-loses": "A right solution does not earn what it should.",
    "V05-too-alike": "No accepted submission goes another way than the reference.",
    "V06-not-caught": "A check passes a submission that is known to fail it.",
    "V06-fails-more": "A check fails a submission that is not said to fail it.",
    "V06-unknown-check": "An expectation names a check that does not exist.",
    "V06-check-breaks": "A check breaks on a wrong submission, and nobody is graded.",
    "V07-no-hint": "A known mistake does not show its hint.",
    "V07-other-hint": "A known mistake shows the hint of another.",
    "V07-false-hint": "A right solution, or the template, shows a hint.",
    "V07-same-hint": "Two known mistakes have the same id, text or mistake.",
    "V07-same-outputs": "Two known mistakes give the same results.",
    "V07-solution-in-hint": "A hint holds code of the solution.",
    "V08-never-fails": "Nothing that was tried fails a check.",
    "V09-score": "The checks catch too few mutants of the reference.",
    "V09-survivor": "No check fails a mutant.",
    "V09-excuse-without-mutant": "[verify] excuses a mutant that does not exist.",
    "V09-excuse-without-reason": "[verify] excuses a mutant and does not say why.",
    "V10-seed": "A verdict depends on the seed.",
    "V10-run": "The same seed gives two different reports.",
    "V10-order": "A verdict depends on the order of the checks.",
    "V11-no-room": "The error of a right solution comes near its bound.",
    "V11-too-lax": "A wrong solution fails by hardly more than its bound.",
    "V12-accepted-slow": "A right solution is too slow for all points.",
    "V12-slow-passes": "A slow submission earns all points of a check that it should not.",
    "V12-slow-is-wrong": "A submission that should only be slow is wrong.",
    "V12-near": "A ratio comes near a rung.",
    "V12-too-long": "A grading takes more than half of its time limit.",
    "V13-earned": "Hostile code earns points.",
    "V13-fault": "Hostile code ends a grading as somebody else's fault.",
    "V13-overtime": "Hostile code makes a grading take longer than its limits.",
    "V14-leak": "Students get, or student code can read, a line of a trusted file.",
    "V14-expected-value": "A student's report shows more of a hidden check than its verdict.",
    "V14-no-bundle": "What students get cannot be made.",
    "V15-points": "The points of a group's checks do not add up to its total.",
    "V15-title": "Two checks have the same title, or one is no sentence.",
    "V15-needs": "Groups need each other in a circle: their checks never run.",
    "V15-hidden": "The statement does not say how many checks there are, and how many are hidden.",
}
"""What each code means; docs/findings.md says more."""


def error(code: str, place: str, message: str, remedy: str) -> Finding:
    """A finding that keeps the assignment from being proved. Raises KeyError: no such code."""
    return _finding(code, Severity.ERROR, place, message, remedy)


def warning(code: str, place: str, message: str, remedy: str) -> Finding:
    """A finding that does not. Raises KeyError: no such code."""
    return _finding(code, Severity.WARNING, place, message, remedy)


def _finding(code: str, severity: Severity, place: str, message: str, remedy: str) -> Finding:
    if code not in CODES:
        raise KeyError(f"no finding has the code {code}")
    return Finding(code, severity, place, message, remedy)
