"""How much memory the kernel counts for a sandbox, and whether that was too much."""

from dataclasses import dataclass
from pathlib import Path

_FILES = (
    ("memory.usage_in_bytes", "memory.max_usage_in_bytes"),  # version 1 of control groups
    ("memory.current", "memory.peak"),  # version 2; the peak since Linux 5.19
)
_OOM_FILES = ("memory.oom_control", "memory.events")  # likewise
_KIB = 1024


@dataclass(frozen=True)
class Memory:
    """Bytes of all processes of a sandbox together.

    Attributes:
        now: At this moment.
        peak: The most there were at any moment so far.
    """

    now: int
    peak: int


def memory_of_group(group: Path) -> Memory | None:
    """What the kernel counts for a control group; None where it does not keep the peak."""
    for now, peak in _FILES:
        try:
            return Memory(int((group / now).read_text()), int((group / peak).read_text()))
        except FileNotFoundError:
            continue
        except (OSError, ValueError):
            return None
    return None


def processes_of_group(group: Path) -> set[int]:
    """Those in a control group now; none where it is gone."""
    try:
        return set(map(int, (group / "cgroup.procs").read_text().split()))
    except OSError:
        return set()


def oom_kills_of_group(group: Path) -> int | None:
    """How many of its processes the kernel killed at the memory limit; None where it cannot tell.

    The count goes when the group does.
    """
    for name in _OOM_FILES:
        try:
            lines = (group / name).read_text().splitlines()
        except OSError:
            continue
        for line in lines:
            key, _, count = line.partition(" ")
            if key == "oom_kill" and count.isdigit():
                return int(count)
    return None


def memory_of_process(process: int) -> Memory | None:
    """The same of one process alone, by the pages that it has (Linux); None elsewhere."""
    try:
        lines = Path(f"/proc/{process}/status").read_text().splitlines()
    except OSError:
        return None
    fields = dict(line.split(":", 1) for line in lines if ":" in line)
    try:
        now, peak = (int(fields[name].split()[0]) * _KIB for name in ("VmRSS", "VmHWM"))
    except (KeyError, ValueError, IndexError):
        return None
    return Memory(now, peak)
