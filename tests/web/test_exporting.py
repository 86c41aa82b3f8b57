"""Scores as tables, and what Canvas would be told."""

import csv
import io

import pytest
from sqlalchemy import event

from web.accounts.models import User
from web.accounts.services import create_user
from web.courses.models import Course, Role
from web.courses.services import enrol
from web.errors import Invalid
from web.gradebook.canvas import canvas_table, likely_columns, parse_canvas, plan_canvas
from web.gradebook.exporting import gradebook, long_table, wide_table
from web.gradebook.models import Standing

CANVAS = (
    "Student,ID,SIS User ID,SIS Login ID,Section,Dense layers (77),Essay (78),Final Score\n"
    "    Points Possible,,,,,20,5,(read only)\n"
    '"Example, Sam",1,sam,,A,3.00,4,50\n'
    '"Example, Tess",2,,,A,,,\n'
    '"Nobody, Here",3,zz,zz,A,9,,\n'
)


@pytest.fixture
def stand(service, course):
    """A function that sets a student's standing."""

    def put(login, status="graded", score=7.125, **more):
        with service.database.writing() as rows:
            rows.merge(
                Standing(
                    assignment_id=course.assignment_id,
                    user_id=course.people[login].id,
                    max_score=10.0,
                    status=status,
                    score=score,
                    **more,
                )
            )

    return put


def book(service, course):
    with service.database.reading() as rows:
        return gradebook(rows, course.id), rows.get(Course, course.id)


def lines(text):
    return list(csv.reader(io.StringIO(text)))


def plan_of(service, course, text=CANVAS):
    table, scores = parse_canvas(text), book(service, course)[0]
    chosen = likely_columns(table, scores)
    return table, scores, chosen, plan_canvas(table, scores, chosen)


def test_the_gradebook_has_a_line_per_student_and_never_a_zero_for_what_is_missing(
    service, course, stand
):
    stand("sam", score=7.125)
    stand("tess", "pending", None)
    table = lines(wide_table(book(service, course)[0]))
    assert table == [
        ["login", "name", "email", "section", "dense", "dense late days"],
        ["sam", "Sam Example", "", "A", "7.125", ""],
        ["tess", "Tess Example", "", "A", "", ""],
    ]


def test_an_excused_score_is_ex_and_a_zero_that_was_given_is_a_zero(service, course, stand):
    stand("sam", "excused", None)
    stand("tess", "override", 0.0)
    table = lines(wide_table(book(service, course)[0]))
    assert [line[4] for line in table[1:]] == ["EX", "0"]


def test_late_days_stand_beside_a_score(service, course, stand, hand_in):
    submission = hand_in("sam")
    stand("sam", score=5.0, submission_id=submission.id, late_days=2)
    assert lines(wide_table(book(service, course)[0]))[1][4:] == ["5", "2"]


def test_the_long_table_has_a_line_per_student_and_assignment(service, course, stand):
    stand("sam", score=7.125)
    scores, here = book(service, course)
    header, *rest = lines(long_table(here, scores))
    found = [dict(zip(header, line, strict=True)) for line in rest]
    assert [each["score"] for each in found] == ["7.125", ""]
    assert found[1] | {"status": "none", "max_score": "10"} == found[1]


@pytest.mark.parametrize("name", ["=1+1", "+1", "-1", "@SUM(A1)", '=HYPERLINK("x","y")'])
def test_no_cell_is_a_formula(service, course, name):
    with service.database.writing() as rows:
        rows.get(User, course.people["sam"].id).name = name
    scores, here = book(service, course)
    for text in (wide_table(scores), long_table(here, scores)):
        cells = [cell for line in lines(text) for cell in line]
        assert f"'{name}" in cells
        assert not [cell for cell in cells if cell.startswith(("=", "+", "-", "@"))]


