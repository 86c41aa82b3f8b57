"""A course in which every state of a submission is to be seen."""

from dataclasses import replace
from datetime import timedelta
from types import SimpleNamespace

import pytest

from grader.report import CheckResult, Hint, Status, Visibility, score_groups
from web.courses.models import CourseAssignment, Version
from web.courses.services import set_assignment
from web.database import now
from web.grading.models import Attempt, State
from web.grading.recorder import record_report
from web.submissions.receiving import Upload

from ...grader.conftest import _speed
from ..conftest import CHECKS, receive_from, report_of

STATEMENT = r"""# Dense layers

A layer $y = x W + b$ with `forward` and `backward`:

$$ \left(\begin{matrix} 1 & 2 & 3 & 4 \end{matrix}\right) W
   + \left(\begin{matrix} 10 & 20 & 30 \end{matrix}\right)
   = \left(\begin{matrix} 17 & 22 & 32 \end{matrix}\right)
   + \frac{\partial L}{\partial x_{p,i}} + \sum_o dy_{p,o} W_{i,o} $$

## What to write

| | `Dense` | `Conv1x1` |
|---|---|---|
| constructor | `Dense(in_features, units, use_bias=True)` | `Conv1x1(in_channels, filters)` |
| kernel | `(in_features, units)` | `(1,) * rank + (in_channels, filters)`, in any data format |

```python
layer = Dense(in_features=64, units=10, use_bias=True).forward(x)  # a long line
```
"""
CODE = b'''"""Layers."""
import numpy as np


class Dense:
    # A line that is long enough to stick out of every phone there is, so that it must scroll
    def forward(self, x):
        return x @ self.kernel + self.bias * 2
'''


@pytest.fixture
def world(service, course):
    """Paths of the pages of student `sam`, by what they show; and `tess`, who has nothing."""
    data = service.settings.data
    folder = data / "assignments" / ("a" * 64) / "dense"
    folder.mkdir(parents=True)
    (folder / "statement.md").write_text(STATEMENT, encoding="utf-8")
    _set_held(service, course)

    def submit(slug=course.assignment, **state):
        upload = Upload([("layers.py", CODE), ("notes.txt", b"Thanks.\n")], "web")
        made = receive_from(service, course.people["sam"], course.slug, slug, upload)
        with service.database.writing() as rows:
            attempt = rows.query(Attempt).filter_by(submission_id=made.id).one()
            for name, value in state.items():
                setattr(attempt, name, value)
        return made

    def finish(submission, report):
        with service.database.writing() as rows:
            attempt = rows.query(Attempt).filter_by(submission_id=submission.id).one()
            assert record_report(rows, attempt.id, report)

    worse, better, held = submit(), submit(), submit("held")
    finish(worse, report_of(worse))
    finish(better, _with_every_kind(report_of(better)))
    finish(held, report_of(held, (0,)))
    shown = {
        "report": better,
        "poor report": worse,
        "held report": held,
        "queued": submit(),
        "running": submit(
            state=State.RUNNING.value,
            phase="running checks",
            checks=[
                {"id": "a", "title": "One.", "status": "passed"},
                {"id": "b", "title": "Two.", "status": "failed"},
            ],
            checks_total=12,
            leased_until=now() + timedelta(hours=1),
        ),
        "waiting": submit(state=State.WAITING.value, fault="RuntimeError: our engine is gone"),
    }
    return SimpleNamespace(
        paths={name: f"/submissions/{made.receipt}/" for name, made in shown.items()}
    )


def _set_held(service, course):
    with service.database.writing() as rows:
        version = Version(
            slug="held",
            label="1",
            sha256="b" * 64,
            title="Held back",
            module="layers.py",
            max_score=10.0,
            points={"values": 10.0},
            checks=CHECKS,
            record={"proved": True},
        )
        rows.add(version)
        rows.flush()
        made = set_assignment(rows, None, course.id, version.id)
        made.opens_at = now() - timedelta(days=1)
        made.held = True
        rows.get(CourseAssignment, course.assignment_id).attempts = 20


def _with_every_kind(report):
    """With a hint, a failing case, a speed duel, and one that is hidden."""
    kinds = (
        {"title": "Dense acts on the last axis of inputs of any rank."},
        {
            "title": "The values are right, for batches of every size.",
            "status": Status.FAILED,
            "points": 0.0,
            "message": "Wrong values in y: 1 of 6 elements, the first at [0, 1].",
            "hint": Hint("bias-twice", "Where is the bias added?"),
            "metrics": {"worst_error_over_bound": 4.5e9, "wrong": 1},
            "counterexample": {
                "case": {"batch": 1, "leading": [2, 3], "in_features": 128, "use_bias": True},
                "index": [0, 1],
                "actual": 1.25,
                "expected": 0.5,
                "bound": 1e-7,
            },
            "output": "shape (2, 3)\n",
        },
        {
            "title": "Gradients on larger inputs.",
            "visibility": Visibility.HIDDEN,
            "status": Status.FAILED,
            "points": 0.0,
        },
        {
            "title": "It is deterministic.",
            "group": "behaviour",
            "status": Status.NOT_RUN,
            "points": 0.0,
        },
        {
            "title": "forward is as fast as the reference.",
            "group": "speed",
            "status": Status.PARTIAL,
            "points": 1.6,
            "max_points": 4.0,
            "speed": _speed(),
        },
    )
    checks = tuple(
        CheckResult(
            **{
                "id": f"test_a.py::test_{number}",
                "group": "values",
                "status": Status.PASSED,
                "points": 2.0,
                "max_points": 2.0,
                "visibility": Visibility.PUBLIC,
                **kind,
            }
        )
        for number, kind in enumerate(kinds)
    )
    groups = score_groups(checks, {"values": 4.0, "behaviour": 2.0, "speed": 4.0})
    score = sum(group.score for group in groups)
    return replace(report, checks=checks, groups=groups, score=score)
