"""What an examination finds, and every code that a finding can have."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from grader.doctor.escapes import ESCAPES


class Severity(StrEnum):
    """How bad it is."""

    ERROR = "error"
    """The machine is not fit to run strangers' code."""
    WARNING = "warning"
    """It is, but somebody should see to this."""
    NOTE = "note"
    """It could be harder still, or measure better."""


@dataclass(frozen=True)
class Finding:
    """One thing that is not as it should be.

    Attributes:
        code: One of `CODES`.
        severity: How bad it is here; not always what `CODES` says.
        message: What was found, in one sentence.
        remedy: What to do.
    """

    code: str
    severity: Severity
    message: str
    remedy: str


@dataclass(frozen=True)
class Kind:
    """What is known of a code beforehand.

    Attributes:
        severity: Unless the finding says otherwise.
        meaning: In one sentence.
        remedy: Unless the finding says otherwise.
    """

    severity: Severity
    meaning: str
    remedy: str


_FAULT = "Look at the engine's log; reinstall or upgrade engine, runtime and kernel."
_ENGINE = (
    "Upgrade the engine and the kernel; boot with the memory and pids control groups switched on."
)
_PROFILE = (
    "The engine does not keep what it was told: upgrade engine and runtime, and see whether a "
    "wrapper around either changes the settings of containers."
)
_ROOM = "Free space there, or set TMPDIR to a file system that has some."

ESCAPE = "escape-"
"""How the codes of known escapes begin; the table of `grader.doctor.escapes` has the rest."""

NEVER_ACCEPTED = frozenset({"sandbox-unavailable", "probe-failed"})
"""Without a sandbox, or without an answer, there is nothing that could be accepted."""

