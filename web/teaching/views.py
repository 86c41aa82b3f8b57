"""A class at a glance, its gradebook, its students, its queue, and what was done in it."""

from collections import defaultdict
from zoneinfo import ZoneInfo

from apiflask import APIBlueprint
from flask import flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from sqlalchemy import select
from sqlalchemy.orm import Session, joinedload

from web.accounts.models import User
from web.audit import log_act
from web.courses.access import assignment_in
from web.courses.deadlines import deadline_of, extensions_of
from web.courses.models import Act, CourseAssignment, Enrolment, Extension, Role
from web.courses.setting import student_in
from web.errors import NotFound
from web.gradebook.classes import class_summary
from web.gradebook.models import ScoreDecision, Standing
from web.gradebook.standings import official_results
from web.grading import queue
from web.grading.models import Attempt, State
from web.pictures import bars, columns
from web.rules import Who, allow, place, user
from web.services import services
from web.submissions.models import Submission
from web.submissions.reports import newest_attempts, state_of

teaching = APIBlueprint("teaching", __name__, enable_openapi=False)

ACTS_PER_PAGE = 100


@teaching.get("/courses/<course>/class/<assignment>/")
@allow(Who.STAFF)
def class_page(course: str, assignment: str) -> ResponseReturnValue:  # noqa: ARG001
    """Everything about one assignment."""
    with services().database.reading() as rows:
        found = assignment_in(rows, place(), assignment)
        summary = class_summary(rows, found, found.version, ZoneInfo(place().course.time_zone))
    failing = [(line.title, line.failed) for line in summary.checks if line.failed][:10]
    return render_template(
        "teaching/class.html",
        assignment=found,
        summary=summary,
        pictures={
            "scores": columns(summary.histogram, "Students by score"),
            "checks": bars(failing, "Checks that fail most"),
            "hints": bars(summary.hints[:10], "Known mistakes"),
            "activity": columns(
                [(day[5:], count) for day, count in summary.activity[-30:]], "Submissions by day"
            ),
            "speeds": [
                (line, columns([(short(name), count) for name, count in line.bounds], line.title))
                for line in summary.speeds
            ],
        },
    )


@teaching.get("/courses/<course>/gradebook/")
@allow(Who.STAFF)
def gradebook(course: str) -> ResponseReturnValue:  # noqa: ARG001
    """All students and all assignments."""
    with services().database.reading() as rows:
        assignments = course_assignments(rows)
        students = rows.execute(
            select(User, Enrolment.section)
            .join(Enrolment, Enrolment.user_id == User.id)
            .where(
                Enrolment.course_id == place().course.id,
                Enrolment.role == Role.STUDENT.value,
                Enrolment.dropped_at.is_(None),
            )
            .order_by(User.name, User.login)
        ).all()
        standings: dict[int, dict[int, Standing]] = defaultdict(dict)
        ids = [each.id for each in assignments]
        for standing in rows.scalars(select(Standing).where(Standing.assignment_id.in_(ids))):
            standings[standing.user_id][standing.assignment_id] = standing
    return render_template(
        "teaching/gradebook.html", assignments=assignments, students=students, standings=standings
    )


@teaching.get("/courses/<course>/students/<login>/")
@allow(Who.STAFF)
def student(course: str, login: str) -> ResponseReturnValue:  # noqa: ARG001
    """All that one student handed in, with extensions and decisions."""
    with services().database.reading() as rows:
        person = student_in(rows, place().course.id, login)
        assignments = course_assignments(rows)
        ids = [each.id for each in assignments]
        submissions = rows.scalars(
            select(Submission)
            .where(Submission.user_id == person.id, Submission.assignment_id.in_(ids))
            .order_by(Submission.received_at.desc())
        ).all()
        keys = [each.id for each in submissions]
        results, attempts = official_results(rows, keys), newest_attempts(rows, keys)
        mine = select(Standing).where(
            Standing.user_id == person.id, Standing.assignment_id.in_(ids)
        )
        standings = {standing.assignment_id: standing for standing in rows.scalars(mine)}
        extensions = extensions_of(rows, person.id, ids)
        every_extension = rows.scalars(
            select(Extension)
            .where(Extension.user_id == person.id, Extension.assignment_id.in_(ids))
            .order_by(Extension.id)
        ).all()
        decisions = rows.execute(
            select(ScoreDecision, User.name)
            .join(User, User.id == ScoreDecision.actor_id)
            .where(ScoreDecision.user_id == person.id, ScoreDecision.assignment_id.in_(ids))
            .order_by(ScoreDecision.id)
        ).all()
    return render_template(
        "teaching/student.html",
        person=person,
        assignments=assignments,
        submissions=submissions,
        results=results,
        states={k: state_of(attempts.get(k), results.get(k)) for k in keys},
        standings=standings,
        deadlines={each.id: deadline_of(each, extensions.get(each.id)) for each in assignments},
        extensions=every_extension,
        decisions=decisions,
    )


