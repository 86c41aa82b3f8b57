"""Student code in a fresh, locked-down container."""

import contextlib
import os
import shutil
import socket
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import docker
import docker.errors
import requests

from grader.errors import InfrastructureFault, SandboxUnavailable
from grader.sandbox import owner
from grader.sandbox.attached import AttachedStreams
from grader.sandbox.base import Evidence, SandboxDescription, stopping
from grader.sandbox.core_time import CoreTime, core_time
from grader.sandbox.freezer import Freezer, find_freezer
from grader.sandbox.freezer_container import FreezerContainer
from grader.sandbox.image import ensure_image
from grader.sandbox.inbox import Inbox
from grader.sandbox.limits import Limits
from grader.sandbox.memory import Memory, memory_of_group, oom_kills_of_group, processes_of_group
from grader.sandbox.profile import container_settings
from grader.sandbox.runtime import NUMPY, Runtime
from grader.text import quoted

LABEL = "onebyone.sandbox"
_OWNER_LABEL = "onebyone.owner"
_FOLDER_LABEL = "onebyone.folder"
_FOLDER_PREFIX = "onebyone-docker-"
_ENGINE_SECONDS = 60
_CONNECT_SECONDS = 30.0
_EXIT_SECONDS = 2.0
_KILLED = 137


class DockerLauncher:
    """Starts containers from the sandbox image.

    Args:
        say: Told what takes long (building the image).
        device: Identifier of the one GPU that containers get, or None.
        runtime: What student code computes with; says which image it is.
        oci_runtime: What the engine runs containers with, such as gVisor's `runsc`; None for its
            own choice.

    Raises:
        SandboxUnavailable: No engine answers, or it does not know that runtime.
        InfrastructureFault: The image cannot be had.
    """

    def __init__(
        self,
        *,
        say: Callable[[str], None] = lambda _text: None,
        device: str | None = None,
        runtime: Runtime = NUMPY,
        oci_runtime: str | None = None,
    ) -> None:
        self.runtime = runtime
        self._client = _connect()
        self._device = device
        self._oci_runtime = oci_runtime
        self._stopper: FreezerContainer | None = None
        try:
            with _engine_errors():
                self._require_oci_runtime()
            self._image = ensure_image(self._client, say, runtime)
            with _engine_errors():
                self._sweep()
        except BaseException:
            self._client.close()
            raise

    def describe(self) -> SandboxDescription:
        """What the report says of this kind."""
        return SandboxDescription(
            kind="docker",
            image_digest=self._image,
            isolation="a fresh container without network, capabilities or writable files"
            + (f", run by {self._oci_runtime}" if self._oci_runtime else ""),
            device=self._device,
        )

    def launch(self, limits: Limits) -> "DockerSandbox":
        """Start a container whose agent has connected. Raises InfrastructureFault."""
        folder = owner.new_folder(_FOLDER_PREFIX)
        container = inbox = streams = None
        connected: tuple[socket.socket, ...] = ()
        try:
            with _listener(folder) as listener, _engine_errors():
                inbox = Inbox(folder / "channel" / "inbox")
                container = self._client.containers.create(
                    **container_settings(
                        limits,
                        image=self._image,
                        channel_folder=str(folder / "channel"),
                        labels={
                            LABEL: "1",
                            _OWNER_LABEL: owner.identity(),
                            _FOLDER_LABEL: str(folder),
                        },
                        device=self._device,
                        oci_runtime=self._oci_runtime,
                    )
                )
                if self._oci_runtime is not None:
                    streams = AttachedStreams(container)
                    channel, output = streams.channel, streams.output
                self._start(container)
                if streams is None:
                    connected = channel, output = _accept_both(listener, container)
                return DockerSandbox(
                    container, folder, channel, output, inbox, self._find_stopper, streams
                )
        except BaseException:
            for end in connected:
                end.close()
            if streams is not None:
                streams.close()
            if inbox is not None:
                inbox.close()
            if container is not None:
                with contextlib.suppress(Exception):
                    container.remove(force=True)
            shutil.rmtree(folder, ignore_errors=True)
            raise

    def close(self) -> None:
        """Let go of the engine."""
        if self._stopper is not None:
            self._stopper.close()
        self._client.close()

    def _find_stopper(self) -> FreezerContainer | None:
        """What stops containers where this user may not; None where nothing of ours can."""
        if self._stopper is not None and self._stopper.has_ended:
            self._stopper.close()
            self._stopper = None
        if self._stopper is None:
            with contextlib.suppress(OSError):
                self._stopper = FreezerContainer(
                    self._client,
                    self._image,
                    {LABEL: "1", _OWNER_LABEL: owner.identity()},
                    _FOLDER_LABEL,
                    _FOLDER_PREFIX,
                )
        return self._stopper

    def _start(self, container: Any) -> None:
        try:
            container.start()
        except docker.errors.APIError as error:
            if self._device is not None and "device driver" in str(error):
                raise SandboxUnavailable(
                    f"the engine cannot pass GPU {self._device} to a container: install the "
                    f"vendor's container toolkit on this machine, or grade without --device"
                ) from error
            raise

    def _require_oci_runtime(self) -> None:
        if self._oci_runtime is not None:
            known = sorted(self._client.info()["Runtimes"])
            if self._oci_runtime not in known:
                raise SandboxUnavailable(
                    f"the engine does not know the runtime {quoted(self._oci_runtime)}: it has "
                    f"{', '.join(known)}. Install it and name it in the engine's daemon.json."
                )

    def _sweep(self) -> None:
        """Remove what graders that died have left behind."""
        ours = self._client.containers.list(
            all=True, filters={"label": _FOLDER_LABEL}, ignore_removed=True
        )
        for container in ours:
            if owner.is_gone(container.labels[_OWNER_LABEL]):
                with contextlib.suppress(docker.errors.APIError, OSError):
                    if (freezer := _freezer(container)) is not None:
                        freezer.thaw()  # what is frozen does not die
                    container.remove(force=True)
                folder = Path(container.labels[_FOLDER_LABEL])
                if folder.name.startswith(_FOLDER_PREFIX):
                    shutil.rmtree(folder, ignore_errors=True)
        owner.sweep_folders(_FOLDER_PREFIX)


