import copy
import dataclasses
import json
import typing
from pathlib import Path

import jsonschema
import numpy as np
import pytest

from grader import report as model
from grader.report import (
    Outcome,
    Report,
    Status,
    Visibility,
    from_json,
    score_groups,
    student_view,
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
    ],
)
def test_neither_reader_nor_schema_takes_what_is_no_report(make_report, path, value):
    document = copy.deepcopy(json.loads(to_json(make_report())))
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


def test_groups_add_up_what_was_passed(make_check):
    checks = [
        make_check(max_points=0.1),
        make_check(max_points=0.2),
        make_check(max_points=4, status=Status.FAILED),
        make_check(group="gradients", max_points=2, status=Status.NOT_RUN),
    ]
    forward, gradients = score_groups(checks, {"forward": 4.3, "gradients": 2})
    assert (forward.name, forward.score, forward.max_score) == ("forward", 0.3, 4.3)
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


def test_students_do_not_see_what_is_wrong_with_an_assignment(make_report):
    shown = student_view(make_report(Outcome.ASSIGNMENT_FAULT))
    assert "AUTHOR" not in to_json(shown)
    assert "nothing was graded" in (shown.message or "")
    assert "AUTHOR" in (student_view(make_report(Outcome.INFRASTRUCTURE_FAULT)).message or "")


def test_two_gradings_with_one_seed_differ_in_their_times_only(make_report):
    slow, fast = make_report(durations={"total": 9.0}), make_report(durations={"total": 1.0})
    assert to_json(slow) != to_json(fast)
    assert to_json(without_times(slow)) == to_json(without_times(fast))


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
