"""A class and its scores, by program: at a glance, decided, graded anew, and given away."""

from typing import Any
from zoneinfo import ZoneInfo

from apiflask import APIBlueprint
from flask import Response, url_for
from sqlalchemy import select
from sqlalchemy.orm import Session

from web.api.describing import CSV, describe, file_answer, json_answer
from web.api.shapes import Nothing
from web.api.teaching_shapes import (
    CanvasChange,
    CanvasFile,
    CanvasImport,
    CanvasPreview,
    CheckFailures,
    ClassAnswer,
    CountOf,
    MoveItem,
    NewDecision,
    NewRegrade,
    RegradeAnswer,
    RegradeItem,
    Regrades,
    SpeedCounts,
    StudentItem,
)
from web.courses.access import assignment_in
from web.courses.models import CourseAssignment, Version
from web.errors import Invalid
from web.gradebook import decisions, exporting, regrades
from web.gradebook.canvas import (
    CanvasTable,
    export_to_canvas,
    likely_columns,
    parse_canvas,
    plan_canvas,
)
from web.gradebook.classes import class_summary
from web.gradebook.models import Regrade
from web.rules import Who, allow, place, user
from web.services import services

scores = APIBlueprint("api_scores", __name__, url_prefix="/api/v1", enable_openapi=False)


@scores.get("/courses/<course>/assignments/<assignment>/class")
@allow(Who.STAFF, scope="teach")
@describe("A class at a glance.", ClassAnswer)
def class_at_a_glance(course: str, assignment: str) -> ClassAnswer:  # noqa: ARG001
    """Everything about one assignment."""
    with services().database.reading() as rows:
        found = assignment_in(rows, place(), assignment)
        summary = class_summary(rows, found, found.version, ZoneInfo(place().course.time_zone))
    return ClassAnswer(
        students=[StudentItem(**vars(line)) for line in summary.students],
        mean=summary.mean,
        histogram=_counts(summary.histogram),
        checks=[CheckFailures(**vars(line)) for line in summary.checks],
        hints=_counts(summary.hints),
        speeds=[
            SpeedCounts(title=line.title, ratios=_counts(line.bounds)) for line in summary.speeds
        ],
        activity=_counts(summary.activity),
        queue=summary.queue,
    )


@scores.post("/courses/<course>/assignments/<assignment>/students/<login>/decisions")
@allow(Who.INSTRUCTOR, scope="teach")
@describe("Override a student's score, excuse them, or clear that.", Nothing, body=NewDecision)
def decide(course: str, assignment: str, login: str, body: NewDecision) -> Nothing:  # noqa: ARG001
    """The newest decision counts."""
    with services().database.writing() as rows:
        found = assignment_in(rows, place(), assignment)
        if body.score is not None:
            decisions.override(rows, user().id, found, login, body.score, body.comment)
        elif body.kind == "excuse":
            decisions.excuse(rows, user().id, found, login, body.comment)
        else:
            decisions.clear(rows, user().id, found, login, body.comment)
    return Nothing()


@scores.get("/courses/<course>/assignments/<assignment>/regrades")
@allow(Who.STAFF, scope="teach")
@describe("Regrades of an assignment, newest first.", Regrades)
def regrades_of(course: str, assignment: str) -> Regrades:  # noqa: ARG001
    """Open, applied and dropped ones."""
    with services().database.reading() as rows:
        found = assignment_in(rows, place(), assignment)
        made = rows.execute(
            select(Regrade, Version.label)
            .join(Version, Version.id == Regrade.version_id)
            .where(Regrade.assignment_id == found.id)
            .order_by(Regrade.id.desc())
        ).all()
    return Regrades(
        regrades=[RegradeItem(**_about(each, found.slug, label)) for each, label in made]
    )


@scores.post("/courses/<course>/assignments/<assignment>/regrades")
@allow(Who.INSTRUCTOR, scope="teach")
@describe(
    "Propose a regrade: nothing counts before it is applied.",
    RegradeAnswer,
    status=201,
    body=NewRegrade,
    refusals=(409,),
)
def propose(course: str, assignment: str, body: NewRegrade) -> Response:
    """Queue its gradings."""
    with services().database.writing() as rows:
        found = assignment_in(rows, place(), assignment)
        version_id = found.version_id if body.version_id is None else body.version_id
        made = regrades.propose(
            rows, user().id, found, version_id, body.which, body.reason, body.receipt
        )
        answer = _review(rows, made, found)
    services().workers.notify()
    location = url_for("api_scores.regrade", course=course, regrade=answer.id)
    return json_answer(answer, 201, {"Location": location})


@scores.get("/courses/<course>/regrades/<int:regrade>")
@allow(Who.STAFF, scope="teach")
@describe("A regrade: who moves, and by how much.", RegradeAnswer)
def regrade(course: str, regrade: int) -> RegradeAnswer:  # noqa: ARG001
    """To be looked at before it is decided."""
    with services().database.reading() as rows:
        return _review(rows, *regrades.regrade_in(rows, place().course.id, regrade))


