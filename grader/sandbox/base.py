"""The one interface that every sandbox has."""

import contextlib
import socket
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

from grader.errors import InfrastructureFault
from grader.sandbox.core_time import CoreTime
from grader.sandbox.inbox import Inbox
from grader.sandbox.limits import Limits
from grader.sandbox.memory import Memory
from grader.sandbox.runtime import Runtime


@dataclass(frozen=True)
class Evidence:
    """What kernel and engine say of a sandbox; nothing in it comes from student code.

    Attributes:
        exit_code: Of the agent's process; negative is a signal; None while it runs.
        out_of_memory: The kernel killed a process of this sandbox at its memory limit.
        process_limit_hit: A fork or a thread was refused at the process limit.
    """

    exit_code: int | None
    out_of_memory: bool
    process_limit_hit: bool


@dataclass(frozen=True)
class SandboxDescription:
    """What a report says of the sandbox.

    Attributes:
        kind: `docker`, `bubblewrap` or `process`.
        image_digest: Content hash (`sha256:...`) of the file system that student code sees;
            None where that is the machine's own (`process`).
        isolation: One sentence for people.
        device: Identifier of the one GPU that is passed to it, or None.
    """

    kind: str
    image_digest: str | None
    isolation: str
    device: str | None = None


class Sandbox(Protocol):
    """One running sandbox: an agent on one end of two stream sockets, and nothing else.

    Attributes:
        channel: Requests and replies. Untrusted bytes.
        output: What the sandbox prints, both streams. Untrusted bytes.
        inbox: What the sandbox can read and not write.
    """

    channel: socket.socket
    output: socket.socket
    inbox: Inbox

    def evidence(self, *, ended: bool = False) -> Evidence:
        """Ask kernel and engine. Raises InfrastructureFault where they cannot tell.

        Args:
            ended: The agent closed the channel: wait briefly for its exit code.
        """
        ...

    def freeze(self) -> None:
        """Stop every process of it, wherever it is. Raises InfrastructureFault."""
        ...

    def thaw(self) -> None:
        """Let them go on. Raises InfrastructureFault."""
        ...

    def pin(self, cores: frozenset[int]) -> None:
        """Let it run on these cores only. Raises InfrastructureFault."""
        ...

    def memory(self) -> Memory | None:
        """What the kernel counts; None where it cannot tell of the peak."""
        ...

    def core_time(self) -> CoreTime | None:
        """How long its processes ran and waited to run; None where that is not known."""
        ...

    def close(self) -> None:
        """Kill every process and remove every trace. May be called again."""
        ...


class Launcher(Protocol):
    """Starts sandboxes of one kind.

    Attributes:
        runtime: What its sandboxes have for student code to compute with.
    """

    runtime: Runtime

    def describe(self) -> SandboxDescription:
        """What the report says of this kind."""
        ...

    def launch(self, limits: Limits) -> Sandbox:
        """Start a fresh sandbox whose agent is connecting. Raises InfrastructureFault."""
        ...

    def close(self) -> None:
        """Let go of what the launcher itself holds; its sandboxes are closed one by one."""
        ...


@contextlib.contextmanager
def stopping() -> Iterator[None]:
    """What the kernel refuses while a sandbox is stopped or continued is a fault of ours."""
    try:
        yield
    except OSError as error:
        raise InfrastructureFault(
            f"A sandbox cannot be stopped and continued ({error}). Try again."
        ) from error
