"""Duels with verdicts that no noise can turn: what is far from a rung, on either side."""

import os
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
from threadpoolctl import threadpool_limits

from grader.assignment import Rung, SpeedRules
from grader.checking.mismatch import Mismatch
from grader.checking.speed.arena import Arena, Arenas, Code
from grader.checking.speed.duel import Duel, Pair, TooSlow, require_quiet
from grader.checking.speed.verdict import LOOKS
from grader.checking.speed.work import Work
from grader.errors import AssignmentInvalid, MachineBusy
from grader.measurement import RungVerdict
from grader.sandbox.failures import Failure, SandboxEnded, StudentError
from grader.sandbox.limits import Limits
from grader.sandbox.pool import SandboxPool

LIMITS = Limits(call_s=2, reply_mib=8)
RUNGS = tuple(Rung(at_most=a, share=s) for a, s in ((4, 1.0), (15, 0.7), (100, 0.4)))
DENSE = """
import time
import numpy as np

class Dense:
    def __init__(self, inputs, units):
        self.calls = 0

    def forward(self, x):
        self.x = x
        self.calls += 1
        {extra}
        return x.reshape(-1, x.shape[-1]) @ self.kernel

    def backward(self, dy):
        self.d_kernel = self.x.T @ dy
        return dy @ self.kernel.T
"""


def dense(extra="pass"):
    """A layer's source that does something more than its work."""
    return DENSE.format(extra=extra).encode()


def whole(rng, limit, *shape):
    return rng.integers(-limit, limit + 1, shape, dtype=np.int16).astype(np.float32)


def forward(rng, positions, size=192):
    x, w = whole(rng, 500, positions, size), whole(rng, 7, size, size)
    return Work(
        layer="Dense",
        arguments=(size, size),
        parameters={"kernel": w},
        call="forward",
        given=x,
        expected=x @ w,
    )


def backward(rng, positions, size=192):
    x, w, dy = whole(rng, 500, positions, size), whole(rng, 7, size, size), None
    dy = whole(rng, 1, positions, size)
    return Work(
        layer="Dense",
        arguments=(size, size),
        parameters={"kernel": w},
        before=(("forward", x),),
        call="backward",
        given=dy,
        expected=dy @ w.T,
        attributes={"d_kernel": x.T @ dy},
    )


@pytest.fixture(autouse=True)
def _own_threads_do_not_take_turns_with_the_clock():
    """As in a grading."""
    with threadpool_limits(limits=1, user_api="blas"):
        yield


@pytest.fixture
def arenas_of(process_launcher):
    """A function that makes arenas for a student's source, in plain processes."""
    pools = []

    def make(student, reference=None, *, launcher=process_launcher, cores=None):
        pool = SandboxPool(launcher, LIMITS, ahead=0)
        arenas = Arenas(
            pool,
            Code("layers.py", {"layers.py": student}),
            Code("solution.py", {"solution.py": reference or dense()}),
            cores,
        )
        pools.append((arenas, pool))
        return arenas

    yield make
    for arenas, pool in pools:
        arenas.renew()
        pool.close()


@pytest.fixture
def duel_of(arenas_of):
    """A function that makes a duel with a student's source."""

    def make(student, reference=None, *, rungs=RUNGS, budget_s=60.0, seed=1, cores=None, **rules):
        rules = SpeedRules(**{"call_ms": 1.0, **rules})
        return Duel(
            arenas_of(student, reference, cores=cores),
            rungs,
            rules,
            np.random.default_rng(seed),
            reply_bytes=8 << 20,
            budget_s=budget_s,
        )

    return make


SLEEPY = dense("time.sleep(0.02)")


def small(rng):
    return forward(rng, 16, 16)


