"""Hostile code, handed in as a student's module. It runs in sandboxes and is never imported here.

What it answers are numbers and arrays, since nothing else crosses the line. Each bomb stops by
itself at what it is told, so that a limit that is missing shows and does no harm.
"""

import contextlib
import ctypes
import hashlib
import itertools
import os
import signal
import socket
import threading
import time
from pathlib import Path
from typing import NoReturn

import numpy as np
import numpy.typing as npt

_Bytes = npt.NDArray[np.uint8]

_MIB = 1 << 20
_FILE_MIB = 4  # below the limit on one file
_SUCCEEDED = 255
_KILLED = 254
_kept: list[bytes] = []


def own_number() -> int:
    """Of this process, as it sees itself."""
    return os.getpid()


def own_status() -> tuple[int, int, int, int]:
    """User, all sets of capabilities together, no_new_privs, seccomp: as the kernel says here."""
    fields = dict(
        line.split(":\t", 1) for line in Path("/proc/self/status").read_text().splitlines()
    )
    capabilities = 0
    for key in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"):
        capabilities |= int(fields[key], 16)
    return os.getuid(), capabilities, int(fields["NoNewPrivs"]), int(fields["Seccomp"])


def start_processes(most: int) -> int:
    """Fork so often, and let the children sleep; how many there are in the end."""
    for count in range(most):
        try:
            child = os.fork()
        except OSError:
            return count
        if child == 0:
            while True:
                signal.pause()
    return most


def start_threads(most: int) -> int:
    """Start so many threads that sleep; how many there are in the end."""
    never = threading.Event()
    for count in range(most):
        try:
            threading.Thread(target=never.wait, daemon=True).start()
        except RuntimeError:
            return count
    return most


def get_memory(mib: int) -> int:
    """Get and keep so much memory, page by page; how much there is in the end, in MiB."""
    for _ in range(0, mib, 8):
        _kept.append(b"\xff" * (8 * _MIB))
    return len(_kept) * 8


def fill(folder: str, mib: int) -> int:
    """Write files until there is so much; how much there is in the end, in MiB."""
    written = 0
    block = b"\xff" * _MIB
    names: list[Path] = []
    with contextlib.suppress(OSError):
        while written < mib * _MIB:
            names.append(Path(folder, f"fill{len(names)}"))
            with names[-1].open("wb", buffering=0) as file:
                for _ in range(_FILE_MIB):
                    written += file.write(block)
    for name in names:
        name.unlink(missing_ok=True)
    return written // _MIB


def make_files(folder: str, most: int) -> int:
    """Make so many empty files; how many there are in the end."""
    names: list[Path] = []
    with contextlib.suppress(OSError):
        for count in range(most):
            name = Path(folder, f"file{count}")
            name.touch()
            names.append(name)
    for name in names:
        name.unlink()
    return len(names)


def open_files(most: int) -> int:
    """Open so many files at a time; how many there are in the end."""
    opened: list[int] = []
    with contextlib.suppress(OSError):
        for _ in range(most):
            opened.append(os.open("/dev/null", os.O_RDONLY))
    for descriptor in opened:
        os.close(descriptor)
    return len(opened)


def spin(processes: int, seconds: float) -> float:
    """Burn time in so many processes for so long; the processor time that all of them got."""
    children: list[int] = []
    until = time.monotonic() + seconds
    for _ in range(processes - 1):
        child = os.fork()
        if child == 0:
            while time.monotonic() < until:
                pass
            os._exit(0)
        children.append(child)
    while time.monotonic() < until:
        pass
    for child in children:
        os.waitpid(child, 0)
    times = os.times()
    return times.user + times.system + times.children_user + times.children_system


def start_spinning() -> None:
    """Burn time in a thread from now on."""

    def burn() -> NoReturn:
        while True:
            pass

    threading.Thread(target=burn, daemon=True).start()


def loop() -> None:
    """Never return to the interpreter, and hear no signal."""
    signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())
    sum(itertools.repeat(1))


def flood() -> NoReturn:
    """Print without end."""
    line = b"x" * (1 << 16)
    while True:
        os.write(1, line)


def connect(address: str, port: int) -> int:
    """Open a connection: 0, or the number of the error; -1 when nobody answers in time."""
    try:
        with socket.create_connection((address, port), 1.0):
            return 0
    except TimeoutError:
        return -1
    except OSError as error:
        return error.errno or -1


def writable(skipped: tuple[str, ...], files: tuple[str, ...]) -> _Bytes:
    """The first folder, not below those that are skipped, or file that it may write; or nothing."""
    for name in files:
        if os.access(name, os.W_OK):
            return _text(name)
    for folder, folders, _names in os.walk("/"):
        folders[:] = [name for name in folders if f"{folder.rstrip('/')}/{name}" not in skipped]
        if os.access(folder, os.W_OK):
            name = f"{folder.rstrip('/')}/onebyone-doctor"
            with contextlib.suppress(OSError):  # some that look so take no files
                os.close(os.open(name, os.O_WRONLY | os.O_CREAT | os.O_EXCL))
                Path(name).unlink()
                return _text(folder)
    return _text("")


def readable(path: str) -> int:
    """Whether it can read this file, by its name or through any process: 1 or 0."""
    roots = ["", "/host", *(f"/proc/{name}/root" for name in os.listdir("/proc"))]  # noqa: PTH208
    for root in roots:
        with contextlib.suppress(OSError):
            Path(root + path).read_bytes()
            return 1
    return 0


def environments_with(name: str) -> int:
    """How many processes, as far as they can be read, have a variable of this name."""
    wanted = name.encode() + b"="
    count = 0
    for number in os.listdir("/proc"):  # noqa: PTH208
        with contextlib.suppress(OSError):
            count += wanted in Path("/proc", number, "environ").read_bytes()
    return count


def call(number: int, *arguments: int) -> int:
    """Make a system call in a child: 0, the number of the error, or -1 if it was killed for it."""
    child = os.fork()
    if child == 0:
        library = ctypes.CDLL(None, use_errno=True)
        library.syscall.restype = ctypes.c_long
        result = library.syscall(*(ctypes.c_long(value) for value in (number, *arguments)))
        os._exit(_SUCCEEDED if result >= 0 else min(ctypes.get_errno(), _KILLED))
    status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    if status < 0:
        return -1
    return 0 if status == _SUCCEEDED else status


def agent_digest() -> _Bytes:
    """SHA-256 over the agent's files, by name."""
    digest = hashlib.sha256()
    for path in sorted(Path("/agent").glob("*.py")):
        digest.update(path.name.encode() + b"\0" + path.read_bytes())
    return np.frombuffer(digest.digest(), np.uint8)


def _text(text: str) -> _Bytes:
    return np.frombuffer(text.encode(errors="replace")[:200], np.uint8)
