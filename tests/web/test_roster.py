"""What a roster file may say, what it would change, and what it may never change."""

from types import SimpleNamespace

import pytest
from sqlalchemy import event

from web.accounts.models import Invitation, User
from web.courses.enrolling import change_enrolment, drop, import_roster, invite_again
from web.courses.models import Act, Course, Enrolment, Role
from web.courses.roster import parse_roster, plan_roster
from web.courses.services import create_course, enrol
from web.errors import Conflict, Invalid
from web.tables import LARGEST, decode_table

HEADER = "login,name,email,role,section\n"


@pytest.fixture
def bring(service, course):
    """A function that previews and applies a file; invitations and the plan."""

    def run(text, drop_missing=False, digest=None):
        roster = parse_roster(text)
        with service.database.writing() as rows:
            here = rows.get(Course, course.id)
            plan = plan_roster(rows, here, roster, drop_missing=drop_missing)
            made = import_roster(
                rows,
                course.people["ines"].id,
                here,
                roster,
                drop_missing=drop_missing,
                digest=digest or plan.digest,
            )
        return SimpleNamespace(plan=plan, invitations=made)

    return run


def person(service, course, login):
    with service.database.reading() as rows:
        user = rows.query(User).filter_by(login=login).one()
        return user, rows.query(Enrolment).filter_by(user_id=user.id, course_id=course.id).first()


@pytest.mark.parametrize(
    "text",
    [
        "login,name,email,role,section\nbo,Bo B,bo@x.org,student,B\n",
        "\ufefflogin,name,email,role,section\r\nbo,Bo B,bo@x.org,student,B\r\n",
        "Section; ROLE ;Email;Name;Login\nB;Student;bo@x.org;  Bo   B ;BO\n",
        'login\tname\temail\trole\tsection\n\n"bo"\t"Bo B"\tbo@x.org\tSTUDENT\tB',
        "login,name,email,role,section\rbo,Bo B,bo@x.org,student,B\r",
    ],
    ids=["plain", "bom and crlf", "semicolons and order", "tabs and quotes", "cr"],
)
def test_a_roster_is_read_however_a_spreadsheet_wrote_it(text):
    (entry,) = parse_roster(text).entries
    assert (entry.login, entry.name, entry.email) == ("bo", "Bo B", "bo@x.org")
    assert (entry.role, entry.section) == (Role.STUDENT, "B")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "empty"),
        (HEADER, "nobody"),
        ("name,email\nBo,x@y\n", "no column login"),
        ("login,login\na,b\n", "two columns login"),
        (HEADER + "bo,Bo\nb\0,Bo\n", "Line 3"),
        (HEADER + "bo,Bo\nBO,Bo\n", "Line 3: bo is in line 2"),
        (HEADER + "bo,Bo,a@b\nby,By,A@B\n", "Line 3: a@b is in line 2"),
        (HEADER + "=cmd|'/c calc'!A1,Bo\n", "Line 2"),
        (HEADER + "bo,Bo,,king,\n", "Line 2: A role"),
        (HEADER + "bo,Bo,nonsense\n", "Line 2: This is no e-mail"),
        (HEADER + f"bo,{'x' * 121}\n", "Line 2: A name"),
        (HEADER + f"bo,Bo,,,{'x' * 61}\n", "Line 2: A section"),
        (HEADER + "bo,B\u202eo\n", "Line 2: A name"),
        (HEADER + '"bo,Bo\n', "no CSV"),
        ("login" + "," * 100_000 + "\nbo\n", "columns"),
        (HEADER + "bo," + "x" * 200_000, "CSV"),
        (HEADER + "".join(f"s{i},S\n" for i in range(5001)), "5000 rows"),
        ("x" * (LARGEST + 1), "2 MiB"),
    ],
    ids=lambda value: repr(value)[:40],
)
def test_what_is_no_roster_is_refused_with_its_line(text, words):
    with pytest.raises(Invalid, match=words):
        parse_roster(text)


@pytest.mark.parametrize("content", [b"\xff\xfel\0o\0", "login,name\nbö,x".encode("latin-1")])
def test_another_encoding_is_refused_in_plain_words(content):
    with pytest.raises(Invalid, match="UTF-8"):
        decode_table(content)


def test_new_people_get_an_account_an_enrolment_and_an_invitation(bring, service, course):
    done = bring(HEADER + "bo,Bo B,bo@x.org,,B\notto,Somebody Else,evil@x.org,assistant,\n")
    assert set(done.invitations) == {"bo"}
    assert [each.is_new for each in done.plan.joining] == [True, False]
    user, enrolment = person(service, course, "bo")
    assert (user.name, enrolment.role, enrolment.section) == ("Bo B", "student", "B")
    with service.database.reading() as rows:
        assert rows.query(Act).filter_by(verb="import roster", course_id=course.id).count() == 1
        assert rows.query(Invitation).count() == 1


