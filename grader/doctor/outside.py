"""What this machine's kernel says of a sandbox: nothing here comes from student code."""

import contextlib
import os
import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import docker.errors

from grader.doctor.connection import engine
from grader.sandbox.base import Sandbox
from grader.sandbox.bubblewrap import BubblewrapSandbox
from grader.sandbox.docker import DockerSandbox
from grader.sandbox.profile import CHANNEL

_GROUPS = Path("/sys/fs/cgroup")
_VIRTUAL = frozenset(
    {"tmpfs", "proc", "sysfs", "devpts", "devtmpfs", "mqueue", "cgroup", "cgroup2"}
)
_GONE_SECONDS = 5.0


def processes_of(sandbox: Sandbox) -> frozenset[int]:
    """The numbers of its processes; none where they cannot be seen from here."""
    if isinstance(sandbox, BubblewrapSandbox):
        return frozenset(sandbox.cgroup.processes())
    if not isinstance(sandbox, DockerSandbox):
        return frozenset()
    found = set()
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit() and sandbox.container_id in _read(folder / "cgroup"):
            found.add(int(folder.name))
    return frozenset(found)


def is_stopped_by_container(sandbox: Sandbox) -> bool:
    """Whether a container of ours has stopped it last, as this user may not."""
    return isinstance(sandbox, DockerSandbox) and sandbox.stopper is not None


def status_of(process: int) -> dict[str, str]:
    """The lines of /proc/PID/status, by their keys; empty when it has ended."""
    lines = _read(Path(f"/proc/{process}/status")).splitlines()
    return {key: value.strip() for key, _, value in (line.partition(":") for line in lines)}


def find_agent(processes: Iterable[int], own_number: int) -> int | None:
    """Which of these processes has this number in its own namespace; None if not exactly one."""
    found = [
        p for p in processes if status_of(p).get("NSpid", "").split()[-1:] == [f"{own_number}"]
    ]
    return found[0] if len(found) == 1 else None


def processor_seconds(processes: Iterable[int]) -> float:
    """What these have used, with those of their children that have ended."""
    ticks = 0
    for process in processes:
        fields = _read(Path(f"/proc/{process}/stat")).rpartition(")")[2].split()
        ticks += sum(map(int, fields[11:15]))
    return ticks / os.sysconf("SC_CLK_TCK")


def group_of(process: int, controller: str, file: str) -> Path | None:
    """The control group of a process that has this file; None where it cannot be seen."""
    for line in _read(Path(f"/proc/{process}/cgroup")).splitlines():
        _number, controllers, path = line.split(":", 2)
        for root in (_GROUPS / controllers, _GROUPS / controller, _GROUPS):
            folder = Path(f"{root}{path}")
            mine = controller in controllers.split(",") or not controllers
            if mine and (folder / file).is_file():
                return folder
    return None


def throttled(process: int) -> int | None:
    """How often the kernel made its group wait for its share; None where it does not tell."""
    group = group_of(process, "cpu", "cpu.stat")
    for line in _read(group / "cpu.stat").splitlines() if group else ():
        key, _, count = line.partition(" ")
        if key == "nr_throttled":
            return int(count)
    return None


def quota_of(process: int) -> float | None:
    """How many cores the kernel gives its group at most; None without a bound."""
    if group := group_of(process, "cpu", "cpu.max"):
        fields = _read(group / "cpu.max").split()
    elif group := group_of(process, "cpu", "cpu.cfs_quota_us"):
        fields = [_read(group / f"cpu.cfs_{name}_us").strip() for name in ("quota", "period")]
    else:
        return None
    # Without a bound it is "max" in version 2, and negative in version 1.
    if len(fields) != 2 or not all(field.isdigit() for field in fields):
        return None
    return int(fields[0]) / int(fields[1])


