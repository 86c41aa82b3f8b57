"""What instructors change: assignments, time, scores, regrades."""

from apiflask import APIBlueprint
from flask import flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from sqlalchemy import select
from sqlalchemy.orm import Session

from web.courses.access import assignment_in
from web.courses.models import Course, CourseAssignment, Version
from web.courses.services import set_assignment
from web.courses.setting import (
    change_version,
    extend,
    release_scores,
    update_assignment,
    update_course,
)
from web.errors import Invalid
from web.gradebook import decisions, regrades
from web.gradebook.models import Regrade
from web.rules import Who, allow, place, user
from web.services import services
from web.teaching.forms import assignment_settings, moment, number, shown_moment, whole

acts = APIBlueprint("acts", __name__, enable_openapi=False)


@acts.get("/courses/<course>/settings/")
@allow(Who.INSTRUCTOR)
def course_settings(course: str) -> ResponseReturnValue:  # noqa: ARG001
    """The course itself, and assignments that can be set in it."""
    with services().database.reading() as rows:
        used = select(CourseAssignment.slug).where(CourseAssignment.course_id == place().course.id)
        versions = rows.scalars(
            select(Version)
            .where(Version.slug.not_in(used))
            .order_by(Version.slug, Version.added_at.desc())
        ).all()
    return render_template("teaching/course_settings.html", versions=versions)


@acts.post("/courses/<course>/settings/")
@allow(Who.INSTRUCTOR)
def change_course(course: str) -> ResponseReturnValue:
    """Set title, time zone and grace days."""
    with services().database.writing() as rows:
        update_course(
            rows,
            user().id,
            rows.get_one(Course, place().course.id),
            title=request.form.get("title", ""),
            time_zone=request.form.get("time_zone", ""),
            grace_days=whole(request.form.get("grace_days", "")) or 0,
        )
    flash("The course is changed.")
    return redirect(url_for("acts.course_settings", course=course))


@acts.post("/courses/<course>/assignments/")
@allow(Who.INSTRUCTOR)
def publish(course: str) -> ResponseReturnValue:
    """Set a version of an assignment in the course; students see it once it opens."""
    version_id = whole(request.form.get("version", ""))
    with services().database.writing() as rows:
        made = set_assignment(rows, user().id, place().course.id, version_id or 0)
    flash(f"{made.title} is set. Students see it from the moment that you enter below.")
    return redirect(url_for("acts.settings", course=course, assignment=made.slug))


@acts.get("/courses/<course>/assignments/<assignment>/settings/")
@allow(Who.INSTRUCTOR)
def settings(course: str, assignment: str) -> ResponseReturnValue:  # noqa: ARG001
    """An assignment's dates, limits and visibility; its versions and regrades."""
    with services().database.reading() as rows:
        found = assignment_in(rows, place(), assignment)
        versions = versions_of(rows, found)
        proposed = rows.scalars(
            select(Regrade).where(Regrade.assignment_id == found.id).order_by(Regrade.id.desc())
        ).all()
    return render_template(
        "teaching/settings.html",
        assignment=found,
        versions=versions,
        regrades=proposed,
        which=regrades.WHICH,
        receipt=request.args.get("receipt", "")[:10],
        moment=shown_moment,
    )


@acts.post("/courses/<course>/assignments/<assignment>/settings/")
@allow(Who.INSTRUCTOR)
def change_settings(course: str, assignment: str) -> ResponseReturnValue:
    """Set them."""
    with services().database.writing() as rows:
        found = assignment_in(rows, place(), assignment)
        update_assignment(rows, user().id, found, assignment_settings(request.form))
    flash("The assignment is changed.")
    return redirect(url_for("acts.settings", course=course, assignment=assignment))


@acts.post("/courses/<course>/assignments/<assignment>/version")
@allow(Who.INSTRUCTOR)
def change_to_version(course: str, assignment: str) -> ResponseReturnValue:
    """Grade new submissions by another version."""
    with services().database.writing() as rows:
        found = assignment_in(rows, place(), assignment)
        version_id = whole(request.form.get("version", "")) or 0
        change_version(rows, user().id, found, version_id)
    flash("New submissions are graded by that version. To grade earlier ones anew, regrade them.")
    return redirect(url_for("acts.settings", course=course, assignment=assignment))


