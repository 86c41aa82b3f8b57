"""What holds of any bytes that are handed in as an archive."""

import contextlib
import os
import tempfile
from pathlib import Path
from typing import NamedTuple

from grader import submission
from grader.archives import streams, tar, zip  # noqa: A004 - the formats' names
from grader.errors import SubmissionRefused
from grader.intake import DEFAULT_BOUNDS, KEPT_SUFFIXES, Intake, SubmissionBounds
from tests.fuzz.measuring import measured

BOUNDS = {
    "default": DEFAULT_BOUNDS,
    "small": SubmissionBounds(
        files=3,
        file_bytes=2000,
        total_bytes=4000,
        archive_bytes=100_000,
        entries=8,
        ratio=2,
        depth=3,
        name_length=20,
    ),
}
"""Those of every submission, and some that a small input can break."""

DECOMPRESSOR_BYTES = 26 << 20
"""What `xz` may take for its dictionary, and `bzip2` takes for its blocks."""
MOST_CHARACTERS = 900
"""Of a refusal, which may quote 60 characters of a name, each escaped with ten."""
MOST_CPU_S = 2.0
"""For any one input. It is the least of three attempts: a machine may be busy, a reader is not."""


class Broken(AssertionError):
    """The reader did what it must never do."""


class Seen(NamedTuple):
    """How reading went.

    Attributes:
        accepted: Names of the bounds under which it is a submission.
        refusals: What the others said.
        unpacked: Most bytes that came out of decompressors.
        peak: Most bytes that were allocated at a time.
        seconds: Of processor time, for the slowest.
    """

    accepted: frozenset
    refusals: dict
    unpacked: int
    peak: int
    seconds: float


def check(content):
    """Read within each of the bounds.

    Raises:
        Broken: What is kept is not within the bounds, or reading took too much.
        Exception: Anything that is raised other than SubmissionRefused.
    """
    each = {name: _checked(content, bounds) for name, bounds in BOUNDS.items()}
    return Seen(
        frozenset(name for name, seen in each.items() if seen.files is not None),
        {name: seen.refusal for name, seen in each.items() if seen.files is None},
        max(seen.unpacked for seen in each.values()),
        max(seen.peak for seen in each.values()),
        max(seen.seconds for seen in each.values()),
    )


class _Measured(NamedTuple):
    files: dict | None
    refusal: str
    entries: int
    unpacked: int
    peak: int
    seconds: float


def _checked(content, bounds):
    seen = _measured(content, bounds)
    most = most_bytes(content, bounds)
    if seen.peak > most:
        raise Broken(f"allocated {seen.peak} bytes, of at most {most}")
    if seen.seconds > MOST_CPU_S:
        seconds = min(_measured(content, bounds).seconds for _ in range(2))
        if seconds > MOST_CPU_S:
            raise Broken(f"took {seconds:.1f} s")
    _require(seen.entries <= bounds.entries + 1, f"looked at {seen.entries} entries")
    most = max(bounds.total_bytes, bounds.archive_bytes) + streams.CHUNK
    _require(seen.unpacked <= most, f"unpacked {seen.unpacked} bytes, of at most {most}")
    if seen.files is not None:
        require_within(seen.files, bounds)
    elif not (seen.refusal.isprintable() and seen.refusal[-1:] == "."):
        raise Broken(f"refused with {seen.refusal!r}")
    _require(len(seen.refusal) < MOST_CHARACTERS, f"refused with {len(seen.refusal)} characters")
    return seen


def most_bytes(content, bounds):
    """What reading may allocate at most: for the upload, what is kept, twice, and buffers."""
    return len(content) + bounds.archive_bytes + 2 * bounds.total_bytes + DECOMPRESSOR_BYTES


def require_within(files, bounds):
    """Files that were kept are within the bounds.

    Raises:
        Broken: They are not.
    """
    _require(0 < len(files) <= bounds.files, f"{len(files)} files")
    _require(sum(map(len, files.values())) <= bounds.total_bytes, "more than all together may have")
    for name, content in files.items():
        parts = name.split("/")
        _require(len(content) <= bounds.file_bytes, "a file that is too large")
        _require(len(name) <= bounds.name_length and len(parts) <= bounds.depth, f"the name {name}")
        _require(name.isascii() and name.isprintable() and "\\" not in name, f"the name {name!r}")
        _require(not any(part.startswith((".", "-")) or not part for part in parts), f"{name!r}")
        _require(name.lower().endswith(KEPT_SUFFIXES), f"the name {name}")
    folded = {name.casefold() for name in files}
    _require(len(folded) == len(files), "names that differ by case only")
    above = {str(folder) for name in folded for folder in Path(name).parents}
    _require(not folded & above, "a file that is a folder too")


def _require(holds, what):
    if not holds:
        raise Broken(what)


def _measured(content, bounds):
    def read():
        try:
            return dict(submission.load_submission(path, bounds).files), ""
        except SubmissionRefused as error:
            return None, str(error)

    with _file(content) as path, _counted() as counts:
        (files, refusal), cost = measured(read)
    return _Measured(files, refusal, counts["entries"], counts["unpacked"], *cost)


@contextlib.contextmanager
def _file(content):
    """A file with this content, in memory where there is a place for it."""
    folder = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
    with tempfile.NamedTemporaryFile(dir=folder, suffix=".upload") as file:
        file.write(content)
        file.flush()
        yield Path(file.name)


@contextlib.contextmanager
def _counted():
    """Count entries looked at and bytes that come out of decompressors."""
    counts = {"entries": 0, "unpacked": 0}

    class Counting(Intake):
        def admit(self, name):
            counts["entries"] += 1
            return super().admit(name)

    def decompressed(decompressor, data):
        for chunk in streams.decompressed(decompressor, data):
            _require(len(chunk) <= streams.CHUNK, "a chunk that is too large")
            counts["unpacked"] += len(chunk)
            yield chunk

    submission.Intake = Counting
    tar.decompressed = zip.decompressed = decompressed
    try:
        yield counts
    finally:
        submission.Intake = Intake
        tar.decompressed = zip.decompressed = streams.decompressed
