"""Every known mistake of dense-conv1x1 finds itself, and the page on them is what they give."""

import pytest

from grader.checking.plugin import import_file
from grader.report import Outcome, Status


@pytest.fixture(scope="module")
def page(pytestconfig):
    return import_file(pytestconfig.rootpath / "docs" / "misconceptions.py", "misconceptions_page")


@pytest.fixture(scope="module")
def reports(page):
    return page.grade_known()


def test_there_are_at_least_35(reports):
    assert len(reports) >= 35


def test_each_shows_its_own_hint_and_no_other(reports):
    for known, report in reports.items():
        assert report.outcome is Outcome.GRADED
        shown = {check.hint.id for check in report.checks if check.hint is not None}
        assert shown == {known.expectation.hint}, known.name


def test_each_fails_what_it_says(reports):
    for known, report in reports.items():
        failed = {check.id for check in report.checks if check.status is Status.FAILED}
        failed = {name for name in failed if "test_speed" not in name}
        assert set(known.expectation.fails) <= failed, known.name
        assert failed <= {*known.expectation.fails, *known.expectation.may_fail}, known.name


def test_the_page_is_up_to_date(page, reports):
    assert page.DOCUMENT.read_text() == page.document(reports), "run `make docs`"
