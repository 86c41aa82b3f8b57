"""Scores for Canvas: matched against its own export, and only what would change there.

A score in a file that Canvas imports overwrites its gradebook, so nothing is written that is not a
change; a cell beside one keeps what Canvas has.
"""

import hashlib
import json
import re
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from sqlalchemy.orm import Session

from web.accounts.models import User
from web.audit import log_act
from web.courses.models import Course
from web.errors import Conflict, Invalid
from web.gradebook.exporting import EXCUSED, Gradebook, number
from web.tables import Row, read_table, write_table

_IDENTITY = ("Student", "ID", "SIS User ID", "SIS Login ID", "Section")
_TOTAL = re.compile(r"(current|final|override) (score|points|grade)", re.IGNORECASE)
_NUMBERED = re.compile(r"(.*) \(\d+\)")
_NOTHING = frozenset({"", "-", "n/a"})


@dataclass(frozen=True)
class CanvasTable:
    """What Canvas exported.

    Attributes:
        places: Columns of `Student`, `ID`, and so on.
        columns: Titles of assignments by their column.
        possible: The row of points; None where there is none.
        rows: Of students.
    """

    places: Mapping[str, int]
    columns: Mapping[int, str]
    possible: Row | None
    rows: tuple[Row, ...]

    def identity(self, row: Row) -> list[str]:
        """The five cells that name a student."""
        return [self.student(row)] + [row.cell(self.places.get(name)) for name in _IDENTITY[1:]]

    def student(self, row: Row) -> str:
        """Their name, as Canvas writes it."""
        if "Student" in self.places:
            return row.cell(self.places["Student"])
        return f"{row.cell(self.places['LastName'])}, {row.cell(self.places['FirstName'])}"


@dataclass(frozen=True)
class ScoreChange:
    """A cell that would change in Canvas."""

    login: str
    name: str
    column: int
    before: str
    after: str


@dataclass(frozen=True)
class CanvasPlan:
    """What an import would change in Canvas.

    Attributes:
        matched: Canvas's row by student's login.
        unmatched_there: Names in Canvas's export that are nobody here.
        unmatched_here: Students who are not in Canvas's export.
        changes: Of the chosen assignments.
    """

    matched: Mapping[str, Row]
    unmatched_there: tuple[str, ...]
    unmatched_here: tuple[User, ...]
    changes: tuple[ScoreChange, ...]

    @property
    def digest(self) -> str:
        """Names the changes by their content."""
        content = [vars(change) for change in self.changes]
        return hashlib.sha256(json.dumps(content).encode()).hexdigest()


def parse_canvas(text: str) -> CanvasTable:
    """Read a gradebook export of Canvas. Raises Invalid."""
    header, *rows = read_table(text)
    titles = list(header.cells)
    places = {
        name: titles.index(name) for name in (*_IDENTITY, "LastName", "FirstName") if name in titles
    }
    named = "Student" in places or {"LastName", "FirstName"} <= set(places)
    if not named or not {"ID", "Section"} <= set(places):
        raise Invalid(
            "This is no export of a Canvas gradebook: its first line needs the columns Student, "
            "ID and Section."
        )
    possible = next((row for row in rows[:3] if "Points Possible" in row.cell(0)), None)
    columns = {
        place: title
        for place, title in enumerate(titles)
        if place > places["Section"]
        and title
        and not _TOTAL.search(title)
        and not (possible and "read only" in possible.cell(place).lower())
    }
    ids = places["ID"]
    students = tuple(row for row in rows if row is not possible and row.cell(ids))
    if not students:
        raise Invalid("There is no student in this export.")
    return CanvasTable(places, columns, possible, students)


def likely_columns(table: CanvasTable, book: Gradebook) -> dict[int, int]:
    """Of each assignment the column `Title (id)` or `Title`, if just one has its title."""
    by_title: dict[str, list[int]] = {}
    for place, title in table.columns.items():
        numbered = _NUMBERED.fullmatch(title)
        by_title.setdefault((numbered[1] if numbered else title).casefold(), []).append(place)
    found = {each.id: by_title.get(each.title.casefold(), []) for each, _max in book.assignments}
    return {key: places[0] for key, places in found.items() if len(places) == 1}


