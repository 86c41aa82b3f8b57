"""Who is in a course, by program: a roster is looked at before it is imported."""

from apiflask import APIBlueprint
from flask import url_for

from web.api.describing import describe
from web.api.shapes import Nothing
from web.api.teaching_shapes import (
    ChangeItem,
    Invitations,
    JoiningItem,
    MemberChange,
    RosterFile,
    RosterImport,
    RosterPreview,
)
from web.courses.enrolling import change_enrolment, drop, import_roster, invite_again
from web.courses.roster import clean_section, parse_roster, plan_roster
from web.rules import Who, allow, place, user
from web.services import services

rosters = APIBlueprint("api_rosters", __name__, url_prefix="/api/v1", enable_openapi=False)


@rosters.post("/courses/<course>/roster/preview")
@allow(Who.INSTRUCTOR, scope="teach")
@describe("What a roster would change.", RosterPreview, body=RosterFile, refusals=(409,))
def preview(course: str, body: RosterFile) -> RosterPreview:  # noqa: ARG001
    """Nothing is changed."""
    read = parse_roster(body.roster)
    with services().database.reading() as rows:
        plan = plan_roster(rows, place().course, read, drop_missing=body.drop_missing)
    return RosterPreview(
        digest=plan.digest,
        joining=[JoiningItem(**vars(each)) for each in plan.joining],
        changes=[
            ChangeItem(login=each.login, what=each.what, before=each.before, after=each.after)
            for each in plan.changes
        ],
        dropped=[login for login, _name in plan.dropped],
        unchanged=len(plan.unchanged),
        kept=list(plan.kept),
        unused=list(read.unused),
    )


@rosters.post("/courses/<course>/roster/import")
@allow(Who.INSTRUCTOR, scope="teach")
@describe("Import a roster that was looked at.", Invitations, body=RosterImport, refusals=(409,))
def apply(course: str, body: RosterImport) -> Invitations:  # noqa: ARG001
    """Refused if it would change anything else by now."""
    read = parse_roster(body.roster)
    with services().database.writing() as rows:
        tokens = import_roster(
            rows,
            user().id,
            place().course,
            read,
            drop_missing=body.drop_missing,
            digest=body.digest,
        )
    return _invitations(tokens)


@rosters.put("/courses/<course>/members/<login>")
@allow(Who.INSTRUCTOR, scope="teach")
@describe("Give somebody another role or section.", Nothing, body=MemberChange, refusals=(409,))
def change(course: str, login: str, body: MemberChange) -> Nothing:  # noqa: ARG001
    """Who was dropped is in the course again."""
    section = clean_section(body.section)
    with services().database.writing() as rows:
        change_enrolment(rows, user().id, place().course, login, body.role, section)
    return Nothing()


@rosters.delete("/courses/<course>/members/<login>")
@allow(Who.INSTRUCTOR, scope="teach")
@describe("Take somebody out of a course.", Nothing, refusals=(409,))
def drop_member(course: str, login: str) -> Nothing:  # noqa: ARG001
    """What they handed in is kept."""
    with services().database.writing() as rows:
        drop(rows, user().id, place().course, login)
    return Nothing()


@rosters.post("/courses/<course>/members/<login>/invitation")
@allow(Who.INSTRUCTOR, scope="teach")
@describe("Another invitation for who never came in.", Invitations, refusals=(409,))
def invite(course: str, login: str) -> Invitations:  # noqa: ARG001
    """Earlier ones end."""
    with services().database.writing() as rows:
        token = invite_again(rows, user().id, place().course, login)
    return _invitations({login: token})


def _invitations(tokens: dict[str, str]) -> Invitations:
    return Invitations(
        invitations={
            login: url_for("accounts.invitation", token=token, _external=True)
            for login, token in tokens.items()
        }
    )
