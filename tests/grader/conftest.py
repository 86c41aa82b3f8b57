"""Reports and assignments that tests look at from several sides."""

import contextlib
import gc
import warnings
from dataclasses import asdict
from textwrap import dedent

import pytest

from grader.assignment import load_assignment
from grader.measurement import RungResult, RungVerdict, SpeedMeasurement
from grader.report import CheckResult, Hint, Outcome, Report, Status, Visibility, score_groups
from grader.sandbox.failures import Failure
from grader.sandbox.limits import Limits

TOML = """
format = 1
id = "{slug}"
version = "3"
title = "Doubling"
[interface]
file = "double.py"
[[interface.exports]]
name = "double"
kind = "function"
signature = "(x)"
[points]
values = {points}
[limits]
call_s = 1
memory_mib = 256
restarts = 1
"""
HEAD = """
import numpy as np
import pytest
from hypothesis.strategies import integers
from grader.checking import assert_matches, check, drawn
"""
POINTS = {"forward": 3, "gradients": 2.5}


def _check(name="test_forward.py::test_any_rank", **changes):
    passed = changes.get("status", Status.PASSED) is Status.PASSED
    given = {
        "id": name,
        "title": "Dense acts on the last axis of inputs of any rank",
        "group": "forward",
        "status": Status.PASSED,
        "points": changes.get("max_points", 1.0) if passed else 0.0,
        "max_points": 1.0,
        "visibility": Visibility.PUBLIC,
    }
    return CheckResult(**{**given, **changes})


def _checks():
    """One of each kind."""
    return (
        _check(metrics={"worst_error_over_bound": 0.25}),
        _check(
            "test_forward.py::test_values",
            status=Status.FAILED,
            message="Wrong values in y: 1 of 6 elements.\nYou may have added the bias twice.",
            hint=Hint("bias-twice", "Where is b added?"),
            metrics={"worst_error_over_bound": float("inf"), "wrong": 1},
            counterexample={
                "case": {"batch": 1, "leading": [2, 3]},
                "index": [0, 1],
                "actual": float("nan"),
                "expected": 0.5,
                "bound": 1e-7,
            },
            output="shape (2, 3)\n",
        ),
        _check(
            "test_forward.py::test_secret",
            title="A larger case",
            status=Status.FAILED,
            visibility=Visibility.HIDDEN,
            failure=Failure.STUDENT_EXCEPTION,
            message="SECRET message",
            hint=Hint("SECRET", "SECRET"),
            metrics={"SECRET": 1.0},
            counterexample={"SECRET": 1},
            output="SECRET output",
        ),
        _check(
            "test_gradients.py::test_later",
            group="gradients",
            title="Gradients on larger inputs",
            status=Status.FAILED,
            max_points=1.5,
            visibility=Visibility.AFTER_DEADLINE,
            message="LATER message",
        ),
        _check(
            "test_gradients.py::test_dx",
            group="gradients",
            title="dx is right",
            status=Status.NOT_RUN,
            failure=Failure.TIME_LIMIT,
            message="Not run, because your code had ended in a check before.",
        ),
    )


def _speed(student=0.08, reference=0.005, pairs=10, verdicts=("fail", "fail", "pass"), **changes):
    """Samples a little apart from each other, on a ladder of three rungs."""
    ladder = zip((4.0, 15.0, 100.0), (1.0, 0.7, 0.4), verdicts, strict=True)
    wobble = [1 + 0.02 * (k % 5) for k in range(pairs)]
    ratio = student / reference
    given = {
        "work": {"layer": "Dense(256, 256)", "call": "forward", "given": [64, 256]},
        "device": {"arrays": "numpy", "kind": "cpu"},
        "ratio": ratio,
        "low": ratio * 0.95,
        "high": ratio * 1.05,
        "confidence": 0.95,
        "pairs": pairs,
        "tries": 1,
        "void": 0,
        "rungs": tuple(
            RungResult(at_most=at_most, share=share, verdict=RungVerdict(verdict))
            for at_most, share, verdict in ladder
        ),
        "benefit_of_doubt": False,
        "share": 0.4,
        "student_s": tuple(student * w for w in wobble),
        "reference_s": tuple(reference * w for w in wobble),
        "null_s": (0.0001, 0.0002),
        "student_first": tuple(k % 2 == 0 for k in range(pairs)),
    }
    return SpeedMeasurement(**{**given, **changes})


def _report(outcome=Outcome.GRADED, **changes):
    given = {
        "outcome": outcome,
        "submission": {"sha256": "ab" * 32, "files": {"layers.py": 120}},
        "assignment": {"slug": "dense", "version": "1", "sha256": "cd" * 32},
        "grader_version": "0.1.0",
        "versions": {"python": "3.11.7", "numpy": "2.4.0", "pytest": "9.0", "hypothesis": "6.150"},
        "seed": 7,
        "sandbox": {
            "kind": "docker",
            "image_digest": "sha256:" + "ef" * 32,
            "isolation": "a container without network",
            "limits": asdict(Limits()),
        },
        "durations": {"total": 1.25},
    }
    if outcome is Outcome.GRADED:
        checks = changes.get("checks", _checks())
        groups = score_groups(checks, POINTS)
        given |= {
            "checks": checks,
            "groups": groups,
            "failure": Failure.TIME_LIMIT,
            "message": "forward took longer than 5 s.",
            "score": sum(group.score for group in groups),
            "max_score": sum(group.max_score for group in groups),
        }
    elif outcome is Outcome.REFUSED:
        given |= {"message": "The zip is damaged.", "submission": None, "sandbox": None}
        given |= {"seed": None, "durations": {}}
    else:
        given |= {"message": "AUTHOR's fault"}
    return Report(**{**given, **changes})


@pytest.fixture
def make_check():
    """Build a check's result; what is not said is that of a passed public check."""
    return _check


@pytest.fixture
def make_report():
    """Build a report of an outcome; a graded one has a check of each kind."""
    return _report


@pytest.fixture
def make_speed():
    """Build a measurement; what is not said is that of a student 16 times as slow."""
    return _speed


@pytest.fixture
def without_engine(monkeypatch):
    """A context in which no engine answers."""

    @contextlib.contextmanager
    def without_engine(address="unix:///nonexistent/docker.sock"):
        with monkeypatch.context() as here, warnings.catch_warnings():
            here.setenv("DOCKER_HOST", address)
            # The SDK forgets to close a socket that did not connect.
            warnings.simplefilter("ignore", ResourceWarning)
            yield
            gc.collect()

    return without_engine


@pytest.fixture
def hand_in(tmp_path):
    """A function that writes a submission of one file; its path, as an argument."""

    def write(source="def double(x):\n    return x * 2\n", name="double.py"):
        path = tmp_path / "handed in" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(source)
        return str(path)

    return write


@pytest.fixture
def write_assignment(tmp_path):
    """A function that writes an assignment whose checks are the given text."""

    def write(checks, points=2, *, slug="doubling", root=tmp_path, **files):
        folder = root / slug
        for name, text in {
            "assignment.toml": TOML.format(slug=slug, points=points),
            "statement.md": "# Doubling\n",
            "template/double.py": "def double(x):\n    raise NotImplementedError\n",
            "reference/solution.py": "def double(x):\n    return x * 2\n",
            "checks/test_values.py": HEAD + dedent(checks),
            **files,
        }.items():
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        return load_assignment(folder)

    return write
