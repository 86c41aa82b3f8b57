"""The queue: fair, leased, and never a score from a fault."""

from datetime import timedelta

import pytest

from web.database import now
from web.grading import queue
from web.grading.models import Attempt, Result, State
from web.grading.progress import Told, tell


@pytest.fixture
def database_url(each_database_url):
    return each_database_url


@pytest.fixture
def claim(service):
    def next_one(worker="here-1", lease_s=60):
        with service.database.writing() as rows:
            return queue.claim(rows, worker, lease_s)

    return next_one


@pytest.fixture
def attempt_of(service):
    def find(submission):
        with service.database.reading() as rows:
            return rows.query(Attempt).filter_by(submission_id=submission.id).one()

    return find


def test_nobodys_burst_keeps_others_waiting(hand_in, claim):
    burst = [hand_in("sam", f"n = {n}\n".encode()) for n in range(3)]
    other = hand_in("tess")
    order = [claim().receipt for _ in range(4)]
    assert order == [burst[0].receipt, other.receipt, burst[1].receipt, burst[2].receipt]
    assert claim() is None


def test_several_are_claimed_at_once_each_under_a_name_of_its_own(hand_in, service, attempt_of):
    burst = [hand_in("sam", f"n = {n}\n".encode()) for n in range(3)]
    other = hand_in("tess")
    names = iter(["a", "b", "c", "d", "e"])
    with service.database.writing() as rows:
        orders = queue.claim_some(rows, lambda: next(names), 60, 3)
    wanted = [burst[0], other, burst[1]]
    assert [order.receipt for order in orders] == [each.receipt for each in wanted]
    assert [order.worker for order in orders] == [attempt_of(each).worker for each in wanted]
    assert len({order.worker for order in orders}) == 3
    with service.database.writing() as rows:
        orders = queue.claim_some(rows, lambda: next(names), 60, 3)
    assert [order.receipt for order in orders] == [burst[2].receipt]


def test_places_in_the_queue_are_those_in_which_it_is_worked_off(hand_in, service, attempt_of):
    burst = [hand_in("sam", f"n = {n}\n".encode()) for n in range(2)]
    other = hand_in("tess")
    ids = [attempt_of(submission).id for submission in (*burst, other)]
    with service.database.reading() as rows:
        assert queue.places(rows, ids) == {ids[0]: 1, ids[2]: 2, ids[1]: 3}


def test_a_lost_lease_is_given_to_another_and_the_first_writes_nothing(
    hand_in, claim, service, attempt_of
):
    submission = hand_in()
    order = claim("here-1", lease_s=-1)
    with service.database.writing() as rows:
        assert [each["attempt"] for each in queue.release_expired(rows)] == [order.attempt_id]
    assert claim("here-2").attempt_id == order.attempt_id
    with service.database.writing() as rows:
        told = tell(rows, Told(order.attempt_id, "here-1", "x", total=1), 60)
        off = queue.put_off(rows, order.attempt_id, "here-1", "x", most_tries=1, lasting=True)
    assert not told
    assert not off
    assert attempt_of(submission).state == State.RUNNING


def test_a_fault_of_ours_is_tried_again_later_and_then_waits_for_a_person(
    hand_in, claim, service, attempt_of
):
    submission = hand_in()
    for tries in (1, 2):
        order = claim()
        assert attempt_of(submission).tries == tries
        with service.database.writing() as rows:
            assert queue.put_off(
                rows, order.attempt_id, "here-1", "engine gone", most_tries=2, lasting=False
            )
        attempt = attempt_of(submission)
        if tries == 1:
            assert attempt.state == State.QUEUED
            assert attempt.not_before > now()
            assert claim() is None
            with service.database.writing() as rows:
                rows.get(Attempt, attempt.id).not_before = now() - timedelta(seconds=1)
    assert attempt.state == State.WAITING
    assert attempt.fault == "engine gone"
    with service.database.writing() as rows:
        assert rows.query(Result).count() == 0
        assert queue.try_again(rows, attempt.id)
    assert claim().attempt_id == attempt.id


def test_a_restart_takes_back_what_was_running_and_it_was_no_try(
    hand_in, claim, service, attempt_of
):
    submission = hand_in()
    claim("here-abc-1")
    with service.database.writing() as rows:
        assert len(queue.release_workers(rows, "here-")) == 1
    attempt = attempt_of(submission)
    assert (attempt.state, attempt.tries) == (State.QUEUED, 0)


def test_pauses_grow_and_are_bounded():
    assert queue.pause_s(1) < queue.pause_s(3) < queue.pause_s(6)
    assert queue.pause_s(1000) <= 750
