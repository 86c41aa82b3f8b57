"""Checks of speed in whole gradings, in plain processes, and in plain pytest runs."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from grader.grading import grade
from grader.measurement import RungVerdict
from grader.report import Outcome, Status
from grader.sandbox.failures import Failure
from grader.sandbox.pool import SandboxPool
from grader.sandbox.process import ProcessLauncher
from grader.sandbox.runtime import NUMPY, Arrays, Device, Runtime
from grader.submission import load_submission

TOML = """
format = 1
id = "dense"
version = "1"
title = "Dense"
[interface]
file = "layers.py"
[[interface.exports]]
name = "Dense"
kind = "class"
init = "(inputs, units)"
methods = ["forward"]
attributes = ["kernel"]
[points]
right = 1
speed = 10
[limits]
call_s = 2
[speed]
call_ms = 1
{speed}
"""
LAYER = """
import time
import numpy as np

class Dense:
    def __init__(self, inputs, units):
        self.kernel = np.zeros((inputs, units), np.float32)

    def forward(self, x):
        {extra}
        return x @ self.kernel
"""
CHECKS = """
import numpy as np
from grader.checking import check
from grader.checking.speed.work import Work


def whole(rng, limit, *shape):
    return rng.integers(-limit, limit + 1, shape, dtype=np.int16).astype(np.float32)


def work(rng, positions, size=192):
    x, w = whole(rng, 500, positions, size), whole(rng, 7, size, size)
    return Work(layer="Dense", arguments=(size, size), parameters={"kernel": w},
                call="forward", given=x, expected=x @ w)


@check(group="right")
def test_right(student):
    "The layer is right."
    layer = student.Dense(2, 2)
    layer.kernel = np.eye(2, dtype=np.float32)
    x = np.arange(4.0, dtype=np.float32).reshape(2, 2)
    assert np.array_equal(layer.forward(x), x)


@check(group="speed", points=10, needs=("right",))
def test_speed(speed):
    "The layer is fast."
    speed.SPEED
"""
JUDGE = 'judge(work, ladder="forward", small=lambda rng: work(rng, 16, 16))'
TORCH = {
    "runtime": Runtime(arrays=Arrays.TORCH),
    "toml": '[runtime]\narrays = "torch"\n',
}
MEMORY = 'judge_memory(work, positions=4000, ladder="memory")'


@pytest.fixture
def graded(write_assignment, hand_in, process_launcher):
    """A function that grades a layer that does something extra."""

    def run(
        extra="pass",
        *,
        check=JUDGE,
        speed="",
        toml="",
        runtime=NUMPY,
        reference="pass",
        source=None,
        **options,
    ):
        head = "import torch\n" if runtime.arrays is Arrays.TORCH else ""
        assignment = write_assignment(
            "",
            slug="dense",
            **{
                "assignment.toml": TOML.format(speed=speed) + toml,
                "reference/solution.py": head + LAYER.format(extra=reference),
                "template/layers.py": LAYER.format(extra="pass"),
                "checks/test_values.py": CHECKS.replace("SPEED", check),
            },
        )
        path = hand_in(source or LAYER.format(extra=extra), "layers.py")
        submission = load_submission(Path(path), single_name="layers.py")
        launcher = process_launcher if runtime == NUMPY else ProcessLauncher(runtime=runtime)
        with SandboxPool(launcher, assignment.limits) as pool:
            return grade(submission, assignment, pool, seed=5, **options)

    return run


def speed_of(report):
    (found,) = [check for check in report.checks if check.group == "speed"]
    return found


def test_a_fast_layer_passes_and_its_samples_are_kept(graded):
    report = graded()
    check = speed_of(report)
    assert check.status is Status.PASSED
    assert check.points == 10
    assert check.speed.share == 1.0
    assert len(check.speed.student_s) >= 10
    assert report.score == report.max_score == 11


def test_a_slow_layer_gets_a_part_and_the_reason(graded):
    check = speed_of(graded("[np.dot(x[None, None], self.kernel) for _ in range(300)]"))
    assert check.status is Status.PARTIAL
    assert check.points == 1.0
    assert check.speed.rungs[0].verdict is RungVerdict.FAIL
    assert check.hint.id == "np-dot-beyond-two-axes"


def test_a_wrong_layer_is_not_measured(graded):
    check = speed_of(graded("x = x + 1"))
    assert check.status is Status.NOT_RUN
    assert check.points == 0
    assert "all checks of right" in check.message
    assert check.speed is None


def test_a_layer_that_is_wrong_in_the_duel_only_gets_nothing(graded):
    check = speed_of(graded("x = x + (len(x) > 500)"))
    assert check.status is Status.FAILED
    assert "Wrong values" in check.message


def test_a_layer_that_cannot_finish_the_small_case_gets_nothing(graded):
    check = speed_of(graded("time.sleep(len(x) == 16)", speed="small_s = 0.1"))
    assert check.status is Status.FAILED
    assert "small case" in check.message


def test_what_ends_the_process_in_a_duel_stands_in_the_report(graded):
    report = graded("import os; len(x) > 16 and os._exit(1)")
    assert speed_of(report).failure is Failure.EXITED
    assert report.failure is Failure.EXITED


def test_the_peak_of_memory_is_judged_by_its_own_ladder(graded):
    assert speed_of(graded(check=MEMORY)).status is Status.PASSED
    check = speed_of(graded("y = np.ones((16, *x.shape), np.float32)", check=MEMORY))
    assert check.points == 0
    assert check.metrics["speed_memory_ratio"] > 6
    assert "memory" in check.message
    assert check.hint is None


def test_float64_is_named_where_it_costs_memory(graded):
    wide = "y = x.astype(np.float64).repeat(8, axis=0)"
    assert speed_of(graded(wide, check=MEMORY)).hint.id == "float64-inside"


def test_a_ladder_that_does_not_exist_is_the_authors_fault(graded):
    report = graded(check='judge(work, ladder="upward")')
    assert report.outcome is Outcome.ASSIGNMENT_FAULT
    assert "'upward'" in report.message


def test_a_reference_that_is_wrong_is_the_authors_fault(graded):
    report = graded(reference="x = x + 1")
    assert report.outcome is Outcome.ASSIGNMENT_FAULT
    assert "reference" in report.message


@pytest.mark.oracles
def test_layers_of_torch_are_given_tensors(graded):
    pytest.importorskip("torch")
    source = """
