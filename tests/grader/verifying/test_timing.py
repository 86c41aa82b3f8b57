"""Slow submissions must be slow and nothing else, and right ones fast: by real duels."""

import pytest

pytestmark = pytest.mark.docker

CHECK = '''\
import numpy as np

from grader.checking import Work, check


def work(rng, positions):
    x, gamma, beta = (
        rng.integers(-99, 100, shape).astype(np.float32) for shape in ((positions, 64), 64, 64)
    )
    return Work(
        layer="Scale",
        arguments=(64,),
        parameters={"gamma": gamma, "beta": beta},
        call="forward",
        given=x,
        expected=x * gamma + beta,
    )


@check(group="speed", points=1, needs=("forward",))
def test_forward_speed(speed):
    """Forward is fast."""
    speed.judge(work, ladder="forward")
'''
EXPECTATION = """\
mistake = "Treats one row after the other"
hint = "row-by-row"
not_full = ["test_speed.py::test_forward_speed"]
"""
BY_ROWS = "np.stack([row * self.gamma + self.beta for row in x]) if len(x) else x.copy()"
AT_ONCE = "x * self.gamma + self.beta"


@pytest.fixture
def timed(folder):
    """A folder with a check of speed, an accepted submission that is fast, and a slow one."""
    folder.write("checks/test_speed.py", CHECK)
    folder.replace("assignment.toml", "[points]\n", "[points]\nspeed = 1\n")
    folder.write("submissions/too_slow/rows/expect.toml", EXPECTATION)
    solution = folder.read("reference/solution.py")
    folder.write("submissions/accepted/loops/layers.py", solution)
    assert solution.count(AT_ONCE) == 1
    folder.write("submissions/too_slow/rows/layers.py", solution.replace(AT_ONCE, BY_ROWS))
    return folder


def test_what_is_right_and_fast_and_what_is_right_and_slow_are_told_apart(timed, find):
    assert find(timed, "timing").codes == []


def test_a_slow_submission_that_gets_all_points(timed, find):
    timed.write("submissions/too_slow/rows/layers.py", timed.read("reference/solution.py"))
    assert find(timed, "timing").codes == ["V12-slow-passes"]


def test_a_slow_submission_that_is_wrong(timed, find):
    source = timed.read("reference/solution.py").replace(AT_ONCE, "x * self.gamma")
    timed.write("submissions/too_slow/rows/layers.py", source)
    assert set(find(timed, "timing").codes) == {"V12-slow-is-wrong"}


def test_an_accepted_submission_that_is_slow(timed, find):
    slow = timed.read("submissions/too_slow/rows/layers.py")
    timed.write("submissions/accepted/loops/layers.py", slow)
    assert find(timed, "timing").codes == ["V12-accepted-slow"]


def test_an_accepted_submission_that_says_so(timed, find):
    slow = timed.read("submissions/too_slow/rows/layers.py")
    timed.write("submissions/accepted/loops/layers.py", slow)
    timed.write("submissions/accepted/loops/expect.toml", "[points]\nspeed = [0, 0.5]\n")
    assert find(timed, "timing").codes == []
