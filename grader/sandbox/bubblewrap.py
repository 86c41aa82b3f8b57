"""Student code in namespaces of its own, made by bubblewrap; no container engine needed.

What an engine would add comes from elsewhere: limits from a control group, the list of system
calls from `seccomp`, the file system from `runtime_tree`. Where one of them cannot be had, this
sandbox refuses to start.
"""

import contextlib
import json
import os
import shutil
import socket
import subprocess
import threading
from collections.abc import Callable
from pathlib import Path
from typing import IO, TypeVar

from grader.errors import InfrastructureFault, SandboxUnavailable
from grader.sandbox import cgroups, child, seccomp
from grader.sandbox.affinity import pin_processes
from grader.sandbox.base import Evidence, SandboxDescription
from grader.sandbox.command import AGENT_FOLDER, agent_command, agent_environment
from grader.sandbox.core_time import CoreTime, core_time
from grader.sandbox.inbox import Inbox
from grader.sandbox.limits import Limits
from grader.sandbox.memory import Memory
from grader.sandbox.runtime import NUMPY, Runtime
from grader.sandbox.runtime_tree import AGENT, PYTHON, SCRATCH, default_cache, ensure_tree
from grader.sandbox.uids import SandboxUid

_MIB = 1 << 20
_SHARED_MEMORY = 16 * _MIB
_SHARED_MEMORY_FOLDER = "/dev/shm"  # noqa: S108 - the sandbox's own
_OWN_PROCESSES = 2  # bubblewrap itself and the first process of the process namespace
_EXIT_SECONDS = 1.0
_PROBE_SECONDS = 60.0
_COMMANDS = ("bwrap", "setpriv", "prlimit", "env", "sh")

# Joins the control group before anything else runs, then forgets even the shell's variables.
_JOIN = 'for group in $1; do echo $$ > "$group" || exit 125; done; shift; exec "$@"'

_Command = Callable[[int, int, int], tuple[str, ...]]


