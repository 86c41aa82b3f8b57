from dataclasses import replace

from grader.checking.recorder import Recording, record, record_speed, recording
from grader.measurement import SpeedMeasurement

SPEED = SpeedMeasurement(
    work={},
    device={},
    ratio=None,
    low=None,
    high=None,
    confidence=0.95,
    pairs=0,
    tries=1,
    void=0,
    rungs=(),
    benefit_of_doubt=False,
    share=0.0,
    student_s=(),
    reference_s=(),
    null_s=(),
    student_first=(),
)


def test_the_largest_value_of_each_metric_is_kept():
    with recording() as recorded:
        for value in (0.5, 2.0, 1.0):
            record("error", value)
        record("other", -3)
    assert recorded.metrics == {"error": 2.0, "other": -3}
    assert recorded.speed is None


def test_the_last_measurement_is_kept():
    first, last = replace(SPEED, tries=1), replace(SPEED, tries=2)
    with recording() as recorded:
        record_speed(first)
        record_speed(last)
    assert recorded == Recording({}, last)


def test_recording_outside_of_a_check_does_nothing():
    record("error", 1.0)
    record_speed(SPEED)
    with recording() as recorded:
        pass
    record("error", 2.0)
    record_speed(SPEED)
    assert recorded == Recording()


def test_an_inner_recording_hides_the_outer_one():
    with recording() as outer:
        with recording() as inner:
            record("error", 5.0)
            record_speed(SPEED)
        record("error", 1.0)
    assert outer == Recording({"error": 1.0})
    assert inner == Recording({"error": 5.0}, SPEED)
