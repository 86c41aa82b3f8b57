"""Every known mistake of every assignment finds itself, and the page on them is what they give."""

from pathlib import Path

import pytest

from grader.checking.plugin import import_file
from grader.report import Outcome, Status

ROOT = Path(__file__).parents[2]
FOLDERS = sorted(path.parent for path in ROOT.glob("assignments/*/assignment.toml"))
AT_LEAST = {"dense-conv1x1": 35}

pytestmark = pytest.mark.oracles
each_assignment = pytest.mark.parametrize("slug", [folder.name for folder in FOLDERS])


@pytest.fixture(scope="module")
def page():
    return import_file(ROOT / "docs" / "misconceptions.py", "misconceptions_page")


@pytest.fixture(scope="module")
def reports(page, keras):
    """By assignment."""
    assert keras.backend.backend() == "torch"
    return {folder.name: page.grade_known(folder) for folder in FOLDERS}


@each_assignment
def test_there_are_enough(slug, reports):
    assert len(reports[slug]) >= AT_LEAST.get(slug, 15)


@each_assignment
def test_each_shows_its_own_hint_and_no_other(slug, reports):
    for known, report in reports[slug].items():
        assert report.outcome is Outcome.GRADED
        shown = {check.hint.id for check in report.checks if check.hint is not None}
        assert shown == {known.expectation.hint}, known.name


@each_assignment
def test_each_fails_what_it_says(slug, reports):
    for known, report in reports[slug].items():
        failed = {check.id for check in report.checks if check.status is Status.FAILED}
        failed = {name for name in failed if "test_speed" not in name}
        assert set(known.expectation.fails) <= failed, known.name
        assert failed <= {*known.expectation.fails, *known.expectation.may_fail}, known.name


def test_the_page_is_up_to_date(page, reports):
    assert page.DOCUMENT.read_text() == page.document(reports), "run `make docs`"