def test_an_account_that_exists_is_never_changed_and_nobody_is_invited_to_it(
    bring, service, course
):
    with service.database.writing() as rows:
        rows.get(User, course.people["otto"].id).password_hash = None  # never came in
    for _twice in range(2):
        done = bring(HEADER + "otto,Mallory,mallory@x.org,,\nsam,Mallory,m2@x.org,,\n")
        assert not done.invitations
        assert done.plan.kept == ("otto", "sam")
    for login, name in (("otto", "Otto Outside"), ("sam", "Sam Example")):
        user, _enrolment = person(service, course, login)
        assert (user.name, user.email) == (name, "")
    with service.database.writing() as rows, pytest.raises(Conflict, match="not added by this"):
        invite_again(rows, course.people["ines"].id, rows.get(Course, course.id), "otto")


def test_a_name_is_corrected_only_until_the_account_is_used_or_known_elsewhere(
    bring, service, course
):
    bring(HEADER + "bo,Bo,,,\n")
    assert bring(HEADER + "bo,Bob,bob@x.org,,\n").plan.changes[0].after == "Bob"
    assert person(service, course, "bo")[0].email == "bob@x.org"
    with service.database.writing() as rows:
        other = create_course(rows, None, "other", "Other")
        enrol(rows, other.id, rows.query(User).filter_by(login="bo").one().id, Role.STUDENT)
    assert bring(HEADER + "bo,Mallory,,,\n").plan.kept == ("bo",)
    assert person(service, course, "bo")[0].name == "Bob"


def test_nobody_elses_email_address_can_be_given_to_an_account(bring, service, course):
    with service.database.writing() as rows:
        rows.get(User, course.people["otto"].id).email = "Otto@x.org"
    with pytest.raises(Invalid, match="Line 2: this e-mail address"):
        bring(HEADER + "bo,Bo,otto@X.org,,\n")


def test_new_people_need_a_name(bring):
    with pytest.raises(Invalid, match="Line 2: bo has no account"):
        bring("login\nbo\n")


def test_an_empty_cell_changes_nothing_and_a_full_one_does(bring, service, course):
    assert bring("login,role,section\nanna,,\nines\n").plan.is_empty
    done = bring("login,section,role\nanna,C,student\n")
    assert [(c.what, c.before, c.after) for c in done.plan.changes] == [
        ("role", "assistant", "student"),
        ("section", "A", "C"),
    ]


def test_only_students_are_dropped_and_only_if_asked(bring, service, course):
    assert not bring("login\nsam\n").plan.dropped
    assert bring("login\nsam\n", drop_missing=True).plan.dropped == (("tess", "Tess Example"),)
    assert person(service, course, "tess")[1].dropped_at is not None
    assert person(service, course, "anna")[1].dropped_at is None
    bring("login\ntess\n")
    assert person(service, course, "tess")[1].dropped_at is None


def test_the_last_instructor_stays(bring, service, course):
    with pytest.raises(Conflict, match="without an instructor"):
        bring("login,role\nines,student\n")
    with service.database.writing() as rows:
        here, ines = rows.get(Course, course.id), course.people["ines"].id
        with pytest.raises(Conflict):
            drop(rows, ines, here, "ines")
        with pytest.raises(Conflict):
            change_enrolment(rows, ines, here, "ines", Role.ASSISTANT, "")
    bring("login,role\nines,student\nanna,instructor\n")
    assert person(service, course, "anna")[1].role == "instructor"


def test_a_file_is_not_applied_if_it_would_do_something_else_by_now(bring, service, course):
    text = "login,section\nsam,B\ntess,B\n"
    with service.database.reading() as rows:
        seen = plan_roster(
            rows, rows.get(Course, course.id), parse_roster(text), drop_missing=False
        )
    with service.database.writing() as rows:
        rows.query(Enrolment).filter_by(user_id=course.people["tess"].id).one().section = "Z"
    with pytest.raises(Conflict, match="preview it again"):
        bring(text, digest=seen.digest)
    assert person(service, course, "sam")[1].section == "A"


def test_other_courses_are_untouched(bring, service, course):
    with service.database.writing() as rows:
        other = create_course(rows, None, "other", "Other")
        enrol(rows, other.id, course.people["sam"].id, Role.ASSISTANT, "Q")
    bring("login,section,role\nsam,B,student\n", drop_missing=True)
    with service.database.reading() as rows:
        (there,) = rows.query(Enrolment).filter_by(course_id=other.id).all()
    assert (there.role, there.section, there.dropped_at) == ("assistant", "Q", None)


def test_planning_asks_as_often_for_many_people_as_for_few(service, course):
    def queries(count):
        text = HEADER + "".join(f"s{i},S,s{i}@x.org,,\n" for i in range(count))
        seen = []
        event.listen(service.database.engine, "before_cursor_execute", lambda *a: seen.append(1))
        with service.database.reading() as rows:
            here = rows.get(Course, course.id)
            seen.clear()
            plan_roster(rows, here, parse_roster(text), drop_missing=True)
        return len(seen)

    assert queries(2) == queries(900)
