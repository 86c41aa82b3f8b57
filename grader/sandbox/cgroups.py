"""Memory, process and processor limits that the kernel keeps for a whole sandbox.

Version 1 of the kernel's interface has a folder for each controller and needs root. Version 2
has one folder for all, under the root for root, else in the part of the tree that was delegated
to this user.
"""

import contextlib
import itertools
import os
import signal
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from grader.errors import InfrastructureFault, SandboxUnavailable
from grader.sandbox import owner
from grader.sandbox.base import stopping
from grader.sandbox.freezer import Freezer, find_freezer
from grader.sandbox.limits import Limits
from grader.sandbox.memory import Memory, memory_of_group, oom_kills_of_group

ROOT = Path("/sys/fs/cgroup")

_CONTROLLERS = ("memory", "pids", "cpu")
_FREEZER = "freezer"  # a controller of its own in version 1 only
_MARK = "onebyone-"
_LEAF = "onebyone.graders"
_PERIOD_US = 100_000
_SWAP_FILES = ("memory.memsw.limit_in_bytes", "memory.swap.max")
_REMOVAL_SECONDS = 5.0
_REMEDY = (
    "Run as root, or give this user a part of the tree: `systemd-run --user --scope "
    "-p Delegate=yes COMMAND` (if the cpu controller is missing there, add `Delegate=cpu memory "
    "pids` to user@.service)."
)

_numbers = itertools.count()


@dataclass(frozen=True)
class Hierarchy:
    """Where sandboxes' groups are made.

    Attributes:
        version: Of the kernel's interface, 1 or 2.
        parents: The folder for each of `memory`, `pids`, `cpu` and `freezer`; one and the same in
            version 2.
    """

    version: int
    parents: Mapping[str, Path]


def find_hierarchy(root: Path = ROOT, own_group: str | None = None) -> Hierarchy:
    """Find where this process may limit others.

    Args:
        root: Where the kernel's interface is mounted.
        own_group: This process's group in version 2, from the root; by default asked.

    Raises:
        SandboxUnavailable: Nowhere; the message says what would help.
    """
    parents = {name: root / name for name in (*_CONTROLLERS, _FREEZER)}
    if all(_may_write(parent) for parent in parents.values()):
        return Hierarchy(1, parents)
    own = root / (_own_group() if own_group is None else own_group).lstrip("/")
    if own.name == _LEAF:
        own = own.parent
    for parent in dict.fromkeys((root, own)):
        if _may_write(parent) and _delegates(parent):
            return Hierarchy(2, dict.fromkeys((*_CONTROLLERS, _FREEZER), parent))
    raise SandboxUnavailable(
        "Memory and processes cannot be limited here: no control group (cgroup) with the "
        f"controllers {', '.join(_CONTROLLERS)} can be written to. {_REMEDY}"
    )


@dataclass(frozen=True)
class JobCgroup:
    """The control group of one sandbox.

    Attributes:
        version: Of the kernel's interface, 1 or 2.
        folders: The group's folder for each of `memory`, `pids`, `cpu` and `freezer`.
    """

    version: int
    folders: Mapping[str, Path]

    @classmethod
    def create(
        cls, hierarchy: Hierarchy, limits: Limits, *, spare_processes: int = 0
    ) -> "JobCgroup":
        """Make a group.

        Args:
            hierarchy: Where.
            limits: What its processes may use together.
            spare_processes: Allowed on top of `limits.processes`, for the sandbox's own.

        Raises:
            SandboxUnavailable: It may not be made.
        """
        name = f"{_MARK}{owner.identity().replace('/', '.')}-{next(_numbers)}"
        folders = {key: parent / name for key, parent in hierarchy.parents.items()}
        group = cls(hierarchy.version, folders)
        try:
            for folder in group._distinct():
                folder.mkdir()
            for controller, file, value in _settings(group.version, limits, spare_processes):
                _write(folders[controller] / file, value)
        except OSError as error:
            with contextlib.suppress(InfrastructureFault):
                group.remove()
            raise SandboxUnavailable(
                f"The control group (cgroup) {name} cannot be set up ({error}). {_REMEDY}"
            ) from error
        return group

    @property
    def entrances(self) -> tuple[Path, ...]:
        """The files into which a process writes its number to join."""
        return tuple(folder / "cgroup.procs" for folder in self._distinct())

    def out_of_memory(self) -> bool:
        """Whether the kernel killed a process of this group at its memory limit."""
        kills = oom_kills_of_group(self.folders["memory"])
        if kills is None:
            raise InfrastructureFault(
                f"The kernel's count of {self.folders['memory']} cannot be read, or this kernel is "
                f"too old to keep one. Try again."
            )
        return kills > 0

    def process_limit_hit(self) -> bool:
        """Whether a fork or a thread was refused at the process limit."""
        return self._counter("pids", "pids.events", "max") > 0

    def processes(self) -> set[int]:
        """Those in the group now; empty when it is gone."""
        found: set[int] = set()
        for entrance in self.entrances:
            with contextlib.suppress(OSError):
                found.update(map(int, entrance.read_text().split()))
        return found

    def kill(self) -> None:
        """Send SIGKILL to every process in the group."""
        with contextlib.suppress(OSError):
            # No more forks, so that one pass is enough.
            _write(self.folders["pids"] / "pids.max", "0")
        for process in self.processes():
            with contextlib.suppress(ProcessLookupError):
                os.kill(process, signal.SIGKILL)
        with contextlib.suppress(InfrastructureFault):
            self.thaw()  # what is frozen does not die

    def freeze(self) -> None:
        """Stop every process of the group. Raises InfrastructureFault."""
        with stopping():
            self._freezer().freeze()

    def thaw(self) -> None:
        """Let them go on. Raises InfrastructureFault."""
        with stopping():
            self._freezer().thaw()

    def memory(self) -> Memory | None:
        """What the kernel counts; None where it does not keep the peak."""
        return memory_of_group(self.folders["memory"])

    def _freezer(self) -> Freezer:
        freezer = find_freezer(self.folders[_FREEZER])
        if freezer is None:
            raise InfrastructureFault(f"{self.folders[_FREEZER]} cannot be frozen. Try again.")
        return freezer

    def remove(self) -> None:
        """Kill what is left and remove the group. May be called again.

        Raises:
            InfrastructureFault: A process does not die.
        """
        deadline = time.monotonic() + _REMOVAL_SECONDS
        for folder in self._distinct():
            while folder.is_dir():
                self.kill()
                try:
                    folder.rmdir()
                except OSError as error:
                    if time.monotonic() > deadline:
                        raise InfrastructureFault(
                            f"The control group {folder} cannot be removed ({error}); the "
                            f"processes {sorted(self.processes())} in it do not die."
                        ) from error
                    time.sleep(0.002)

    def _distinct(self) -> tuple[Path, ...]:
        return tuple(dict.fromkeys(self.folders.values()))

    def _counter(self, controller: str, file: str, key: str) -> int:
        path = self.folders[controller] / file
        try:
            lines = path.read_text().splitlines()
        except OSError as error:
            raise InfrastructureFault(
                f"The kernel's counters of a sandbox cannot be read ({error}). Try again."
            ) from error
        for line in lines:
            name, _, count = line.partition(" ")
            if name == key:
                return int(count)
        raise InfrastructureFault(f"{path} does not count {key}: this kernel is too old.")


