import copy
import dataclasses
import json
import typing
from pathlib import Path

import jsonschema
import numpy as np
import pytest

from grader import measurement
from grader import report as model
from grader.report import (
    Outcome,
    Report,
    Status,
    Visibility,
    from_json,
    score_groups,
    student_view,
    to_compact_json,
    to_document,
    to_json,
    without_times,
)
from grader.sandbox.failures import Failure
from grader.sandbox.limits import Limits

SCHEMA = json.loads(
    (Path(__file__).parents[2] / "docs" / "report.schema.json").read_text(encoding="utf-8")
)
VALIDATOR = jsonschema.Draft202012Validator(SCHEMA)


@pytest.mark.parametrize("outcome", Outcome)
def test_a_report_of_each_outcome_survives_json_and_fits_the_schema(make_report, outcome):
    text = to_json(make_report(outcome))
    VALIDATOR.validate(json.loads(text))
    assert to_json(from_json(text)) == text
    assert from_json(text).outcome is outcome
    compact = to_compact_json(to_document(make_report(outcome)))
    assert json.loads(compact) == json.loads(text)
    assert "\n" not in compact


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"verdicts": ("unsure", "pass", "pass"), "benefit_of_doubt": True, "tries": 2},
        {"pairs": 0, "ratio": None, "low": None, "high": None, "student_s": (), "rungs": ()},
        {"device": {"arrays": "cupy", "kind": "cuda", "name": "H100", "clocks_mhz": [1980, None]}},
    ],
)
def test_a_measurement_survives_json_and_fits_the_schema(
    make_report, make_check, make_speed, changes
):
    check = make_check(status=Status.PARTIAL, points=0.4, speed=make_speed(**changes))
    text = to_json(make_report(checks=(check, make_check())))
    VALIDATOR.validate(json.loads(text))
    assert from_json(text).checks == (check, make_check())


def test_a_report_from_before_there_were_measurements_can_be_read(make_report):
    document = json.loads(to_json(make_report()))
    for check in document["checks"]:
        del check["speed"]
    assert from_json(json.dumps(document)) == from_json(to_json(make_report()))


def test_json_has_no_float_that_is_not_finite(make_report):
    text = to_json(make_report())

    def refuse(name):
        raise AssertionError(name)

    check = json.loads(text, parse_constant=refuse)["checks"][1]
    assert check["metrics"] == {"worst_error_over_bound": "inf", "wrong": 1}
    assert check["counterexample"]["actual"] == "nan"
    assert from_json(text).checks[1].metrics["worst_error_over_bound"] == float("inf")


def test_numpy_numbers_become_json_numbers(make_report, make_check):
    metrics = {"a": np.float32(0.5), "b": np.int64(3), "c": np.float64("nan")}
    report = make_report(checks=(make_check(metrics=metrics),))
    assert json.loads(to_json(report))["checks"][0]["metrics"] == {"a": 0.5, "b": 3, "c": "nan"}


def test_what_json_cannot_say_is_refused_rather_than_guessed(make_report, make_check):
    report = make_report(checks=(make_check(counterexample={"x": object()}),))
    with pytest.raises(TypeError, match="cannot hold"):
        to_json(report)


def test_the_keys_of_the_design_are_there(make_report):
    document = json.loads(to_json(make_report()))
    assert {
        *("schema_version", "outcome", "failure", "score", "max_score", "groups", "checks"),
        *("submission", "assignment", "grader_version", "seed", "sandbox", "durations"),
    } <= document.keys()
    assert {
        *("id", "title", "group", "status", "failure", "points", "max_points", "visibility"),
        *("message", "hint", "metrics", "counterexample"),
    } <= document["checks"][0].keys()
    assert document["sandbox"].keys() >= {"kind", "image_digest", "limits"}


@pytest.mark.parametrize(
    ("place", "kind"),
    [
        (SCHEMA, model.Report),
        (SCHEMA["$defs"]["check"], model.CheckResult),
        (SCHEMA["$defs"]["group"], model.GroupScore),
        (SCHEMA["$defs"]["hint"], model.Hint),
        (SCHEMA["$defs"]["speed"], measurement.SpeedMeasurement),
        (SCHEMA["$defs"]["rung"], measurement.RungResult),
        (SCHEMA["$defs"]["submission"], model.SubmissionInfo),
        (SCHEMA["$defs"]["assignment"], model.AssignmentInfo),
        (SCHEMA["$defs"]["versions"], model.Versions),
        (SCHEMA["$defs"]["sandbox"], model.SandboxInfo),
        (SCHEMA["$defs"]["limits"], Limits),
    ],
)
def test_schema_and_model_have_the_same_keys(place, kind):
    names = list(typing.get_type_hints(kind))
    assert list(place["properties"]) == names
    assert place["required"] == names
    assert place["additionalProperties"] is False


