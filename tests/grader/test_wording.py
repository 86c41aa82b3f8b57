import pytest

from grader.report import Status
from grader.sandbox.failures import Failure
from grader.wording import findings, number


@pytest.mark.parametrize(
    ("value", "text"),
    [(3, "3"), (2.5, "2.5"), (0.1 + 0.2, "0.3"), (0.0, "0"), (1e6, "1000000"), (1 / 3, "0.3333")],
)
def test_points_are_shown_without_noise(value, text):
    assert number(value) == text


def test_a_passed_check_has_nothing_to_tell(make_check):
    assert findings(make_check()) == []


def test_a_failure_without_a_message_is_told_by_its_name(make_check):
    check = make_check(status=Status.FAILED, failure=Failure.TIME_LIMIT)
    assert findings(check) == ["Stopped by: time limit."]


def test_a_counterexample_is_laid_out(make_check):
    check = make_check(
        status=Status.FAILED,
        counterexample={
            "name": "y",
            "case": {"batch": 1, "spatial": [2], "use_bias": False},
            "actual": 0.1234567890123,
            "expected_shape": [1, 2],
            "empty": [],
        },
    )
    assert findings(check) == [
        "Smallest case found:",
        "  case            batch=1, spatial=(2,), use_bias=False",
        "  actual          0.123456789",
        "  expected shape  (1, 2)",
        "  empty           ()",
    ]


def test_long_values_and_outputs_are_cut(make_check):
    check = make_check(
        status=Status.FAILED,
        counterexample={"index": list(range(1000)), "text": "x" * 1000},
        output="line\n" * 100,
    )
    lines = findings(check)
    assert "  index  (0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, ...)" in lines
    assert lines[-1] == "  | (60 more lines)"
    assert all(len(line) < 250 for line in lines)