def test_the_same_code_as_the_reference_gets_all_points(duel_of):
    measured = duel_of(dense()).run(forward, small)
    assert measured.share == 1.0
    assert [rung.verdict for rung in measured.rungs] == [RungVerdict.PASS] * 3
    assert measured.low <= measured.ratio <= measured.high < 4
    assert len(measured.student_s) == len(measured.reference_s) == len(measured.null_s)
    assert measured.pairs == len(measured.student_s) in LOOKS
    assert {True, False} == set(measured.student_first)
    assert measured.work["call"] == "forward"
    assert measured.device == {"arrays": "numpy", "kind": "cpu"}


def test_backward_is_measured_with_everything_that_it_must_bring(duel_of):
    measured = duel_of(dense()).run(backward)
    assert measured.share == 1.0
    assert measured.work["call"] == "backward"


def test_code_between_two_rungs_gets_the_lower_ones_share(duel_of):
    rungs = (Rung(at_most=4, share=1.0), Rung(at_most=1000, share=0.5))
    measured = duel_of(SLEEPY, rungs=rungs).run(forward, small)
    assert measured.share == 0.5
    assert [rung.verdict for rung in measured.rungs] == [RungVerdict.FAIL, RungVerdict.PASS]


def test_code_below_the_ladder_keeps_what_the_small_case_gives(duel_of):
    measured = duel_of(dense("time.sleep(0.2)")).run(forward, small)
    assert measured.share == 0.1
    assert {rung.verdict for rung in measured.rungs} == {RungVerdict.FAIL}
    assert measured.ratio > 100


def test_without_a_small_case_nothing_is_left_below_the_ladder(duel_of):
    assert duel_of(dense("time.sleep(0.2)")).run(forward).share == 0.0


def test_code_that_does_not_finish_the_small_case_is_too_slow(duel_of):
    with pytest.raises(TooSlow, match="small case"):
        duel_of(dense("time.sleep(5)"), small_s=0.1).run(forward, small)


def test_code_that_finishes_nothing_larger_keeps_the_small_share(duel_of):
    code = dense("time.sleep(9 if x.shape[0] > 20 else 0)")
    measured = duel_of(code).run(forward, small)
    assert measured.share == 0.1
    assert measured.ratio is None
    assert measured.pairs == 0


def test_being_slow_at_first_only_costs_time(duel_of):
    # As if it were too slow for any larger work; then it shows that it is not.
    code = dense("time.sleep(0.2 if self.calls < 6 else 0)")
    measured = duel_of(code).run(forward, small)
    assert measured.share == 1.0
    assert measured.work["given"][0] > 100


def test_a_wrong_result_in_any_call_is_found(duel_of):
    code = dense("x = x + 1 if self.calls == 12 else x")
    with pytest.raises(Mismatch, match="what forward returns"):
        duel_of(code).run(forward)


def test_an_exception_of_the_students_is_the_students(duel_of):
    with pytest.raises(StudentError, match="ZeroDivision"):
        duel_of(dense("1 / 0")).run(forward)


def test_the_end_of_the_students_process_is_the_students(duel_of):
    with pytest.raises(SandboxEnded) as ended:
        duel_of(dense("import os; os._exit(3)")).run(forward)
    assert ended.value.failure is Failure.EXITED


def test_calls_may_take_only_so_long_together(duel_of):
    with pytest.raises(SandboxEnded) as ended:
        duel_of(dense("time.sleep(0.1)"), budget_s=0.3).run(forward)
    assert ended.value.failure is Failure.TIME_LIMIT
    assert "together" in ended.value.message


@pytest.mark.parametrize("extra", ["1 / 0", "import os; os._exit(0)", "x = x + 1"])
def test_a_reference_that_fails_is_the_authors_fault(duel_of, extra):
    with pytest.raises(AssignmentInvalid, match="reference"):
        duel_of(dense(), dense(extra)).run(forward)


