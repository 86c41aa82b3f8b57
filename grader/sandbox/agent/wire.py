"""The frames that cross the trust line.

A frame is a header, one value and the buffers of the arrays in it, all little endian:

    magic 4s | version u8 | kind u8 | flags u16 | request id u64 | nonce 16s
    | value length u32 | data length u64 || value || data

A value is a tag and its body; see `values.Encoder`. An array in it is a dtype from an allow-list, a
shape and a byte count; its elements follow in the data, in C order. Nothing is ever unpickled,
no frame carries a score, a time or a verdict, and the reader checks every number against
`Bounds` before it allocates anything.

Both ends read with the same strict reader. The trusted end uses bounds under which only
numbers, arrays, None and tuples of these are accepted.
"""

import enum
import struct
from collections.abc import Callable, Sequence
from typing import NamedTuple, TypeAlias

import numpy as np

from .values import (
    DTYPES,
    MAX_DEPTH,
    Array,
    Bounds,
    Decoder,
    Encoder,
    Handle,
    MalformedFrame,
    Slot,
    Spec,
    UnsupportedType,
    Value,
)

__all__ = [
    "DTYPES",
    "Array",
    "Bounds",
    "Handle",
    "Header",
    "Kind",
    "MalformedFrame",
    "UnsupportedType",
    "Value",
    "drop_sent",
    "read_header",
    "read_value",
    "write_frame",
]

MAGIC = b"1x1\n"
VERSION = 1
HEADER = struct.Struct("<4sBBHQ16sIQ")
NONCE_BYTES = 16
MAX_BUFFERS = 512
"""How many buffers to send at once: fewer than any system's IOV_MAX."""


class Kind(enum.IntEnum):
    """What a frame asks or answers."""

    HELLO = 1
    LOAD = 2
    CONSTRUCT = 3
    CALL = 4
    GET = 5
    SET = 6
    HOLD = 7
    FETCH = 8
    PLACE = 9
    USE = 10
    SETTLE = 11
    RESULT = 32
    EXCEPTION = 33
    UNSUPPORTED = 34


REQUESTS = frozenset(kind for kind in Kind if kind < Kind.RESULT)
REPLIES = frozenset(kind for kind in Kind if kind >= Kind.RESULT)


class Header(NamedTuple):
    """The fixed part of a frame."""

    kind: Kind
    request: int
    nonce: bytes
    value_bytes: int
    data_bytes: int


Receive: TypeAlias = Callable[[memoryview], None]
"""Fills the whole buffer from the stream, or raises."""


def write_frame(
    kind: Kind, request: int, nonce: bytes, value: Value, *, layouts: bool = False
) -> list[memoryview]:
    """The buffers of a frame, in order. Contiguous arrays are not copied.

    Args:
        kind: What the frame asks or answers.
        request: Number of the request.
        nonce: `NONCE_BYTES` bytes, the same in request and reply.
        value: What it carries.
        layouts: Have arrays arrive with the memory layout and the writability that they have
            here; otherwise they arrive writable and in C order.

    Raises:
        UnsupportedType: The value holds something that cannot cross.
    """
    encoder = Encoder(layouts)
    encoder.put(value, MAX_DEPTH)
    data_bytes = sum(buffer.nbytes for buffer in encoder.data)
    body = bytes(encoder.body)
    header = HEADER.pack(MAGIC, VERSION, kind, 0, request, nonce, len(body), data_bytes)
    return [memoryview(header + body), *encoder.data]


def drop_sent(buffers: list[memoryview], count: int) -> None:
    """Take the first `count` bytes off what is still to be sent, in place."""
    while buffers and count >= buffers[0].nbytes:
        count -= buffers.pop(0).nbytes
    if buffers:
        buffers[0] = buffers[0][count:]


def read_header(receive: Receive, bounds: Bounds) -> Header:
    """Read and check a header.

    Raises:
        MalformedFrame: It is not a header, or announces more than the bounds allow.
    """
    raw = bytearray(HEADER.size)
    receive(memoryview(raw))
    magic, version, kind, flags, request, nonce, value_bytes, data_bytes = HEADER.unpack(raw)
    if magic != MAGIC or version != VERSION or flags != 0:
        raise MalformedFrame("not a frame of this protocol")
    if kind not in bounds.kinds:
        raise MalformedFrame(f"a frame of kind {kind} is not expected here")
    if value_bytes > bounds.value_bytes:
        raise MalformedFrame(f"announces {value_bytes} bytes of values")
    if data_bytes > bounds.data_bytes:
        raise MalformedFrame(f"announces {data_bytes} bytes of arrays")
    return Header(Kind(kind), request, nonce, value_bytes, data_bytes)


def read_value(receive: Receive, header: Header, bounds: Bounds) -> Value:
    """Read what follows a header.

    Memory for arrays is allocated only after all sizes were found to agree with the header.

    Raises:
        MalformedFrame: The bytes are not one value within the bounds.
    """
    raw = bytearray(header.value_bytes)
    receive(memoryview(raw))
    decoder = Decoder(bytes(raw), bounds)
    value = decoder.take(MAX_DEPTH)
    decoder.finish(header.data_bytes)
    arrays = [_receive_array(receive, spec) for spec in decoder.specs]
    return _fill(value, arrays) if arrays else value


def _receive_array(receive: Receive, spec: Spec) -> Array:
    array = np.empty(spec.shape, spec.dtype)
    if spec.nbytes:
        receive(array.reshape(-1).view(np.uint8).data)
        if spec.dtype == np.bool_ and array.view(np.uint8).max() > 1:
            raise MalformedFrame("a truth value that is neither 0 nor 1")
    return array if spec.layout is None else spec.layout.arrange(array)


def _fill(value: Value, arrays: Sequence[Array]) -> Value:
    if isinstance(value, Slot):
        return arrays[value.index]
    if isinstance(value, tuple):
        return tuple(_fill(item, arrays) for item in value)
    return value