def sweep(hierarchy: Hierarchy) -> None:
    """Kill and remove the groups of graders that have died."""
    for parent in set(hierarchy.parents.values()):
        for folder in parent.glob(f"{_MARK}*"):
            label = folder.name.removeprefix(_MARK).rpartition("-")[0].replace(".", "/")
            if owner.is_gone(label):
                with contextlib.suppress(InfrastructureFault):
                    JobCgroup(
                        hierarchy.version, dict.fromkeys((*_CONTROLLERS, _FREEZER), folder)
                    ).remove()


def _settings(version: int, limits: Limits, spare: int) -> Iterator[tuple[str, str, str]]:
    """What is written where: (controller, file, value)."""
    memory = str(limits.memory_mib << 20)
    quota = str(max(1000, int(limits.cpus * _PERIOD_US)))
    yield "pids", "pids.max", str(limits.processes + spare)
    if version == 1:
        yield "memory", "memory.limit_in_bytes", memory
        yield "memory", "memory.memsw.limit_in_bytes", memory
        yield "cpu", "cpu.cfs_period_us", str(_PERIOD_US)
        yield "cpu", "cpu.cfs_quota_us", quota
    else:
        yield "memory", "memory.max", memory
        yield "memory", "memory.swap.max", "0"
        yield "memory", "memory.oom.group", "1"
        yield "cpu", "cpu.max", f"{quota} {_PERIOD_US}"


def _write(path: Path, value: str) -> None:
    try:
        path.write_text(value)
    except OSError:
        # A kernel that does not count swap has no such file.
        if path.name not in _SWAP_FILES or path.exists():
            raise


def _may_write(folder: Path) -> bool:
    return os.access(folder, os.W_OK) and os.access(folder / "cgroup.procs", os.W_OK)


def _own_group() -> str:
    for line in Path("/proc/self/cgroup").read_text().splitlines():
        if line.startswith("0::"):
            return line.removeprefix("0::")
    return "/"


def _delegates(parent: Path) -> bool:
    """Whether groups below have the controllers; switches them on where that is allowed."""
    try:
        available = (parent / "cgroup.controllers").read_text().split()
        switched_on = (parent / "cgroup.subtree_control").read_text().split()
        if set(_CONTROLLERS) <= set(switched_on):
            return True
        if not set(_CONTROLLERS) <= set(available):
            return False
        # Version 2 allows processes only in leaves; the true root alone is free of that rule.
        if (parent / "cgroup.type").exists():
            _move_to_leaf(parent)
        wanted = " ".join(f"+{name}" for name in _CONTROLLERS)
        (parent / "cgroup.subtree_control").write_text(wanted)
    except OSError:
        return False
    return True


def _move_to_leaf(parent: Path) -> None:
    """Move this process and its neighbours (make, a shell) one level down."""
    leaf = parent / _LEAF
    leaf.mkdir(exist_ok=True)
    for process in (parent / "cgroup.procs").read_text().split():
        with contextlib.suppress(ProcessLookupError):
            (leaf / "cgroup.procs").write_text(process)
