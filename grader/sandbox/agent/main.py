"""The agent's process: two sockets, one loop, one reply per request."""

import io
import os
import socket
import sys

from . import wire
from .objects import Objects

_REQUEST = wire.Bounds(
    kinds=wire.REQUESTS,
    value_bytes=64 << 20,
    data_bytes=1 << 40,
    arrays=1 << 16,
    items=1 << 20,
    text=True,
    handles=True,
    layouts=True,
)
"""Requests come from the trusted side; its own limits bound them."""

_BUFFER_BYTES = 64 << 10


def main(channel: str, output: str, scratch: str, inbox: str) -> None:
    """Serve requests until the end of the stream.

    Args:
        channel: `fd:N` or `unix:PATH`.
        output: The same; takes what the process prints.
        scratch: Folder for the submission's files.
        inbox: `fd:N` or `file:PATH`; what the trusted end places.
    """
    line = _connect(channel)
    _redirect_output(_connect(output))
    stream = io.BufferedReader(socket.SocketIO(line, "r"), _BUFFER_BYTES)
    objects = Objects(scratch, inbox)
    process = os.getpid()

    def receive(view: memoryview) -> None:
        while view:
            count = stream.readinto(view)
            if count == 0:
                raise EOFError
            view = view[count:]

    while True:
        try:
            header = wire.read_header(receive, _REQUEST)
            request = wire.read_value(receive, header, _REQUEST)
        except EOFError:
            return
        kind, value = objects.perform(header.kind, request)
        if os.getpid() != process:
            # The student's code forked and let the child return: there is one answer only.
            os._exit(0)
        _flush()
        try:
            frame = wire.write_frame(kind, header.request, header.nonce, value)
        except wire.UnsupportedType as error:
            kind = wire.Kind.UNSUPPORTED
            frame = wire.write_frame(kind, header.request, header.nonce, (str(error),))
        _send(line, frame)


def _connect(address: str) -> socket.socket:
    scheme, _, rest = address.partition(":")
    if scheme == "fd":
        return socket.socket(fileno=int(rest))
    line = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    line.connect(rest)
    return line


def _redirect_output(output: socket.socket) -> None:
    """Whatever prints, prints to `output`; the channel is never standard output."""
    for descriptor in (1, 2):
        os.dup2(output.fileno(), descriptor)
    output.close()
    for number, name in ((1, "stdout"), (2, "stderr")):
        stream = open(number, "w", buffering=1, encoding="utf-8", errors="replace", closefd=False)  # noqa: SIM115
        setattr(sys, name, stream)


def _flush() -> None:
    try:
        sys.stdout.flush()
        sys.stderr.flush()
    except Exception:  # noqa: S110 - the student may have put anything there
        pass


def _send(line: socket.socket, buffers: list[memoryview]) -> None:
    while buffers:
        wire.drop_sent(buffers, line.sendmsg(buffers[: wire.MAX_BUFFERS]))
