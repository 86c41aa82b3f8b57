"""What a sandbox may use: each limit is tried by something that would use more."""

import time
from dataclasses import replace

from grader.doctor import outside
from grader.doctor.finding import found
from grader.doctor.subject import LIMITS, Outcome, Probe, Subject
from grader.sandbox.failures import Failure, SandboxEnded, StudentError
from grader.sandbox.runtime_tree import SCRATCH

_SHARED_MEMORY = "/dev/shm"  # noqa: S108 - the sandbox's own
_SHARED_MEMORY_MIB = 16
_FILES = 1024
_DESCRIPTORS = 256
# How far a bomb goes beyond its limit, and no further: this machine shall survive its absence.
_MORE_PROCESSES = 200
_MORE_MEMORY_MIB = 256
_MORE_DISK_MIB = 64
_MORE_FILES = 64

_OWN_PROCESSES = 3  # of the sandbox itself, on top of the limit
_FROZEN_SECONDS = 0.2
_SPIN_SECONDS = 1.0
_TOLERANCE = 1.5  # of a share of processor time, for the kernel's coarse counts
_DEADLINE_SECONDS = 1.0
_HALF_A_CORE = replace(LIMITS, cpus=0.5)


def _fork_bomb(subject: Subject) -> Outcome:
    return _crowd(subject, "start_processes", "processes-unbounded", "processes")


def _thread_bomb(subject: Subject) -> Outcome:
    return _crowd(subject, "start_threads", "threads-unbounded", "threads")


def _crowd(subject: Subject, bomb: str, code: str, what: str) -> Outcome:
    limit = subject.limits.processes
    claimed = subject.number(bomb, limit + _MORE_PROCESSES)
    alive = 0
    for process in outside.processes_of(subject.sandbox):
        alive += int(outside.status_of(process).get("Threads", "0"))
    started = max(claimed, alive)
    if claimed >= limit + _MORE_PROCESSES or alive > limit + _OWN_PROCESSES:
        return Outcome(
            f"{started} of {limit}",
            (found(code, f"{started} {what} are alive, where {limit} are allowed."),),
        )
    if not subject.sandbox.evidence().process_limit_hit:
        message = f"A bomb of {what} ended at {started}, and no counter of the kernel says why."
        return Outcome(f"stopped at {started}", (found("process-limit-untold", message),))
    return Outcome(f"stopped at {alive or claimed}")


def _memory_bomb(subject: Subject) -> Outcome:
    limit = subject.limits.memory_mib
    told = "an exception"
    try:
        got = subject.number("get_memory", limit + _MORE_MEMORY_MIB)
    except SandboxEnded as ended:
        if ended.failure is Failure.MEMORY_LIMIT:
            return Outcome(f"killed at {limit} MiB, told by the kernel")
        told = ended.failure.value
    except StudentError:
        pass
    else:
        message = f"A program got {got} MiB of memory, where {limit} MiB are allowed."
        return Outcome(f"{got} MiB of {limit}", (found("memory-unbounded", message),))
    message = f"A program that used too much memory was ended, and the grader was told: {told}."
    return Outcome(f"ended: {told}", (found("memory-limit-untold", message),))


def _scratch(subject: Subject) -> Outcome:
    limit = subject.limits.scratch_mib
    return _filled(subject, SCRATCH, limit, "scratch-unbounded")


def _shared_memory(subject: Subject) -> Outcome:
    return _filled(subject, _SHARED_MEMORY, _SHARED_MEMORY_MIB, "shared-memory-unbounded")


def _filled(subject: Subject, folder: str, limit: int, code: str) -> Outcome:
    written = subject.number("fill", folder, limit + _MORE_DISK_MIB)
    if written <= limit:
        return Outcome(f"full at {written} MiB")
    message = f"A program wrote {written} MiB to {folder}, where {limit} MiB are allowed."
    return Outcome(f"{written} MiB of {limit}", (found(code, message),))


def _many_files(subject: Subject) -> Outcome:
    made = subject.number("make_files", SCRATCH, _FILES + _MORE_FILES)
    if made <= _FILES:
        return Outcome(f"full at {made} files")
    message = f"A program made {made} files in {SCRATCH}, where {_FILES} are allowed."
    return Outcome(f"{made} files", (found("files-unbounded", message),))