def test_what_stays_unsure_is_tried_again_and_then_granted(duel_of):
    # A rung within the noise of a student that takes turns at being slow.
    code = dense("time.sleep(0.06 * (self.calls % 2))")
    rungs = (Rung(at_most=12, share=1.0),)
    measured = duel_of(code, rungs=rungs).run(forward)
    assert measured.rungs[0].verdict is RungVerdict.UNSURE
    assert measured.benefit_of_doubt
    assert measured.share == 1.0
    assert measured.tries == 2
    assert measured.pairs == 80
    assert len(measured.student_s) >= 160


def test_an_array_that_has_no_room_is_the_authors_fault(duel_of):
    def make(rng, positions):
        work = forward(rng, positions)
        object.__setattr__(work, "given", np.zeros(20 << 20, np.float32))
        return work

    with pytest.raises(Exception, match="MiB"):
        duel_of(dense()).run(make)


def test_the_default_ladder_is_the_documented_one():
    assert [(rung.at_most, rung.share) for rung in RUNGS] == [(4, 1.0), (15, 0.7), (100, 0.4)]


def test_where_null_calls_take_as_long_as_work_nothing_is_judged():
    quiet = [Pair(0.0081, 0.0021, 0.0001, k % 2 == 0) for k in range(10)]
    require_quiet(quiet)
    disturbed = [replace(pair, null=pair.null + 0.002 * (k > 2)) for k, pair in enumerate(quiet)]
    with pytest.raises(MachineBusy, match="too busy"):
        require_quiet(disturbed)


@pytest.fixture
def busy_for(monkeypatch):
    """A function that disturbs null calls, as other work would, for so many tries of a duel."""
    monkeypatch.setattr("grader.checking.speed.duel.WAITS_S", (0.01, 0.02, 0.03))

    def begin(number):
        tries = [0]
        undisturbed, renewed = Arena.run_null, Arenas.renew

        def run_null(arena, work):
            return undisturbed(arena, work) + 0.05 * (tries[0] < number)

        def renew(arenas):
            tries[0] += 1
            renewed(arenas)

        monkeypatch.setattr(Arena, "run_null", run_null)
        monkeypatch.setattr(Arenas, "renew", renew)
        return tries

    return begin


def test_on_a_busy_machine_a_duel_waits_and_keeps_nothing_of_what_was_void(duel_of, busy_for):
    busy_for(2)
    measured = duel_of(dense()).run(forward)
    assert measured.void == 2
    assert measured.tries == 1
    assert measured.share == 1.0
    assert max(measured.null_s) < 0.05


def test_a_machine_that_stays_busy_is_no_grade(duel_of, busy_for):
    tries = busy_for(100)
    with pytest.raises(MachineBusy):
        duel_of(dense()).run(forward)
    assert tries == [3]


@pytest.fixture
def crowded_core():
    """A core that others never leave alone."""
    core = min(os.sched_getaffinity(0))
    code = f"import os; os.sched_setaffinity(0, {{{core}}})\nwhile True: pass"
    others = [subprocess.Popen([sys.executable, "-c", code]) for _ in range(2)]
    yield core
    for other in others:
        other.kill()
        other.wait()


def test_what_others_do_on_the_core_is_not_the_students_slowness(
    duel_of, crowded_core, monkeypatch
):
    monkeypatch.setattr("grader.checking.speed.duel.WAITS_S", ())
    student = dense("sum(range(1_000_000))")
    with pytest.raises(MachineBusy):
        duel_of(student, cores=frozenset({crowded_core})).run(forward)


OWN_THREADS = dense(
    "import hashlib, threading; "
    "work = lambda: hashlib.pbkdf2_hmac('sha256', b'a', b'b', 20_000); "
    "threads = [threading.Thread(target=work) for _ in range(3)]; "
    "[thread.start() for thread in threads]; [thread.join() for thread in threads]"
)


def test_threads_of_ones_own_that_wait_for_each_other_are_no_excuse(duel_of):
    core = frozenset({min(os.sched_getaffinity(0))})
    measured = duel_of(OWN_THREADS, rungs=[Rung(at_most=4, share=1.0)], cores=core).run(forward)
    assert measured.share == 0.0
    assert measured.void == 0
