"""A sandbox with hostile code in it, and the shape of what is tried on it."""

import contextlib
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from grader.doctor import outside
from grader.doctor.finding import Finding
from grader.errors import InfrastructureFault
from grader.sandbox.agent import wire
from grader.sandbox.base import Launcher, Sandbox
from grader.sandbox.client import MODULE, AgentClient
from grader.sandbox.limits import Limits

_CODE = Path(__file__).with_name("inside.py")
_MODULE = "layers.py"

LIMITS = Limits(
    wall_s=60.0,
    load_s=20.0,
    call_s=20.0,
    cpus=1.0,
    memory_mib=256,
    processes=32,
    output_kib=64,
    scratch_mib=16,
    reply_mib=1,
)
"""Small ones, so that a bomb goes off soon, and does little where nothing stops it."""


class ProbeFailed(Exception):
    """The probe's own code gave another answer than it can give."""


@dataclass(frozen=True)
class Outcome:
    """What came of a probe, or of a look at the machine.

    Attributes:
        detail: A few words on what was seen.
        findings: What is not as it should be.
    """

    detail: str
    findings: tuple[Finding, ...] = ()


@dataclass
class Subject:
    """One sandbox; made by `open_subject`.

    Attributes:
        sandbox: For what the engine and the kernel say.
        client: For what is asked of it.
        limits: Of this sandbox.
        kind: `docker` or `bubblewrap`.
        traces: What must be gone when it is closed.
    """

    sandbox: Sandbox
    client: AgentClient
    limits: Limits
    kind: str
    traces: outside.Traces
    _agent: int | None = field(default=None, init=False)

    def ask(self, name: str, *arguments: wire.Value, seconds: float | None = None) -> wire.Value:
        """Call a function of `inside.py`. Raises as `AgentClient.result` does."""
        promise = self.client.call(MODULE, name, arguments, {}, seconds=seconds)
        return self.client.result(promise)

    def number(self, name: str, *arguments: wire.Value) -> int:
        """The same of a function that answers with a whole number. Raises ProbeFailed as well."""
        value = self.ask(name, *arguments)
        if not isinstance(value, int):
            raise ProbeFailed(f"{name} answered with {type(value).__name__}, not with a number")
        return value

    def data(self, name: str, *arguments: wire.Value) -> bytes:
        """The same of a function that answers with an array of bytes."""
        value = self.ask(name, *arguments)
        if not isinstance(value, np.ndarray) or value.dtype != np.uint8:
            raise ProbeFailed(f"{name} answered with {type(value).__name__}, not with bytes")
        return bytes(value.tobytes())

    def agent(self) -> int | None:
        """The number of its agent's process on this machine; None where it cannot be seen."""
        if self._agent is None:
            seen = outside.processes_of(self.sandbox)
            self._agent = outside.find_agent(seen, self.number("own_number")) if seen else None
        return self._agent

    def close(self) -> outside.Traces:
        """Remove the sandbox; all that must be gone now. Raises InfrastructureFault."""
        if self.client.ended is None:
            with contextlib.suppress(InfrastructureFault):
                now = outside.traces_of(self.sandbox)
                self.traces = replace(self.traces, processes=self.traces.processes | now.processes)
        self.client.close()
        return self.traces


@dataclass(frozen=True)
class Probe:
    """Something that hostile code tries.

    Attributes:
        name: A few words, for people.
        run: Tries it, and judges what the kernel, the engine and the client say of it.
        limits: Of the sandbox.
        shared: Whether it leaves its sandbox as it was, so that the next can use it too.
        kinds: In which sandboxes it is tried.
    """

    name: str
    run: Callable[[Subject], Outcome]
    limits: Limits = LIMITS
    shared: bool = False
    kinds: frozenset[str] = frozenset({"docker", "bubblewrap"})


def open_subject(launcher: Launcher, limits: Limits) -> Subject:
    """A fresh sandbox with the hostile code loaded.

    Raises:
        InfrastructureFault: It cannot be started, or not be looked at.
        SandboxEnded: It ended while the code was loaded.
        StudentError: The code cannot be loaded.
    """
    sandbox = launcher.launch(limits)
    try:
        client = AgentClient(sandbox, limits)
        client.hello(launcher.runtime)
        traces = outside.traces_of(sandbox)
        client.load(_MODULE, {_MODULE: _CODE.read_bytes()})
    except BaseException:
        sandbox.close()
        raise
    return Subject(sandbox, client, limits, launcher.describe().kind, traces)
