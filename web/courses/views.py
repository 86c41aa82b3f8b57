"""Where everybody arrives: one's courses."""

from apiflask import APIBlueprint
from flask import render_template
from flask.typing import ResponseReturnValue
from sqlalchemy import select

from web.courses.models import Course, Enrolment
from web.rules import Who, allow, user
from web.services import services

courses = APIBlueprint("courses", __name__, enable_openapi=False)


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