_OWN: Mapping[str, tuple[Severity, str, str]] = {
    # The sandbox as such.
    "sandbox-unavailable": (
        Severity.ERROR,
        "The sandbox cannot be started, or no engine answers.",
        "Do what the message says; `docker version` must show a server.",
    ),
    "probe-failed": (
        Severity.ERROR,
        "A probe did not come to an end, so what it tries is not known to hold.",
        "Run it again on a quiet machine; if it stays so, look at the engine's log.",
    ),
    "outside-unseen": (
        Severity.WARNING,
        "The sandbox's processes cannot be seen from here, so its own word is taken for theirs.",
        "Run the doctor, and the grader, on the machine of the engine, as a user who sees it.",
    ),
    # What a sandbox may use.
    "processes-unbounded": (
        Severity.ERROR,
        "A fork bomb is not stopped at the limit of processes.",
        _ENGINE,
    ),
    "threads-unbounded": (
        Severity.ERROR,
        "A bomb of threads is not stopped at the limit of processes.",
        _ENGINE,
    ),
    "process-limit-untold": (
        Severity.ERROR,
        "A fork bomb is stopped, but the kernel does not tell the grader so.",
        "Let the grader read /sys/fs/cgroup; the kernel must have pids.events (Linux 4.8).",
    ),
    "memory-unbounded": (
        Severity.ERROR,
        "A program gets more memory than the limit.",
        _ENGINE,
    ),
    "memory-limit-untold": (
        Severity.ERROR,
        "A program is stopped at the limit of memory, but the kernel does not tell the grader so.",
        "Upgrade the engine: version 23 and newer tell of kills in version 2 of control groups.",
    ),
    "scratch-unbounded": (
        Severity.ERROR,
        "A program writes more to scratch space than the limit.",
        _PROFILE,
    ),
    "shared-memory-unbounded": (
        Severity.ERROR,
        "A program writes more to /dev/shm than the limit.",
        _PROFILE,
    ),
    "files-unbounded": (
        Severity.ERROR,
        "A program makes more files in scratch space than the limit (docker only).",
        _PROFILE,
    ),
    "descriptors-unbounded": (
        Severity.ERROR,
        "A program opens more files at a time than the limit.",
        _PROFILE,
    ),
    "cpu-unbounded": (
        Severity.ERROR,
        "Spinning processes get more processor time than their share.",
        "The kernel needs CONFIG_CFS_BANDWIDTH, and the cpu control group must be switched on.",
    ),
    "deadline-not-kept": (
        Severity.ERROR,
        "A loop that hears no signal is not ended at its deadline.",
        _FAULT,
    ),
    "output-unbounded": (
        Severity.ERROR,
        "A flood of output is not cut at its limit.",
        _FAULT,
    ),
    # What a sandbox must not reach.
    "network-reachable": (
        Severity.ERROR,
        "A program has a network, or reaches an address.",
        _PROFILE,
    ),
    "files-writable": (
        Severity.ERROR,
        "A program can write outside of scratch space and /dev/shm.",
        _PROFILE,
    ),
    "host-file-readable": (
        Severity.ERROR,
        "A program can read a file of this machine.",
        "See what the engine mounts into containers without being asked (its daemon.json).",
    ),
    "environment-readable": (
        Severity.ERROR,
        "A program can read a variable of the grader's environment.",
        "Keep secrets out of the grader's environment, and report it as a flaw of the grader.",
    ),
    "runs-as-root": (
        Severity.ERROR,
        "Student code runs as root, seen from outside.",
        _PROFILE,
    ),
    "has-capabilities": (
        Severity.ERROR,
        "Student code holds capabilities, or could get some.",
        _PROFILE,
    ),
    "may-gain-privileges": (
        Severity.ERROR,
        "Student code could gain privileges by a set-uid program (no_new_privs is off).",
        _PROFILE,
    ),
    "calls-unfiltered": (
        Severity.ERROR,
        "No filter of system calls is in force (seccomp).",
        "The kernel needs CONFIG_SECCOMP_FILTER, and the engine must be built with seccomp.",
    ),
    "calls-allowed": (
        Severity.ERROR,
        "A forbidden system call reaches the kernel.",
        _PROFILE,
    ),
    "calls-untried": (
        Severity.WARNING,
        "Forbidden system calls were not tried: their numbers on this architecture are not known.",
        "Use x86_64 or arm64, or add the numbers to grader/doctor/calls.py.",
    ),
    "left-behind": (
        Severity.ERROR,
        "A process, container, control group or folder is left after a sandbox was closed.",
        _FAULT,
    ),
    "cannot-freeze": (
        Severity.ERROR,
        "A sandbox that was stopped goes on running: speed cannot be judged.",
        "The kernel needs the freezer control group.",
    ),
    "freezer-not-writable": (
        Severity.WARNING,
        "Nothing of ours may write the kernel's freezer: the engine pauses, slowly and unreliably.",
        "Let containers mount /sys/fs/cgroup, or run the grader as root on a machine of its own.",
    ),
    # The engine.
    "engine-cannot-limit": (
        Severity.ERROR,
        "The engine says that it cannot limit memory, processes or processor time.",
        _ENGINE,
    ),
    "engine-without-seccomp": (
        Severity.ERROR,
        "The engine says that it has no seccomp.",
        "Install an engine built with seccomp; the kernel needs CONFIG_SECCOMP_FILTER.",
    ),
    "swap-unlimited": (
        Severity.WARNING,
        "The engine cannot limit swap: where there is swap, limits of memory do not hold (error).",
        "Switch swap off (swapoff -a), or boot with swapaccount=1.",
    ),
    "engine-socket-open": (
        Severity.ERROR,
        "Every user of this machine may talk to the engine, which is as good as root.",
        "chmod o-rwx the socket; give it to a group of its own.",
    ),
    "engine-over-network": (
        Severity.ERROR,
        "The engine is reached over TCP without TLS: whoever reaches the port is root.",
        "Use the local socket, or DOCKER_TLS_VERIFY=1 with certificates.",
    ),
    "engine-warns": (
        Severity.NOTE,
        "The engine has a warning of its own.",
        "See the engine's documentation.",
    ),
    "engine-as-root": (
        Severity.NOTE,
        "Root in a container is root outside: neither rootless nor userns-remap is on.",
        "Set userns-remap in daemon.json, or run the engine rootless, to be safer still.",
    ),
    "no-gvisor": (
        Severity.NOTE,
        "The engine has no gVisor (runsc), so student code talks to this machine's kernel.",
        "Install gVisor and name it in daemon.json, or give runners a machine of their own.",
    ),
    "version-unknown": (
        Severity.WARNING,
        "The version of a component is not known, so neither are its known escapes.",
        "Compare it yourself with docs/doctor.md.",
    ),
    "image-missing": (
        Severity.ERROR,
        "The sandbox image is not there, and a grading never waits for a download.",
        "Run `grader doctor` without --without-probes: it builds the image.",
    ),
    "image-built": (
        Severity.NOTE,
        "The sandbox image was missing, and has just been built.",
        "Nothing; build it when you install, where no registry can be reached later.",
    ),
    "image-differs": (
        Severity.ERROR,
        "The agent in the sandbox is not the one of this installation.",
        "Remove the image (`docker image rm`), and run `grader doctor` again: it builds it anew.",
    ),
    # The machine.
    "control-groups-missing": (
        Severity.ERROR,
        "The kernel has no control group for memory, processes or processor time.",
        "Boot with cgroup_enable=memory, and mount /sys/fs/cgroup.",
    ),
    "disk-full": (
        Severity.ERROR,
        "There is next to no room where the grader or the engine writes.",
        _ROOM,
    ),
    "disk-low": (
        Severity.WARNING,
        "There is little room where the grader or the engine writes.",
        _ROOM,
    ),
    "memory-low": (
        Severity.WARNING,
        "There is little free memory for sandboxes.",
        "Run fewer gradings at a time, or add memory.",
    ),
    "clock-unsynchronised": (
        Severity.WARNING,
        "The kernel does not know its clock to be right: deadlines for handing in depend on it.",
        "Run chrony or systemd-timesyncd.",
    ),
    "clock-steps-back": (
        Severity.ERROR,
        "The kernel's monotonic clock goes backwards or stands still.",
        "Use another clock source, or another machine: no time limit holds here.",
    ),
    "clock-slow": (
        Severity.NOTE,
        "The clock source is slow to read, which makes short times noisy.",
        "Boot with another: tsc, or kvm-clock in a virtual machine.",
    ),
    "one-core": (
        Severity.WARNING,
        "There is one core only: the grader disturbs the speeds that it measures.",
        "Use two cores or more where speed is judged.",
    ),
    "hyper-threading": (
        Severity.NOTE,
        "Cores have siblings that share their units, which makes speeds noisy and leaks timing.",
        "Switch SMT off (/sys/devices/system/cpu/smt/control) where speed is judged.",
    ),
    "frequency-varies": (
        Severity.NOTE,
        "The processor's frequency follows the load, which makes short times noisy.",
        "Set the governor `performance` where speed is judged.",
    ),
    "no-user-namespaces": (
        Severity.ERROR,
        "The kernel allows no user namespaces, which bubblewrap needs.",
        "sysctl user.max_user_namespaces must not be 0.",
    ),
    "grader-as-root": (
        Severity.NOTE,
        "The grader runs as root: a flaw in it would cost the whole machine.",
        "Docker: give it a user of its own in the engine's group. Bubblewrap: delegate a cgroup.",
    ),
    "gpu-does-not-answer": (
        Severity.WARNING,
        "nvidia-smi is installed and finds no GPU that works.",
        "See `nvidia-smi`, and the kernel's log for Xid; reload the driver.",
    ),
    "gpu-without-toolkit": (
        Severity.NOTE,
        "There is a GPU, and no container toolkit to pass it with.",
        "Install nvidia-container-toolkit if an assignment needs the GPU.",
    ),
}

CODES: Mapping[str, Kind] = {
    **{code: Kind(*known) for code, known in _OWN.items()},
    **{
        escape.code: Kind(
            Severity.ERROR if escape.reachable else Severity.NOTE,
            f"{escape.component} {', '.join(escape.ids)}: {escape.what}",
            escape.remedy,
        )
        for escape in ESCAPES
    },
}
"""Every code; docs/doctor.md has them as a table."""


def found(
    code: str, message: str, *, severity: Severity | None = None, remedy: str | None = None
) -> Finding:
    """A finding of a known kind. Raises KeyError: no such code.

    Args:
        code: One of `CODES`.
        message: What was found here.
        severity: Where it is not the usual one.
        remedy: Where it is not the usual one.
    """
    kind = CODES[code]
    return Finding(code, severity or kind.severity, message, remedy or kind.remedy)
