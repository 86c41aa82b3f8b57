"""`grader grade`: one submission, one report."""

import argparse
import contextlib
import json
import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from grader.assignment import Assignment, load_assignment
from grader.cli.common import (
    FAULT,
    OK,
    REFUSED,
    USAGE,
    WHERE,
    ProgressLine,
    find,
    say,
    seed,
    show,
    stdout_set_aside,
)
from grader.errors import AssignmentInvalid, InfrastructureFault, SubmissionRefused
from grader.exporters.gradescope import NotAGrade, to_gradescope
from grader.report import CheckResult, Outcome, Report, student_view, to_json
from grader.sandbox.pool import SandboxPool
from grader.sandbox.select import KINDS, choose_sandbox
from grader.submission import Submission, load_submission, require_file
from grader.terminal import render
from grader.text import quoted

_OnCheck = Callable[[CheckResult, int], None]

_STATUS = {
    Outcome.GRADED: OK,
    Outcome.REFUSED: REFUSED,
    Outcome.ASSIGNMENT_FAULT: REFUSED,
    Outcome.INFRASTRUCTURE_FAULT: FAULT,
}


def add_to(commands: Any) -> None:
    """Add the command to the parser."""
    command = commands.add_parser(
        "grade",
        help="grade a submission and print its report",
        description="Grade a submission and print its report. Exit status: 0 graded (whatever "
        "the score), 1 the submission or the assignment was refused, 2 usage, 3 the grading "
        "could not be done and says nothing about the submission.",
    )
    command.set_defaults(run=_grade)
    command.add_argument("path", type=Path, help="a file, a folder, a zip or a tar")
    command.add_argument(
        "--assignment",
        metavar="SLUG",
        help=WHERE,
    )
    command.add_argument("--sandbox", choices=KINDS, help="default: the strongest that works here")
    command.add_argument(
        "--own-code",
        action="store_true",
        help="the code is your own: where no sandbox works, run it without one",
    )
    command.add_argument("--device", metavar="ID", help="pass this one GPU to the sandbox")
    command.add_argument(
        "--oci-runtime", metavar="NAME", help="run the container with it, such as runsc (gVisor)"
    )
    command.add_argument("--seed", type=seed, help="repeat the grading that had this seed")
    command.add_argument(
        "--format", choices=("text", "json", "gradescope"), default="text", help="default: text"
    )
    command.add_argument("--visible-only", action="store_true", help="run public checks only")
    command.add_argument(
        "--show-hidden", action="store_true", help="for authors: show what students may not see"
    )


def _grade(options: argparse.Namespace) -> int:
    try:
        assignment = load_assignment(_find(options))
    except AssignmentInvalid as error:
        from grader.grading import ungraded  # noqa: PLC0415 - see below

        say(f"The assignment was refused: {error}")
        if options.format == "json":
            _print(ungraded(error, None), options)
        return REFUSED
    submission = None
    # What is opened on the way is closed after the report is out: removing a sandbox takes time.
    with contextlib.ExitStack() as opened:
        try:
            name = assignment.interface.file
            submission = load_submission(options.path, single_name=name)
            require_file(submission, name)
            pool = opened.enter_context(_pool(assignment, options))
            report = _grade_in(pool, submission, assignment, options)
        except (SubmissionRefused, InfrastructureFault) as error:
            from grader.grading import ungraded  # noqa: PLC0415 - see below

            report = ungraded(error, assignment, submission)
        return _print(report, options)


@contextlib.contextmanager
def _pool(assignment: Assignment, options: argparse.Namespace) -> Iterator[SandboxPool]:
    choice = choose_sandbox(
        options.sandbox,
        own_code=options.own_code,
        device=options.device,
        runtime=assignment.runtime,
        oci_runtime=options.oci_runtime,
        say=say,
    )
    say(f"sandbox: {choice.reason}")
    with (
        contextlib.closing(choice.launcher),
        SandboxPool(choice.launcher, assignment.limits) as pool,
    ):
        yield pool


def _grade_in(
    pool: SandboxPool, submission: Submission, assignment: Assignment, options: argparse.Namespace
) -> Report:
    # pytest and Hypothesis are imported while the sandbox starts.
    from grader.checking.run import Selection  # noqa: PLC0415
    from grader.grading import grade  # noqa: PLC0415

    with _progress(assignment) as on_check, stdout_set_aside():
        return grade(
            submission,
            assignment,
            pool,
            seed=options.seed,
            selection=Selection(visible_only=options.visible_only),
            on_check=on_check,
        )


def _find(options: argparse.Namespace) -> Path:
    if options.assignment is not None:
        return find(options.assignment)
    with contextlib.suppress(OSError, RuntimeError):  # a name too long; links in a circle
        for folder in options.path.resolve().parents:
            if (folder / "assignment.toml").is_file():
                return Path(folder)
    raise AssignmentInvalid(
        f"{quoted(str(options.path))} is in no assignment's folder: say which one it is for, "
        f"with --assignment SLUG."
    )


def _print(report: Report, options: argparse.Namespace) -> int:
    shown = report if options.show_hidden else student_view(report)
    if options.format == "json":
        show(to_json(shown))
    elif options.format == "gradescope":
        try:
            # Whole: it says itself to Gradescope what students may see, and when.
            show(json.dumps(to_gradescope(report), indent=2, allow_nan=False))
        except NotAGrade as error:
            say(str(error))
            return _STATUS[report.outcome] or USAGE  # graded, but only in part
    else:
        colour = sys.stdout.isatty() and "NO_COLOR" not in os.environ
        path = str(options.path)
        show(render(shown, colour=colour, path=path, assignment=options.assignment))
    return _STATUS[report.outcome]


@contextlib.contextmanager
def _progress(assignment: Assignment) -> Iterator[_OnCheck]:
    """A line that counts the checks, on a terminal; nothing elsewhere."""
    line = ProgressLine()
    done = 0

    def on_check(check: CheckResult, total: int) -> None:
        nonlocal done
        done += 1
        line.write(f"{assignment.slug}: {done}/{total} {check.title}")

    try:
        yield on_check
    finally:
        line.clear()