def plan_canvas(table: CanvasTable, book: Gradebook, chosen: Mapping[int, int]) -> CanvasPlan:
    """What would change.

    Args:
        table: What Canvas exported.
        book: Our scores.
        chosen: Columns by assignment's id.

    Raises:
        Invalid: A column is chosen that is no assignment's, or twice.
    """
    if len(set(chosen.values())) < len(chosen) or not set(chosen.values()) <= set(table.columns):
        raise Invalid("Choose another column of the export for each assignment.")
    matched = _match(table, [student for student, _section in book.students])
    changes = []
    for student, _section in book.students:
        row = matched.get(student.login)
        if row is None:
            continue
        for assignment_id, column in sorted(chosen.items(), key=lambda item: item[1]):
            ours = book.score(assignment_id, student.id, digits=2)
            theirs = _value(row.cell(column))
            if ours and ours != theirs:
                changes.append(ScoreChange(student.login, student.name, column, theirs, ours))
    lines = {row.line for row in matched.values()}
    return CanvasPlan(
        matched,
        tuple(table.student(row) for row in table.rows if row.line not in lines),
        tuple(student for student, _section in book.students if student.login not in matched),
        tuple(changes),
    )


def canvas_table(
    table: CanvasTable, book: Gradebook, chosen: Mapping[int, int], plan: CanvasPlan
) -> str:
    """What Canvas shall import: changed rows and columns only. Raises Invalid without any."""
    if not plan.changes:
        raise Invalid("There is nothing to change in Canvas.")
    columns = sorted({change.column for change in plan.changes})
    max_scores = {each.id: number(most, 2) for each, most in book.assignments}
    ours = {column: max_scores[assignment_id] for assignment_id, column in chosen.items()}
    possible = [
        (_value(table.possible.cell(column)) if table.possible else "") or ours[column]
        for column in columns
    ]
    lines = [
        [*_IDENTITY, *(table.columns[column] for column in columns)],
        ["    Points Possible", "", "", "", "", *possible],
    ]
    after = {(change.login, change.column): change.after for change in plan.changes}
    for login in dict.fromkeys(change.login for change in plan.changes):
        row = plan.matched[login]
        cells = [after.get((login, column), _value(row.cell(column))) for column in columns]
        lines.append([*table.identity(row), *cells])
    return write_table(lines)


def export_to_canvas(
    session: Session,
    actor_id: int,
    course: Course,
    table: CanvasTable,
    book: Gradebook,
    chosen: Mapping[int, int],
    *,
    digest: str,
) -> str:
    """The file for Canvas, if its changes are still those that were looked at.

    Args:
        session: The caller's, writing.
        actor_id: Who.
        course: Whose scores.
        table: What Canvas exported.
        book: Our scores.
        chosen: Columns by assignment's id.
        digest: Of the plan that was looked at.

    Raises:
        Conflict: The plan is another one now.
        Invalid: As `plan_canvas`, or there is nothing to change.
    """
    plan = plan_canvas(table, book, chosen)
    if plan.digest != digest:
        raise Conflict(
            "What would change is not what you looked at any more: go back and show the changes "
            "again."
        )
    text = canvas_table(table, book, chosen, plan)
    log_act(
        session,
        actor_id,
        "export to canvas",
        course.slug,
        course_id=course.id,
        changes=len(plan.changes),
    )
    return text


def _match(table: CanvasTable, students: list[User]) -> dict[str, Row]:
    """By identity first, by name last; what fits two on either side fits nobody."""

    def cell(name: str) -> Callable[[Row], str]:
        return lambda row: row.cell(table.places.get(name)).casefold()

    def name_of(row: Row) -> str:
        last, comma, first = _plain(table.student(row)).partition(", ")
        return f"{first} {last}".casefold() if comma else last.casefold()

    steps: list[tuple[Callable[[Row], str], Callable[[User], str]]] = [
        (cell("SIS User ID"), lambda user: user.login),
        (cell("SIS Login ID"), lambda user: user.login),
        (cell("SIS User ID"), lambda user: user.email.casefold()),
        (cell("SIS Login ID"), lambda user: user.email.casefold()),
        (name_of, lambda user: user.name.casefold()),
    ]
    matched: dict[str, Row] = {}
    rows, left = list(table.rows), list(students)
    for theirs, ours in steps:
        there = Counter(theirs(row) for row in rows)
        here = Counter(ours(user) for user in left)
        users = {ours(user): user for user in left if here[ours(user)] == 1}
        for row in list(rows):
            user = users.get(theirs(row))
            if user is not None and theirs(row) and there[theirs(row)] == 1:
                matched[user.login] = row
                rows.remove(row)
                left.remove(user)
    return matched


def _plain(name: str) -> str:
    """Without what Canvas puts around a name that looks like a formula."""
    return name[2:-1] if name.startswith('="') and name.endswith('"') else name


def _value(cell: str) -> str:
    """As we would write it: two digits, a point, nothing for no score."""
    text = cell.strip()
    if text.lower() in _NOTHING:
        return ""
    if text.upper() == EXCUSED:
        return EXCUSED
    try:
        return number(float(text.replace(",", ".")), 2)
    except (ValueError, OverflowError):
        return text
