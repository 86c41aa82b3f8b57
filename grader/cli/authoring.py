"""`grader new` and `grader bundle`: an assignment's beginning, and what students get of it."""

import argparse
from pathlib import Path
from typing import Any

from grader.assignment import load_assignment
from grader.cli.common import FAULT, OK, REFUSED, WHERE, find, say, show
from grader.errors import AssignmentInvalid, InfrastructureFault


def add_to(commands: Any) -> None:
    """Add the commands to the parser."""
    new = commands.add_parser(
        "new",
        help="make a folder for an assignment",
        description="Make a folder for a new assignment, small and sound: `grader verify` proves "
        "it from the first minute. Exit status: 0 made, 1 refused, 2 usage.",
    )
    new.set_defaults(run=_new)
    new.add_argument("slug", help="its name: lower-case words joined by hyphens")
    new.add_argument(
        "--into", type=Path, default=Path(), metavar="FOLDER", help="default: the current one"
    )
    bundled = commands.add_parser(
        "bundle",
        help="make what students get of an assignment",
        description="Make what students get of an assignment, and nothing else: statement, "
        "template, and the public checks as worked examples for `grader check`. Exit status: 0 "
        "made, 1 refused, 2 usage, 3 this machine lacks something.",
    )
    bundled.set_defaults(run=_bundle)
    bundled.add_argument("assignment", help=WHERE)
    bundled.add_argument(
        "--output", type=Path, metavar="ZIP", help="default: SLUG.zip in the current folder"
    )


def _new(options: argparse.Namespace) -> int:
    from grader.scaffold import scaffold  # noqa: PLC0415 - seldom needed

    try:
        folder = scaffold(options.slug, options.into)
    except AssignmentInvalid as error:
        say(str(error))
        return REFUSED
    show(f"Made {folder}. Prove it with: grader verify {folder}")
    return OK


def _bundle(options: argparse.Namespace) -> int:
    from grader.bundle import bundle, to_zip  # noqa: PLC0415 - imports pytest

    try:
        assignment = load_assignment(find(options.assignment))
        files = bundle(assignment)
    except AssignmentInvalid as error:
        say(f"The assignment was refused: {error}")
        return REFUSED
    except InfrastructureFault as fault:
        say(f"Nothing was bundled: {fault}.")
        return FAULT
    path = options.output or Path(f"{assignment.slug}.zip")
    try:
        path.write_bytes(to_zip(files, assignment.slug))
    except OSError as error:
        say(f"{path} could not be written: {error.strerror}.")
        return REFUSED
    show("\n".join([f"{path}:", *(f"  {name}" for name in sorted(files))]))
    return OK
