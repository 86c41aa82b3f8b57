"""Frames as bytes, and their reading at the far end of a line: what tests of both ends share."""

from grader.sandbox.agent import wire

NONCE = bytes(range(16))
REQUEST = wire.Bounds(
    kinds=wire.REQUESTS,
    value_bytes=1 << 20,
    data_bytes=1 << 30,
    text=True,
    handles=True,
    layouts=True,
)


def frame(value, kind=wire.Kind.RESULT, **options):
    return b"".join(wire.write_frame(kind, 7, NONCE, value, **options))


def raw_frame(value, data=b"", **changes):
    """A frame whose header says what `changes` say."""
    fields = {
        "magic": wire.MAGIC,
        "version": wire.VERSION,
        "kind": wire.Kind.RESULT,
        "flags": 0,
        "request": 7,
        "nonce": NONCE,
        "value_bytes": len(value),
        "data_bytes": len(data),
    } | changes
    return wire.HEADER.pack(*fields.values()) + value + data


def read_request(line):
    """Header and value of the next request from a socket. Raises EOFError at its end."""

    def receive(view):
        while view:
            count = line.recv_into(view)
            if not count:
                raise EOFError
            view = view[count:]

    header = wire.read_header(receive, REQUEST)
    return header, wire.read_value(receive, header, REQUEST)