class BubblewrapLauncher:
    """Starts sandboxes with bubblewrap.

    The first one on a machine builds the file system (seconds; kept in a cache).

    Args:
        say: Told what takes long.
        agent: Folder of the agent's files.
        cache: Where file systems are kept; by default as `runtime_tree.default_cache` says.
        runtime: What student code computes with, as it is installed for this interpreter.

    Raises:
        SandboxUnavailable: Something that isolation or limits need is missing.
    """

    def __init__(
        self,
        *,
        say: Callable[[str], None] = lambda _text: None,
        agent: Path = AGENT_FOLDER,
        cache: Path | None = None,
        runtime: Runtime = NUMPY,
    ) -> None:
        runtime.require_installed()
        self.runtime = runtime
        self._tools = _find_tools()
        self._hierarchy = cgroups.find_hierarchy()
        self._filter = seccomp.compile_bpf(seccomp.profile_text())
        self._options = _supported_options(self._tools["bwrap"])
        self._cache = cache or default_cache()
        self._tree = ensure_tree(agent, self._cache, say, runtime.arrays)
        cgroups.sweep(self._hierarchy)
        self._probe()

    def describe(self) -> SandboxDescription:
        """What the report says of this kind."""
        return SandboxDescription(
            kind="bubblewrap",
            image_digest=self._tree.digest,
            isolation="namespaces without network, capabilities or writable files, "
            "a filter of system calls and a control group",
        )

    def launch(self, limits: Limits) -> "BubblewrapSandbox":
        """Start an agent in fresh namespaces. Raises InfrastructureFault."""

        def command(channel: int, output: int, inbox: int) -> tuple[str, ...]:
            return agent_command(
                PYTHON,
                agent=AGENT,
                channel=f"fd:{channel}",
                output=f"fd:{output}",
                scratch=SCRATCH,
                inbox=f"fd:{inbox}",
            )

        return self._start(limits, command)

    def close(self) -> None:
        """See `Launcher.close`; nothing is held."""

    def _probe(self) -> None:
        """Import the library in a sandbox: whatever this machine forbids shows here, not later."""
        command = (PYTHON, "-I", "-B", "-c", f"import {self.runtime.arrays}")
        sandbox = self._start(Limits(), lambda _channel, _output, _inbox: command)
        try:
            code = child.exit_code(sandbox.process, _PROBE_SECONDS)
            complaint = sandbox.complaint()
        finally:
            sandbox.close()
        if code != 0:
            raise SandboxUnavailable(
                f"bubblewrap does not work on this machine (exit code {code}: {complaint}). "
                "If it may not make namespaces, allow them to users: sysctl "
                "user.max_user_namespaces must not be 0, kernel.unprivileged_userns_clone must "
                "be 1 and kernel.apparmor_restrict_unprivileged_userns 0 where they exist."
            )

    def _start(self, limits: Limits, command: _Command) -> "BubblewrapSandbox":
        try:
            with contextlib.ExitStack() as undo:
                sandbox = self._assemble(limits, command, undo)
                undo.pop_all()
        except OSError as error:
            raise InfrastructureFault(
                f"The sandbox cannot be started: {error}. Try again."
            ) from error
        return sandbox

    def _assemble(
        self, limits: Limits, command: _Command, undo: contextlib.ExitStack
    ) -> "BubblewrapSandbox":
        user = SandboxUid.claim(self._cache / "users") if os.geteuid() == 0 else None
        if user:
            undo.callback(user.release)
        cgroup = cgroups.JobCgroup.create(self._hierarchy, limits, spare_processes=_OWN_PROCESSES)
        undo.callback(cgroup.remove)
        channel, agent_channel = _keep(undo, socket.socketpair())
        output, agent_output = _keep(undo, socket.socketpair())
        inbox = Inbox()
        undo.callback(inbox.close)
        inbox_end = undo.enter_context(os.fdopen(inbox.reader(), "rb", buffering=0))
        status, status_end = _keep(undo, _pipe())
        errors, errors_end = _keep(undo, _pipe())
        with _in_memory(self._filter) as bpf, agent_channel, agent_output, status_end, errors_end:
            ends = (agent_channel.fileno(), agent_output.fileno(), inbox_end.fileno())
            others = (bpf.fileno(), status_end.fileno())
            process = child.start(
                self._wrapper(limits, cgroup, user, *others) + command(*ends),
                environment={},
                inherited=ends + others,
                errors=errors_end.fileno(),
            )
        inbox_end.close()
        return BubblewrapSandbox(
            channel=channel,
            output=output,
            inbox=inbox,
            process=process,
            cgroup=cgroup,
            user=user,
            status=status,
            errors=errors,
        )

    def _wrapper(
        self,
        limits: Limits,
        cgroup: cgroups.JobCgroup,
        user: SandboxUid | None,
        bpf: int,
        status: int,
    ) -> tuple[str, ...]:
        """Everything up to the agent's own command."""
        tools, cpu_s, scratch = self._tools, child.cpu_backstop_s(limits), limits.scratch_mib * _MIB
        identity: tuple[str, ...] = ()
        if user:
            # `--uid` alone is cosmetic: without this the sandbox would be root outside.
            identity = (tools["setpriv"], f"--reuid={user.number}", f"--regid={user.number}")
            identity += ("--clear-groups", "--")
        variables = agent_environment(limits, SCRATCH).items()
        return (
            *(tools["sh"], "-c", _JOIN, "sh", " ".join(map(str, cgroup.entrances))),
            *(tools["env"], "-i"),
            *identity,
            *(tools["prlimit"], "--nofile=256", "--core=0", "--memlock=0", "--msgqueue=0"),
            *(f"--fsize={scratch}", f"--cpu={cpu_s}:{cpu_s + 1}", "--"),
            *(tools["bwrap"], *self._options, "--die-with-parent", "--new-session"),
            *("--unshare-user", "--unshare-pid", "--unshare-ipc", "--unshare-net"),
            *("--unshare-uts", "--unshare-cgroup", "--hostname", "sandbox"),
            *("--uid", "65534", "--gid", "65534", "--cap-drop", "ALL"),
            *("--ro-bind", str(self._tree.root), "/", "--ro-bind", str(self._tree.agent), AGENT),
            *("--proc", "/proc", "--dev", "/dev"),
            *("--size", str(_SHARED_MEMORY), "--perms", "0700", "--tmpfs", _SHARED_MEMORY_FOLDER),
            *("--remount-ro", "/dev"),
            *("--size", str(scratch), "--perms", "0700", "--tmpfs", SCRATCH, "--chdir", SCRATCH),
            "--clearenv",
            *(part for pair in variables for part in ("--setenv", *pair)),
            *("--seccomp", str(bpf), "--json-status-fd", str(status), "--"),
        )