class DockerSandbox:
    """One running container.

    Attributes:
        stopper: What has stopped it last, where this user may not; None where it was not needed.
    """

    def __init__(
        self,
        container: Any,
        folder: Path,
        channel: socket.socket,
        output: socket.socket,
        inbox: Inbox,
        find_stopper: Callable[[], FreezerContainer | None],
        streams: AttachedStreams | None = None,
    ) -> None:
        self.channel = channel
        self.output = output
        self.inbox = inbox
        self._streams = streams
        self.container_id: str = container.id
        self._container = container
        self._folder = folder
        self._closed = False
        self._frozen = False
        with _engine_errors():
            container.reload()
        self._started = int(time.time()) - 1
        self._cgroup = _cgroup(container, "pids", "pids.events")
        self._memory = _cgroup(container, "memory", "cgroup.procs")
        self._freezer = _freezer(container)
        self._find_stopper = find_stopper
        self.stopper: FreezerContainer | None = None

    def evidence(self, *, ended: bool = False) -> Evidence:
        """See `Sandbox.evidence`."""
        process_limit_hit = self._process_limit_hit()
        deadline = time.monotonic() + _EXIT_SECONDS
        with _engine_errors():
            while True:
                self._container.reload()
                state = self._container.attrs["State"]
                if not (ended and state["Running"]) or time.monotonic() > deadline:
                    break
                time.sleep(0.01)
        if state.get("Error"):
            raise InfrastructureFault(f"The engine reports: {state['Error']}. Try again.")
        return Evidence(
            exit_code=None if state["Running"] else int(state["ExitCode"]),
            out_of_memory=self._out_of_memory(state),
            process_limit_hit=process_limit_hit,
        )

    def freeze(self) -> None:
        """See `Sandbox.freeze`: by the kernel's switch; the engine's pause is a last resort."""
        if self._closed or self._frozen:
            return
        if self._freezer is not None:
            with stopping():
                self._freezer.freeze()
        elif not self._freeze_by_container():
            with _engine_errors():
                self._container.pause()
        self._frozen = True

    def thaw(self) -> None:
        """See `Sandbox.thaw`."""
        if self._closed or not self._frozen:
            return
        with stopping(), _engine_errors():
            if self._freezer is not None:
                self._freezer.thaw()
            elif self.stopper is not None:
                self.stopper.thaw(self.container_id)
            else:
                self._container.unpause()
        self._frozen = False

    def _freeze_by_container(self) -> bool:
        self.stopper = self._find_stopper()
        if self.stopper is None:
            return False
        try:
            self.stopper.freeze(self.container_id)
        except OSError:
            self.stopper = None
        return self.stopper is not None

    def pin(self, cores: frozenset[int]) -> None:
        """See `Sandbox.pin`; what is inside cannot undo it."""
        with _engine_errors():
            self._container.update(cpuset_cpus=",".join(map(str, sorted(cores))))

    def memory(self) -> Memory | None:
        """See `Sandbox.memory`."""
        return None if self._memory is None else memory_of_group(self._memory)

    def core_time(self) -> CoreTime | None:
        """See `Sandbox.core_time`; not where the engine is on another machine."""
        return None if self._memory is None else core_time(processes_of_group(self._memory))

    def close(self) -> None:
        """See `Sandbox.close`."""
        if self._closed:
            return
        with contextlib.suppress(InfrastructureFault):
            self.thaw()  # what is frozen does not die
        self._closed = True
        if self._streams is not None:
            self._streams.close()
        self.channel.close()
        self.output.close()
        self.inbox.close()
        try:
            with _engine_errors(), contextlib.suppress(docker.errors.NotFound):
                self._container.remove(force=True)
        finally:
            shutil.rmtree(self._folder, ignore_errors=True)

    def _out_of_memory(self, state: Mapping[str, Any]) -> bool:
        """The kernel's count while there is one; then the engine's flag, then its log of events.

        On version 2 of control groups some engines forget the flag, and none of it follows from
        exit code 137, which student code can choose.
        """
        kills = None if self._memory is None else oom_kills_of_group(self._memory)
        if kills or state["OOMKilled"]:
            return True
        if kills is not None or state["Running"] or state["ExitCode"] != _KILLED:
            return False
        with _engine_errors():
            events = self._container.client.api.events(
                since=str(self._started),
                until=f"{time.time():.6f}",
                filters={"container": self.container_id, "event": "oom"},
                decode=True,
            )
            with contextlib.closing(events):
                return next(iter(events), None) is not None

    def _process_limit_hit(self) -> bool:
        try:
            counters = (self._cgroup / "pids.events").read_text() if self._cgroup else ""
        except OSError:
            return False  # gone with its last process
        return any(line.startswith("max ") and line != "max 0" for line in counters.splitlines())


