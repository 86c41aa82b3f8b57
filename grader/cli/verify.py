"""`grader verify`: prove an assignment sound."""

import argparse
import os
import shutil
import sys
import time
from typing import TYPE_CHECKING, Any

from grader.cli.common import FAULT, OK, REFUSED, WHERE, ProgressLine, find, say, show
from grader.errors import AssignmentInvalid, InfrastructureFault
from grader.sandbox.select import KINDS

if TYPE_CHECKING:
    from grader.verifying.trial import Trial
    from grader.verifying.verify import Verification

# Not imported for it: `grader grade` would wait for what only this command needs.
PARTS = (
    "well-formed",
    "statement",
    "template",
    "reference",
    "accepted",
    "wrong",
    "hints",
    "worth",
    "mutation",
    "repeatable",
    "tolerance",
    "timing",
    "hostile",
    "leaks",
    "marks",
)


def add_to(commands: Any) -> None:
    """Add the command to the parser."""
    command = commands.add_parser(
        "verify",
        help="prove an assignment sound",
        description="Prove that an assignment is sound, and write verified.json into its folder "
        "when all of it was looked at. Exit status: 0 proved, 1 not proved, 2 usage, 3 something "
        f"could not be tried. Parts: {', '.join(PARTS)}.",
    )
    command.set_defaults(run=_verify)
    command.add_argument("assignment", help=WHERE)
    command.add_argument(
        "--part", type=_parts, metavar="NAMES", help="only these, with commas between"
    )
    command.add_argument(
        "--seeds", type=_seeds, metavar="N", help="repeat verdicts with so many seeds"
    )
    command.add_argument("--sandbox", choices=KINDS[:2], help="default: the strongest that works")
    command.add_argument("--device", metavar="ID", help="pass this one GPU to the sandbox")
    command.add_argument("--json", action="store_true", help="print the record as JSON")


def _parts(text: str) -> list[str]:
    names = [name.strip() for name in text.split(",") if name.strip()]
    for name in names:
        if name not in PARTS:
            raise argparse.ArgumentTypeError(f"no part {name!r}: choose from {', '.join(PARTS)}")
    if not names:
        raise argparse.ArgumentTypeError("name at least one part")
    return names


def _seeds(text: str) -> int:
    number = int(text)  # argparse makes its own sentence of a ValueError
    if not 1 <= number <= 1000:
        raise argparse.ArgumentTypeError("1 to 1000 seeds")
    return number


def _verify(options: argparse.Namespace) -> int:
    from grader.verifying.verify import verify  # noqa: PLC0415 - see above

    line = ProgressLine()
    started = time.monotonic()
    told = [started]

    def on_trial(trial: "Trial", done: int, total: int) -> None:
        line.write(f"{done}/{total} {trial.name}")
        if not sys.stderr.isatty() and time.monotonic() - told[0] > 10:
            told[0] = time.monotonic()
            say(f"  {done} of {total} gradings after {told[0] - started:.0f} s")

    try:
        folder = find(options.assignment)
        found = verify(
            folder,
            options.part,
            seeds=options.seeds,
            sandbox=options.sandbox,
            device=options.device,
            on_trial=on_trial,
            say=say,
        )
    except AssignmentInvalid as error:
        say(str(error))
        return REFUSED
    except InfrastructureFault as fault:
        line.clear()
        say(f"COULD NOT VERIFY: {fault}")
        return FAULT
    line.clear()
    _show(found, options, time.monotonic() - started)
    return OK if found.is_proved else REFUSED


def _show(found: "Verification", options: argparse.Namespace, seconds: float) -> None:
    from grader.verifying import record  # noqa: PLC0415 - see above
    from grader.verifying.table import (  # noqa: PLC0415
        render_findings,
        render_mutants,
        render_table,
    )

    width = min(max(shutil.get_terminal_size((80, 24)).columns, 60), 120)
    written = ""
    if found.record is not None and found.package is not None and options.part is None:
        path = record.write_record(found.record, found.package.assignment)
        written = f"The record: {os.path.relpath(path)}"
    if options.json:
        if found.record is not None:
            show(record.to_text(found.record).rstrip())
        for text in render_findings(found.findings, width):
            say(text)
        return
    lines = []
    if found.package is not None:
        lines += render_table(found.package, found.results, width)
    if found.mutation is not None:
        lines += ["", render_mutants(found.mutation)]
    if found.findings:
        lines += ["", *render_findings(found.findings, width)]
    errors = sum(finding.severity.value == "error" for finding in found.findings)
    warnings = len(found.findings) - errors
    verdict = "PROVED" if found.is_proved else "NOT PROVED"
    parts = f"{len(found.parts)} of {len(PARTS)} properties"
    where = f" in {found.record.sandbox}" if found.record and found.record.sandbox else ""
    lines += [
        "",
        f"{verdict}{where}: {parts}, {errors} errors, {warnings} warnings, {seconds:.0f} s",
        *([written] if written else []),
    ]
    show("\n".join(lines).strip("\n"))
