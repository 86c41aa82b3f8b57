"""Children of this process that must die with it, and how they ended."""

import contextlib
import functools
import math
import os
import subprocess
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor

from grader.sandbox.limits import Limits

_POLL_SECONDS = 0.005


def start(
    command: Sequence[str],
    *,
    environment: Mapping[str, str],
    inherited: Sequence[int],
    errors: int,
    folder: str = "/",
) -> subprocess.Popen[bytes]:
    """Start a program in a session of its own, with no input and no standard output.

    "Kill me when my parent dies" (PR_SET_PDEATHSIG) means the *thread* that started the child:
    a short-lived one would take its sandboxes along. So one thread starts them all.

    Args:
        command: Program (an absolute path) and arguments.
        environment: All of it.
        inherited: The descriptors, by their numbers, that stay open; no others do.
        errors: Descriptor for standard error.
        folder: Its working directory.

    Raises:
        OSError: The program cannot be started.
    """

    def begin() -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            command,
            env=dict(environment),
            cwd=folder,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=errors,
            pass_fds=tuple(inherited),
            start_new_session=True,
        )

    return _starter().submit(begin).result()


def exit_code(process: subprocess.Popen[bytes], wait_s: float = 0.0) -> int | None:
    """Exit code (negative: a signal), or None after waiting so long for a process that runs.

    The process is not reaped, so that its number stays its own until `Popen.wait`.
    """
    deadline = time.monotonic() + wait_s
    while process.returncode is None:
        result = None
        with contextlib.suppress(ChildProcessError):  # another thread is reaping it
            result = os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT)
        if result is not None:
            return result.si_status if result.si_code == os.CLD_EXITED else -result.si_status
        if time.monotonic() >= deadline:
            return None
        time.sleep(_POLL_SECONDS)
    return process.returncode


def cpu_backstop_s(limits: Limits) -> int:
    """Seconds of processor time for RLIMIT_CPU: for the day on which the grader dies.

    The deadline that is meant is on the trusted clock.
    """
    return math.ceil(limits.wall_s * max(1.0, limits.cpus)) + 5


@functools.cache
def _starter() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(max_workers=1, thread_name_prefix="sandbox-starter")


# A forked copy of this process has the executor, but not its thread.
os.register_at_fork(after_in_child=_starter.cache_clear)
