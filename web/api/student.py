"""What students do by program; staff of a course may do all of it as well."""

from collections.abc import Sequence

from apiflask import APIBlueprint
from flask import Response, current_app, g, jsonify, request, url_for
from flask.typing import ResponseReturnValue
from sqlalchemy import select
from sqlalchemy.orm import Session, joinedload

from grader.report import to_json
from grader.tracing import trace_of
from web.api.describing import JSON, ZIP, describe, file_answer, json_answer
from web.api.document import make_document
from web.api.shapes import (
    AssignmentAnswer,
    AssignmentItem,
    Assignments,
    CheckItem,
    CourseItem,
    Courses,
    Me,
    Nothing,
    Page,
    Receipt,
    ReportAnswer,
    RoomAnswer,
    StandingItem,
    SubmissionAnswer,
    Submissions,
)
from web.api.showing import submission_answer, submission_page
from web.courses.access import Place, assignment_in, is_open
from web.courses.deadlines import Deadline, deadline_of, extensions_of
from web.courses.models import Course, CourseAssignment, Enrolment
from web.database import now
from web.errors import Conflict, Invalid, NotFound
from web.gradebook.models import Standing
from web.grading.versions import bundle_path
from web.limits import limit_uploads
from web.rules import Who, allow, place, user
from web.services import services
from web.submissions.choosing import choose
from web.submissions.models import Submission
from web.submissions.receiving import Upload, read_files, receive, room_for
from web.submissions.reports import are_scores_shown, report_for

api = APIBlueprint("api", __name__, url_prefix="/api/v1", enable_openapi=False)

FILES = "files"
"""The field of uploads."""


@api.get("/openapi.json")
@allow(Who.ANYONE)
def document() -> ResponseReturnValue:
    """This interface, described for programs."""
    return jsonify(make_document(current_app._get_current_object()))  # type: ignore[attr-defined]


@api.get("/me")
@allow(Who.SIGNED_IN, scope="read")
@describe("Who the token stands for.", Me)
def me() -> Me:
    """Oneself."""
    return Me(
        login=user().login,
        name=user().name,
        email=user().email,
        time_zone=user().time_zone,
        is_admin=user().is_admin,
        scopes=sorted(g.scopes),
    )


@api.get("/courses")
@allow(Who.SIGNED_IN, scope="read")
@describe("The courses that you are in.", Courses)
def courses() -> Courses:
    """All of them, in whatever role."""
    with services().database.reading() as rows:
        mine = rows.execute(
            select(Course, Enrolment.role)
            .join(Enrolment, Enrolment.course_id == Course.id)
            .where(Enrolment.user_id == user().id, Enrolment.dropped_at.is_(None))
            .order_by(Course.slug)
        ).all()
    return Courses(
        courses=[
            CourseItem(
                slug=course.slug,
                title=course.title,
                time_zone=course.time_zone,
                role=role,
                archived=course.archived_at is not None,
            )
            for course, role in mine
        ]
    )


@api.get("/courses/<course>/assignments")
@allow(Who.MEMBER, scope="read")
@describe("The assignments of a course that you may see.", Assignments)
def assignments(course: str) -> Assignments:  # noqa: ARG001
    """With one's own deadlines and scores."""
    with services().database.reading() as rows:
        found = rows.scalars(
            select(CourseAssignment)
            .options(joinedload(CourseAssignment.version))
            .where(CourseAssignment.course_id == place().course.id)
            .order_by(CourseAssignment.due_at, CourseAssignment.id)
        ).all()
        seen = [each for each in found if place().is_staff or is_open(each)]
        return Assignments(assignments=_items(rows, place(), seen))


@api.get("/courses/<course>/assignments/<assignment>")
@allow(Who.MEMBER, scope="read")
@describe("An assignment: deadline, checks, and how often you may still hand in.", AssignmentAnswer)
def assignment(course: str, assignment: str) -> AssignmentAnswer:  # noqa: ARG001
    """One assignment."""
    with services().database.reading() as rows:
        found = assignment_in(rows, place(), assignment)
        (item,) = _items(rows, place(), [found])
        room = room_for(rows, found, user().id, now())
    return AssignmentAnswer(
        **item.model_dump(),
        module=found.version.module,
        points=found.version.points,
        checks=[
            CheckItem(
                title=each["title"],
                group=each["group"],
                points=each["points"],
                visibility=found.shown.get(each["id"], each["visibility"]),
            )
            for each in found.version.checks
        ],
        late_percent=found.late_percent,
        counts=found.counts,
        attempts=found.attempts,
        window_attempts=found.window_attempts,
        window_hours=found.window_hours,
        held=found.held,
        released_at=found.released_at,
        room=RoomAnswer(left=room.left, next_at=room.next_at),
    )


@api.get("/courses/<course>/assignments/<assignment>/template.zip")
@allow(Who.MEMBER, scope="read")
@describe("What you start from: statement, template and examples, as a zip.", ZIP)
def template(course: str, assignment: str) -> Response:  # noqa: ARG001
    """The zip that students get."""
    with services().database.reading() as rows:
        version = assignment_in(rows, place(), assignment).version
    try:
        content = bundle_path(services().settings.data, version.sha256).read_bytes()
    except FileNotFoundError:
        raise NotFound("There is no template for this assignment.") from None
    return file_answer(content, ZIP, f"{version.slug}.zip")


