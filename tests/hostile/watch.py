"""What must not be left of a sandbox, must not be read and must not be called."""

import contextlib
import ctypes
import gc
import os
import secrets
import socket
import struct
import tempfile
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import docker

from grader.sandbox.base import Launcher, Sandbox

PORT = 18765
"""On which this machine listens while attacks run; `theft/metadata` calls it."""

_IN_ACCESS, _IN_MODIFY, _IN_OPEN = 0x1, 0x2, 0x20  # of inotify(7)
_IN_NONBLOCK = os.O_NONBLOCK


class Witness:
    """A launcher that remembers what it launched."""

    def __init__(self, launcher: Launcher) -> None:
        self.runtime = launcher.runtime
        self._launcher = launcher
        self.sandboxes: list[Sandbox] = []

    def describe(self):
        return self._launcher.describe()

    def launch(self, limits):
        sandbox = self._launcher.launch(limits)
        self.sandboxes.append(sandbox)
        return sandbox

    def close(self):
        self._launcher.close()


class Canary:
    """A secret in a file and in the environment; whoever opens the file is noticed."""

    def __init__(self, folder: Path) -> None:
        self.secret = f"EXPECTED_{secrets.token_hex(16)}"
        self.path = folder / "canary.txt"
        self.path.write_text(self.secret)
        libc = ctypes.CDLL(None, use_errno=True)
        self._events = libc.inotify_init1(_IN_NONBLOCK)
        mask = _IN_ACCESS | _IN_MODIFY | _IN_OPEN
        if libc.inotify_add_watch(self._events, str(self.path).encode(), mask) < 0:
            raise OSError(ctypes.get_errno(), "the canary cannot be watched")

    def was_touched(self) -> bool:
        """Whether anybody opened it since this was last asked."""
        try:
            return len(os.read(self._events, 1 << 16)) >= struct.calcsize("iIII")
        except BlockingIOError:
            return False

    def close(self) -> None:
        os.close(self._events)


@dataclass
class Watch:
    """The surroundings of a series of attacks.

    Attributes:
        canary: Beside the grader.
        folder: Where the grader keeps what is temporary.
        line: Listens on `PORT`.
        open_files: What this process has open when nothing runs; None until it is settled.
    """

    canary: Canary
    folder: Path
    line: socket.socket
    open_files: Counter[str] | None = None

    def settle(self) -> None:
        """Take what is open now for what is open when nothing runs."""
        self.open_files = _open_files()

    def problems(self, witness: Witness) -> list[str]:
        """What is left, was read or was called; empties the witness."""
        found = [left for sandbox in witness.sandboxes for left in _left_of(sandbox)]
        witness.sandboxes.clear()
        found += [f"left a file: {path.name}" for path in self.folder.iterdir()]
        if self.canary.was_touched():
            found.append("opened the canary")
        with contextlib.suppress(BlockingIOError):
            self.line.accept()[0].close()
            found.append("called this machine")
        if self.open_files is not None and (more := _open_files() - self.open_files):
            found.append(f"left open in the grader: {dict(more)}")
        return found


@contextlib.contextmanager
def watching(folder: Path) -> Iterator[Watch]:
    """Set the surroundings up; what is temporary goes into a folder of its own meanwhile."""
    before = tempfile.tempdir
    canary = Canary(folder)
    with socket.create_server(("", PORT)) as line:
        line.setblocking(False)
        temporary = folder / "temporary"
        temporary.mkdir()
        tempfile.tempdir = str(temporary)
        os.environ["ONEBYONE_CANARY"] = canary.secret
        try:
            yield Watch(canary, temporary, line)
        finally:
            del os.environ["ONEBYONE_CANARY"]
            tempfile.tempdir = before
            canary.close()


def _open_files() -> Counter[str]:
    """Kinds of what is open, without the connections to the engine that its SDK keeps for later."""
    gc.collect()
    found: Counter[str] = Counter()
    for path in Path("/proc/self/fd").iterdir():
        with contextlib.suppress(OSError):  # that of the listing itself
            kind = str(path.readlink()).partition(":")[0]
            if kind == "socket" and _peer(int(path.name)).endswith("docker.sock"):
                continue
            found[kind] += 1
    return found


def _peer(descriptor: int) -> str:
    with contextlib.suppress(OSError), socket.socket(fileno=os.dup(descriptor)) as line:
        return str(line.getpeername())
    return ""


def _left_of(sandbox: Sandbox) -> Iterator[str]:
    """Traces of a closed sandbox on this machine, as kernel and engine see it."""
    identifier = getattr(sandbox, "container_id", None)
    if identifier is not None:
        with contextlib.closing(docker.from_env()) as client:
            if client.containers.list(all=True, filters={"id": identifier}):
                yield f"left the container {identifier[:12]}"
        groups = [f"*/docker/{identifier}", f"system.slice/docker-{identifier}.scope"]
        for pattern in groups:
            yield from (f"left {path}" for path in Path("/sys/fs/cgroup").glob(pattern))
        for process in Path("/proc").glob("[0-9]*/cgroup"):
            with contextlib.suppress(OSError):
                if identifier in process.read_text():
                    yield f"left the process {process.parent.name}"
        return
    yield from (f"left {path}" for path in sandbox.cgroup.folders.values() if path.exists())
    if sandbox.process.returncode is None:
        yield f"left the process {sandbox.process.pid}"