def _descriptors(subject: Subject) -> Outcome:
    opened = subject.number("open_files", _DESCRIPTORS + _MORE_FILES)
    if opened <= _DESCRIPTORS:
        return Outcome(f"refused after {opened}")
    message = f"A program opened {opened} files at a time, where {_DESCRIPTORS} are allowed."
    return Outcome(f"{opened} open files", (found("descriptors-unbounded", message),))


def _processor(subject: Subject) -> Outcome:
    agent = subject.agent()
    seen = outside.processes_of(subject.sandbox)
    before = outside.processor_seconds(seen)
    waits = outside.throttled(agent) if agent else None
    started = time.monotonic()
    claimed = subject.ask("spin", 3, _SPIN_SECONDS)
    elapsed = time.monotonic() - started
    if seen:
        used = outside.processor_seconds(outside.processes_of(subject.sandbox)) - before
    else:
        used = float(claimed) if isinstance(claimed, int | float) else elapsed * 3
    share, allowed = used / elapsed, subject.limits.cpus
    detail = f"{share:.2f} of a core, {allowed:g} allowed"
    if share > allowed * _TOLERANCE:
        message = f"Three spinning processes got {detail}."
        return Outcome(detail, (found("cpu-unbounded", message),))
    if agent and waits is not None and outside.throttled(agent) == waits:
        # This machine may just be too busy to give more: then the kernel's bound has to do.
        quota = outside.quota_of(agent)
        if quota is None or quota > allowed:
            message = "Three spinning processes never had to wait, and the kernel has no bound."
            return Outcome(detail, (found("cpu-unbounded", message),))
    return Outcome(detail)


def _endless_loop(subject: Subject) -> Outcome:
    told = _told_unless(Failure.TIME_LIMIT, subject, "loop", _DEADLINE_SECONDS)
    if told is None:
        return Outcome(f"killed after {_DEADLINE_SECONDS:g} s")
    message = f"A loop that hears no signal {told}."
    return Outcome(told, (found("deadline-not-kept", message),))


def _flood(subject: Subject) -> Outcome:
    limit = subject.limits.output_kib
    told = _told_unless(Failure.OUTPUT_LIMIT, subject, "flood", 5.0)
    if told is None:
        return Outcome(f"cut at {limit} KiB")
    message = f"A program that prints without end {told}; {limit} KiB are allowed."
    return Outcome(told, (found("output-unbounded", message),))


def _told_unless(expected: Failure, subject: Subject, name: str, seconds: float) -> str | None:
    """How a call ended, in words; None where it was ended as it must be."""
    try:
        subject.ask(name, seconds=seconds)
    except SandboxEnded as ended:
        return None if ended.failure is expected else f"ended otherwise: {ended.failure.value}"
    except StudentError as error:
        return f"raised {error.class_name}"
    return "returned"


def _freeze(subject: Subject) -> Outcome:
    agent = subject.agent()
    subject.ask("start_spinning")
    seen = outside.processes_of(subject.sandbox)
    subject.sandbox.freeze()
    try:
        before = outside.processor_seconds(seen)
        time.sleep(_FROZEN_SECONDS)
        used = outside.processor_seconds(seen) - before
    finally:
        subject.sandbox.thaw()
    if used > _FROZEN_SECONDS / 4:
        message = f"A sandbox that was stopped used {used:.2f} s of processor time meanwhile."
        return Outcome("runs on", (found("cannot-freeze", message),))
    if outside.is_stopped_by_container(subject.sandbox):
        return Outcome("stopped by a container")
    if agent and outside.freezer_of(agent) is None:
        message = "The kernel's freezer cannot be written to; sandboxes are stopped by the engine."
        return Outcome("stopped by the engine", (found("freezer-not-writable", message),))
    return Outcome("stopped, and goes on")


BOMBS = (
    Probe("fill scratch space", _scratch, shared=True),
    Probe("fill /dev/shm", _shared_memory, shared=True),
    Probe("make many files", _many_files, shared=True, kinds=frozenset({"docker"})),
    Probe("open many files", _descriptors, shared=True),
    Probe("fork bomb", _fork_bomb),
    Probe("thread bomb", _thread_bomb),
    Probe("memory bomb", _memory_bomb),
    Probe("spin on all cores", _processor, _HALF_A_CORE),
    Probe("endless loop", _endless_loop),
    Probe("endless output", _flood),
    Probe("stop and continue", _freeze),
)
"""Those that share a sandbox come first."""