def freezer_of(process: int) -> Path | None:
    """The kernel's switch that stops its group; None where this user may not write it."""
    for file in ("freezer.state", "cgroup.freeze"):
        group = group_of(process, "freezer", file)
        if group is not None and os.access(group / file, os.W_OK):
            return group / file
    return None


def routes_of(process: int) -> list[str]:
    """The interfaces over which it could send something, but for its own loopback."""
    table4 = _read(Path(f"/proc/{process}/net/route")).splitlines()[1:]
    table6 = _read(Path(f"/proc/{process}/net/ipv6_route")).splitlines()
    names = {line.split()[0] for line in table4} | {line.split()[-1] for line in table6}
    return sorted(names - {"lo"})


def shares_network(process: int) -> bool:
    """Whether it is in the network namespace of this process."""
    with contextlib.suppress(OSError):
        return os.readlink(f"/proc/{process}/ns/net") == os.readlink("/proc/self/ns/net")  # noqa: PTH115
    return False


def writable_disks(process: int) -> list[str]:
    """Where it sees a file system that is neither read-only nor the kernel's own or in memory."""
    found = []
    for line in _read(Path(f"/proc/{process}/mountinfo")).splitlines():
        mount, _, rest = line.partition(" - ")
        point, options = mount.split()[4:6]
        kind = rest.split()[0]
        if "rw" in options.split(",") and kind not in _VIRTUAL:
            found.append(point)
    return found


@dataclass(frozen=True)
class Traces:
    """What must be gone when a sandbox is closed.

    Attributes:
        container: Its id, where an engine has it.
        processes: Their numbers and start times.
        folders: Its control groups, and its folder for sockets.
    """

    container: str | None
    processes: frozenset[tuple[int, str]]
    folders: frozenset[Path]


def traces_of(sandbox: Sandbox) -> Traces:
    """What there is of a sandbox now. Raises InfrastructureFault."""
    numbers = processes_of(sandbox)
    processes = frozenset((n, started) for n in numbers if (started := _started(n)))
    if isinstance(sandbox, BubblewrapSandbox):
        return Traces(None, processes, frozenset(sandbox.cgroup.folders.values()))
    if not isinstance(sandbox, DockerSandbox):
        return Traces(None, processes, frozenset())
    folders = set()
    for number in numbers:
        for line in _read(Path(f"/proc/{number}/cgroup")).splitlines():
            _number, controllers, path = line.split(":", 2)
            if sandbox.container_id in path:
                folders |= {Path(f"{root}{path}") for root in (_GROUPS / controllers, _GROUPS)}
    with engine() as client:
        mounts = client.api.inspect_container(sandbox.container_id)["Mounts"]
    folders |= {Path(m["Source"]).parent for m in mounts if m["Destination"] == CHANNEL}
    return Traces(
        sandbox.container_id, processes, frozenset(folder for folder in folders if folder.exists())
    )


def left_of(traces: Traces) -> list[str]:
    """What is still there, after a moment for the kernel. Raises InfrastructureFault."""
    deadline = time.monotonic() + _GONE_SECONDS
    while (left := _still_there(traces)) and time.monotonic() < deadline:
        time.sleep(0.05)
    return left


def _still_there(traces: Traces) -> list[str]:
    left = [f"process {n}" for n, started in sorted(traces.processes) if _started(n) == started]
    left += [f"folder {folder}" for folder in sorted(traces.folders) if folder.exists()]
    if traces.container is not None:
        with engine() as client, contextlib.suppress(docker.errors.NotFound):
            client.api.inspect_container(traces.container)
            left.append(f"container {traces.container[:12]}")
    return left


def _started(process: int) -> str:
    """Clock ticks since boot, and empty when it has ended: one that waits to be reaped has."""
    fields = _read(Path(f"/proc/{process}/stat")).rpartition(")")[2].split()
    return "" if not fields or fields[0] in "ZX" else fields[19]


def _read(path: Path) -> str:
    """Empty where there is nothing to be read: processes come and go."""
    try:
        return path.read_text(errors="replace")
    except OSError:
        return ""
