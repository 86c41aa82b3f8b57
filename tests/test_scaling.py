"""The simulation of a deadline: its order is the real queue's, and its figures are a queue's."""

from datetime import timedelta

import numpy as np
import pytest

from benchmarks import scaling
from benchmarks.scaling_demand import (
    Assumed,
    Estimate,
    Peak,
    Simulated,
    bends_at,
    peak_of,
    price_of,
)
from benchmarks.scaling_simulation import (
    REGRADE,
    Load,
    Search,
    arrivals,
    busiest,
    simulate,
)
from web.accounts.services import create_user
from web.courses.models import Version
from web.courses.services import create_course, set_assignment
from web.database import Base, Database, now
from web.gradebook.models import Regrade
from web.grading import queue
from web.grading.models import Attempt
from web.submissions.models import Submission

BURSTING = 99


def steady(students, every_s):
    return [(number * every_s, number) for number in range(students)]


def test_with_runners_to_spare_nobody_waits():
    assert simulate(arrivals(steady(20, 60.0), 11.0), 50).quantile(1.0) == 0.0


def test_with_too_few_runners_the_wait_grows_with_the_number_that_came():
    outcome = simulate(arrivals(steady(100, 5.0), 10.0), 1)
    assert outcome.quantile(1.0) == pytest.approx(99 * (10.0 - 5.0))
    assert outcome.waiting(np.array([0.0, 499.0, 2000.0])).tolist() == [0, 50, 0]


@pytest.mark.parametrize(
    "more",
    [
        arrivals([(30.0, BURSTING)] * 200, 10.0),
        arrivals([(30.0, number % 50) for number in range(500)], 10.0, priority=REGRADE),
    ],
    ids=["burst", "regrade"],
)
def test_neither_a_burst_nor_a_regrade_makes_others_wait(more):
    ordinary = arrivals(steady(60, 6.0), 10.0)
    alone = simulate(ordinary, 2)
    fair = simulate(ordinary.beside(more), 2)
    unfair = simulate(ordinary.beside(more), 2, fair=False)
    assert fair.quantile(below=BURSTING) <= alone.quantile() + 2 * 10.0
    assert unfair.quantile(below=BURSTING) > 300.0
    for outcome in (fair, unfair):
        assert sorted(outcome.order) == list(range(len(ordinary) + len(more)))


def test_one_relay_gives_out_no_more_than_it_claims_and_less_the_more_wait():
    coming = arrivals([(0.0, number) for number in range(100)], 10.0)
    outcome = simulate(coming, 200, claim_s=lambda _waiting: 1.0)
    assert outcome.began_s[outcome.order].tolist() == list(range(1, 101))
    slower = simulate(coming, 200, claim_s=float)
    assert slower.began_s[slower.order][-3:].tolist() == [4948.0, 4950.0, 4951.0]
    assert slower.order.tolist() == outcome.order.tolist()


def test_everybodys_first_begins_before_anybodys_second_and_regrades_come_last():
    burst = [(1.0 + number / 100, student) for number, student in enumerate([0, 0, 0, 1, 1, 2])]
    coming = arrivals([(0.0, 9), *burst], 10.0)
    regrade = arrivals([(0.5, 0), (0.6, 0), (0.7, 1)], 10.0, priority=REGRADE)
    outcome = simulate(coming.beside(regrade), 1)
    students = outcome.coming.students[outcome.order].tolist()
    assert students == [9, 0, 1, 2, 0, 1, 0, 0, 1, 0]
    assert outcome.coming.priorities[outcome.order].tolist() == [0] * 7 + [REGRADE] * 3


class RealQueue:
    """A database in which attempts are queued and claimed as in the service."""

    def __init__(self, path, students):
        self.database = Database(f"sqlite:///{path}")
        Base.metadata.create_all(self.database.engine)
        self.numbers = {}
        with self.database.writing() as rows:
            version = Version(
                slug="dense",
                label="1",
                sha256="a" * 64,
                title="Dense",
                module="layers.py",
                max_score=1.0,
                points={},
                checks=[],
                record={},
            )
            rows.add(version)
            course = create_course(rows, None, "dl", "Deep Learning")
            users = [create_user(rows, f"s{n}", f"Student {n}") for n in range(students)]
            rows.flush()
            assignment = set_assignment(rows, None, course.id, version.id)
            regrade = Regrade(
                assignment_id=assignment.id,
                version_id=version.id,
                actor_id=users[0].id,
                reason="x",
                which="all",
            )
            rows.add(regrade)
            rows.flush()
            self.version, self.assignment, self.regrade = version.id, assignment.id, regrade.id
            self.users = [user.id for user in users]

    def come(self, number, student, priority):
        with self.database.writing() as rows:
            submission = Submission(
                assignment_id=self.assignment,
                user_id=self.users[student],
                sha256="b" * 64,
                archive="c" * 64,
                files={},
                received_at=now() - timedelta(days=1),
                source="api",
            )
            rows.add(submission)
            rows.flush()
            regrade = self.regrade if priority == REGRADE else None
            attempt = queue.enqueue(rows, submission.id, self.version, regrade_id=regrade)
            assert rows.get_one(Attempt, attempt).priority == priority
            self.numbers[attempt] = number

    def claim(self):
        with self.database.writing() as rows:
            order = queue.claim(rows, "broker-x", 900, device="cpu")
        return None if order is None else self.numbers[order.attempt_id]

    def claim_some(self, most):
        with self.database.writing() as rows:
            orders = queue.claim_some(rows, lambda: "broker-x", 900, most, device="cpu")
        return [self.numbers[order.attempt_id] for order in orders]

    def queue_again(self, number):
        attempt_id = next(key for key, value in self.numbers.items() if value == number)
        with self.database.writing() as rows:
            queue.give_back(rows, attempt_id, "broker-x")


