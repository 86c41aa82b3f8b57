"""Trials that come to nothing are tried again, and prove nothing."""

import pytest

from grader.errors import InfrastructureFault
from grader.grading import ungraded
from grader.report import Outcome
from grader.verifying import running

pytestmark = pytest.mark.docker


@pytest.fixture
def fail(monkeypatch):
    """Let so many gradings come to nothing; gives the outcomes of all."""
    outcomes = []
    real = running.grade

    def arrange(times):
        def grade(submission, assignment, *args, **options):
            if len(outcomes) < times:
                report = ungraded(InfrastructureFault("Busy."), assignment, submission)
            else:
                report = real(submission, assignment, *args, **options)
            outcomes.append(report.outcome)
            return report

        monkeypatch.setattr(running, "grade", grade)
        return outcomes

    return arrange


def test_a_trial_that_comes_to_nothing_is_tried_again(folder, find, fail):
    outcomes = fail(running.TRIES - 1)
    assert find(folder, "reference").codes == []
    assert outcomes[-1] is Outcome.GRADED
    assert outcomes.count(Outcome.INFRASTRUCTURE_FAULT) == running.TRIES - 1


def test_after_some_tries_nothing_is_proved(folder, find, fail):
    outcomes = fail(running.TRIES)
    with pytest.raises(InfrastructureFault, match=r"reference could not be graded: Busy\."):
        find(folder, "reference")
    assert len(outcomes) == running.TRIES
