"""`grader check`: the public checks, on a student's own machine."""

import argparse
import os
import shutil
import sys
from pathlib import Path
from typing import Any

from grader.cli.common import OK, REFUSED, say, show
from grader.errors import AssignmentInvalid, SandboxUnavailable, SubmissionRefused
from grader.report import to_json
from grader.submission import load_submission, require_file
from grader.terminal import render


def add_to(commands: Any) -> None:
    """Add the command to the parser."""
    command = commands.add_parser(
        "check",
        help="run the public checks on your own code, without a sandbox",
        description="Run the public checks of an assignment on your own code, on this machine and "
        "without a sandbox. The folder is the one that you got from your course. Nothing is "
        "graded. Exit status: 0 all passed, 1 some did not or nothing could be checked, 2 usage.",
    )
    command.set_defaults(run=_check)
    command.add_argument("folder", type=Path, nargs="?", default=Path(), help="default: this one")
    command.add_argument("--format", choices=("text", "json"), default="text")


def _check(options: argparse.Namespace) -> int:
    from grader.checking.examples.script import FILE, from_bytes  # noqa: PLC0415 - imports NumPy
    from grader.grading import check_examples  # noqa: PLC0415 - imports pytest

    try:
        examples, arrays = from_bytes(_read(options.folder / FILE))
        submission = load_submission(options.folder, single_name=examples.file)
        require_file(submission, examples.file)
    except (AssignmentInvalid, SubmissionRefused) as error:
        say(str(error))
        return REFUSED
    try:
        report = check_examples(submission, examples, arrays)
    except SandboxUnavailable as error:
        say(f"Nothing was checked: {error}.")
        return REFUSED
    failed = any(check.points < check.max_points for check in report.checks)
    if options.format == "json":
        show(to_json(report))
        return REFUSED if failed else OK
    colour = sys.stdout.isatty() and "NO_COLOR" not in os.environ
    width = min(max(shutil.get_terminal_size((80, 24)).columns, 40), 100)
    show(f"{examples.assignment}, version {examples.version}: public checks only\n")
    show(render(report, width=width, colour=colour, repeatable=False))
    more = [f"hidden checks: {examples.hidden}"] if examples.hidden else []
    more += [f"not here: {title}" for title in examples.left_out]
    show("\nA grading asks for more: other cases, too." + "".join(f"\n  {m}" for m in more))
    return REFUSED if failed else OK


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise AssignmentInvalid(
            f"{path}: {error.strerror}. Run this in the folder that you got from your course; "
            f"{path.name} belongs to it."
        ) from None