@teaching.get("/courses/<course>/queue/")
@allow(Who.STAFF)
def queue_page(course: str) -> ResponseReturnValue:  # noqa: ARG001
    """What is not graded yet in this course, and why."""
    unfinished = [State.WAITING.value, State.RUNNING.value, State.QUEUED.value]
    with services().database.reading() as rows:
        attempts = rows.scalars(
            select(Attempt)
            .join(Submission, Submission.id == Attempt.submission_id)
            .join(CourseAssignment, CourseAssignment.id == Submission.assignment_id)
            .options(
                joinedload(Attempt.submission).joinedload(Submission.user),
                joinedload(Attempt.submission).joinedload(Submission.assignment),
            )
            .where(CourseAssignment.course_id == place().course.id, Attempt.state.in_(unfinished))
            .order_by(Attempt.state.desc(), Attempt.priority, Attempt.id)
            .limit(500)
        ).all()
        where = queue.places(rows, [each.id for each in attempts])
    return render_template(
        "teaching/queue.html",
        attempts=attempts,
        places=where,
        health=services().workers.health,
    )


@teaching.post("/courses/<course>/queue/<int:attempt>/try-again")
@allow(Who.INSTRUCTOR)
def try_again(course: str, attempt: int) -> ResponseReturnValue:
    """Queue what waits for a person."""
    with services().database.writing() as rows:
        inside = rows.scalar(
            select(Submission.receipt)
            .join(Attempt, Attempt.submission_id == Submission.id)
            .join(CourseAssignment, CourseAssignment.id == Submission.assignment_id)
            .where(Attempt.id == attempt, CourseAssignment.course_id == place().course.id)
        )
        if inside is None or not queue.try_again(rows, attempt):
            raise NotFound("Nothing of this number waits for a person in this course.")
        log_act(rows, user().id, "try again", inside, course_id=place().course.id)
    services().workers.notify()
    flash(f"Submission {inside} is queued again.")
    return redirect(url_for("teaching.queue_page", course=course))


@teaching.get("/courses/<course>/log/")
@allow(Who.STAFF)
def log(course: str) -> ResponseReturnValue:  # noqa: ARG001
    """Who did what, the newest first."""
    before = request.args.get("before", type=int)
    verb = request.args.get("verb", "")[:40]
    mine = Act.course_id == place().course.id
    query = select(Act).options(joinedload(Act.actor)).where(mine)
    if before is not None:
        query = query.where(Act.id < before)
    if verb:
        query = query.where(Act.verb == verb)
    with services().database.reading() as rows:
        acts = rows.scalars(query.order_by(Act.id.desc()).limit(ACTS_PER_PAGE + 1)).all()
        verbs = rows.scalars(select(Act.verb).where(mine).distinct().order_by(Act.verb)).all()
    more = len(acts) > ACTS_PER_PAGE
    acts = acts[:ACTS_PER_PAGE]
    return render_template(
        "teaching/log.html", acts=acts, verbs=verbs, verb=verb, older=acts[-1].id if more else None
    )


def short(bound: str) -> str:
    """The name of a bound, to fit below a column."""
    return bound.replace("up to ", "\u2264 ").replace("above ", "> ")


def course_assignments(rows: Session) -> list[CourseAssignment]:
    """Of the course that the request is about, in order of deadline."""
    return list(
        rows.scalars(
            select(CourseAssignment)
            .options(joinedload(CourseAssignment.version))
            .where(CourseAssignment.course_id == place().course.id)
            .order_by(CourseAssignment.due_at.is_(None), CourseAssignment.due_at)
        )
    )