@pytest.mark.parametrize(
    ("place", "kind"),
    [
        (SCHEMA["properties"]["outcome"], Outcome),
        (SCHEMA["$defs"]["check"]["properties"]["status"], Status),
        (SCHEMA["$defs"]["check"]["properties"]["visibility"], Visibility),
        (SCHEMA["$defs"]["failure"], Failure),
        (SCHEMA["$defs"]["rung"]["properties"]["verdict"], measurement.RungVerdict),
    ],
)
def test_schema_and_model_have_the_same_values(place, kind):
    assert [value for value in place["enum"] if value is not None] == [m.value for m in kind]


def test_the_schema_itself_is_valid():
    jsonschema.Draft202012Validator.check_schema(SCHEMA)


def _set(document, path, value):
    *parents, last = path
    for key in parents:
        document = document[key]
    document[last] = value


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (["schema_version"], 2),
        (["outcome"], "passed"),
        (["score"], None),
        (["score"], "12"),
        (["score"], -1),
        (["outcome"], "refused"),
        (["extra"], 1),
        (["checks", 0, "status"], "ok"),
        (["checks", 0, "extra"], 1),
        (["checks", 0, "metrics"], {"a": "b"}),
        (["checks", 1, "hint"], {"id": "x"}),
        (["failure"], "boom"),
        (["seed"], 1.5),
        (["submission", "files"], {"a": "1"}),
        (["sandbox", "limits", "wall_s"], "1"),
        (["versions"], {}),
        (["checks", 0, "points"], -1),
        (["checks", 0, "points"], "nan"),
        (["checks", 0, "points"], 0),
        (["checks", 0, "max_points"], 0),
        (["checks", 0, "max_points"], "inf"),
        (["checks", 1, "points"], 0.5),
        (["checks", 4, "points"], 0.5),
        (["checks", 5, "points"], 0),
        (["checks", 5, "points"], -0.5),
        (["checks", 5, "speed"], {}),
        (["checks", 5, "speed"], [1]),
        (["checks", 5, "speed", "extra"], 1),
        (["checks", 5, "speed", "ratio"], "nan"),
        (["checks", 5, "speed", "low"], -1),
        (["checks", 5, "speed", "high"], "inf"),
        (["checks", 5, "speed", "share"], 1.5),
        (["checks", 5, "speed", "share"], "nan"),
        (["checks", 5, "speed", "confidence"], 95),
        (["checks", 5, "speed", "pairs"], -1),
        (["checks", 5, "speed", "pairs"], 1.5),
        (["checks", 5, "speed", "tries"], -1),
        (["checks", 5, "speed", "void"], -1),
        (["checks", 5, "speed", "benefit_of_doubt"], 1),
        (["checks", 5, "speed", "student_s", 0], "nan"),
        (["checks", 5, "speed", "student_s", 0], "inf"),
        (["checks", 5, "speed", "reference_s", 0], -0.001),
        (["checks", 5, "speed", "null_s"], [True]),
        (["checks", 5, "speed", "student_first", 0], "yes"),
        (["checks", 5, "speed", "rungs", 0, "verdict"], "won"),
        (["checks", 5, "speed", "rungs", 0, "share"], 1.01),
        (["checks", 5, "speed", "rungs", 0, "at_most"], 0),
        (["checks", 5, "speed", "rungs", 0, "at_most"], "inf"),
    ],
)
def test_neither_reader_nor_schema_takes_what_is_no_report(
    make_report, make_check, make_speed, path, value
):
    timed = make_check(status=Status.PARTIAL, points=0.4, speed=make_speed())
    report = make_report()
    report = dataclasses.replace(report, checks=(*report.checks, timed))
    document = copy.deepcopy(json.loads(to_json(report)))
    VALIDATOR.validate(document)
    _set(document, path, value)
    assert not VALIDATOR.is_valid(document)
    with pytest.raises(ValueError, match=r"."):
        from_json(json.dumps(document))


@pytest.mark.parametrize(
    "text",
    ["", "[]", "null", "{", '{"seed": NaN}', "[" * 100_000, '{"a": 1, "a": 2}', "9" * 5000],
)
def test_hostile_text_is_a_value_error(text):
    with pytest.raises(ValueError, match=r"."):
        from_json(text)


def test_only_graded_reports_have_a_score(make_report):
    with pytest.raises(ValueError, match="goes with graded"):
        make_report(Outcome.REFUSED, score=0.0)
    with pytest.raises(ValueError, match="goes with graded"):
        make_report(score=None)


@pytest.mark.parametrize(
    ("status", "points"),
    [
        (Status.PASSED, 0.5),
        (Status.PASSED, 1.5),
        (Status.PASSED, float("nan")),
        (Status.PARTIAL, 0),
        (Status.PARTIAL, 1),
        (Status.PARTIAL, 1.5),
        (Status.PARTIAL, -0.5),
        (Status.PARTIAL, float("nan")),
        (Status.FAILED, 0.5),
        (Status.FAILED, float("inf")),
        (Status.NOT_RUN, 1),
    ],
)
def test_points_go_with_their_status(make_check, status, points):
    with pytest.raises(ValueError, match="does not go with"):
        make_check(status=status, points=points)


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        ({"low": 20.0}, "within its interval"),
        ({"high": 1.0}, "within its interval"),
        ({"low": None}, "has an interval"),
        ({"pairs": 11, "student_s": (0.1,) * 10}, "time of both sides"),
        ({"reference_s": ()}, "time of both sides"),
    ],
)
def test_a_measurement_that_contradicts_itself_is_none(make_check, make_speed, changes, complaint):
    with pytest.raises(ValueError, match=complaint):
        make_check(speed=make_speed(**changes))


