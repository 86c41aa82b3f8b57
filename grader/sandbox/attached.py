"""A container's standard streams as the two sockets that a sandbox has.

For container runtimes that let no Unix socket of this machine in, like gVisor's `runsc`. The
bytes go through the engine, which marks what comes back with eight bytes: the stream (1 or 2),
three zeros, the length in big endian (Docker Engine API, "Attach to a container").
"""

import contextlib
import socket
import struct
import threading
from typing import Any

_MARK = struct.Struct(">BxxxL")
_STDOUT, _STDERR = 1, 2
_CHUNK = 64 << 10


class AttachedStreams:
    """Connected to a container that has been created and not been started.

    Attributes:
        channel: Its standard input and output.
        output: Its standard error.
    """

    def __init__(self, container: Any) -> None:
        params = {"stream": 1, "stdin": 1, "stdout": 1, "stderr": 1}
        self._engine = container.attach_socket(params=params)
        self._line: socket.socket = self._engine._sock  # the SDK wraps it in a reader
        self._line.settimeout(None)
        self.channel, self._channel_end = socket.socketpair()
        self.output, self._output_end = socket.socketpair()
        self._threads = [
            threading.Thread(target=run, name="sandbox-streams", daemon=True)
            for run in (self._bring_in, self._bring_out)
        ]
        for thread in self._threads:
            thread.start()

    def close(self) -> None:
        """Let go of the engine: while somebody is attached, it kills no container."""
        for end in (self._line, self._channel_end, self._output_end):
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join()
        for end in (self._channel_end, self._output_end, self.channel, self.output):
            end.close()
        self._line.close()
        self._engine.close()

    def _bring_in(self) -> None:
        with contextlib.suppress(OSError):
            while chunk := self._channel_end.recv(_CHUNK):
                self._line.sendall(chunk)

    def _bring_out(self) -> None:
        ends = {_STDOUT: self._channel_end, _STDERR: self._output_end}
        with contextlib.suppress(OSError, EOFError):
            while True:
                stream, left = _MARK.unpack(self._exactly(_MARK.size))
                while left:
                    chunk = self._line.recv(min(left, _CHUNK))
                    if not chunk:
                        raise EOFError
                    left -= len(chunk)
                    if stream in ends:
                        ends[stream].sendall(chunk)
        for end in ends.values():
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_WR)

    def _exactly(self, count: int) -> bytes:
        found = b""
        while len(found) < count:
            chunk = self._line.recv(count - len(found))
            if not chunk:
                raise EOFError
            found += chunk
        return found
