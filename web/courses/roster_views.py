"""Pages about who is in a course."""

from apiflask import APIBlueprint
from flask import flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from sqlalchemy import select

from web.accounts.models import User
from web.courses.enrolling import change_enrolment, drop, import_roster, invite_again, member
from web.courses.models import Enrolment, Role
from web.courses.roster import clean_role, clean_section, correctable, parse_roster, plan_roster
from web.errors import Invalid
from web.rules import Who, allow, place, user
from web.services import services
from web.tables import decode_table

rosters = APIBlueprint("rosters", __name__, enable_openapi=False)


@rosters.get("/courses/<course>/roster")
@allow(Who.STAFF)
def roster(course: str) -> ResponseReturnValue:  # noqa: ARG001
    """Everybody in the course, and the form for a file."""
    return _roster_page()


@rosters.post("/courses/<course>/roster/preview")
@allow(Who.INSTRUCTOR)
def preview(course: str) -> ResponseReturnValue:  # noqa: ARG001
    """What a file would change."""
    drop_missing = "drop_missing" in request.form
    text = ""
    try:
        text = _text()
        read = parse_roster(text)
        with services().database.reading() as rows:
            plan = plan_roster(rows, place().course, read, drop_missing=drop_missing)
    except Invalid as refusal:
        problems = [error["message"] for error in refusal.errors] or [str(refusal)]
        return _roster_page(problems=problems, text=text), 422
    return render_template(
        "rosters/preview.html", roster=read, plan=plan, text=text, drop_missing=drop_missing
    )


@rosters.post("/courses/<course>/roster/import")
@allow(Who.INSTRUCTOR)
def apply(course: str) -> ResponseReturnValue:  # noqa: ARG001
    """Do what was looked at, and show the invitations, this once."""
    read = parse_roster(_text())
    with services().database.writing() as rows:
        invitations = import_roster(
            rows,
            user().id,
            place().course,
            read,
            drop_missing="drop_missing" in request.form,
            digest=request.form.get("digest", ""),
        )
    return _invitations_page(invitations)


@rosters.get("/courses/<course>/roster/people/<login>")
@allow(Who.INSTRUCTOR)
def person(course: str, login: str) -> ResponseReturnValue:  # noqa: ARG001
    """One person's role and section."""
    with services().database.reading() as rows:
        found, enrolment = member(rows, place().course, login)
        may_invite = found.id in correctable(rows, place().course.id, [found])
    return render_template(
        "rosters/person.html",
        person=found,
        enrolment=enrolment,
        may_invite=may_invite,
        roles=list(Role),
    )


@rosters.post("/courses/<course>/roster/people/<login>")
@allow(Who.INSTRUCTOR)
def change(course: str, login: str) -> ResponseReturnValue:
    """Give them another role or section."""
    role = clean_role(request.form.get("role", ""))
    section = clean_section(request.form.get("section", ""))
    with services().database.writing() as rows:
        change_enrolment(rows, user().id, place().course, login, role, section)
    flash(f"{login} is {role} now{f', section {section}' if section else ''}.")
    return redirect(url_for("rosters.roster", course=course))


@rosters.post("/courses/<course>/roster/people/<login>/drop")
@allow(Who.INSTRUCTOR)
def drop_person(course: str, login: str) -> ResponseReturnValue:
    """Take them out of the course."""
    with services().database.writing() as rows:
        drop(rows, user().id, place().course, login)
    flash(f"{login} is not in the course any more. What they handed in is kept.")
    return redirect(url_for("rosters.roster", course=course))


@rosters.post("/courses/<course>/roster/people/<login>/invite")
@allow(Who.INSTRUCTOR)
def invite(course: str, login: str) -> ResponseReturnValue:  # noqa: ARG001
    """Another invitation for who never came in."""
    with services().database.writing() as rows:
        token = invite_again(rows, user().id, place().course, login)
    return _invitations_page({login: token})


def _roster_page(problems: list[str] | None = None, text: str = "") -> str:
    with services().database.reading() as rows:
        everybody = rows.execute(
            select(User, Enrolment)
            .join(Enrolment, Enrolment.user_id == User.id)
            .where(Enrolment.course_id == place().course.id)
            .order_by(Enrolment.role, Enrolment.section, User.login)
        ).all()
    return render_template(
        "rosters/roster.html",
        present=[row for row in everybody if row[1].dropped_at is None],
        dropped=[row for row in everybody if row[1].dropped_at is not None],
        may_change=place().role is Role.INSTRUCTOR,
        problems=problems,
        text=text,
    )


def _invitations_page(invitations: dict[str, str]) -> str:
    return render_template(
        "rosters/invitations.html",
        invitations={
            login: url_for("accounts.invitation", token=token, _external=True)
            for login, token in invitations.items()
        },
    )


def _text() -> str:
    """What was uploaded, or else pasted. Raises Invalid."""
    upload = request.files.get("file")
    if upload is not None and upload.filename:
        return decode_table(upload.read())
    text = request.form.get("roster", "")
    if not text.strip():
        raise Invalid("Choose a file, or paste the roster.")
    return text
