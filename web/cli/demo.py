"""`grader demo`: a seeded course, open in the browser's reach."""

import argparse
import threading
import time
from pathlib import Path
from typing import Any

from grader.cli.common import say
from grader.sandbox.select import choose_sandbox
from web import demo
from web.app import create_app
from web.cli.serve import USAGE, run
from web.logs import set_up_logs
from web.migrating import migrate
from web.services import Services
from web.settings import Settings

_LONGEST_S = 3600.0


def add_to(commands: Any) -> None:
    """Add the command to the parser."""
    command = commands.add_parser(
        "demo",
        help="open a course with students and graded submissions, to look around in",
        description="Seed a course with twenty students and the verified assignments, grade some "
        "dozens of known submissions, and serve it all on this machine.",
    )
    command.set_defaults(run=_demo)
    command.add_argument("--data", type=Path, default=Path(".demo"), help="default: .demo")
    command.add_argument("--port", type=int, default=8000, help="default: 8000")
    command.add_argument(
        "--assignments", type=Path, default=Path("assignments"), help="default: assignments"
    )
    command.add_argument(
        "--check",
        action="store_true",
        help="do not serve: grade everything, compare with what its authors say, and end",
    )


def _demo(options: argparse.Namespace) -> int:
    if not options.assignments.is_dir():
        say(f"There is no folder {options.assignments}: name it with --assignments.")
        return USAGE
    # The demo's submissions are this project's own; what a visitor uploads is the visitor's own.
    choice = choose_sandbox(own_code=True)
    kind = choice.launcher.describe().kind
    choice.launcher.close()
    say(f"sandbox: {choice.reason}")
    settings = Settings(data=options.data, port=options.port, sandbox=kind)
    set_up_logs(settings.log_format)
    app = create_app(settings)
    services: Services = app.extensions["onebyone"]
    migrate(services.database)
    expected: list[demo.Expected] = []
    if not demo.is_seeded(services):
        say("Taking in the assignments and the students' work ...")
        expected = demo.seed(services, options.assignments)
        say(f"{len(expected)} submissions are handed in; they are graded while you look around.")
        if left_out := demo.take_in_more(services, options.assignments):
            say(f"Left out, as they need PyTorch or Keras: {', '.join(left_out)}.")
    if options.check:
        return _check(services, expected)
    threading.Thread(target=_tell, args=(services,), daemon=True).start()
    say(_WELCOME.format(password=demo.PASSWORD, host=settings.host, port=settings.port))
    return run(app, settings)


_WELCOME = """
  Onebyone will be at http://{host}:{port}/ in a moment.

  a student      grace     {password}
  an instructor  ada       {password}
  an assistant   alan      {password}

  Ctrl-C ends it; `rm -r .demo` forgets it. Before you let others in: grader doctor, and
  docs/operations.md."""


def _tell(services: Services) -> None:
    time.sleep(5)
    while left := demo.unfinished(services):
        say(f"{left} submissions are still to be graded.")
        time.sleep(30)
    say("All submissions are graded.")


def _check(services: Services, expected: list[demo.Expected]) -> int:
    services.workers.start()
    started = time.monotonic()
    try:
        while (left := demo.unfinished(services)) and time.monotonic() - started < _LONGEST_S:
            say(f"{left} submissions are still to be graded.")
            time.sleep(10)
    finally:
        services.workers.stop()
    problems = demo.unexpected(services, expected)
    services.database.close()
    for problem in problems:
        say(problem)
    say(f"{len(expected) - len(problems)} of {len(expected)} came out as their authors say.")
    return 1 if problems or not expected else 0
