"""A process without any isolation, for one's own code on one's own machine."""

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

from grader.errors import InfrastructureFault
from grader.sandbox import child, owner
from grader.sandbox.affinity import pin_processes
from grader.sandbox.base import Evidence, SandboxDescription
from grader.sandbox.command import AGENT_FOLDER, agent_command, agent_environment
from grader.sandbox.core_time import CoreTime, core_time
from grader.sandbox.inbox import Inbox
from grader.sandbox.limits import Limits
from grader.sandbox.memory import Memory, memory_of_process
from grader.sandbox.runtime import NUMPY, Runtime

_PREFIX = "onebyone-process-"
_INBOX = "inbox"
_EXIT_SECONDS = 1.0
_LIBRARIES_MIB = 4096
"""Address space for what is mapped and never touched: libraries, threads' stacks and arenas."""

# Runs in the child, which then becomes the agent. What a program of its own can do needs no
# code between fork and exec, which in a process with threads may hang.
_PREPARE = """
import ctypes, os, resource, sys

def lower(which, value):
    hard = resource.getrlimit(which)[1]
    value = value if hard == resource.RLIM_INFINITY else min(value, hard)
    resource.setrlimit(which, (value, value))

parent, address_space, cpu_seconds = map(int, sys.argv[1:4])
if sys.platform == "linux":
    PR_SET_PDEATHSIG, SIGKILL = 1, 9
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, SIGKILL)
    if os.getppid() != parent:
        sys.exit("the grader has gone")
lower(resource.RLIMIT_CORE, 0)
lower(resource.RLIMIT_CPU, cpu_seconds)
lower(resource.RLIMIT_AS, address_space)
os.execv(sys.argv[4], sys.argv[4:])
"""


class ProcessLauncher:
    """Starts agents as plain processes of this user.

    Args:
        agent: Folder of the agent's files.
        runtime: What student code computes with; this interpreter's own.

    Raises:
        SandboxUnavailable: It is not installed here.
    """

    def __init__(self, *, agent: Path = AGENT_FOLDER, runtime: Runtime = NUMPY) -> None:
        runtime.require_installed()
        self.runtime = runtime
        self._agent = agent.resolve()  # the agent starts in another folder
        owner.sweep_folders(_PREFIX)

    def describe(self) -> SandboxDescription:
        """What the report says of this kind."""
        return SandboxDescription(
            kind="process",
            image_digest=None,
            isolation="none: the code can do whatever this user can; for your own code only",
        )

    def launch(self, limits: Limits) -> "ProcessSandbox":
        """Start an agent in a scratch folder of its own. Raises InfrastructureFault."""
        try:
            return self._start(limits)
        except OSError as error:
            raise InfrastructureFault(f"No process can be started: {error}. Try again.") from error

    def close(self) -> None:
        """See `Launcher.close`; nothing is held."""

    def _start(self, limits: Limits) -> "ProcessSandbox":
        with contextlib.ExitStack() as undo:
            folder = owner.new_folder(_PREFIX)
            undo.callback(shutil.rmtree, folder, ignore_errors=True)
            scratch = folder / "scratch"
            scratch.mkdir()
            inbox = Inbox(folder / _INBOX)
            undo.callback(inbox.close)
            channel, agent_channel = socket.socketpair()
            output, agent_output = socket.socketpair()
            for end in (channel, output):
                undo.callback(end.close)
            with agent_channel, agent_output:
                process = child.start(
                    _command(limits, self._agent, folder, agent_channel, agent_output),
                    environment=agent_environment(limits, str(scratch)),
                    inherited=(agent_channel.fileno(), agent_output.fileno()),
                    errors=agent_output.fileno(),
                    folder=str(scratch),
                )
            undo.pop_all()
        return ProcessSandbox(process, folder, channel, output, inbox)


class ProcessSandbox:
    """One running agent, its process group and its folder."""

    def __init__(
        self,
        process: subprocess.Popen[bytes],
        folder: Path,
        channel: socket.socket,
        output: socket.socket,
        inbox: Inbox,
    ) -> None:
        self.channel = channel
        self.output = output
        self.inbox = inbox
        self._process = process
        self._folder = folder
        self._closing = threading.Lock()

    def evidence(self, *, ended: bool = False) -> Evidence:
        """See `Sandbox.evidence`. Nothing here can tell of memory and process limits."""
        code = child.exit_code(self._process, _EXIT_SECONDS if ended else 0.0)
        return Evidence(exit_code=code, out_of_memory=False, process_limit_hit=False)

    def freeze(self) -> None:
        """See `Sandbox.freeze`; a process that left the agent's group goes on."""
        self._signal(signal.SIGSTOP)
        deadline = time.monotonic() + _EXIT_SECONDS
        while self._process.returncode is None and not _is_stopped(self._process.pid):
            if time.monotonic() > deadline:
                raise InfrastructureFault(f"Process {self._process.pid} does not stop. Try again.")

    def thaw(self) -> None:
        """See `Sandbox.thaw`."""
        self._signal(signal.SIGCONT)

    def pin(self, cores: frozenset[int]) -> None:
        """See `Sandbox.pin`; only where the system can (Linux), and what is inside can undo it."""
        if self._process.returncode is None and hasattr(os, "sched_setaffinity"):
            pin_processes({self._process.pid}, cores)

    def memory(self) -> Memory | None:
        """See `Sandbox.memory`; of the agent's process alone."""
        return memory_of_process(self._process.pid)

    def core_time(self) -> CoreTime | None:
        """See `Sandbox.core_time`; of the agent's process alone."""
        return core_time({self._process.pid})

    def _signal(self, number: int) -> None:
        if self._process.returncode is None:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(self._process.pid, number)

    def close(self) -> None:
        """See `Sandbox.close`; a process that left the agent's group is not found."""
        with self._closing:
            self.channel.close()
            self.output.close()
            self.inbox.close()
            if self._process.returncode is None:
                # Not reaped yet, so the number still means this group.
                with contextlib.suppress(ProcessLookupError, PermissionError):
                    os.killpg(self._process.pid, signal.SIGKILL)
                try:
                    self._process.wait(timeout=5.0)
                except subprocess.TimeoutExpired as error:
                    raise InfrastructureFault(
                        f"Process {self._process.pid} does not die; end it by hand."
                    ) from error
            shutil.rmtree(self._folder, ignore_errors=True)


def _is_stopped(process: int) -> bool:
    """Whether it has stopped, or ended."""
    try:
        state = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0]
    except (OSError, IndexError):
        return True
    return state in "TtZX"


def _command(
    limits: Limits, agent: Path, folder: Path, channel: socket.socket, output: socket.socket
) -> tuple[str, ...]:
    address_space = (limits.memory_mib + _LIBRARIES_MIB) << 20
    return (
        *(sys.executable, "-I", "-S", "-c", _PREPARE),
        *(str(os.getpid()), str(address_space), str(child.cpu_backstop_s(limits))),
        *agent_command(
            sys.executable,
            agent=str(agent),
            channel=f"fd:{channel.fileno()}",
            output=f"fd:{output.fileno()}",
            scratch=str(folder / "scratch"),
            inbox=f"file:{folder / _INBOX}",
        ),
    )
