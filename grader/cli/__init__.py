"""The command line. Nothing imports it."""

import argparse
import signal
import sys
from collections.abc import Sequence
from importlib.metadata import entry_points

from grader import __version__
from grader.cli import authoring, check, doctor, grade, remote, verify
from grader.cli.common import FAULT, say
from grader.errors import InfrastructureFault


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line; returns the exit status."""
    options = _parser().parse_args(argv)
    # As Ctrl-C: what was opened is closed on the way out.
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        return int(options.run(options))
    except InfrastructureFault as error:
        say(f"Not graded; this is not the submission's fault. {error}")
        return FAULT
    except KeyboardInterrupt:
        say("Interrupted; nothing was graded.")
        return FAULT
    finally:
        signal.signal(signal.SIGTERM, before)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="grader", description="Grade neural-network layers written from scratch."
    )
    parser.add_argument("--version", action="version", version=f"grader {__version__}")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    for module in (grade, check, verify, doctor, authoring, remote):
        module.add_to(commands)
    # Those of the web service, where it is installed: the core does not know of it.
    for plugin in sorted(entry_points(group="onebyone.commands"), key=lambda each: each.name):
        try:
            plugin.load().add_to(commands)
        except ModuleNotFoundError:
            continue  # installed without the extra `web`
    return parser


if __name__ == "__main__":
    sys.exit(main())
