"""Grades an attack, and says what is not as it must be."""

import json
import time
from dataclasses import dataclass
from pathlib import Path

from grader.assignment import load_assignment
from grader.errors import SubmissionRefused
from grader.grading import grade
from grader.report import Outcome, Report, student_view, to_json
from grader.sandbox.pool import SandboxPool
from grader.submission import Submission, load_submission, require_file
from grader.terminal import render
from grader.text import clean

from .corpus import HERE, SCORE, Attack, Expectation
from .watch import Watch, Witness

ASSIGNMENT = load_assignment(HERE / "hostile-dense")
ESCAPED = "ESCAPED"
"""What an attack raises that has got through."""

SEED = 1
HONEST = Submission({"layers.py": (HERE / "support" / "honest.py").read_bytes()})


@dataclass(frozen=True)
class Result:
    """What came of an attack.

    Attributes:
        outcome: In words.
        seconds: From hand-in to report.
        problems: What is not as it must be; empty where the attack was held.
    """

    outcome: str
    seconds: float
    problems: tuple[str, ...]


@dataclass(frozen=True)
class Surroundings:
    """What attacks run in: a sandbox's launcher, what is watched, what honest work gets."""

    kind: str
    witness: Witness
    watch: Watch
    honest: str


def surround(kind: str, witness: Witness, watch: Watch) -> Surroundings:
    """Grade honest work once, to know what it gets and what a grader at rest has open."""
    for _ in range(2):
        report = grade_files(HONEST, witness)
        if report.score != SCORE:
            raise AssertionError(f"honest work got {report.score}: {report.message}")
    problems = watch.problems(witness)
    if problems:
        raise AssertionError(f"honest work: {problems}")
    watch.settle()
    return Surroundings(kind, witness, watch, fingerprint(report))


def judge(attack: Attack, around: Surroundings, folder: Path) -> Result:
    """Hand an attack in, and look at report, machine and the next honest submission."""
    expected = attack.expected[around.kind]
    started = time.monotonic()
    uploads = attack.uploads()
    try:
        if expected.refused:
            outcome, problems = _refusals(uploads, folder)
        else:
            submission = _loaded(attack, uploads, folder)
            for _ in range(1 + expected.twice):
                report = grade_files(submission, around.witness)
            outcome, problems = _described(report), _of_report(report, expected, around)
    except SubmissionRefused as error:
        outcome, problems = "refused", [f"was refused: {error}"]
    seconds = time.monotonic() - started
    problems += around.watch.problems(around.witness)
    if fingerprint(grade_files(HONEST, around.witness)) != around.honest:
        problems.append("the next honest submission got something else than before")
    problems += around.watch.problems(around.witness)
    return Result(outcome, seconds, tuple(problems))


def grade_files(submission: Submission, witness: Witness) -> Report:
    """One grading in fresh sandboxes."""
    with SandboxPool(witness, ASSIGNMENT.limits) as pool:
        return grade(submission, ASSIGNMENT, pool, seed=SEED)


def _loaded(attack: Attack, uploads: dict[str, bytes], folder: Path) -> Submission:
    """As it comes in by the front door; files that the corpus lends go along."""
    name = ASSIGNMENT.interface.file
    inbox = folder / "inbox"
    inbox.mkdir()
    for file, content in (attack.files() | uploads).items():
        (inbox / file).write_bytes(content)
    submission = load_submission(inbox)
    require_file(submission, name)
    return submission


def _refusals(uploads: dict[str, bytes], folder: Path) -> tuple[str, list[str]]:
    """Each upload must be refused with a sentence, whatever it does to others."""
    problems = []
    inbox = folder / "inbox"
    inbox.mkdir()
    for name, content in uploads.items():
        path = inbox / name
        path.write_bytes(content)
        try:
            load_submission(path)
        except SubmissionRefused as refusal:
            if clean(str(refusal)) != str(refusal) or not str(refusal).isascii():
                problems.append(f"{name}: the refusal repeats odd characters")
        else:
            problems.append(f"{name} was not refused")
        path.unlink()
        problems += [f"{name} left {left.name}" for left in inbox.iterdir()]
    return "refused", problems


def _of_report(report: Report, expected: Expectation, around: Surroundings) -> list[str]:
    if report.outcome is not Outcome.GRADED:
        return [f"ended as {report.outcome}: {report.message}"]
    problems = []
    if report.score != expected.score:
        problems.append(f"got {report.score} points, not {expected.score}")
    if report.failure not in expected.failure:
        problems.append(f"ended by {report.failure}, not {' or '.join(map(str, expected.failure))}")
    failures = {check.failure for check in report.checks}
    if expected.check_failure and not failures & set(expected.check_failure):
        problems.append(f"no check failed by {' or '.join(expected.check_failure)}: {failures}")
    messages = [report.message or "", *(check.message or "" for check in report.checks)]
    if expected.message and not any(expected.message in message for message in messages):
        problems.append(f"nobody says {expected.message!r}: {messages}")
    printed = [check.output or "" for check in report.checks]
    if expected.output and not any(expected.output in output for output in printed):
        problems.append(f"did not print {expected.output!r}: {printed}")
    return problems + _of_texts(report, expected, around)


def _of_texts(report: Report, expected: Expectation, around: Surroundings) -> list[str]:
    """What is shown to anybody holds no secret and moves no cursor."""
    problems = []
    whole, seen = to_json(report), to_json(student_view(report))
    said = [report.message or ""]
    for check in report.checks:
        said += [check.message or "", check.output or ""]
    if any(ESCAPED in text for text in said):
        problems.append(f"got through: {[text for text in said if ESCAPED in text]}")
    if around.watch.canary.secret in whole:
        problems.append("found the canary")
    if expected.hidden and (expected.hidden not in whole or expected.hidden in seen):
        problems.append(f"students may see {expected.hidden!r}, or nobody may")
    shown = render(report, colour=False)
    if clean(shown, len(shown)) != shown:
        problems.append("moves the terminal's cursor")
    if json.loads(whole)["outcome"] != "graded" or len(whole) > 1 << 20:
        problems.append("the report's JSON is broken or huge")
    return problems


def _described(report: Report) -> str:
    ended = (report.failure or "").replace("_", " ")
    if not ended:
        failures = {check.failure.value for check in report.checks if check.failure is not None}
        ended = ", ".join(sorted(failures)).replace("_", " ") or "graded"
    return f"{ended}: {report.score:g} of {SCORE}"


def fingerprint(report: Report) -> str:
    """What must not change from one grading of the same submission to the next."""
    verdicts = [(c.id, c.status, c.points, c.message, c.metrics, c.output) for c in report.checks]
    return repr((report.outcome, report.score, report.failure, report.message, verdicts))
