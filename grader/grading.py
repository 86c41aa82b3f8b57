"""One submission, one assignment, one report."""

import platform
import re
import secrets
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict
from typing import Any, TypedDict

import hypothesis
import numpy as np
import pytest
from numpy.typing import NDArray

from grader import __version__
from grader.assignment import Assignment
from grader.checking.decorators import CheckInfo
from grader.checking.drawing import drawn_values
from grader.checking.examples.replay import replay
from grader.checking.examples.script import Examples
from grader.checking.local import LocalSession, OutOfTime
from grader.checking.mismatch import Mismatch, PartialCredit
from grader.checking.recorder import recording
from grader.checking.run import EVERYTHING, CheckRun, Selection, run_checks
from grader.checking.session import NotRun, StudentSession
from grader.errors import AssignmentInvalid, InfrastructureFault, SubmissionRefused
from grader.report import (
    AssignmentInfo,
    CheckResult,
    Hint,
    Outcome,
    Report,
    SandboxInfo,
    Status,
    SubmissionInfo,
    Versions,
    Visibility,
    score_groups,
)
from grader.sandbox.failures import Failure, SandboxEnded, StudentError
from grader.sandbox.pool import SandboxPool
from grader.sandbox.runtime import Runtime
from grader.submission import Submission
from grader.text import clean

_ADDRESS = re.compile(r" at 0x[0-9a-fA-F]+")
_Progress = Callable[[CheckResult, int], None]


class _Circumstances(TypedDict):
    submission: SubmissionInfo | None
    assignment: AssignmentInfo | None
    grader_version: str
    versions: Versions
    sandbox: SandboxInfo | None


def grade(
    submission: Submission,
    assignment: Assignment,
    pool: SandboxPool,
    *,
    seed: int | None = None,
    selection: Selection = EVERYTHING,
    on_check: _Progress = lambda _result, _total: None,
) -> Report:
    """Grade a submission.

    A fault of the assignment or of ours becomes a report without a score: nothing that is not
    the student's doing is ever a grade.

    Args:
        submission: What the student handed in.
        assignment: Its checks, reference and limits.
        pool: Where student code runs; its limits and runtime are those of the assignment.
        seed: Of all drawn cases; drawn itself where it is None. The same seed gives the same
            report, times apart.
        selection: Which checks, and in which order; all by default.
        on_check: Told of each check as it ends, and how many there are.
    """
    if pool.runtime != assignment.runtime:
        raise ValueError(
            f"{assignment.slug} asks for {assignment.runtime}, and the pool's sandboxes are made "
            f"for {pool.runtime}: give choose_sandbox the assignment's runtime"
        )
    session = StudentSession(pool, submission, assignment)
    return _grade(session, submission, assignment, pool, seed, selection, on_check)


def grade_here(
    submission: Submission,
    assignment: Assignment,
    *,
    seed: int | None = None,
    selection: Selection = EVERYTHING,
) -> Report:
    """The same in this process, without a sandbox: for an author's own code only.

    Speed is not measured; see `grader.checking.local.LocalSession`.

    Args:
        submission: Trusted code.
        assignment: Its checks and reference.
        seed: Of all drawn cases.
        selection: Which checks, and in which order; all by default.
    """
    limits = assignment.limits
    session = LocalSession(
        submission.files,
        assignment.interface.file,
        load_s=limits.load_s,
        check_s=limits.call_s,
        runtime=assignment.runtime,
    )
    return _grade(session, submission, assignment, None, seed, selection)


def _grade(
    session: StudentSession | LocalSession,
    submission: Submission,
    assignment: Assignment,
    pool: SandboxPool | None,
    seed: int | None,
    selection: Selection,
    on_check: _Progress = lambda _result, _total: None,
) -> Report:
    started = time.monotonic()
    seed = secrets.randbits(48) if seed is None else seed
    results: tuple[CheckResult, ...] = ()
    outcome, message = Outcome.GRADED, None
    try:
        runs = run_checks(
            assignment,
            session,
            seed,
            selection,
            on_check=lambda run, total: on_check(_result(run), total),
        )
        results = tuple(map(_result, runs))
        session.finish()
        message = None if session.message is None else _steady(session.message)
    except AssignmentInvalid as fault:
        outcome, message = Outcome.ASSIGNMENT_FAULT, str(fault)
    except InfrastructureFault as fault:
        outcome, message = Outcome.INFRASTRUCTURE_FAULT, str(fault)
    finally:
        session.close()
    graded = outcome is Outcome.GRADED
    groups = score_groups(results, assignment.points) if graded else ()
    return Report(
        outcome=outcome,
        message=message,
        failure=session.failure if graded else None,
        score=sum(group.score for group in groups) if graded else None,
        max_score=sum(group.max_score for group in groups) if graded else None,
        groups=groups,
        checks=results if graded else (),
        seed=seed,
        durations={"total": time.monotonic() - started},
        **_circumstances(submission, assignment, pool),
    )


def ungraded(
    error: SubmissionRefused | AssignmentInvalid | InfrastructureFault,
    assignment: Assignment | None,
    submission: Submission | None = None,
) -> Report:
    """The report of a grading that did not begin.

    Args:
        error: Why; its message is shown.
        assignment: What the submission is for; None where the assignment was refused.
        submission: None where it could not be read.
    """
    outcome = Outcome.INFRASTRUCTURE_FAULT
    if isinstance(error, SubmissionRefused):
        outcome = Outcome.REFUSED
    elif isinstance(error, AssignmentInvalid):
        outcome = Outcome.ASSIGNMENT_FAULT
    return Report(
        outcome=outcome,
        message=str(error),
        seed=None,
        **_circumstances(submission, assignment, None),
    )


