"""The command line. Nothing imports it."""

import argparse
import contextlib
import json
import os
import signal
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from grader import __version__
from grader.assignment import Assignment, find_assignment, load_assignment
from grader.errors import AssignmentInvalid, InfrastructureFault, SubmissionRefused
from grader.exporters.gradescope import NotAGrade, to_gradescope
from grader.report import CheckResult, Outcome, Report, student_view, to_json
from grader.sandbox.pool import SandboxPool
from grader.sandbox.select import KINDS, choose_sandbox
from grader.submission import Submission, load_submission, require_file
from grader.terminal import render
from grader.text import clean, quoted, wrap

_OnCheck = Callable[[CheckResult, int], None]

GRADED, REFUSED, USAGE, FAULT = 0, 1, 2, 3
"""Exit statuses; 2 is argparse's own."""

_STATUS = {
    Outcome.GRADED: GRADED,
    Outcome.REFUSED: REFUSED,
    Outcome.ASSIGNMENT_FAULT: REFUSED,
    Outcome.INFRASTRUCTURE_FAULT: FAULT,
}
_ROOTS_VARIABLE = "ONEBYONE_ASSIGNMENTS"


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line; returns the exit status."""
    options = _parser().parse_args(argv)
    # As Ctrl-C: what was opened is closed on the way out.
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        return int(options.run(options))
    except InfrastructureFault as error:
        _say(f"Not graded; this is not the submission's fault. {error}")
        return FAULT
    except KeyboardInterrupt:
        _say("Interrupted; nothing was graded.")
        return FAULT
    finally:
        signal.signal(signal.SIGTERM, before)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="grader", description="Grade neural-network layers written from scratch."
    )
    parser.add_argument("--version", action="version", version=f"grader {__version__}")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
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
        help=f"its name or folder; names are looked up in ./assignments, in the folders of "
        f"{_ROOTS_VARIABLE}, and among those that come with the grader",
    )
    command.add_argument("--sandbox", choices=KINDS, help="default: the strongest that works here")
    command.add_argument(
        "--own-code",
        action="store_true",
        help="the code is your own: where no sandbox works, run it without one",
    )
    command.add_argument("--device", metavar="ID", help="pass this one GPU to the sandbox")
    command.add_argument("--seed", type=_seed, help="repeat the grading that had this seed")
    command.add_argument(
        "--format", choices=("text", "json", "gradescope"), default="text", help="default: text"
    )
    command.add_argument("--visible-only", action="store_true", help="run public checks only")
    command.add_argument(
        "--show-hidden", action="store_true", help="for authors: show what students may not see"
    )
    return parser


def _seed(text: str) -> int:
    number = int(text)  # argparse makes its own sentence of a ValueError
    if not 0 <= number < 2**63:
        raise argparse.ArgumentTypeError("a seed is a number from 0 to 2**63 - 1")
    return number


def _grade(options: argparse.Namespace) -> int:
    try:
        assignment = load_assignment(_find(options))
    except AssignmentInvalid as error:
        from grader.grading import ungraded  # noqa: PLC0415 - see below

        _say(f"The assignment was refused: {error}")
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
        options.sandbox, own_code=options.own_code, device=options.device, say=_say
    )
    _say(f"sandbox: {choice.reason}")
    with (
        contextlib.closing(choice.launcher),
        SandboxPool(choice.launcher, assignment.limits) as pool,
    ):
        yield pool


def _grade_in(
    pool: SandboxPool, submission: Submission, assignment: Assignment, options: argparse.Namespace
) -> Report:
    # pytest and Hypothesis are imported while the sandbox starts.
    from grader.grading import grade  # noqa: PLC0415

    with _progress(assignment) as on_check, _stdout_set_aside():
        return grade(
            submission,
            assignment,
            pool,
            seed=options.seed,
            visible_only=options.visible_only,
            on_check=on_check,
        )


def _find(options: argparse.Namespace) -> Path:
    roots = [Path("assignments")]
    roots += [Path(root) for root in os.environ.get(_ROOTS_VARIABLE, "").split(os.pathsep) if root]
    roots.append(Path(__file__).resolve().parent.parent / "assignments")
    if options.assignment is not None:
        return find_assignment(options.assignment, roots)
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
        _show(to_json(shown))
    elif options.format == "gradescope":
        try:
            # Whole: it says itself to Gradescope what students may see, and when.
            _show(json.dumps(to_gradescope(report), indent=2, allow_nan=False))
        except NotAGrade as error:
            _say(str(error))
            return _STATUS[report.outcome] or USAGE  # graded, but only in part
    else:
        colour = sys.stdout.isatty() and "NO_COLOR" not in os.environ
        path = str(options.path)
        _show(render(shown, colour=colour, path=path, assignment=options.assignment))
    return _STATUS[report.outcome]


@contextlib.contextmanager
def _progress(assignment: Assignment) -> Iterator[_OnCheck]:
    """A line that counts the checks, on a terminal; nothing elsewhere."""
    stream = sys.stderr  # kept: pytest puts another in its place while checks run
    done = 0

    def on_check(check: CheckResult, total: int) -> None:
        nonlocal done
        done += 1
        if stream.isatty():
            line = clean(f"{assignment.slug}: {done}/{total} {check.title}")
            stream.write(f"\r\x1b[K{wrap(line, 78)[0]}")
            stream.flush()

    try:
        yield on_check
    finally:
        if stream.isatty():
            stream.write("\r\x1b[K")
            stream.flush()


@contextlib.contextmanager
def _stdout_set_aside() -> Iterator[None]:
    """Keep standard output for the report alone.

    What a subprocess of a check writes there, or a library below Python, goes to standard error.
    """
    sys.stdout.flush()
    kept = os.dup(1)
    os.dup2(2, 1)
    try:
        yield
    finally:
        sys.stdout.flush()
        os.dup2(kept, 1)
        os.close(kept)


def _show(text: str) -> None:
    """Print a report, also where the terminal's encoding lacks a character."""
    encoding = sys.stdout.encoding or "utf-8"
    try:
        print(text.encode(encoding, "backslashreplace").decode(encoding), flush=True)
    except BrokenPipeError:
        # Whoever read it has seen enough; nor shall Python complain when it flushes at its end.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _say(text: str) -> None:
    print(clean(text), file=sys.stderr)


if __name__ == "__main__":
    sys.exit(main())
