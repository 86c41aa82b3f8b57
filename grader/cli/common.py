"""What all commands share: exit statuses, where assignments are looked for, what is printed."""

import argparse
import contextlib
import os
import sys
from collections.abc import Iterator
from pathlib import Path

from grader.assignment import find_assignment
from grader.text import clean, wrap

OK, REFUSED, USAGE, FAULT = 0, 1, 2, 3
"""Exit statuses; 2 is argparse's own."""

ROOTS_VARIABLE = "ONEBYONE_ASSIGNMENTS"
WHERE = (
    f"its name or folder; names are looked up here, in ./assignments, in the folders of "
    f"{ROOTS_VARIABLE}, and among those that come with the grader"
)


def find(slug_or_path: str) -> Path:
    """The folder of an assignment. Raises AssignmentInvalid."""
    roots = [Path(), Path("assignments")]
    roots += [Path(root) for root in os.environ.get(ROOTS_VARIABLE, "").split(os.pathsep) if root]
    roots.append(Path(__file__).resolve().parents[2] / "assignments")
    return find_assignment(slug_or_path, roots)


def seed(text: str) -> int:
    """For argparse: a seed."""
    number = int(text)  # argparse makes its own sentence of a ValueError
    if not 0 <= number < 2**63:
        raise argparse.ArgumentTypeError("a seed is a number from 0 to 2**63 - 1")
    return number


@contextlib.contextmanager
def stdout_set_aside() -> Iterator[None]:
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


def show(text: str) -> None:
    """Print a report, also where the terminal's encoding lacks a character."""
    encoding = sys.stdout.encoding or "utf-8"
    try:
        print(text.encode(encoding, "backslashreplace").decode(encoding), flush=True)
    except BrokenPipeError:
        # Whoever read it has seen enough; nor shall Python complain when it flushes at its end.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def say(text: str) -> None:
    """One message on standard error; no control characters."""
    print(clean(text), file=sys.stderr)


class ProgressLine:
    """A line on a terminal that is written over and over; nothing elsewhere."""

    def __init__(self) -> None:
        self._stream = sys.stderr  # kept: pytest puts another in its place while checks run

    def write(self, text: str) -> None:
        """Replace the line."""
        if self._stream.isatty():
            self._stream.write(f"\r\x1b[K{wrap(clean(text), 78)[0]}")
            self._stream.flush()

    def clear(self) -> None:
        """Leave an empty line behind."""
        if self._stream.isatty():
            self._stream.write("\r\x1b[K")
            self._stream.flush()