def check_examples(
    submission: Submission, examples: Examples, arrays: Sequence[NDArray[Any]]
) -> Report:
    """Run the public checks that a student has as examples, in this process.

    Args:
        submission: The student's own code.
        examples: From the assignment's bundle.
        arrays: What the examples refer to.

    Raises:
        SandboxUnavailable: The library that the code works with is not installed here.
    """
    runtime = Runtime(arrays=examples.arrays)
    runtime.require_installed()
    session = LocalSession(
        submission.files,
        examples.file,
        load_s=examples.call_s,
        check_s=examples.call_s,
        runtime=runtime,
    )
    results = []
    try:
        for check in examples.checks:
            error: BaseException | None = None
            with recording() as recorded:
                try:
                    replay(check, arrays, session.begin_check(), submission.files)
                except (Exception, SystemExit, OutOfTime) as caught:
                    error = caught
            error, output = session.end_check(error)
            info = CheckInfo(check.group, check.points, "public", check.title)
            results.append(_result(CheckRun(check.id, info, error, recorded.metrics, output)))
    finally:
        session.close()
    points: dict[str, float] = {}
    for check in examples.checks:
        points[check.group] = points.get(check.group, 0.0) + check.points
    groups = score_groups(results, points)
    return Report(
        outcome=Outcome.GRADED,
        message=session.message,
        failure=session.failure,
        score=sum(group.score for group in groups),
        max_score=sum(group.max_score for group in groups),
        groups=groups,
        checks=tuple(results),
        seed=None,
        **_circumstances(submission, None, None),
    )


def _circumstances(
    submission: Submission | None, assignment: Assignment | None, pool: SandboxPool | None
) -> _Circumstances:
    """What it takes to repeat a grading."""
    return {
        "submission": None if submission is None else _submission_info(submission),
        "assignment": None if assignment is None else _assignment_info(assignment),
        "grader_version": __version__,
        "versions": {
            "python": platform.python_version(),
            "numpy": np.__version__,
            "pytest": pytest.__version__,
            "hypothesis": hypothesis.__version__,
        },
        "sandbox": None if pool is None else _sandbox_info(pool),
    }


def _submission_info(submission: Submission) -> SubmissionInfo:
    return {
        "sha256": submission.sha256,
        "files": {name: len(content) for name, content in submission.files.items()},
    }


def _assignment_info(assignment: Assignment) -> AssignmentInfo:
    return {
        "slug": assignment.slug,
        "version": assignment.version,
        "sha256": assignment.sha256,
    }


def _sandbox_info(pool: SandboxPool) -> SandboxInfo:
    sandbox = pool.describe()
    return {
        "kind": sandbox.kind,
        "image_digest": sandbox.image_digest,
        "isolation": sandbox.isolation,
        "limits": asdict(pool.limits),
    }


def _result(run: CheckRun) -> CheckResult:
    error = run.error
    status, points = _earned(error, run.info.points)
    lines = [] if error is None else [_message(error), run.facts]
    metrics: dict[str, Any] = {}
    counterexample: dict[str, Any] = {}
    hint = None if run.hint is None else (run.hint.id, run.hint.text)
    if error is not None and (values := drawn_values(error)) is not None:
        counterexample["case"] = values
    if isinstance(error, (Mismatch, PartialCredit)):
        metrics = error.metrics
        hint = error.hint or hint
    if isinstance(error, Mismatch):
        counterexample.update(error.counterexample)
    return CheckResult(
        id=run.id,
        title=run.info.title,
        group=run.info.group,
        status=status,
        failure=_failure(error),
        points=points,
        max_points=run.info.points,
        visibility=Visibility(run.info.visibility),
        message=clean("\n".join(filter(None, lines))) or None,
        hint=None if hint is None else Hint(*hint),
        metrics={**metrics, **run.metrics},  # the largest over all cases, not the smallest case's
        counterexample=counterexample or None,
        output=run.output or None,
        speed=run.speed,
    )


def _earned(error: BaseException | None, total: float) -> tuple[Status, float]:
    """How a check ended, and its points."""
    if error is None:
        return Status.PASSED, total
    if isinstance(error, NotRun):
        return Status.NOT_RUN, 0.0
    if isinstance(error, PartialCredit):
        # Products of tenths miss what the author meant by an ulp. A part so near to nothing or
        # to everything that rounding takes it there is that.
        points = round(error.share * total, 9)
        if points >= total:
            return Status.PASSED, total
        if points > 0:
            return Status.PARTIAL, points
    return Status.FAILED, 0.0


def _failure(error: BaseException | None) -> Failure | None:
    if isinstance(error, SandboxEnded):
        return error.failure
    return Failure.STUDENT_EXCEPTION if isinstance(error, StudentError) else None


def _steady(text: str) -> str:
    """The same each time: what Python shows of an object says where in memory it lies."""
    return _ADDRESS.sub("", text)


def _message(error: BaseException) -> str:
    text = _steady(str(error))
    if isinstance(error, StudentError):
        return f"Your code raised {text}"
    return text or "A condition of this check does not hold."
