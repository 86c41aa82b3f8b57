"""What holds of any bytes that the trusted end reads as a frame."""

import contextlib
import socket
from types import SimpleNamespace
from typing import NamedTuple

import numpy as np

from grader.sandbox import client
from grader.sandbox.agent import wire
from grader.sandbox.agent.values import MAX_DEPTH, MAX_DIMENSIONS
from grader.sandbox.limits import Limits
from tests.fuzz.measuring import measured

SPARE_BYTES = 128 << 10
"""Beyond header, value and data: copies of the value (text takes four bytes a character), and the
objects of at most 64 small values."""
MOST_CPU_S = 0.1
"""For any one input. It is the least of three attempts: a machine may be busy, a parser is not."""


def _of_results() -> wire.Bounds:
    line, far = socket.socketpair()
    with line, far:
        sandbox = SimpleNamespace(channel=line, output=far)
        return client.AgentClient(sandbox, Limits(reply_mib=1))._data


BOUNDS = {
    "nothing": client._NOTHING,
    "complaint": client._COMPLAINT,
    "data": _of_results(),
}
"""All that the client reads with."""


class Broken(AssertionError):
    """The parser did what it must never do."""


def parse(content, bounds):
    """Read as the client does: the value, its header, what bounded it, and how far it was read."""
    source, at = memoryview(content), 0

    def receive(view):
        nonlocal at
        end = at + len(view)
        if end > len(source):
            raise EOFError
        view[:] = source[at:end]
        at = end

    header = wire.read_header(receive, bounds)
    value_bounds = bounds if header.kind is wire.Kind.RESULT else client._COMPLAINT
    return wire.read_value(receive, header, value_bounds), header, value_bounds, at


def most_bytes(bounds):
    """What reading may allocate at most."""
    return wire.HEADER.size + bounds.value_bytes + bounds.data_bytes + SPARE_BYTES


class Seen(NamedTuple):
    """How reading went.

    Attributes:
        accepted: Names of the bounds under which it is a frame.
        peak: Most bytes that were allocated at a time.
        seconds: Of processor time, for the slowest.
    """

    accepted: frozenset
    peak: int
    seconds: float


def check(content):
    """Read with each of the client's bounds.

    Raises:
        Broken: An accepted value is not within the bounds, or reading took too much.
        Exception: Anything that the parser raises other than MalformedFrame and EOFError.
    """
    each = {name: _checked(content, bounds) for name, bounds in BOUNDS.items()}
    return Seen(
        frozenset(name for name, (accepted, _) in each.items() if accepted),
        max(cost.peak for _, cost in each.values()),
        max(cost.seconds for _, cost in each.values()),
    )


def _checked(content, bounds):
    accepted, cost = attempt(content, bounds)
    if cost.peak > most_bytes(bounds):
        raise Broken(f"allocated {cost.peak} bytes, of at most {most_bytes(bounds)}")
    if cost.seconds > MOST_CPU_S:
        require_quick(content, bounds)
    if accepted:
        require_within(content, *accepted)
    return accepted is not None, cost


def attempt(content, bounds):
    """What `parse` gives, or None where it refuses; and what that cost."""

    def read():
        with contextlib.suppress(wire.MalformedFrame, EOFError):
            return parse(content, bounds)

    return measured(read)


def require_quick(content, bounds):
    """What took long takes long again. Raises Broken."""
    seconds = min(attempt(content, bounds)[1].seconds for _ in range(2))
    if seconds > MOST_CPU_S:
        raise Broken(f"took {seconds:.3f} s")
    return seconds


def require_within(content, value, header, bounds, read):
    """An accepted value keeps every bound, and is what the bytes say.

    Raises:
        Broken: It is not.
    """
    _require(read == wire.HEADER.size + header.value_bytes + header.data_bytes, "read too far")
    _require(header.kind in bounds.kinds, "a kind that was not expected")
    arrays = []
    items = _count(value, bounds, MAX_DEPTH, arrays)
    _require(items <= bounds.items, f"{items} values")
    _require(len(arrays) <= bounds.arrays, f"{len(arrays)} arrays")
    data_bytes = sum(array.nbytes for array in arrays)
    _require(data_bytes == header.data_bytes <= bounds.data_bytes, f"{data_bytes} bytes of arrays")
    if not bounds.text:  # what is no UTF-8 is replaced
        frame = wire.write_frame(header.kind, header.request, header.nonce, value)
        _require(b"".join(frame) == content[:read], "it is not what its bytes say")


def _count(value, bounds, depth, arrays):
    _require(depth > 0, "nested too deeply")
    if type(value) is tuple:
        return 1 + sum(_count(item, bounds, depth - 1, arrays) for item in value)
    if type(value) is np.ndarray:
        _require(value.dtype in wire.DTYPES and value.ndim <= MAX_DIMENSIONS, "a strange array")
        _require(value.flags.c_contiguous and value.flags.writeable, "an array that is laid out")
        if value.dtype == np.bool_:
            _require(set(value.tobytes()) <= {0, 1}, "a truth value that is none")
        arrays.append(value)
    elif type(value) in (str, bytes):
        _require(bounds.text and len(value) <= bounds.value_bytes, "text")
    else:
        _require(value is None or type(value) in (bool, int, float), f"a {type(value).__name__}")
    return 1


def _require(holds, what):
    if not holds:
        raise Broken(what)