import torch

class Dense:
    def __init__(self, inputs, units):
        self.kernel = None

    def forward(self, x):
        assert isinstance(x, torch.Tensor)
        return torch.matmul(x, self.kernel)
"""
    report = graded(source=source, reference="x = torch.clone(x)", **TORCH)
    assert [check.status for check in report.checks] == [Status.PASSED] * 2, report.checks
    assert speed_of(report).speed.device == {"arrays": "torch", "kind": "cpu"}


@pytest.mark.oracles
def test_a_layer_of_torch_that_writes_into_its_input_gives_wrong_results_and_no_crash(graded):
    pytest.importorskip("torch")
    source = "import torch\n" + LAYER.format(extra="y = x @ self.kernel; x.zero_(); return y")
    report = graded(source=source, reference="x = torch.clone(x)", **TORCH)
    check = speed_of(report)
    assert check.status is Status.FAILED
    assert check.failure is None  # what it was given was a page of its own
    assert "Wrong values" in check.message


@pytest.mark.oracles
def test_a_gpu_that_the_sandbox_lacks_is_not_the_students_fault(graded):
    if pytest.importorskip("torch").cuda.is_available():
        pytest.skip("there is one")
    runtime = Runtime(arrays=Arrays.TORCH, device=Device.CUDA)
    report = graded(runtime=runtime, toml='[runtime]\narrays = "torch"\ndevice = "cuda"')
    assert report.outcome is Outcome.INFRASTRUCTURE_FAULT
    assert "--device" in report.message
    assert report.score is None


def test_a_plain_run_verifies_without_a_clock(write_assignment):
    assignment = write_assignment(
        "",
        slug="dense",
        **{
            "assignment.toml": TOML.format(speed=""),
            "reference/solution.py": LAYER.format(extra="pass"),
            "template/layers.py": LAYER.format(extra="pass"),
            "checks/test_values.py": CHECKS.replace("SPEED", JUDGE),
        },
    )
    wrong = assignment.folder / "wrong.py"
    wrong.write_text(LAYER.format(extra="x = x + 1"))
    for options, outcome in (([], "2 passed"), (["--student", str(wrong)], "2 failed")):
        command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *options]
        done = subprocess.run(
            [*command, str(assignment.checks)], capture_output=True, text=True, check=False
        )
        assert outcome in done.stdout, done.stdout


def test_the_order_of_sides_is_drawn(graded):
    first = speed_of(graded()).speed.student_first
    assert 0 < np.mean(first) < 1
