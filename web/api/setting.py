"""What instructors set by program: the course, its assignments, their versions, time for some."""

from apiflask import APIBlueprint

from web.api.describing import describe
from web.api.shapes import Nothing
from web.api.teaching_shapes import (
    ChosenVersion,
    CourseSettings,
    NewExtension,
    SettingsOfAssignment,
)
from web.courses.access import assignment_in
from web.courses.models import Course, CourseAssignment
from web.courses.setting import (
    AssignmentSettings,
    change_version,
    extend,
    release_scores,
    settings_of,
    update_assignment,
    update_course,
)
from web.rules import Who, allow, place, user
from web.services import services

setting = APIBlueprint("api_setting", __name__, url_prefix="/api/v1", enable_openapi=False)


@setting.get("/courses/<course>/settings")
@allow(Who.INSTRUCTOR, scope="teach")
@describe("What is set for a course.", CourseSettings)
def course_settings(course: str) -> CourseSettings:  # noqa: ARG001
    """Title, time zone, grace days."""
    return _course_settings(place().course)


@setting.put("/courses/<course>/settings")
@allow(Who.INSTRUCTOR, scope="teach")
@describe("Set a course's title, time zone and grace days.", CourseSettings, body=CourseSettings)
def change_course(course: str, body: CourseSettings) -> CourseSettings:  # noqa: ARG001
    """All three."""
    with services().database.writing() as rows:
        found = rows.get_one(Course, place().course.id)
        update_course(rows, user().id, found, **body.model_dump())
        return _course_settings(found)


@setting.get("/courses/<course>/assignments/<assignment>/settings")
@allow(Who.INSTRUCTOR, scope="teach")
@describe("What is set for an assignment.", SettingsOfAssignment)
def assignment_settings(course: str, assignment: str) -> SettingsOfAssignment:  # noqa: ARG001
    """As they can be sent back."""
    with services().database.reading() as rows:
        return _settings(assignment_in(rows, place(), assignment))


@setting.put("/courses/<course>/assignments/<assignment>/settings")
@allow(Who.INSTRUCTOR, scope="teach")
@describe(
    "Set an assignment's dates, limits and visibility.",
    SettingsOfAssignment,
    body=SettingsOfAssignment,
)
def change_assignment(
    course: str,  # noqa: ARG001
    assignment: str,
    body: SettingsOfAssignment,
) -> SettingsOfAssignment:
    """All of them at once."""
    with services().database.writing() as rows:
        found = assignment_in(rows, place(), assignment)
        wanted = AssignmentSettings(**{**body.model_dump(), "counts": body.counts.value})
        update_assignment(rows, user().id, found, wanted)
        return _settings(found)


@setting.put("/courses/<course>/assignments/<assignment>/version")
@allow(Who.INSTRUCTOR, scope="teach")
@describe("Grade new submissions by another version.", Nothing, body=ChosenVersion)
def choose_version(course: str, assignment: str, body: ChosenVersion) -> Nothing:  # noqa: ARG001
    """What is graded stays as it is, unless it is regraded."""
    with services().database.writing() as rows:
        found = assignment_in(rows, place(), assignment)
        change_version(rows, user().id, found, body.version_id)
    return Nothing()


@setting.post("/courses/<course>/assignments/<assignment>/release")
@allow(Who.INSTRUCTOR, scope="teach")
@describe("Show scores that are held.", Nothing, refusals=(409,))
def release(course: str, assignment: str) -> Nothing:  # noqa: ARG001
    """From now on."""
    with services().database.writing() as rows:
        release_scores(rows, user().id, assignment_in(rows, place(), assignment))
    return Nothing()


@setting.post("/courses/<course>/assignments/<assignment>/students/<login>/extensions")
@allow(Who.INSTRUCTOR, scope="teach")
@describe("Give a student more time.", Nothing, body=NewExtension, refusals=(409,))
def extend_for(
    course: str,  # noqa: ARG001
    assignment: str,
    login: str,
    body: NewExtension,
) -> Nothing:
    """The newest extension counts."""
    with services().database.writing() as rows:
        found = assignment_in(rows, place(), assignment)
        extend(rows, user().id, found, login, body.due_at, body.reason)
    return Nothing()


def _course_settings(found: Course) -> CourseSettings:
    return CourseSettings(title=found.title, time_zone=found.time_zone, grace_days=found.grace_days)


def _settings(found: CourseAssignment) -> SettingsOfAssignment:
    return SettingsOfAssignment.model_validate(vars(settings_of(found)))
