"""Scores as tables: a line per student, or a line per score. Never a 0 for what is missing."""

from collections.abc import Mapping
from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.orm import Session

from web.accounts.models import User
from web.courses.models import Course, CourseAssignment, Enrolment, Role, Version
from web.gradebook.models import Standing
from web.tables import write_table

EXCUSED = "EX"


@dataclass(frozen=True)
class Gradebook:
    """All scores of a course.

    Attributes:
        assignments: By deadline, each with its highest score.
        students: Who is in the course now, with their sections; by login.
        standings: By assignment and student.
    """

    assignments: tuple[tuple[CourseAssignment, float], ...]
    students: tuple[tuple[User, str], ...]
    standings: Mapping[tuple[int, int], Standing]

    def score(self, assignment_id: int, user_id: int, digits: int = 6) -> str:
        """As a cell: blank where there is none, `EX` where it is excused."""
        standing = self.standings.get((assignment_id, user_id))
        if standing is None:
            return ""
        if standing.status == "excused":
            return EXCUSED
        return "" if standing.score is None else number(standing.score, digits)


def gradebook(session: Session, course_id: int) -> Gradebook:
    """All scores of a course, in three queries."""
    assignments = session.execute(
        select(CourseAssignment, Version.max_score)
        .join(Version, Version.id == CourseAssignment.version_id)
        .where(CourseAssignment.course_id == course_id)
        .order_by(CourseAssignment.due_at.is_(None), CourseAssignment.due_at, CourseAssignment.id)
    ).all()
    students = session.execute(
        select(User, Enrolment.section)
        .join(Enrolment, Enrolment.user_id == User.id)
        .where(
            Enrolment.course_id == course_id,
            Enrolment.role == Role.STUDENT.value,
            Enrolment.dropped_at.is_(None),
        )
        .order_by(User.login)
    ).all()
    standings = session.scalars(
        select(Standing)
        .join(CourseAssignment, CourseAssignment.id == Standing.assignment_id)
        .where(CourseAssignment.course_id == course_id)
    )
    return Gradebook(
        tuple((row[0], row[1]) for row in assignments),
        tuple((row[0], row[1]) for row in students),
        {(each.assignment_id, each.user_id): each for each in standings},
    )


def wide_table(book: Gradebook) -> str:
    """A line per student; of each assignment the score and the late days."""
    header = ["login", "name", "email", "section"]
    for assignment, _max_score in book.assignments:
        header += [assignment.slug, f"{assignment.slug} late days"]
    lines = [header]
    for student, section in book.students:
        line = [student.login, student.name, student.email, section]
        for assignment, _max_score in book.assignments:
            standing = book.standings.get((assignment.id, student.id))
            counts = standing is not None and standing.submission_id is not None
            line += [
                book.score(assignment.id, student.id),
                str(standing.late_days) if counts and standing is not None else "",
            ]
        lines.append(line)
    return write_table(lines)


def long_table(course: Course, book: Gradebook) -> str:
    """A line per student and assignment."""
    lines = [
        [
            "course",
            "assignment",
            "login",
            "name",
            "email",
            "section",
            "status",
            "score",
            "max_score",
            "score_before_penalty",
            "late_days",
            "grace_days",
            "submissions",
        ]
    ]
    for assignment, max_score in book.assignments:
        for student, section in book.students:
            standing = book.standings.get((assignment.id, student.id))
            who = [student.login, student.name, student.email, section]
            what = ["none", "", number(max_score), "", "", "", "0"]
            if standing is not None:
                counts = standing.submission_id is not None
                what = [
                    standing.status,
                    book.score(assignment.id, student.id),
                    number(standing.max_score),
                    "" if standing.raw is None else number(standing.raw),
                    str(standing.late_days) if counts else "",
                    str(standing.grace_days) if counts else "",
                    str(standing.submissions),
                ]
            lines.append([course.slug, assignment.slug, *who, *what])
    return write_table(lines)


def number(value: float, digits: int = 6) -> str:
    """Without needless digits."""
    text = f"{value:.{digits}f}"
    return text.rstrip("0").rstrip(".") if "." in text else text
