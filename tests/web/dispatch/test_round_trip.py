"""From the database to a runner and back, by a real broker."""

from web.grading.models import Attempt, Result

from ..doubling import RIGHT, WRONG
from ..waiting import wait_for


def results(service):
    with service.database.reading() as rows:
        return {result.submission_id: result.score for result in rows.query(Result)}


def test_submissions_are_graded_by_a_runner_that_holds_no_secret(
    twice, relay, recording, runner, service
):
    right, wrong = twice.hand_in(RIGHT), twice.hand_in(WRONG, "tess")
    runner()
    assert relay.publish_some() == 2
    wait_for(lambda: len(results(service)) == 2, 90)
    assert results(service) == {right.id: 3.0, wrong.id: 0.0}
    with service.database.reading() as rows:
        assert {attempt.state for attempt in rows.query(Attempt)} == {"done"}
        assert {attempt.tries for attempt in rows.query(Attempt)} == {1}
