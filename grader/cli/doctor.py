"""`grader doctor`: is this machine fit to grade strangers' code?"""

import argparse
import shutil
from typing import TYPE_CHECKING, Any

from grader.cli.common import FAULT, OK, REFUSED, ProgressLine, say, show
from grader.sandbox.select import KINDS

if TYPE_CHECKING:
    from grader.doctor.examine import Item


def add_to(commands: Any) -> None:
    """Add the command to the parser."""
    command = commands.add_parser(
        "doctor",
        help="say whether this machine is fit to run strangers' code",
        description="Look at this machine and its container engine, and let hostile code try the "
        "sandbox. Exit status: 0 fit, 1 not fit, 2 usage, 3 it could not be examined.",
    )
    command.set_defaults(run=_doctor)
    command.add_argument("--sandbox", choices=KINDS[:2], default="docker", help="default: docker")
    command.add_argument("--format", choices=("text", "json"), default="text", help="default: text")
    command.add_argument(
        "--without-probes",
        action="store_true",
        help="run no hostile code; nothing is known of the limits then",
    )
    command.add_argument(
        "--accept",
        nargs="+",
        action="extend",
        type=_code,
        default=[],
        metavar="CODE",
        help="findings that you answer for; they do not count",
    )


def _code(text: str) -> str:
    from grader.doctor.examine import require_acceptable  # noqa: PLC0415 - see below

    try:
        require_acceptable(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None
    return text


def _doctor(options: argparse.Namespace) -> int:
    # Not imported for it: `grader grade` would wait for what only this command needs.
    from grader.doctor import table  # noqa: PLC0415
    from grader.doctor.examine import examine  # noqa: PLC0415

    width = min(max(shutil.get_terminal_size((80, 24)).columns, 60), 120)
    as_text = options.format == "text"
    line = ProgressLine()

    def on_item(item: "Item") -> None:
        line.clear()
        if as_text:
            show(table.render_item(item, width))

    try:
        examination = examine(
            options.sandbox,
            probes=not options.without_probes,
            accept=frozenset(options.accept),
            on_start=lambda name: line.write(f"...     {name}"),
            on_item=on_item,
            say=say,
        )
    except OSError as error:
        say(f"COULD NOT EXAMINE: {error}")
        return FAULT
    finally:
        line.clear()
    if as_text:
        findings = table.render_findings(examination, width)
        verdict = table.render_verdict(examination, width)
        show("\n".join(["", *findings, *([""] if findings else []), *verdict]))
    else:
        show(table.to_json(examination))
    return OK if examination.is_fit else REFUSED