class BubblewrapSandbox:
    """One running sandbox; made by `BubblewrapLauncher.launch`."""

    def __init__(
        self,
        *,
        channel: socket.socket,
        output: socket.socket,
        inbox: Inbox,
        process: subprocess.Popen[bytes],
        cgroup: cgroups.JobCgroup,
        user: SandboxUid | None,
        status: IO[bytes],
        errors: IO[bytes],
    ) -> None:
        self.channel = channel
        self.output = output
        self.inbox = inbox
        self.process = process
        self.cgroup = cgroup
        self._user = user
        self._status = status
        self._errors = errors
        self._exit_code: int | None = None
        self._last: Evidence | None = None
        self._closing = threading.Lock()

    def evidence(self, *, ended: bool = False) -> Evidence:
        """See `Sandbox.evidence`. An exit code above 128 is taken for a signal, as shells do."""
        if self._last is not None:
            return self._last
        own_code = child.exit_code(self.process, _EXIT_SECONDS if ended else 0.0)
        out_of_memory = self.cgroup.out_of_memory()
        code = None if own_code is None else self._reported_code()
        if own_code is not None and code is None:
            # Student code cannot reach bubblewrap's outer process; only the kernel ends it.
            if not out_of_memory:
                raise InfrastructureFault(
                    f"bubblewrap could not set up the sandbox (exit code {own_code}: "
                    f"{self.complaint()}). Try again."
                )
            code = own_code
        return Evidence(code, out_of_memory, self.cgroup.process_limit_hit())

    def complaint(self) -> str:
        """What was written to standard error before the agent took it over, cut to 1 KiB."""
        return (self._errors.read(1 << 16) or b"").decode("utf-8", "replace").strip()[-1024:]

    def freeze(self) -> None:
        """See `Sandbox.freeze`."""
        if self.process.returncode is None:
            self.cgroup.freeze()

    def thaw(self) -> None:
        """See `Sandbox.thaw`."""
        if self.process.returncode is None:
            self.cgroup.thaw()

    def pin(self, cores: frozenset[int]) -> None:
        """See `Sandbox.pin`; what is inside could undo it, within its share of processor time."""
        try:
            pin_processes(self.cgroup.processes(), cores)
        except OSError as error:
            raise InfrastructureFault(f"A sandbox cannot be pinned to a core: {error}") from error

    def memory(self) -> Memory | None:
        """See `Sandbox.memory`."""
        return self.cgroup.memory()

    def core_time(self) -> CoreTime | None:
        """See `Sandbox.core_time`."""
        return core_time(self.cgroup.processes())

    def close(self) -> None:
        """See `Sandbox.close`."""
        with self._closing:
            if self.process.returncode is None:
                with contextlib.suppress(InfrastructureFault):
                    self._last = self.evidence()
                self._kill()
            self.cgroup.remove()
            self.inbox.close()
            for end in (self.channel, self.output, self._status, self._errors):
                end.close()
            if self._user:
                self._user.release()

    def _kill(self) -> None:
        self.cgroup.kill()
        # For the moment in which it has not joined its group yet.
        self.process.kill()
        try:
            self.process.wait(timeout=5.0)
        except subprocess.TimeoutExpired as error:
            raise InfrastructureFault(
                f"Process {self.process.pid} of a sandbox does not die."
            ) from error

    def _reported_code(self) -> int | None:
        """The agent's exit code from bubblewrap's status lines; None if it never ran."""
        if self._exit_code is None:
            for line in (self._status.read(1 << 16) or b"").splitlines():
                code = json.loads(line).get("exit-code")
                if code is not None:
                    self._exit_code = code if code <= 128 else 128 - code
        return self._exit_code


_End = TypeVar("_End", bound=contextlib.AbstractContextManager[object])


def _keep(undo: contextlib.ExitStack, pair: tuple[_End, _End]) -> tuple[_End, _End]:
    """Both ends, to be closed if the rest of the start fails."""
    for end in pair:
        undo.enter_context(end)
    return pair


def _pipe() -> tuple[IO[bytes], IO[bytes]]:
    """What is read at one end, without waiting, and the other end."""
    reader, writer = os.pipe2(os.O_CLOEXEC)
    os.set_blocking(reader, False)
    return os.fdopen(reader, "rb", buffering=0), os.fdopen(writer, "wb", buffering=0)


def _in_memory(content: bytes) -> IO[bytes]:
    """An open file with this content, at its beginning."""
    file = os.fdopen(os.memfd_create("seccomp"), "w+b", buffering=0)
    file.write(content)
    file.seek(0)
    return file


def _supported_options(bwrap: str) -> tuple[str, ...]:
    """The options that only newer versions have, of those that are worth having."""
    answer = subprocess.run([bwrap, "--help"], capture_output=True, text=True, check=False, env={})
    if "--size " not in answer.stdout:
        raise SandboxUnavailable(
            "this bubblewrap cannot limit the size of scratch space: install version 0.8 or newer."
        )
    return ("--disable-userns",) if "--disable-userns" in answer.stdout else ()


def _find_tools() -> dict[str, str]:
    found = {name: shutil.which(name) for name in _COMMANDS}
    missing = [name for name, path in found.items() if path is None]
    if missing:
        raise SandboxUnavailable(
            f"{' and '.join(missing)} cannot be found: install bubblewrap and util-linux "
            "(Debian, Ubuntu: apt install bubblewrap util-linux)."
        )
    return {name: path for name, path in found.items() if path is not None}