@acts.post("/courses/<course>/assignments/<assignment>/release")
@allow(Who.INSTRUCTOR)
def release(course: str, assignment: str) -> ResponseReturnValue:
    """Show scores that were held."""
    with services().database.writing() as rows:
        release_scores(rows, user().id, assignment_in(rows, place(), assignment))
    flash("Students see their scores now.")
    return redirect(url_for("acts.settings", course=course, assignment=assignment))


@acts.post("/courses/<course>/students/<login>/extend")
@allow(Who.INSTRUCTOR)
def extend_for(course: str, login: str) -> ResponseReturnValue:
    """Give a student more time."""
    due_at = moment(request.form.get("due_at", ""))
    if due_at is None:
        raise Invalid("Say until when.")
    with services().database.writing() as rows:
        found = assignment_in(rows, place(), request.form.get("assignment", ""))
        extend(rows, user().id, found, login, due_at, request.form.get("reason", ""))
    flash(f"{login} has more time for {found.title}.")
    return redirect(url_for("teaching.student", course=course, login=login))


@acts.post("/courses/<course>/students/<login>/decide")
@allow(Who.INSTRUCTOR)
def decide(course: str, login: str) -> ResponseReturnValue:
    """Override a score, excuse a student, or take that back."""
    kind, comment = request.form.get("kind", ""), request.form.get("comment", "")
    with services().database.writing() as rows:
        found = assignment_in(rows, place(), request.form.get("assignment", ""))
        if kind == "override":
            score = number(request.form.get("score", ""))
            decisions.override(rows, user().id, found, login, score, comment)
        elif kind == "excuse":
            decisions.excuse(rows, user().id, found, login, comment)
        elif kind == "clear":
            decisions.clear(rows, user().id, found, login, comment)
        else:
            raise Invalid("Override, excuse, or take back.")
    flash("It is decided, and stands in the log.")
    return redirect(url_for("teaching.student", course=course, login=login))


@acts.post("/courses/<course>/assignments/<assignment>/regrades")
@allow(Who.INSTRUCTOR)
def propose_regrade(course: str, assignment: str) -> ResponseReturnValue:
    """Grade submissions anew; nothing counts before it is applied."""
    form = request.form
    with services().database.writing() as rows:
        made = regrades.propose(
            rows,
            user().id,
            assignment_in(rows, place(), assignment),
            whole(form.get("version", "")) or 0,
            form.get("which", ""),
            form.get("reason", ""),
            form.get("receipt") or None,
        )
    services().workers.notify()
    return redirect(url_for("acts.regrade", course=course, regrade=made.id))


@acts.get("/courses/<course>/regrades/<int:regrade>/")
@allow(Who.STAFF)
def regrade(course: str, regrade: int) -> ResponseReturnValue:  # noqa: ARG001
    """Who moves, and by how much."""
    with services().database.reading() as rows:
        found, assignment = regrades.regrade_in(rows, place().course.id, regrade)
        review = regrades.review(rows, found)
        version = rows.get_one(Version, found.version_id)
    return render_template(
        "teaching/regrade.html",
        regrade=found,
        assignment=assignment,
        review=review,
        version=version,
        which=regrades.WHICH,
    )


@acts.post("/courses/<course>/regrades/<int:regrade>/<any(apply, drop):act>")
@allow(Who.INSTRUCTOR)
def decide_regrade(course: str, regrade: int, act: str) -> ResponseReturnValue:
    """Let it count, or not."""
    with services().database.writing() as rows:
        found, _assignment = regrades.regrade_in(rows, place().course.id, regrade)
        if act == "apply":
            done = regrades.apply(rows, user().id, found)
            changed = f"{len(done.moves)} score{'' if len(done.moves) == 1 else 's'} changed"
            flash(f"The regrade counts now: {changed}.")
        else:
            regrades.drop(rows, user().id, found)
            flash("The regrade is dropped: no score changed.")
    return redirect(url_for("acts.regrade", course=course, regrade=regrade))


def versions_of(rows: Session, assignment: CourseAssignment) -> list[Version]:
    """All of the assignment, the newest first."""
    return list(
        rows.scalars(
            select(Version).where(Version.slug == assignment.slug).order_by(Version.added_at.desc())
        )
    )
