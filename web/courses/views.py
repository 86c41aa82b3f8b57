"""Where everybody arrives, and a course with its assignments."""

import mimetypes
from dataclasses import dataclass

from apiflask import APIBlueprint
from flask import Response, abort, render_template, url_for
from flask.typing import ResponseReturnValue
from sqlalchemy import select
from sqlalchemy.orm import Session, joinedload

from grader.bundle import IMAGES
from web.courses.access import assignment_in, is_open
from web.courses.deadlines import Deadline, deadline_for, deadline_of, extensions_of
from web.courses.models import Course, CourseAssignment, Enrolment
from web.database import now
from web.gradebook.models import Standing
from web.gradebook.standings import official_results
from web.grading.models import State
from web.grading.versions import bundle_path, version_folder
from web.markup import markdown
from web.pictures import scores
from web.rules import Who, allow, place, user
from web.services import services
from web.submissions.models import Choice, Submission, new_receipt
from web.submissions.receiving import room_for, submissions_of
from web.submissions.reports import are_scores_shown, newest_attempts, state_of

courses = APIBlueprint("courses", __name__, enable_openapi=False)


@dataclass(frozen=True)
class Attempted:
    """A line of a student's history."""

    submission: Submission
    state: State
    score: float | None
    late_days: int
    counts: bool
    is_chosen: bool


@courses.get("/")
@allow(Who.SIGNED_IN)
def home() -> ResponseReturnValue:
    """All courses of a person."""
    with services().database.reading() as rows:
        mine = rows.execute(
            select(Course, Enrolment.role)
            .join(Enrolment, Enrolment.course_id == Course.id)
            .where(Enrolment.user_id == user().id, Enrolment.dropped_at.is_(None))
            .order_by(Course.archived_at.is_not(None), Course.title)
        ).all()
    return render_template("courses/home.html", courses=mine)


@courses.get("/courses/<course>/")
@allow(Who.MEMBER)
def course(course: str) -> ResponseReturnValue:  # noqa: ARG001
    """Its assignments, with one's own deadlines and scores."""
    with services().database.reading() as rows:
        every = rows.scalars(
            select(CourseAssignment)
            .options(joinedload(CourseAssignment.version))
            .where(CourseAssignment.course_id == place().course.id)
            .order_by(CourseAssignment.due_at.is_(None), CourseAssignment.due_at)
        ).all()
        seen = [each for each in every if place().is_staff or is_open(each)]
        ids = [each.id for each in seen]
        extensions = extensions_of(rows, user().id, ids)
        standings = {
            standing.assignment_id: standing
            for standing in rows.scalars(
                select(Standing).where(
                    Standing.user_id == user().id, Standing.assignment_id.in_(ids)
                )
            )
        }
    return render_template(
        "courses/course.html",
        assignments=seen,
        deadlines={each.id: deadline_of(each, extensions.get(each.id)) for each in seen},
        standings=standings,
        shown={each.id: are_scores_shown(each, place()) for each in seen},
        now=now(),
        is_open=is_open,
    )


@courses.get("/courses/<course>/assignments/<assignment>/")
@allow(Who.MEMBER)
def assignment(course: str, assignment: str) -> ResponseReturnValue:
    """The statement, the upload, and what one has handed in."""
    moment = now()
    with services().database.reading() as rows:
        found = assignment_in(rows, place(), assignment)
        deadline = deadline_for(rows, found, user().id)
        room = room_for(rows, found, user().id, moment)
        standing = rows.get(Standing, (found.id, user().id))
        attempts = history(rows, found, user().id, deadline, standing)
    shown = are_scores_shown(found, place())
    folder = version_folder(services().settings.data, found.version.sha256)
    statement = folder / "statement.md"
    text = statement.read_text(encoding="utf-8") if statement.is_file() else ""
    text = text.removeprefix(f"# {found.title}\n")  # the page says it already
    graded = [each for each in attempts if each.score is not None]
    picture = None
    if shown and len(graded) > 1:
        line = [(each.submission.receipt, each.score) for each in reversed(attempts)]
        picture = scores(line, found.version.max_score)
    return render_template(
        "courses/assignment.html",
        assignment=found,
        statement=markdown(
            text,
            lambda name: url_for("courses.image", course=course, assignment=assignment, name=name),
        ),
        deadline=deadline,
        room=room,
        closed=deadline.closes_at is not None and moment > deadline.closes_at,
        standing=standing,
        attempts=attempts,
        shown=shown,
        picture=picture,
        key=new_receipt(),
        now=moment,
    )


@courses.get("/courses/<course>/assignments/<assignment>/template.zip")
@allow(Who.MEMBER)
def template(course: str, assignment: str) -> ResponseReturnValue:  # noqa: ARG001
    """What students start from."""
    with services().database.reading() as rows:
        version = assignment_in(rows, place(), assignment).version
    path = bundle_path(services().settings.data, version.sha256)
    if not path.is_file():
        abort(404)
    name = f"attachment; filename={version.slug}.zip"
    return Response(
        path.read_bytes(), content_type="application/zip", headers={"Content-Disposition": name}
    )


@courses.get("/courses/<course>/assignments/<assignment>/images/<name>")
@allow(Who.MEMBER)
def image(course: str, assignment: str, name: str) -> ResponseReturnValue:  # noqa: ARG001
    """A picture of the statement; nothing else of the folder is ever served."""
    with services().database.reading() as rows:
        version = assignment_in(rows, place(), assignment).version
    folder = version_folder(services().settings.data, version.sha256)
    pictures = {
        path.name: path
        for path in (folder.iterdir() if folder.is_dir() else ())
        if path.is_file() and path.suffix.lower() in IMAGES
    }
    if name not in pictures:
        abort(404)
    kind = mimetypes.guess_type(name)[0] or "application/octet-stream"
    return Response(pictures[name].read_bytes(), content_type=kind)


def history(
    rows: Session,
    assignment: CourseAssignment,
    user_id: int,
    deadline: Deadline,
    standing: Standing | None,
) -> list[Attempted]:
    """What a student handed in, newest first; scores are theirs, not yet asked if shown."""
    submissions = submissions_of(rows, assignment.id, user_id)
    ids = [each.id for each in submissions]
    results, newest = official_results(rows, ids), newest_attempts(rows, ids)
    chosen = rows.scalar(
        select(Choice.submission_id)
        .where(Choice.assignment_id == assignment.id, Choice.user_id == user_id)
        .order_by(Choice.id.desc())
        .limit(1)
    )
    counting = standing.submission_id if standing is not None else None
    return [
        Attempted(
            each,
            state_of(newest.get(each.id), results.get(each.id)),
            results[each.id].score if each.id in results else None,
            deadline.late_days(each.received_at),
            each.id == counting,
            each.id == chosen,
        )
        for each in submissions
    ]
