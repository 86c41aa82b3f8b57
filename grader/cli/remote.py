"""`grader login`, `submit`, `status`, `report` and `export`: a server's, for people and scripts."""

import argparse
import getpass
import os
import re
import sys
import time
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

from grader.cli.common import FAULT, OK, REFUSED, USAGE, ProgressLine, say, show
from grader.client import (
    Access,
    ConfigInvalid,
    Server,
    ServerFailed,
    ServerRefused,
    as_json,
    clean_address,
    find_access,
    is_in_clear,
    keep_access,
)
from grader.errors import SubmissionRefused
from grader.report import from_json
from grader.submission import load_submission
from grader.terminal import render
from grader.text import clean

_STATUS = (
    "Exit status: 0 done, 1 the server or the files were refused, 2 usage, 3 the server could not "
    "be reached or failed."
)
_RECEIPT = re.compile(r"[a-z0-9]{1,40}")
_TARGET = re.compile(r"[a-z0-9-]+/[a-z0-9-]+")
_FINAL = frozenset({"done", "waiting", "cancelled"})
_SLOWEST_S = 5.0


def add_to(commands: Any) -> None:
    """Add the commands to the parser."""
    login = _command(commands, "login", _login, "keep a server's address and your token for it")
    submit = _command(commands, "submit", _submit, "hand in to a server")
    submit.add_argument("path", type=Path, help="a file, a folder, a zip or a tar")
    submit.add_argument("--to", required=True, metavar="COURSE/ASSIGNMENT", help="what it is for")
    submit.add_argument("--watch", action="store_true", help="wait for the report and print it")
    submit.add_argument(
        "--key", help="names this submission: the same key again never hands in twice"
    )
    status = _command(commands, "status", _status, "how far a submission is")
    status.add_argument("receipt", metavar="RECEIPT")
    status.add_argument("--watch", action="store_true", help="wait until it is graded")
    report = _command(commands, "report", _report, "print a submission's report")
    report.add_argument("receipt", metavar="RECEIPT")
    report.add_argument("--format", choices=("text", "json"), default="text", help="default: text")
    export = _command(commands, "export", _export, "a course's gradebook as CSV, for its staff")
    export.add_argument("course", metavar="COURSE")
    export.add_argument("--output", type=Path, metavar="FILE", help="default: standard output")
    for command in (login, submit, status, report, export):
        command.add_argument(
            "--server",
            metavar="URL",
            help="default: GRADER_SERVER, then that of `grader login`; the token is read from "
            "GRADER_TOKEN, or is that of `grader login` for this server",
        )


def _command(
    commands: Any, name: str, run: Callable[[argparse.Namespace], int], text: str
) -> argparse.ArgumentParser:
    command: argparse.ArgumentParser = commands.add_parser(
        name, help=text, description=f"{text[0].upper()}{text[1:]}. {_STATUS}"
    )
    command.set_defaults(run=lambda options: _told(run, options))
    return command


def _told(run: Callable[[argparse.Namespace], int], options: argparse.Namespace) -> int:
    """Run a command; what it fails with becomes a sentence and an exit status."""
    try:
        return run(options)
    except ConfigInvalid as error:
        say(str(error))
        return USAGE
    except (ServerRefused, SubmissionRefused) as error:
        say(str(error))
        return REFUSED
    except ServerFailed as error:
        say(str(error))
        return FAULT


def _login(options: argparse.Namespace) -> int:
    server = options.server or os.environ.get("GRADER_SERVER")
    if not server:
        raise ConfigInvalid("Say which server: --server URL.")
    address = clean_address(server)
    say(f"Make a token on your account's page, {address}/account; it needs what you want to do.")
    token = getpass.getpass("Token: ") if sys.stdin.isatty() else sys.stdin.readline()
    token = token.strip()
    if not re.fullmatch(r"[!-~]{1,200}", token):
        raise ConfigInvalid("That is no token.")
    access = Access(address, token)
    try:
        me = as_json(_connected(access).get("me"))
        say(f"You are {me.get('name')} ({me.get('login')}).")
    except ServerRefused as error:
        if "scope" not in str(error):  # it is good, and not for reading
            raise
    say(f"Kept in {keep_access(access)}.")
    return OK


