"""Rows become answers: what a person may see of submissions and their gradings."""

from collections.abc import Sequence
from dataclasses import replace

from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from grader.report import Report, Visibility, from_json, student_view
from web.api.shapes import CheckProgress, Page, SubmissionAnswer, SubmissionItem, Submissions
from web.courses.access import Place
from web.courses.deadlines import deadline_for
from web.courses.models import CourseAssignment
from web.database import now
from web.errors import Conflict, Invalid
from web.gradebook.models import Regrade
from web.gradebook.standings import official_results
from web.grading.models import Attempt, Result, State
from web.grading.queue import places
from web.submissions.models import Submission


def are_scores_shown(assignment: CourseAssignment, place: Place) -> bool:
    """Whether a person may see scores of an assignment now."""
    released = assignment.released_at is not None and assignment.released_at <= now()
    return place.is_staff or released or not assignment.held


def submission_items(
    session: Session,
    place: Place,
    assignment: CourseAssignment,
    submissions: Sequence[Submission],
) -> list[SubmissionItem]:
    """Submissions of one person in one assignment."""
    if not submissions:
        return []
    ids = [each.id for each in submissions]
    attempts = _attempts(session, ids)
    results = official_results(session, ids)
    deadline = deadline_for(session, assignment, submissions[0].user_id)
    shown = are_scores_shown(assignment, place)
    return [
        SubmissionItem(
            receipt=each.receipt,
            sha256=each.sha256,
            received_at=each.received_at,
            state=_state(attempts.get(each.id), results.get(each.id)),
            late_days=deadline.late_days(each.received_at),
            score=results[each.id].score if shown and each.id in results else None,
            max_score=results[each.id].max_score if shown and each.id in results else None,
        )
        for each in submissions
    ]


def submission_page(
    session: Session, place: Place, assignment: CourseAssignment, user_id: int, page: Page
) -> Submissions:
    """A page of what somebody handed in. Raises Invalid for a cursor that is none of theirs."""
    theirs = select(Submission).where(
        Submission.assignment_id == assignment.id, Submission.user_id == user_id
    )
    if page.cursor:
        last = session.scalar(theirs.where(Submission.receipt == page.cursor))
        if last is None:
            raise Invalid("There is no such page: begin without a cursor.")
        theirs = theirs.where(Submission.id < last.id)
    found = session.scalars(theirs.order_by(Submission.id.desc()).limit(page.limit + 1)).all()
    shown = found[: page.limit]
    return Submissions(
        submissions=submission_items(session, place, assignment, shown),
        next=shown[-1].receipt if len(found) > page.limit else None,
    )


def submission_answer(session: Session, place: Place, submission: Submission) -> SubmissionAnswer:
    """One submission, with how far its grading is."""
    assignment = submission.assignment
    (item,) = submission_items(session, place, assignment, [submission])
    attempt = _attempts(session, [submission.id]).get(submission.id)
    running = attempt if attempt is not None and attempt.state == State.RUNNING else None
    shown = are_scores_shown(assignment, place)
    queued = attempt is not None and attempt.state == State.QUEUED
    place_in_queue = places(session, [attempt.id]).get(attempt.id) if attempt and queued else None
    return SubmissionAnswer(
        **item.model_dump(),
        course=place.course.slug,
        assignment=assignment.slug,
        login=submission.user.login,
        source=submission.source,
        files=submission.files,
        place=place_in_queue,
        phase=running.phase if running else "",
        checks=[
            CheckProgress(title=str(each["title"]), status=str(each["status"]))
            for each in (running.checks if running and shown else [])
        ],
        checks_total=running.checks_total if running else 0,
    )


def report_for(session: Session, submission: Submission, place: Place) -> Report:
    """What a person may see of a submission's report.

    Raises:
        Conflict: There is none yet, or it is not shown yet.
    """
    result = official_results(session, [submission.id]).get(submission.id)
    if result is None:
        raise Conflict("This submission is not graded yet.")
    assignment = submission.assignment
    if not are_scores_shown(assignment, place):
        raise Conflict("Scores of this assignment are not shown yet.")
    text = session.scalar(
        select(Result.report).where(
            Result.submission_id == submission.id, Result.epoch == result.epoch
        )
    )
    report = from_json(text or "")
    if place.is_staff:
        return report
    deadline = deadline_for(session, assignment, submission.user_id)
    end = deadline.closes_at or deadline.due_at
    over = end is not None and end < now()

    def visibility(check_id: str, authors: Visibility) -> Visibility:
        found = Visibility(assignment.shown.get(check_id, authors))
        return Visibility.PUBLIC if found is Visibility.AFTER_DEADLINE and over else found

    checks = tuple(
        replace(check, visibility=visibility(check.id, check.visibility)) for check in report.checks
    )
    return student_view(replace(report, checks=checks))


def _attempts(session: Session, submission_ids: Sequence[int]) -> dict[int, Attempt]:
    """Of each submission the newest attempt; regrades that are not applied are left out."""
    rows = session.scalars(
        select(Attempt)
        .outerjoin(Regrade, Regrade.id == Attempt.regrade_id)
        .where(
            Attempt.submission_id.in_(submission_ids),
            or_(Attempt.regrade_id.is_(None), Regrade.state == "applied"),
        )
        .order_by(Attempt.epoch)
    )
    return {attempt.submission_id: attempt for attempt in rows}


def _state(attempt: Attempt | None, result: Result | None) -> str:
    if result is not None:
        return State.DONE.value
    return attempt.state if attempt is not None else State.QUEUED.value
