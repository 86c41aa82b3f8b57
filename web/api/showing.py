"""Rows become answers: what a person may see of submissions and their gradings."""

from collections.abc import Sequence

from sqlalchemy import select
from sqlalchemy.orm import Session

from web.api.shapes import CheckProgress, Page, SubmissionAnswer, SubmissionItem, Submissions
from web.courses.access import Place
from web.courses.deadlines import deadline_for
from web.courses.models import CourseAssignment
from web.errors import Invalid
from web.gradebook.standings import official_results
from web.grading.models import State
from web.grading.queue import places
from web.submissions.models import Submission
from web.submissions.reports import are_scores_shown, newest_attempts, state_of


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
    attempts = newest_attempts(session, ids)
    results = official_results(session, ids)
    deadline = deadline_for(session, assignment, submissions[0].user_id)
    shown = are_scores_shown(assignment, place)
    return [
        SubmissionItem(
            receipt=each.receipt,
            sha256=each.sha256,
            received_at=each.received_at,
            state=state_of(attempts.get(each.id), results.get(each.id)).value,
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
    attempt = newest_attempts(session, [submission.id]).get(submission.id)
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
        trace=submission.trace if place.is_staff else None,
        phase=running.phase if running else "",
        checks=[
            CheckProgress(title=str(each["title"]), status=str(each["status"]))
            for each in (running.checks if running and shown else [])
        ],
        checks_total=running.checks_total if running else 0,
    )
