"""What staff of a course do by program."""

from apiflask import APIBlueprint
from flask import Response, g, url_for
from sqlalchemy import func, select
from sqlalchemy.orm import joinedload

from web.accounts.models import User
from web.api.describing import describe, json_answer
from web.api.shapes import Nothing, Page, Submissions
from web.api.showing import submission_page
from web.api.staff_shapes import (
    ActItem,
    ActPage,
    Acts,
    AssignmentSet,
    Member,
    Members,
    QueueAnswer,
    QueueItem,
    SetAssignment,
    VersionItem,
    Versions,
)
from web.audit import log_act
from web.courses.access import assignment_in
from web.courses.models import Act, CourseAssignment, Enrolment, Version
from web.courses.services import set_assignment
from web.errors import Conflict, NotFound
from web.grading import queue
from web.grading.models import Attempt, State
from web.rules import Who, allow, place, user
from web.services import services
from web.submissions.models import Submission

staff = APIBlueprint("api_staff", __name__, url_prefix="/api/v1", enable_openapi=False)

_QUEUE_SHOWN = 200


@staff.get("/courses/<course>/versions")
@allow(Who.INSTRUCTOR, scope="teach")
@describe("Versions of assignments that can be set.", Versions)
def versions(course: str) -> Versions:  # noqa: ARG001
    """All of the service."""
    with services().database.reading() as rows:
        found = rows.scalars(select(Version).order_by(Version.id.desc())).all()
    return Versions(
        versions=[
            VersionItem(
                id=each.id,
                slug=each.slug,
                label=each.label,
                title=each.title,
                sha256=each.sha256,
                max_score=each.max_score,
                points=each.points,
                added_at=each.added_at,
            )
            for each in found
        ]
    )


@staff.post("/courses/<course>/assignments")
@allow(Who.INSTRUCTOR, scope="teach")
@describe(
    "Set an assignment; students see it once it opens.",
    AssignmentSet,
    status=201,
    body=SetAssignment,
    refusals=(409,),
)
def set_it(course: str, body: SetAssignment) -> Response:
    """Set a version of an assignment."""
    with services().database.writing() as rows:
        made = set_assignment(rows, user().id, place().course.id, body.version_id)
        version = rows.get_one(Version, made.version_id)
    answer = AssignmentSet(
        slug=made.slug,
        title=made.title,
        version=version.label,
        max_score=version.max_score,
        opens_at=made.opens_at,
        due_at=made.due_at,
        closes_at=made.closes_at,
        extended=False,
        standing=None,
    )
    location = url_for("api.assignment", course=course, assignment=made.slug)
    return json_answer(answer, 201, {"Location": location})


@staff.get("/courses/<course>/members")
@allow(Who.STAFF, scope="teach")
@describe("Everybody in a course.", Members)
def members(course: str) -> Members:  # noqa: ARG001
    """The roster, with those who left."""
    with services().database.reading() as rows:
        found = rows.scalars(
            select(Enrolment)
            .join(Enrolment.user)
            .options(joinedload(Enrolment.user))
            .where(Enrolment.course_id == place().course.id)
            .order_by(User.login)
        ).all()
    return Members(
        members=[
            Member(
                login=each.user.login,
                name=each.user.name,
                email=each.user.email,
                role=each.role,
                section=each.section,
                dropped_at=each.dropped_at,
            )
            for each in found
        ]
    )


@staff.get("/courses/<course>/assignments/<assignment>/students/<login>/submissions")
@allow(Who.STAFF, scope="teach")
@describe("What a student handed in, newest first.", Submissions, query=Page)
def submissions_of(course: str, assignment: str, login: str, query: Page) -> Submissions:  # noqa: ARG001
    """A page at a time."""
    with services().database.reading() as rows:
        found = assignment_in(rows, place(), assignment)
        student = rows.scalar(
            select(Enrolment.user_id)
            .join(User, User.id == Enrolment.user_id)
            .where(Enrolment.course_id == place().course.id, User.login == login)
        )
        if student is None:
            raise NotFound("There is nobody of this login in the course.")
        return submission_page(rows, place(), found, student, query)


@staff.get("/courses/<course>/audit")
@allow(Who.INSTRUCTOR, scope="teach")
@describe("Who did what in a course, newest first.", Acts, query=ActPage)
def audit(course: str, query: ActPage) -> Acts:  # noqa: ARG001
    """The audit log, a page at a time."""
    entries = select(Act).options(joinedload(Act.actor)).where(Act.course_id == place().course.id)
    if query.cursor:
        entries = entries.where(Act.id < min(int(query.cursor), 2**31 - 1))
    with services().database.reading() as rows:
        page = rows.scalars(entries.order_by(Act.id.desc()).limit(query.limit + 1)).all()
    shown = page[: query.limit]
    return Acts(
        acts=[
            ActItem(
                at=each.at,
                actor=each.actor.login if each.actor is not None else None,
                verb=each.verb,
                subject=each.subject,
                details=each.details,
            )
            for each in shown
        ],
        next=str(shown[-1].id) if len(page) > query.limit else None,
    )


@staff.get("/courses/<course>/queue")
@allow(Who.STAFF, scope="teach")
@describe("Gradings of a course that are not done.", QueueAnswer)
def waiting(course: str) -> QueueAnswer:  # noqa: ARG001
    """What runs, what waits for its turn, and what waits for a person."""
    open_states = [State.QUEUED.value, State.RUNNING.value, State.WAITING.value]
    mine = (
        select(Attempt, Submission.receipt, Submission.trace, CourseAssignment.slug, User.login)
        .join(Submission, Submission.id == Attempt.submission_id)
        .join(CourseAssignment, CourseAssignment.id == Submission.assignment_id)
        .join(User, User.id == Submission.user_id)
        .where(CourseAssignment.course_id == place().course.id, Attempt.state.in_(open_states))
    )
    with services().database.reading() as rows:
        found = rows.execute(mine.order_by(Attempt.id).limit(_QUEUE_SHOWN)).all()
        count = rows.scalar(select(func.count()).select_from(mine.subquery())) or 0
        turns = queue.places(rows, [attempt.id for attempt, *_ in found])
    return QueueAnswer(
        paused=services().workers.health.paused,
        gradings=[
            QueueItem(
                receipt=receipt,
                trace=trace,
                assignment=slug,
                login=login,
                epoch=attempt.epoch,
                state=attempt.state,
                place=turns.get(attempt.id),
                tries=attempt.tries,
                fault=attempt.fault,
                created_at=attempt.created_at,
                regrade=attempt.regrade_id,
            )
            for attempt, receipt, trace, slug, login in found
        ],
        more=count - len(found),
    )


@staff.post("/submissions/<receipt>/try-again")
@allow(Who.GRADER, scope="teach")
@describe("Grade again what waits for a person.", Nothing, refusals=(409,))
def try_again(receipt: str) -> Nothing:
    """All attempts of the submission that wait."""
    with services().database.writing() as rows:
        attempts = rows.scalars(
            select(Attempt.id).where(
                Attempt.submission_id == g.submission.id, Attempt.state == State.WAITING.value
            )
        ).all()
        again = [attempt for attempt in attempts if queue.try_again(rows, attempt)]
        if not again:
            raise Conflict("Nothing of this submission waits for a person.")
        log_act(rows, user().id, "try again", receipt, course_id=place().course.id)
    services().workers.notify()
    return Nothing()
