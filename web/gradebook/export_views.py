"""Pages that give scores away: to files, and to Canvas."""

from apiflask import APIBlueprint
from flask import Response, render_template, request
from flask.typing import ResponseReturnValue

from web.errors import Invalid
from web.gradebook.canvas import (
    CanvasTable,
    export_to_canvas,
    likely_columns,
    parse_canvas,
    plan_canvas,
)
from web.gradebook.exporting import Gradebook, gradebook, long_table, wide_table
from web.rules import Who, allow, place, user
from web.services import services
from web.tables import decode_table

exports = APIBlueprint("exports", __name__, enable_openapi=False)


@exports.get("/courses/<course>/exports")
@allow(Who.INSTRUCTOR)
def overview(course: str) -> ResponseReturnValue:  # noqa: ARG001
    """What can be had."""
    return render_template("exports/exports.html")


@exports.get("/courses/<course>/exports/gradebook.csv")
@allow(Who.INSTRUCTOR)
def gradebook_csv(course: str) -> ResponseReturnValue:
    """A line per student."""
    return _file(f"{course}-gradebook.csv", wide_table(_gradebook()))


@exports.get("/courses/<course>/exports/scores.csv")
@allow(Who.INSTRUCTOR)
def scores_csv(course: str) -> ResponseReturnValue:
    """A line per score."""
    return _file(f"{course}-scores.csv", long_table(place().course, _gradebook()))


@exports.post("/courses/<course>/exports/canvas")
@allow(Who.INSTRUCTOR)
def canvas(course: str) -> ResponseReturnValue:  # noqa: ARG001
    """What would change in Canvas."""
    text = _text()
    table, book = parse_canvas(text), _gradebook()
    first = "chosen" not in request.form
    chosen = likely_columns(table, book) if first else _chosen(book)
    plan = plan_canvas(table, book, chosen)
    return render_template(
        "exports/canvas.html", table=table, book=book, chosen=chosen, plan=plan, text=text
    )


@exports.post("/courses/<course>/exports/canvas.csv")
@allow(Who.INSTRUCTOR)
def canvas_csv(course: str) -> ResponseReturnValue:
    """The changes that were looked at, for Canvas to import."""
    table: CanvasTable = parse_canvas(_text())
    book = _gradebook()
    chosen, digest = _chosen(book), request.form.get("digest", "")
    with services().database.writing() as rows:
        text = export_to_canvas(rows, user().id, place().course, table, book, chosen, digest=digest)
    return _file(f"{course}-canvas.csv", text)


def _gradebook() -> Gradebook:
    with services().database.reading() as rows:
        return gradebook(rows, place().course.id)


def _chosen(book: Gradebook) -> dict[int, int]:
    """The form's columns, by assignment."""
    asked = {
        each.id: request.form.get(f"column_{each.id}", type=int) for each, _max in book.assignments
    }
    return {key: column for key, column in asked.items() if column is not None}


def _text() -> str:
    """What was uploaded, or is carried on. Raises Invalid."""
    upload = request.files.get("file")
    if upload is not None and upload.filename:
        return decode_table(upload.read())
    text = request.form.get("canvas", "")
    if not text:
        raise Invalid("Choose the file that Canvas exported.")
    return text


def _file(name: str, text: str) -> Response:
    headers = {"Content-Disposition": f"attachment; filename={name}"}
    return Response(text, content_type="text/csv; charset=utf-8", headers=headers)
