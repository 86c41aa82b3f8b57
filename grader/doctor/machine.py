"""What this machine is: kernel, clock, cores, room. Nothing is tried here but the clock."""

import csv
import ctypes
import itertools
import os
import platform
import shutil
import subprocess
import time
from collections.abc import Mapping
from pathlib import Path

from grader.doctor.finding import Finding, found
from grader.doctor.subject import Outcome
from grader.text import clean

_GIB, _MIB = 1 << 30, 1 << 20
_FULL_BYTES, _LOW_BYTES = 256 * _MIB, 2 * _GIB
_FULL_FILES, _LOW_FILES = 1_000, 20_000
_LOW_MEMORY = _GIB
_CONTROLLERS = ("memory", "pids", "cpu")
_SYSTEM = Path("/sys/devices/system")
_SLOW_CLOCKS = frozenset({"hpet", "acpi_pm", "jiffies", "refined-jiffies", "pit"})
_UNSYNCHRONISED = 0x40  # STA_UNSYNC of timex.h
_CLOCK_READINGS = 20_000
_GPU_SECONDS = 20
_GPU_QUESTION = "--query-gpu=name,driver_version,memory.total"


def control_groups(root: Path = Path("/sys/fs/cgroup")) -> Outcome:
    """Version of the kernel's interface, and which controllers there are."""
    version, file = 2, root / "cgroup.controllers"
    if file.is_file():
        there = set(_text(file).split())
    else:
        version = 1
        there = {name for name in _CONTROLLERS if (root / name / "cgroup.procs").is_file()}
    missing = [name for name in _CONTROLLERS if name not in there]
    if not missing:
        return Outcome(f"v{version}: {', '.join(_CONTROLLERS)}")
    message = f"The kernel offers no control group for {', '.join(missing)} in {root}."
    return Outcome(f"v{version}", (found("control-groups-missing", message),))


def room(places: Mapping[str, Path]) -> Outcome:
    """Free space and free names of files.

    Args:
        places: Folders that exist, by what is written there.
    """
    findings: list[Finding] = []
    least = None
    for what, folder in places.items():
        there = os.statvfs(folder)
        free, names = there.f_bavail * there.f_frsize, there.f_favail
        counted = there.f_files > 0  # some file systems have no fixed number of files
        least = free if least is None else min(least, free)
        if free >= _LOW_BYTES and not (counted and names < _LOW_FILES):
            continue
        full = free < _FULL_BYTES or (counted and names < _FULL_FILES)
        files = f" and {names} more files" if counted else ""
        message = f"{folder} ({what}) has room for {free / _MIB:.0f} MiB{files}."
        findings.append(found("disk-full" if full else "disk-low", message))
    return Outcome("-" if least is None else f"{least / _GIB:.1f} GiB or more", tuple(findings))


def memory(text: str) -> Outcome:
    """Free memory, by what /proc/meminfo says."""
    free = meminfo(text).get("MemAvailable", 0)
    if free >= _LOW_MEMORY:
        return Outcome(f"{free / _GIB:.1f} GiB free")
    message = f"{free / _MIB:.0f} MiB of memory are free; a sandbox may use half a GiB or more."
    return Outcome(f"{free / _MIB:.0f} MiB free", (found("memory-low", message),))


def meminfo(text: str) -> dict[str, int]:
    """The lines of /proc/meminfo in bytes, by their keys."""
    found_there = {}
    for line in text.splitlines():
        key, _, rest = line.partition(":")
        number, *unit = rest.split() or ["0"]
        found_there[key] = int(number) * (1024 if unit == ["kB"] else 1)
    return found_there


def clock() -> Outcome:
    """Whether the kernel trusts its clock, and whether time goes forward."""
    findings = []
    readings = [time.monotonic_ns() for _ in range(_CLOCK_READINGS)]
    if any(later < earlier for earlier, later in itertools.pairwise(readings)):
        findings.append(found("clock-steps-back", "The monotonic clock was seen to go back."))
    elif readings[0] == readings[-1]:
        findings.append(found("clock-steps-back", "The monotonic clock stands still."))
    if _is_unsynchronised():
        message = f"The kernel does not know whether its clock is right; it says {_now()}."
        findings.append(found("clock-unsynchronised", message))
    source = _text(_SYSTEM / "clocksource/clocksource0/current_clocksource").strip() or "?"
    if source in _SLOW_CLOCKS:
        findings.append(found("clock-slow", f"The clock source is {source}."))
    return Outcome(f"{_now()}, by {source}", tuple(findings))