def _submit(options: argparse.Namespace) -> int:
    if not _TARGET.fullmatch(options.to):
        raise ConfigInvalid("Say what it is for as COURSE/ASSIGNMENT.")
    key = options.key or uuid.uuid4().hex
    if not re.fullmatch(r"[!-~]{1,80}", key):
        raise ConfigInvalid("A key has 1 to 80 letters, digits and signs.")
    server = _connected(find_access(options.server))
    submission = load_submission(options.path)  # what cannot be graded is not sent at all
    course, assignment = options.to.split("/")
    if options.path.is_dir():
        files = dict(submission.files)
    else:
        files = {options.path.name: options.path.read_bytes()}
    try:
        receipt = server.hand_in(course, assignment, files, key)
    except ServerFailed as failure:
        say(
            "Nothing was taken."
            if failure.nothing_done
            else f"Whether it was taken is not known. Try again with --key {key}: it is then "
            f"taken once."
        )
        raise
    for name in ("receipt", "received_at", "sha256"):
        show(f"{name:<12}{clean(str(receipt.get(name)), 80)}")
    if not options.watch:
        return OK
    return _watch(server, str(receipt["receipt"]), with_report=True)


def _status(options: argparse.Namespace) -> int:
    receipt = _receipt(options)
    server = _connected(find_access(options.server))
    if options.watch:
        return _watch(server, receipt, with_report=False)
    show(_sentence(as_json(server.get("submissions", receipt))))
    return OK


def _report(options: argparse.Namespace) -> int:
    receipt = _receipt(options)
    return _print_report(_connected(find_access(options.server)), receipt, options.format)


def _export(options: argparse.Namespace) -> int:
    server = _connected(find_access(options.server))
    content = server.get("courses", options.course, "gradebook.csv").content
    if options.output is None:
        show(content.decode("utf-8", "replace").rstrip("\r\n"))
        return OK
    try:
        options.output.write_bytes(content)
    except OSError as error:
        say(f"{options.output} cannot be written: {error.strerror}.")
        return REFUSED
    return OK


def _connected(access: Access) -> Server:
    if is_in_clear(access.server):
        say(f"{access.server} is not reached by HTTPS: others on the way can read your token.")
    return Server(access)


def _receipt(options: argparse.Namespace) -> str:
    receipt = str(options.receipt).strip().lower()
    if not _RECEIPT.fullmatch(receipt):
        raise ConfigInvalid("A receipt has letters and digits only.")
    return receipt


def _watch(server: Server, receipt: str, *, with_report: bool) -> int:
    """Until it is graded, or waits for a person; Ctrl-C ends the watching only."""
    line = ProgressLine()
    pause = 0.5
    try:
        while True:
            found = as_json(server.get("submissions", receipt))
            if found.get("state") in _FINAL:
                break
            line.write(_sentence(found))
            time.sleep(pause)
            pause = min(pause * 1.3, _SLOWEST_S)
    except (KeyboardInterrupt, ServerFailed) as ended:
        line.clear()
        say(f"Its grading goes on. See it later: grader status {receipt}")
        if isinstance(ended, ServerFailed):
            raise
        return OK
    finally:
        line.clear()
    if with_report and found.get("state") == "done" and found.get("score") is not None:
        return _print_report(server, receipt, "text")
    show(_sentence(found))
    return OK


def _print_report(server: Server, receipt: str, form: str) -> int:
    text = server.get("submissions", receipt, "report").text
    try:
        report = from_json(text)
    except ValueError as error:
        raise ServerFailed(f"The report cannot be read: {error}", nothing_done=True) from error
    if form == "json":
        show(text)
    else:
        colour = sys.stdout.isatty() and "NO_COLOR" not in os.environ
        show(render(report, colour=colour, repeatable=False))
    return OK


def _sentence(found: dict[str, Any]) -> str:
    """Where a submission is, in a line."""
    state, receipt = found.get("state"), found.get("receipt")
    if state == "queued":
        place = found.get("place")
        told = "waits to be graded" + (f", place {place}" if place else "")
    elif state == "running":
        done, total = len(found.get("checks") or []), found.get("checks_total")
        told = f"is being graded, {done} of {total} checks" if total else "is being graded"
    elif state == "done" and found.get("score") is not None:
        told = f"is graded: {found['score']:g} of {found.get('max_score') or 0:g} points"
    elif state == "done":
        told = "is graded; scores are not shown yet"
    elif state == "waiting":
        told = "waits for a person: the fault is not yours, and nothing is lost"
    else:
        told = f"is {state}"
    return clean(f"{receipt} {told}", 200)