def _connect() -> docker.DockerClient:
    try:
        # Asks for the engine's version at once, so it fails where none answers.
        return docker.from_env(timeout=_ENGINE_SECONDS)
    except (docker.errors.DockerException, requests.RequestException) as error:
        raise SandboxUnavailable(
            "no container engine answers: start Docker, or let this user use it "
            "(`docker version` must show a server)"
        ) from error


@contextlib.contextmanager
def _engine_errors() -> Iterator[None]:
    """Whatever the engine fails at is a fault of ours."""
    try:
        yield
    except docker.errors.NotFound as error:
        raise InfrastructureFault(
            f"The engine no longer knows the container or its image ({error.explanation}). "
            f"Try again."
        ) from error
    except (docker.errors.DockerException, requests.RequestException) as error:
        raise InfrastructureFault(f"The container engine failed: {error}. Try again.") from error


@contextlib.contextmanager
def _listener(folder: Path) -> Iterator[socket.socket]:
    """A socket that only this user and the container can reach: the folder above is ours."""
    channel = folder / "channel"
    channel.mkdir()
    channel.chmod(0o755)
    path = channel / "socket"
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as listener:
        listener.bind(str(path))
        path.chmod(0o666)
        listener.listen(2)
        listener.settimeout(0.25)
        try:
            yield listener
        finally:
            path.unlink()


def _accept_both(listener: socket.socket, container: Any) -> tuple[socket.socket, socket.socket]:
    accepted: list[socket.socket] = []
    deadline = time.monotonic() + _CONNECT_SECONDS
    try:
        while len(accepted) < 2:
            try:
                accepted.append(listener.accept()[0])
            except TimeoutError:
                container.reload()
                if container.status != "running" or time.monotonic() > deadline:
                    raise InfrastructureFault(
                        f"The sandbox's agent did not connect (container "
                        f"{container.status}). Is the engine on this machine? Folders of this "
                        f"machine must be visible to it."
                    ) from None
    except BaseException:
        for connection in accepted:
            connection.close()
        raise
    return accepted[0], accepted[1]


def _freezer(container: Any) -> Freezer | None:
    """The kernel's switch of this container; None where this user may not write it."""
    for file in ("freezer.state", "cgroup.freeze"):
        group = _cgroup(container, "freezer", file)
        if group is not None and os.access(group / file, os.W_OK):
            return find_freezer(group)
    return None


def _cgroup(container: Any, controller: str, file: str) -> Path | None:
    """Where the kernel keeps this of a container that was just asked for; None where unseen.

    Args:
        container: With fresh attributes.
        controller: Its folder in version 1 of the kernel's interface.
        file: That the folder must have.
    """
    pid = container.attrs["State"]["Pid"]
    try:
        lines = Path(f"/proc/{pid}/cgroup").read_text().splitlines()
    except OSError:
        return None
    for line in lines:
        _number, controllers, path = line.split(":", 2)
        for root in (f"/sys/fs/cgroup/{controller}", "/sys/fs/cgroup"):
            folder = Path(root + path)
            if controllers in (controller, "") and (folder / file).is_file():
                return folder
    return None