def test_canvas_gets_only_what_changes(service, course, stand):
    stand("sam", score=7.125)
    table, scores, chosen, plan = plan_of(service, course)
    assert {login: row.line for login, row in plan.matched.items()} == {"sam": 3, "tess": 4}
    assert plan.unmatched_there == ("Nobody, Here",)
    assert not plan.unmatched_here
    assert lines(canvas_table(table, scores, chosen, plan)) == [
        ["Student", "ID", "SIS User ID", "SIS Login ID", "Section", "Dense layers (77)"],
        ["    Points Possible", "", "", "", "", "20"],
        ["Example, Sam", "1", "sam", "", "A", "7.12"],
    ]


def test_what_is_the_same_at_two_digits_or_missing_here_is_no_change(service, course, stand):
    stand("sam", score=3.001)
    table, scores, chosen, plan = plan_of(service, course)
    assert not plan.changes
    with pytest.raises(Invalid, match="nothing to change"):
        canvas_table(table, scores, chosen, plan)


def test_semicolons_and_decimal_commas_are_read(service, course, stand):
    stand("sam", score=3.5)
    text = "Student;ID;Section;Dense layers\nSam Example;1;A;3,5\nTess Example;2;A;ex\n"
    stand("tess", "excused", None)
    _table, _scores, chosen, plan = plan_of(service, course, text)
    assert chosen == {course.assignment_id: 3}
    assert set(plan.matched) == {"sam", "tess"}
    assert not plan.changes


def test_excused_is_ex(service, course, stand):
    stand("tess", "excused", None)
    table, scores, chosen, plan = plan_of(service, course)
    assert lines(canvas_table(table, scores, chosen, plan))[2][-1] == "EX"


def test_a_name_that_two_people_have_matches_nobody(service, course):
    with service.database.writing() as rows:
        twin = create_user(rows, "tess2", "Tess Example")
        enrol(rows, course.id, twin.id, Role.STUDENT)
    _table, _scores, _chosen, plan = plan_of(service, course)
    assert set(plan.matched) == {"sam"}
    assert {student.login for student in plan.unmatched_here} == {"tess", "tess2"}


def test_an_identity_wins_over_a_name(service, course):
    text = CANVAS.replace('"Example, Tess",2,,', '"Example, Sam",2,tess,')
    _table, _scores, _chosen, plan = plan_of(service, course, text)
    assert {login: row.line for login, row in plan.matched.items()} == {"sam": 3, "tess": 4}


def test_totals_and_read_only_columns_are_no_assignments(service, course):
    assert list(parse_canvas(CANVAS).columns.values()) == ["Dense layers (77)", "Essay (78)"]


@pytest.mark.parametrize(
    "text",
    [
        "",
        "login,name\na,b\n",
        "Student,ID,Section\n",
        "Student,ID,Section\0\na,1,b\n",
        "Student,ID,Section" + ",x" * 100_000 + "\n",
        '"Student,ID\n',
    ],
    ids=lambda text: repr(text)[:30],
)
def test_what_is_no_export_of_canvas_is_refused(text):
    with pytest.raises(Invalid):
        parse_canvas(text)


@pytest.mark.parametrize("column", [0, 4, 7, 99, -1])
def test_only_an_assignments_column_can_be_chosen(service, course, column):
    with pytest.raises(Invalid, match="another column"):
        plan_canvas(parse_canvas(CANVAS), book(service, course)[0], {course.assignment_id: column})


def test_a_gradebook_takes_as_many_queries_for_many_students_as_for_few(service, course):
    def queries():
        seen = []
        event.listen(service.database.engine, "before_cursor_execute", lambda *a: seen.append(1))
        scores, here = book(service, course)
        wide_table(scores)
        long_table(here, scores)
        return len(seen)

    few = queries()
    with service.database.writing() as rows:
        for place in range(50):
            student = create_user(rows, f"s{place}", "S")
            enrol(rows, course.id, student.id, Role.STUDENT)
    assert queries() == few