@pytest.mark.parametrize("seed", range(6))
def test_gradings_begin_in_the_order_in_which_the_real_queue_is_claimed(seed, tmp_path):
    rng = np.random.default_rng(seed)
    students, count = int(rng.integers(2, 8)), 60
    drawn = [
        (at, int(who))
        for at, who in zip(
            rng.uniform(0, 200, count), rng.integers(0, students, count), strict=True
        )
    ]
    regraded = [
        (at, int(who))
        for at, who in zip(rng.uniform(0, 100, 15), rng.integers(0, students, 15), strict=True)
    ]
    coming = arrivals(drawn, rng.lognormal(2, 0.5, count).tolist()).beside(
        arrivals(regraded, rng.lognormal(2, 0.5, 15).tolist(), priority=REGRADE)
    )
    outcome = simulate(coming, int(rng.integers(1, 3)))
    real = RealQueue(tmp_path / "queue.sqlite3", students)
    came, claimed = 0, []
    for began_s in outcome.began_s[outcome.order]:
        while came < len(coming) and coming.came_s[came] <= began_s:
            real.come(came, coming.students[came], coming.priorities[came])
            came += 1
        claimed.append(real.claim())
    assert real.claim() is None
    real.database.close()
    assert claimed == outcome.order.tolist()
    assert np.max(outcome.waits_s) > 60.0  # there was a choice


@pytest.mark.parametrize("seed", range(6))
def test_several_are_claimed_at_once_in_the_order_of_one_after_another(seed, tmp_path):
    rng = np.random.default_rng(seed)
    both = [RealQueue(tmp_path / f"{name}.sqlite3", 5) for name in ("one", "some")]
    orders = ([], [])
    for number in range(60):
        student, priority = int(rng.integers(5)), REGRADE if rng.random() < 0.2 else 0
        again, most = rng.random() < 0.2, int(rng.integers(0, 6))
        for real, order in zip(both, orders, strict=True):
            real.come(number, student, priority)
            if again and order:
                real.queue_again(order[-1])
        if number % 3 == 0:
            begun = both[1].claim_some(most) if most else []
            orders[1].extend(begun)
            orders[0].extend(both[0].claim() for _ in begun)
    while begun := both[1].claim_some(7):
        orders[1].extend(begun)
        orders[0].extend(both[0].claim() for _ in begun)
    assert both[0].claim() is None
    assert orders[0] == orders[1]
    for real in both:
        real.database.close()


def test_the_fewest_runners_are_found():
    search = Search(Load(2000))
    for wait_s in (60.0, 300.0):
        runners = search.fewest(wait_s)
        assert search.wait_s(runners) <= wait_s
        assert runners == 1 or search.wait_s(runners - 1) > wait_s


def test_what_comes_before_the_window_changes_nothing():
    narrow, wide = Search(Load(2000)), Search(Load(2000, window_h=12.0))
    assert len(wide.coming) > 1.5 * len(narrow.coming)
    for runners in (4, 5):
        assert wide.wait_s(runners) == pytest.approx(narrow.wait_s(runners), rel=0.02, abs=1.0)


def test_as_much_comes_as_the_class_hands_in_and_ever_more_often():
    load = Load(5000, window_h=200.0)
    coming = load.drawn()
    assert len(coming) == pytest.approx(load.students * load.submissions, rel=0.03)
    assert np.all(np.diff(coming.came_s) >= 0)
    assert coming.grading_s.mean() == pytest.approx(load.mean_s, rel=0.02)
    last, before = (
        np.count_nonzero((coming.came_s >= a * 3600) & (coming.came_s < b * 3600))
        for a, b in ((199, 200), (193, 194))
    )
    assert last / before == pytest.approx(np.e, rel=0.15)
    assert busiest(coming, 3600.0) == last