def test_groups_add_up_what_was_earned(make_check):
    checks = [
        make_check(max_points=0.1),
        make_check(max_points=0.2),
        make_check(max_points=4, status=Status.FAILED),
        make_check(max_points=1, status=Status.PARTIAL, points=0.4),
        make_check(group="gradients", max_points=2, status=Status.NOT_RUN),
    ]
    forward, gradients = score_groups(checks, {"forward": 5.3, "gradients": 2})
    assert (forward.name, forward.score, forward.max_score) == ("forward", 0.7, 5.3)
    assert (gradients.name, gradients.score, gradients.max_score) == ("gradients", 0.0, 2)


def test_a_group_of_tenths_reaches_its_total_exactly(make_check):
    (group,) = score_groups([make_check(max_points=0.1)] * 3, {"forward": 0.3})
    assert group.score == group.max_score == 0.3


def test_students_see_of_hidden_checks_the_result_and_nothing_else(make_report):
    report = make_report()
    shown = student_view(report)
    text = to_json(shown)
    assert "SECRET" not in text
    assert "LATER" not in text
    assert (shown.score, shown.groups, shown.seed) == (report.score, report.groups, report.seed)
    for before, after in zip(report.checks, shown.checks, strict=True):
        if before.visibility is Visibility.PUBLIC:
            assert after == before
            continue
        kept = ("id", "title", "group", "status", "points", "max_points", "visibility")
        assert all(getattr(after, name) == getattr(before, name) for name in kept)
        assert after.message == "This check is hidden."
        assert (after.failure, after.hint, after.counterexample, after.output) == (None,) * 4
        assert after.metrics == {}
    assert student_view(shown) == shown


@pytest.mark.parametrize("visibility", [Visibility.HIDDEN, Visibility.AFTER_DEADLINE])
def test_students_do_not_see_how_a_hidden_check_was_timed(
    make_report, make_check, make_speed, visibility
):
    given = {"status": Status.PARTIAL, "points": 0.4, "speed": make_speed()}
    report = make_report(checks=(make_check(**given), make_check(**given, visibility=visibility)))
    public, closed = student_view(report).checks
    assert public == report.checks[0]
    assert closed.speed is None
    assert (closed.status, closed.points) == (Status.PARTIAL, 0.4)


def test_students_do_not_see_what_is_wrong_with_an_assignment(make_report):
    shown = student_view(make_report(Outcome.ASSIGNMENT_FAULT))
    assert "AUTHOR" not in to_json(shown)
    assert "nothing was graded" in (shown.message or "")
    assert "AUTHOR" in (student_view(make_report(Outcome.INFRASTRUCTURE_FAULT)).message or "")


def test_two_gradings_with_one_seed_differ_in_their_times_only(make_report):
    slow, fast = make_report(durations={"total": 9.0}), make_report(durations={"total": 1.0})
    assert to_json(slow) != to_json(fast)
    assert to_json(without_times(slow)) == to_json(without_times(fast))


def test_what_was_measured_of_speed_and_memory_counts_as_times(make_report, make_check, make_speed):
    def report(student):
        metrics = {
            "speed_ratio": student,
            "forward_s": student,
            "peak_mib": student,
            "worst_error_over_bound": 0.5,
            "speeds": 1,
            "mib": 2,
        }
        check = make_check(metrics=metrics, speed=make_speed(student))
        return without_times(make_report(checks=(check,)))

    slow, fast = report(0.08), report(0.05)
    assert to_json(slow) == to_json(fast)
    (check,) = slow.checks
    assert check.metrics == {"worst_error_over_bound": 0.5, "speeds": 1, "mib": 2}
    assert check.speed is None


def test_a_report_cannot_be_changed(make_report):
    with pytest.raises(dataclasses.FrozenInstanceError):
        make_report().score = 100
    assert isinstance(make_report(), Report)


def test_what_ended_the_process_in_a_hidden_check_is_not_told(make_report, make_check):
    secret = "Your code ended the Python process instead of answering, with exit code 42."
    checks = [
        make_check(visibility=visibility, status=Status.FAILED, message=message)
        for visibility, message in ((Visibility.PUBLIC, "wrong"), (Visibility.HIDDEN, secret))
    ]
    report = dataclasses.replace(make_report(), checks=tuple(checks), message=secret)
    assert "exit code 42" in to_json(report)
    assert "exit code 42" not in to_json(student_view(report))
    public = dataclasses.replace(make_report(), checks=tuple(checks), message="wrong")
    assert student_view(public).message == "wrong"
    nothing = dataclasses.replace(report, checks=(make_check(visibility="hidden"),), message=None)
    assert student_view(nothing).message is None