@scores.post("/courses/<course>/regrades/<int:regrade>/apply")
@allow(Who.INSTRUCTOR, scope="teach")
@describe("Let a regrade count.", RegradeAnswer, refusals=(409,))
def apply(course: str, regrade: int) -> RegradeAnswer:  # noqa: ARG001
    """Refused while any of it is not graded."""
    with services().database.writing() as rows:
        found, assignment = regrades.regrade_in(rows, place().course.id, regrade)
        regrades.apply(rows, user().id, found)
        return _review(rows, found, assignment)


@scores.post("/courses/<course>/regrades/<int:regrade>/drop")
@allow(Who.INSTRUCTOR, scope="teach")
@describe("Let a regrade never count.", Nothing, refusals=(409,))
def drop(course: str, regrade: int) -> Nothing:  # noqa: ARG001
    """What of it is not graded yet will not be."""
    with services().database.writing() as rows:
        found, _assignment = regrades.regrade_in(rows, place().course.id, regrade)
        regrades.drop(rows, user().id, found)
    return Nothing()


@scores.get("/courses/<course>/gradebook.csv")
@allow(Who.INSTRUCTOR, scope="teach")
@describe("The gradebook: a line per student.", CSV)
def gradebook_csv(course: str) -> Response:
    """Blank where there is no score, never 0."""
    table = exporting.wide_table(_gradebook())
    return file_answer(table.encode(), CSV, f"{course}-gradebook.csv")


@scores.get("/courses/<course>/scores.csv")
@allow(Who.INSTRUCTOR, scope="teach")
@describe("The gradebook: a line per student and assignment.", CSV)
def scores_csv(course: str) -> Response:
    """With penalties and grace days."""
    table = exporting.long_table(place().course, _gradebook())
    return file_answer(table.encode(), CSV, f"{course}-scores.csv")


@scores.post("/courses/<course>/canvas/preview")
@allow(Who.INSTRUCTOR, scope="teach")
@describe("What an import would change in Canvas.", CanvasPreview, body=CanvasFile)
def canvas_preview(course: str, body: CanvasFile) -> CanvasPreview:  # noqa: ARG001
    """Of a gradebook that Canvas exported."""
    table, book = parse_canvas(body.canvas), _gradebook()
    chosen = _chosen(body, table, book)
    plan = plan_canvas(table, book, chosen)
    slugs = {each.id: each.slug for each, _max in book.assignments}
    return CanvasPreview(
        digest=plan.digest,
        titles={str(column): title for column, title in table.columns.items()},
        columns={slugs[key]: column for key, column in chosen.items()},
        changes=[
            CanvasChange(login=each.login, column=each.column, before=each.before, after=each.after)
            for each in plan.changes
        ],
        unmatched_there=list(plan.unmatched_there),
        unmatched_here=[student.login for student in plan.unmatched_here],
    )


@scores.post("/courses/<course>/canvas/import.csv")
@allow(Who.INSTRUCTOR, scope="teach")
@describe(
    "The changes that were looked at, for Canvas to import.",
    CSV,
    body=CanvasImport,
    refusals=(409,),
)
def canvas_import(course: str, body: CanvasImport) -> Response:
    """Refused if they are others by now."""
    table, book = parse_canvas(body.canvas), _gradebook()
    chosen = _chosen(body, table, book)
    with services().database.writing() as rows:
        text = export_to_canvas(
            rows, user().id, place().course, table, book, chosen, digest=body.digest
        )
    return file_answer(text.encode(), CSV, f"{course}-canvas.csv")


def _gradebook() -> exporting.Gradebook:
    with services().database.reading() as rows:
        return exporting.gradebook(rows, place().course.id)


def _chosen(body: CanvasFile, table: CanvasTable, book: exporting.Gradebook) -> dict[int, int]:
    """Columns by assignment's id. Raises Invalid where there is no such assignment."""
    if body.columns is None:
        return likely_columns(table, book)
    ids = {each.slug: each.id for each, _max in book.assignments}
    for slug in body.columns:
        if slug not in ids:
            raise Invalid(f"There is no assignment {slug[:60]!r} in this course.")
    return {ids[slug]: column for slug, column in body.columns.items()}


def _review(rows: Session, made: Regrade, assignment: CourseAssignment) -> RegradeAnswer:
    found = regrades.review(rows, made)
    return RegradeAnswer(
        **_about(made, assignment.slug, rows.get_one(Version, made.version_id).label),
        moves=[
            MoveItem(
                receipt=move.receipt,
                login=move.login,
                counts=move.counts,
                before=move.before,
                after=move.after,
                max_score=move.max_score,
            )
            for move in found.moves
        ],
        unchanged=found.unchanged,
        unfinished=found.unfinished,
        waiting=found.waiting,
    )


def _about(made: Regrade, slug: str, label: str) -> dict[str, Any]:
    names = ("id", "which", "reason", "state", "created_at", "decided_at")
    return {**{name: getattr(made, name) for name in names}, "assignment": slug, "version": label}


def _counts(pairs: tuple[tuple[str, int], ...]) -> list[CountOf]:
    return [CountOf(name=name, count=count) for name, count in pairs]
