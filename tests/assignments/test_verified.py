"""Every assignment here was proved sound as it stands, and the page says with what figures."""

from pathlib import Path

import pytest

from grader.assignment import load_assignment
from grader.checking.plugin import import_file
from grader.verifying.record import load_record, why_not_publishable

ROOT = Path(__file__).parents[2]
FOLDERS = sorted(path.parent for path in ROOT.glob("assignments/*/assignment.toml"))


def test_there_are_assignments():
    assert len(FOLDERS) >= 3


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.name)
def test_it_may_be_published(folder):
    assignment = load_assignment(folder)
    assert why_not_publishable(assignment) is None


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.name)
def test_it_was_proved_in_docker_and_no_mutant_survives_without_a_reason(folder):
    record = load_record(load_assignment(folder))
    assert record.sandbox == "docker"
    assert record.survivors == ()
    caught, counted = record.mutation_score
    assert caught == counted


def test_the_page_is_up_to_date():
    page = import_file(ROOT / "docs" / "verified.py", "verified_page")
    assert page.DOCUMENT.read_text() == page.document(), "run `make docs`"
