"""What an attack does to a grader that keeps everything in one process.

Consequences:
    full_marks     a wrong or forbidden submission passes
    no_result      the grader hangs or dies
    leaks          the answers are printed
    calls_out      it reached this machine's network
    floods         it printed more than the grader can keep
    controls       what it printed moves the terminal's cursor
    leaves_behind  a process or a file outlives it, or a file beside it was overwritten
"""

import contextlib
import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tarfile
import zipfile
from collections.abc import Iterator
from pathlib import Path

from ..corpus import HERE, Attack
from ..watch import PORT

SECONDS = 4.0
_OUTPUT_BYTES = 16 << 20
_LIMITED = ("prlimit", f"--fsize={_OUTPUT_BYTES}", f"--as={4 << 30}", "--core=0", "--")
"""A naive grader has no limits; this machine shall survive it."""

_LEFT_NAME = "onebyone-left-by-an-earlier-one"
_SHARED = (Path("/dev/shm"), Path("/tmp"), Path("/var/tmp"), Path.home())


def consequences(attack: Attack, folder: Path) -> set[str]:
    """Grade an attack naively in a folder of its own.

    Args:
        attack: One that does no harm to the machine that this runs on.
        folder: An empty one.
    """
    secret = f"EXPECTED_{secrets.token_hex(8)}"
    place = folder / "grading"
    submission = place / "submission"
    submission.mkdir(parents=True)
    canary = folder / "canary.txt"
    for path in (canary, place / "answers.txt"):
        path.write_text(secret)
    shutil.copy(HERE / "naive" / "grade.py", place)
    shutil.copy(HERE / "support" / "honest.py", place / "reference.py")
    uploads = attack.uploads()
    for name, content in (attack.files() | uploads).items():
        if name.endswith(".py"):
            (submission / name).write_bytes(content)
        else:
            (place / name).write_bytes(content)
            _unpack(place / name, submission)
    with socket.create_server(("", PORT)) as line:
        line.setblocking(False)
        try:
            found = _run(place, secret)
            with contextlib.suppress(BlockingIOError):
                line.accept()[0].close()
                found.add("calls_out")
        finally:
            left = list(_left(secret, folder))
            for each in left:
                each.unlink()
            if _kill(secret) or left:
                found.add("leaves_behind")
    (place / "result.json").write_text('{"score": 0}')
    if canary.read_text() != secret:
        found.add("leaves_behind")
    return found


def _run(place: Path, secret: str) -> set[str]:
    printed = place / "printed.txt"
    with printed.open("wb") as output:
        process = subprocess.Popen(
            [*_LIMITED, sys.executable, "grade.py"],
            cwd=place,
            env={"PATH": os.environ["PATH"], "GRADER_SECRET": secret, "OMP_NUM_THREADS": "1"},
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        try:
            code = process.wait(SECONDS)
        except subprocess.TimeoutExpired:
            code = None
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
    text = printed.read_bytes()
    found = {"full_marks"} if code == 0 else set()
    if code is None or code < 0:
        found.add("no_result")
    if secret.encode() in text:
        found.add("leaks")
    if len(text) >= _OUTPUT_BYTES:
        found.add("floods")
    if b"\x1b[" in text:
        found.add("controls")
    return found


def _unpack(path: Path, folder: Path) -> None:
    """As one does who has not heard of it."""
    with contextlib.suppress(Exception):
        if path.suffix == ".zip":
            with zipfile.ZipFile(path) as archive:
                archive.extractall(folder)
        else:
            with tarfile.open(path) as archive:
                archive.extractall(folder, filter="fully_trusted")


def _left(secret: str, folder: Path) -> Iterator[Path]:
    """Files outside of where it was unpacked."""
    for shared in _SHARED:
        if (path := shared / _LEFT_NAME).exists():
            yield path
        for path in shared.iterdir():
            if path.is_symlink() and str(folder) in str(path.readlink()):
                yield path
    for path in (Path("/tmp/onebyone-escaped.py"), folder / "escaped.py"):
        if path.exists():
            yield path
    escaped = folder / "grading" / "escaped.py"
    if escaped.exists():
        yield escaped


def _kill(secret: str) -> bool:
    """End every process that has the secret in its environment; whether there was one."""
    found = False
    for environ in Path("/proc").glob("[0-9]*/environ"):
        with contextlib.suppress(OSError, ProcessLookupError):
            if f"GRADER_SECRET={secret}".encode() in environ.read_bytes():
                os.kill(int(environ.parent.name), signal.SIGKILL)
                found = True
    return found