@api.post("/courses/<course>/assignments/<assignment>/submissions")
@allow(Who.MEMBER, scope="submit")
@limit_uploads
@describe("Hand in.", Receipt, status=201, also=(200,), uploads=True, refusals=(409,))
def hand_in(course: str, assignment: str) -> Response:  # noqa: ARG001
    """Take a submission; 200 where its key has brought it before."""
    if request.form or set(request.files) != {FILES}:
        raise Invalid(f"Send files in the field `{FILES}`, each with its name, and nothing else.")
    upload = Upload(
        [(file.filename or "", file.read()) for file in request.files.getlist(FILES)],
        "cli" if request.user_agent.string.startswith("grader/") else "api",
        request.remote_addr or "",
        request.headers.get("Idempotency-Key"),
        trace_of(request.headers.get("traceparent")),
    )
    made, began = services(), now()
    submission = receive(made.database, made.blobs, place(), assignment, upload)
    is_new = submission.received_at >= began
    if not is_new:
        _require_same(submission, assignment, upload)
    made.workers.notify()
    receipt = Receipt(
        receipt=submission.receipt,
        sha256=submission.sha256,
        received_at=submission.received_at,
    )
    location = url_for("api.submission", receipt=submission.receipt)
    return json_answer(receipt, 201 if is_new else 200, {"Location": location})


@api.get("/courses/<course>/assignments/<assignment>/submissions")
@allow(Who.MEMBER, scope="read")
@describe("What you handed in for an assignment, newest first.", Submissions, query=Page)
def submissions(course: str, assignment: str, query: Page) -> Submissions:  # noqa: ARG001
    """One's own, a page at a time."""
    with services().database.reading() as rows:
        found = assignment_in(rows, place(), assignment)
        return submission_page(rows, place(), found, user().id, query)


@api.get("/submissions/<receipt>")
@allow(Who.OWNER, scope="read")
@describe("A submission, and how far its grading is.", SubmissionAnswer)
def submission(receipt: str) -> SubmissionAnswer:  # noqa: ARG001
    """To be asked for every few seconds while one waits."""
    with services().database.reading() as rows:
        return submission_answer(rows, place(), g.submission)


@api.get("/submissions/<receipt>/report")
@allow(Who.OWNER, scope="read")
@describe("A submission's report: whole for staff.", ReportAnswer, refusals=(409,))
def report(receipt: str) -> Response:  # noqa: ARG001
    """What one may see of it."""
    with services().database.reading() as rows:
        return Response(to_json(report_for(rows, g.submission, place())), content_type=JSON)


@api.get("/submissions/<receipt>/files.zip")
@allow(Who.OWNER, scope="read")
@describe("What was handed in, as a zip.", ZIP)
def files(receipt: str) -> Response:
    """As it was graded."""
    return file_answer(services().blobs.get(g.submission.archive), ZIP, f"{receipt}.zip")


@api.post("/submissions/<receipt>/choose")
@allow(Who.OWNER, scope="submit")
@describe("Let this submission count, where students choose.", Nothing, refusals=(409,))
def choose_it(receipt: str) -> Nothing:  # noqa: ARG001
    """The newest choice is meant."""
    with services().database.writing() as rows:
        choose(rows, user().id, g.submission)
    return Nothing()


def _items(rows: Session, where: Place, found: Sequence[CourseAssignment]) -> list[AssignmentItem]:
    ids = [each.id for each in found]
    extensions = extensions_of(rows, where.user.id, ids)
    standings = {
        standing.assignment_id: (standing, receipt)
        for standing, receipt in rows.execute(
            select(Standing, Submission.receipt)
            .outerjoin(Submission, Submission.id == Standing.submission_id)
            .where(Standing.user_id == where.user.id, Standing.assignment_id.in_(ids))
        )
    }
    return [
        _item(
            each,
            deadline_of(each, extensions.get(each.id)),
            _standing(each, where, *standings[each.id]) if each.id in standings else None,
        )
        for each in found
    ]


def _item(
    found: CourseAssignment, deadline: Deadline, standing: StandingItem | None
) -> AssignmentItem:
    return AssignmentItem(
        slug=found.slug,
        title=found.title,
        version=found.version.label,
        max_score=found.version.max_score,
        opens_at=found.opens_at,
        due_at=deadline.due_at,
        closes_at=deadline.closes_at,
        extended=deadline.extended,
        standing=standing,
    )


def _standing(
    found: CourseAssignment, where: Place, standing: Standing, receipt: str | None
) -> StandingItem:
    shown = are_scores_shown(found, where)
    return StandingItem(
        status=standing.status if shown else "held",
        score=standing.score if shown else None,
        max_score=standing.max_score,
        late_days=standing.late_days,
        submissions=standing.submissions,
        # Which one is best would tell of scores.
        receipt=receipt if shown else None,
    )


def _require_same(known: Submission, slug: str, upload: Upload) -> None:
    """Make sure that a key is not used for other files: those would not be taken."""
    with services().database.reading() as rows:
        found = assignment_in(rows, place(), slug)
    if read_files(upload, found).sha256 != known.sha256:
        raise Conflict(
            "This Idempotency-Key came with other files before: nothing was taken. Send these "
            "with another key."
        )
