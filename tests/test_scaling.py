"""The simulation of a deadline: that its queue is fair, and its figures are those of a queue."""

import pytest

from benchmarks import scaling as simulated

BURST = frozenset({-1, 99})


def steady(students, every_s):
    return [(number * every_s, number) for number in range(students)]


def test_with_runners_to_spare_nobody_waits():
    outcome = simulated.simulate(simulated.Load(0), 50, arrivals=steady(20, 60.0))
    assert outcome.quantile(1.0) == 0.0


def test_with_too_few_runners_the_wait_grows_with_the_number_that_came():
    load = simulated.Load(0, spread=0.0, grading_s=10.0)
    outcome = simulated.simulate(load, 1, arrivals=steady(100, 5.0))
    assert outcome.quantile(1.0) == pytest.approx(99 * (10.0 - 5.0))


@pytest.mark.parametrize("more", [[(30.0, 99)] * 200, [(30.0, -1)] * 500])
def test_neither_a_burst_nor_a_regrade_makes_others_wait(more):
    load = simulated.Load(0, spread=0.0, grading_s=10.0)
    ordinary = steady(60, 6.0)
    alone = simulated.simulate(load, 2, arrivals=ordinary)
    fair = simulated.simulate(load, 2, arrivals=ordinary + more)
    unfair = simulated.simulate(load, 2, fair=False, arrivals=ordinary + more)
    assert fair.quantile(without=BURST) <= alone.quantile() + 2 * 10.0
    assert unfair.quantile(without=BURST) > 300.0
    assert sum(map(len, fair.waits.values())) == len(ordinary) + len(more)


def test_the_fewest_runners_are_found():
    load = simulated.Load(300)
    runners, wait = simulated.runners_for(load, 60.0)
    assert wait <= 60.0
    assert runners == 1 or simulated.simulate(load, runners - 1).quantile() > 60.0
