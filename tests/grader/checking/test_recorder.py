from grader.checking.recorder import record, recording


def test_the_largest_value_of_each_metric_is_kept():
    with recording() as metrics:
        for value in (0.5, 2.0, 1.0):
            record("error", value)
        record("other", -3)
    assert metrics == {"error": 2.0, "other": -3}


def test_recording_outside_of_a_check_does_nothing():
    record("error", 1.0)
    with recording() as metrics:
        pass
    record("error", 2.0)
    assert metrics == {}


def test_an_inner_recording_hides_the_outer_one():
    with recording() as outer:
        with recording() as inner:
            record("error", 5.0)
        record("error", 1.0)
    assert (outer, inner) == ({"error": 1.0}, {"error": 5.0})
