"""Millions of mutated frames: every one is parsed, some measured by the allocator as well."""

import contextlib
import dataclasses
import json
import multiprocessing
import random
import time
from types import SimpleNamespace

import numpy as np

from grader.sandbox.agent import wire
from tests.fuzz import frames
from tests.fuzz.corpus import read_corpus
from tests.fuzz.measuring import tracing
from tests.fuzz.mutate_frames import mutate

KINDS = ("data", "data", "nothing", "complaint")
"""Which bounds, in turn."""
PART, CHECKED = 4096, 64
"""Of each part, so many are read under all bounds and measured by the allocator."""
MOST_BYTES = max(frames.most_bytes(bounds) for bounds in frames.BOUNDS.values())
KEPT = 512
"""Frames to mutate further: the seeds, and accepted mutants of theirs."""


@dataclasses.dataclass
class Sums:
    """What many frames came to.

    Attributes:
        frames: How many were read.
        accepted: How many were answers within the bounds.
        malformed: How many were refused as malformed.
        ended: How many ended before what they announced.
        slowest_ms: The one that took longest: the least of three attempts.
        buffers: Most bytes that one frame had allocated for buffers, counted for every frame.
        peak: Most bytes that the allocator gave for one frame, of those that were measured.
        bound: Most bytes that reading one may take.
        seconds: Of a clock on the wall, summed over runs.
    """

    frames: int = 0
    accepted: int = 0
    malformed: int = 0
    ended: int = 0
    slowest_ms: float = 0.0
    buffers: int = 0
    peak: int = 0
    bound: int = MOST_BYTES
    seconds: float = 0.0

    def __add__(self, other) -> "Sums":
        return Sums(
            self.frames + other.frames,
            self.accepted + other.accepted,
            self.malformed + other.malformed,
            self.ended + other.ended,
            max(self.slowest_ms, other.slowest_ms),
            max(self.buffers, other.buffers),
            max(self.peak, other.peak),
            max(self.bound, other.bound),
            self.seconds + other.seconds,
        )

    def lines(self):
        """For people."""
        return (
            f"frames      {self.frames:,}\n"
            f"accepted    {self.accepted:,}\n"
            f"refused     {self.malformed + self.ended:,} ({self.malformed:,} malformed, "
            f"{self.ended:,} cut off)\n"
            f"slowest     {self.slowest_ms:.3f} ms\n"
            f"allocated   {max(self.buffers, self.peak):,} bytes at most, of {self.bound:,}\n"
            f"time        {self.seconds:.1f} s"
        )


class Found(Exception):
    """A frame that breaks the parser: the frame, and how."""

    def __init__(self, content, how):
        super().__init__(content, how)
        self.content = content
        self.how = how


def run(count, seed, processes=2, sums=None):
    """Read `count` frames, the same ones for the same seed and number of processes.

    Args:
        count: How many.
        seed: Of what is drawn.
        processes: How many work at it.
        sums: A file with the sums of earlier runs; this one is added to it.

    Returns:
        The sums, with those of earlier runs.

    Raises:
        Found: A frame broke the parser.
    """
    started = time.perf_counter()
    shares = [(count * k // processes, count * (k + 1) // processes) for k in range(processes)]
    jobs = [(end - start, seed * 1009 + k) for k, (start, end) in enumerate(shares)]
    with multiprocessing.get_context("spawn").Pool(processes) as pool:
        total = sum(pool.imap_unordered(_job, jobs), Sums())
    total.seconds = time.perf_counter() - started
    if sums is not None:
        if sums.exists():
            total += Sums(**json.loads(sums.read_text()))
        sums.write_text(json.dumps(dataclasses.asdict(total)) + "\n")
    return total


def _job(job):
    return read_many(*job)


def read_many(count, seed):
    """Read `count` mutants in this process. Raises Found."""
    draw = random.Random(seed)
    pool = [content for content in read_corpus("frames").values() if len(content) < 1000]
    sums = Sums()
    with counted_buffers() as allocated:
        while sums.frames < count:
            part = min(PART, count - sums.frames)
            checked = min(CHECKED, part)
            with tracing():
                for _ in range(checked):
                    content = _next(pool, draw, allocated, sums)
                    sums.peak = max(sums.peak, _told(frames.check, content).peak)
            for _ in range(part - checked):
                _next(pool, draw, allocated, sums)
    return sums


def _next(pool, draw, allocated, sums):
    """Read one more mutant, keep it for further ones where it is accepted, and return it."""
    content = mutate(pool[int(draw.random() * len(pool))], draw)
    bounds = frames.BOUNDS[KINDS[sums.frames % len(KINDS)]]
    if _told(_read, content, bounds, allocated, sums) and draw.random() < 0.05:
        if len(pool) < KEPT:
            pool.append(content)
        else:
            pool[-1 - int(draw.random() * KEPT / 2)] = content
    return content


def _told(read, content, *others):
    """What `read` returns. Raises Found, which has the content."""
    try:
        return read(content, *others)
    except Exception as error:
        raise Found(content, f"{type(error).__name__}: {error}") from error


def _read(content, bounds, allocated, sums):
    allocated[0] = 0
    accepted = None
    started = time.perf_counter()
    try:
        accepted = frames.parse(content, bounds)
    except wire.MalformedFrame:
        sums.malformed += 1
    except EOFError:
        sums.ended += 1
    seconds = time.perf_counter() - started
    sums.frames += 1
    sums.buffers = max(sums.buffers, allocated[0])
    if allocated[0] > wire.HEADER.size + bounds.value_bytes + bounds.data_bytes:
        raise frames.Broken(f"allocated {allocated[0]} bytes of buffers")
    if seconds * 1000 > sums.slowest_ms:  # was it the frame, or the machine?
        seconds = min(seconds, frames.require_quick(content, bounds))
        sums.slowest_ms = max(sums.slowest_ms, seconds * 1000)
    if accepted is not None:
        sums.accepted += 1
        frames.require_within(content, *accepted)
    return accepted is not None and len(content) < 1000


@contextlib.contextmanager
def counted_buffers():
    """Count what the reader of frames takes for buffers: a list with the one number."""
    allocated = [0]

    def empty(shape, dtype):
        array = np.empty(shape, dtype)
        allocated[0] += array.nbytes
        return array

    def buffer(size):
        allocated[0] += size
        return bytearray(size)

    wire.np = SimpleNamespace(empty=empty, uint8=np.uint8, bool_=np.bool_, ndarray=np.ndarray)
    wire.bytearray = buffer
    try:
        yield allocated
    finally:
        wire.np = np
        del wire.bytearray