def _is_unsynchronised() -> bool:
    """By adjtimex(2), which changes nothing when it is asked for nothing."""
    library = ctypes.CDLL(None)
    if not hasattr(library, "adjtimex"):
        return False
    # struct timex: modes, padding, offset, freq, maxerror, esterror, status, and much more.
    timex = (ctypes.c_long * 64)()
    if library.adjtimex(ctypes.byref(timex)) < 0:
        return False
    return bool(timex[5] & _UNSYNCHRONISED)


def _now() -> str:
    return time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime())


def cores(system: Path = _SYSTEM / "cpu") -> Outcome:
    """How many this process may use, and what makes them uneven."""
    count = len(os.sched_getaffinity(0))
    findings = []
    if count == 1:
        findings.append(found("one-core", "This process may use one core."))
    if _text(system / "smt/active").strip() == "1":
        findings.append(found("hyper-threading", "Simultaneous multithreading is on."))
    governors = {_text(path).strip() for path in system.glob("cpu[0-9]*/cpufreq/scaling_governor")}
    governors -= {"performance", ""}
    if governors:
        message = f"The frequency governor is {', '.join(sorted(governors))}."
        findings.append(found("frequency-varies", message))
    return Outcome(f"{count}, {platform.machine()}", tuple(findings))


def user_namespaces(root: Path = Path("/proc/sys/user")) -> Outcome:
    """Whether the kernel allows them."""
    most = _text(root / "max_user_namespaces").strip()
    if most != "0":
        return Outcome(f"up to {most or '?'}")
    message = "user.max_user_namespaces is 0, so bubblewrap can make no sandbox."
    return Outcome("none", (found("no-user-namespaces", message),))


def this_user() -> Outcome:
    """Who runs the grader."""
    if os.geteuid() != 0:
        return Outcome(f"user {os.geteuid()}")
    return Outcome("root", (found("grader-as-root", "The grader runs as root here."),))


def gpu(toolkit: str | None) -> Outcome | None:
    """What `nvidia-smi` says; None where it is not installed.

    Args:
        toolkit: The version of what passes GPUs to containers; None without.
    """
    if shutil.which("nvidia-smi") is None:
        return None
    command = ("nvidia-smi", _GPU_QUESTION, "--format=csv,noheader,nounits")
    try:
        ran = subprocess.run(
            command, capture_output=True, text=True, timeout=_GPU_SECONDS, check=False
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        return judge_gpu(1, str(error), toolkit)
    return judge_gpu(ran.returncode, ran.stdout or ran.stderr, toolkit)


def judge_gpu(code: int, answer: str, toolkit: str | None) -> Outcome:
    """What an answer of `nvidia-smi` means.

    Args:
        code: Its exit code.
        answer: A line for each GPU: name, version of the driver, MiB.
        toolkit: As `gpu` has it.
    """
    devices = [row for row in csv.reader(answer.splitlines(), skipinitialspace=True) if row]
    if code != 0 or not devices or any(len(row) != 3 for row in devices):
        message = f"nvidia-smi answers: {clean(answer.strip(), 200) or 'nothing'}"
        return Outcome("does not answer", (found("gpu-does-not-answer", message),))
    name, driver, mib = devices[0]
    detail = clean(f"{len(devices)} x {name}, {mib} MiB, driver {driver}", 80)
    if toolkit is None:
        message = "There is a GPU, and neither nvidia-ctk nor nvidia-container-cli."
        return Outcome(detail, (found("gpu-without-toolkit", message),))
    return Outcome(detail)


def _text(path: Path) -> str:
    try:
        return path.read_text()
    except OSError:
        return ""