COST = {
    "wall_ms": 10.0,
    "cpu_ms": 5.0,
    "database_cpu_ms": 2.0,
    "broker_cpu_ms": 1.0,
    "statements": 4.0,
    "transactions": 2.0,
    "commits": 1.0,
}
MEASURED = {
    "machine": {"processor": "p", "cores": 2, "kernel": "6"},
    "at": "2026-01-01",
    "students": 300,
    "took_s": 180,
    "sandbox": "docker",
    "costs": dict.fromkeys(("upload", "publish", "fetch", "progress", "record", "look"), COST),
    "sizes": {
        "report_bytes": 20_000,
        "report_message_bytes": 20_000,
        "checks": 30,
        "progress_messages": 10,
        "progress_bytes": 10_000,
        "archive_bytes": 5000,
        "database_bytes": 20_000.0,
        "log_bytes": 30_000.0,
        "job_bytes": 500.0,
    },
    "depths": {
        "100": {"claim_ms": 10.0, "places_ms": 10.0},
        "1000": {"claim_ms": 100.0, "places_ms": 100.0},
    },
}


def simulated(students=1000, waiting=0):
    load = Load(students)
    return Simulated(load, 1, round(60 * load.peak_per_s), {1: 9, 5: 9, 15: 9}, waiting, 1.0)


def test_what_a_peak_takes_is_the_sum_of_its_steps():
    estimate = Estimate(MEASURED, Assumed(watching=0.0))
    peak = Peak(came_per_s=4.0, began_per_s=2.0, running=20.0, waiting=0.0)
    assert estimate.transactions_per_s(peak) == 4 * 2 + 4 * 2 * 2
    assert estimate.messages_per_s(peak) == 2 * 12
    assert estimate.broker_bytes_per_s(peak) == 2 * 30_500
    busy = {name: of(peak) for name, of in estimate.busy().items()}
    assert busy["web"] == pytest.approx(4 * 0.005 + 2 * 0.005)
    assert busy["recorder"] == pytest.approx(2 * 0.020)
    assert busy["relay"] == pytest.approx(2 * 0.010)
    assert busy["pages"] == 0.0
    assert Estimate(MEASURED, Assumed()).looks_per_s(peak) == 0.5 * 2 * 20
    assert estimate.blob_bytes(10) == 10 * 8192


def test_a_component_bends_where_one_of_it_is_busy():
    estimate = Estimate(MEASURED, Assumed())
    like = simulated()
    bends = bends_at(estimate.busy()["recorder"], like)
    assert bends == pytest.approx(1000 / (peak_of(like).began_per_s * 0.020), rel=0.01)
    sooner = bends_at(estimate.busy()["relay"], simulated(waiting=500))
    assert sooner < bends_at(estimate.busy()["relay"], like)
    assert bends_at(lambda _peak: 0.0, like) == float("inf")


def test_a_longer_queue_is_dearer_and_beyond_what_was_measured_in_proportion():
    estimate = Estimate(MEASURED, Assumed())
    waits = (0, 100, 550, 1000, 2000)
    assert [estimate.queue_ms("claim_ms", n) for n in waits] == pytest.approx(
        [10, 10, 55, 100, 200]
    )


def test_a_fleet_that_scales_to_zero_pays_for_steps_in_which_something_comes():
    load = Load(1, spread=0.0, grading_s=60.0)
    coming = arrivals([(10.0, 0), (20.0, 0), (7000.0, 0), *[(9000.0, 0)] * 100], 60.0)
    price = price_of(load, coming, 3, Assumed(step_s=600.0, busy=0.5, week_h=10.0, cores=2.0))
    assert price.fixed_h == 3 * 10 * 2
    assert price.scaled_h == pytest.approx((1 + 1 + 20) * 2 / 6)
    assert price.graded_h == pytest.approx(103 / 60 * 2)


def test_the_document_has_a_place_for_each_table():
    text = scaling.DOCUMENT.read_text(encoding="utf-8")
    found = [scaling.simulate_class(Load(students)) for students in (100, 1000)]
    estimate = Estimate(MEASURED, Assumed())
    blocks = {
        "runners": scaling.runners_table(found),
        "steps": scaling.steps_table(MEASURED, estimate),
        "sizes": scaling.sizes_table(MEASURED),
        "depths": scaling.depths_table(MEASURED),
        "peaks": scaling.peaks_table(found, estimate),
        "bends": scaling.bends_table(found, estimate),
        "storage": scaling.storage_table(found, estimate, Assumed()),
        "costs": scaling.costs_table(found, Assumed()),
        "run": scaling.machine_line(MEASURED, found, 60.0),
    }
    written = scaling.filled(text, blocks)
    for block in blocks.values():
        assert block in written
    assert scaling.filled(written, blocks) == written
    with pytest.raises(SystemExit, match="put them back"):
        scaling.filled("nothing", blocks)
