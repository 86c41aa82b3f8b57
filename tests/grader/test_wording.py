import pytest

from grader.measurement import RungResult, RungVerdict, SpeedMeasurement
from grader.report import Status
from grader.sandbox.failures import Failure
from grader.wording import duration, findings, number, speed_ratio, speed_verdict


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


def test_without_a_drawn_case_nothing_is_called_the_smallest(make_check):
    check = make_check(status=Status.FAILED, counterexample={"name": "y", "index": [1]})
    assert findings(check)[0] == "In figures:"


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


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0.0, "0.0 us"),
        (4.2e-7, "0.4 us"),
        (0.00034, "340 us"),
        (0.00099949, "999 us"),
        (0.0009996, "1.0 ms"),
        (0.0051, "5.1 ms"),
        (0.0802, "80.2 ms"),
        (0.928, "928 ms"),
        (0.9996, "1.0 s"),
        (123.4, "123 s"),
        (1e300, "1e+300 s"),
    ],
)
def test_a_time_is_shown_in_the_unit_that_suits_it(seconds, text):
    assert duration(seconds) == text


@pytest.mark.parametrize(
    ("ratio", "text"),
    [
        (0.0, "0"),
        (0.0123, "0.012"),
        (0.5, "0.50"),
        (1.04, "1.04"),
        (9.994, "9.99"),
        (9.996, "10.0"),
        (15.94, "15.9"),
        (184.2, "184"),
        (1040.0, "1040"),
        (99_999.9, "1e+05"),
        (1e300, "1e+300"),
    ],
)
def test_a_ratio_is_told_to_three_digits(make_speed, ratio, text):
    speed = make_speed(ratio=ratio, low=ratio, high=ratio)
    told = f"{text} times the reference's time ({text} to {text}), 10 pairs"
    assert speed_ratio(speed) == told


def test_a_single_pair_is_one_pair(make_speed):
    assert speed_ratio(make_speed(pairs=1)).endswith(", 1 pair")


def test_what_was_not_measured_is_not_told(make_speed, make_check):
    speed = make_speed(pairs=0, ratio=None, low=None, high=None, share=0.0)
    assert speed_ratio(speed) == "Its speed could not be measured."
    assert speed_verdict(make_check(status=Status.FAILED, speed=speed)) == []
    assert speed_verdict(make_check()) == []


def test_a_part_of_the_points_is_told_with_the_rung_that_earned_it(make_speed, make_check):
    check = make_check(
        status=Status.PARTIAL,
        points=0.7,
        speed=make_speed(verdicts=("fail", "pass", "pass"), share=0.7),
    )
    assert speed_verdict(check) == ["At most 15 times: 70% of the points. At most 4 times: 100%."]


def test_below_the_ladder_there_is_nothing(make_speed, make_check):
    slow = make_speed(verdicts=("fail", "fail", "fail"), share=0.0)
    assert speed_verdict(make_check(status=Status.FAILED, speed=slow)) == [
        "More than 100 times: none of the points. At most 4 times: 100%."
    ]


def test_a_fast_but_wrong_layer_is_not_told_of_points_that_it_did_not_get(make_speed, make_check):
    fast = make_speed(verdicts=("unsure", "pass", "pass"), share=1.0, benefit_of_doubt=True)
    assert speed_verdict(make_check(status=Status.FAILED, speed=fast)) == []


def test_full_marks_need_no_rung_but_a_doubt_is_told(make_speed, make_check):
    clear = make_speed(verdicts=("pass", "pass", "pass"), share=1.0)
    assert speed_verdict(make_check(speed=clear)) == []
    unsure = make_speed(verdicts=("unsure", "pass", "pass"), share=1.0, benefit_of_doubt=True)
    assert speed_verdict(make_check(speed=unsure)) == [
        "The measurement stayed unsure whether this is at most 4 times: you have the benefit of "
        "the doubt."
    ]


def test_what_a_small_case_is_worth_is_not_called_nothing(make_check):
    rung = RungResult(at_most=100, share=0.4, verdict=RungVerdict.FAIL)
    speed = SpeedMeasurement(
        work={"call": "forward"},
        device={},
        ratio=400.0,
        low=300.0,
        high=500.0,
        confidence=0.95,
        pairs=1,
        tries=1,
        void=0,
        rungs=(rung,),
        benefit_of_doubt=False,
        share=0.1,
        student_s=(0.4,),
        reference_s=(0.001,),
        null_s=(0.0001,),
        student_first=(True,),
    )
    check = make_check(status=Status.PARTIAL, points=0.1, speed=speed)
    assert speed_verdict(check) == [
        "More than 100 times: 10% of the points, for a small case. At most 100 times: 40%."
    ]
