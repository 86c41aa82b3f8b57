"""The whole examination: the machine, the engine, and what hostile code can do in a sandbox."""

import difflib
import os
import platform
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import docker.errors

from grader.doctor import engine as engines
from grader.doctor import escapes, machine
from grader.doctor.connection import engine
from grader.doctor.finding import CODES, NEVER_ACCEPTED, Finding, Severity, found
from grader.doctor.probing import run_probes
from grader.doctor.subject import Outcome
from grader.errors import InfrastructureFault, MachineUnfit
from grader.sandbox.image import image_tag
from grader.sandbox.runtime_tree import default_cache
from grader.sandbox.select import choose_sandbox

DOCTOR_KINDS = ("docker", "bubblewrap")
"""The sandboxes that are meant for strangers' code."""

_Named = tuple[str, Outcome]


@dataclass(frozen=True)
class Item:
    """One thing that was looked at or tried.

    Attributes:
        name: What, in a few words.
        detail: What was seen, in a few words.
        findings: What is not as it should be.
    """

    name: str
    detail: str
    findings: tuple[Finding, ...]


@dataclass(frozen=True)
class Examination:
    """What an examination found.

    Attributes:
        kind: `docker` or `bubblewrap`.
        items: What was looked at, in order.
        accepted: Codes whose findings do not count.
        probed: Whether hostile code was run; if not, nothing is known of the limits.
        seconds: How long it took.
    """

    kind: str
    items: tuple[Item, ...]
    accepted: frozenset[str]
    probed: bool
    seconds: float

    @property
    def findings(self) -> tuple[Finding, ...]:
        """All of them, errors first."""
        every = [finding for item in self.items for finding in item.findings]
        order = list(Severity)
        return tuple(sorted(every, key=lambda finding: order.index(finding.severity)))

    @property
    def errors(self) -> tuple[Finding, ...]:
        """The errors that nobody has accepted."""
        return tuple(
            finding
            for finding in self.findings
            if finding.severity is Severity.ERROR and finding.code not in self.accepted
        )

    @property
    def is_fit(self) -> bool:
        """Whether strangers' code may run here."""
        return not self.errors


def examine(
    kind: str = "docker",
    *,
    probes: bool = True,
    accept: frozenset[str] = frozenset(),
    on_start: Callable[[str], None] = lambda _name: None,
    on_item: Callable[[Item], None] = lambda _item: None,
    say: Callable[[str], None] = lambda _text: None,
) -> Examination:
    """Look at the machine and the engine, and let hostile code try the sandbox.

    Args:
        kind: One of `DOCTOR_KINDS`.
        probes: Whether to run hostile code; without it, nothing is known of the limits.
        accept: Codes whose findings do not count.
        on_start: Told what is about to be looked at or tried.
        on_item: Told each item when it is done.
        say: Told what takes long.

    Raises:
        ValueError: No such kind, or a code that does not exist or cannot be accepted.
    """
    if kind not in DOCTOR_KINDS:
        raise ValueError(f"no sandbox {kind!r} for strangers' code: choose docker or bubblewrap")
    for code in sorted(accept):
        require_acceptable(code)
    started = time.monotonic()
    items = []
    for name, outcome in _everything(kind, probes, on_start, say):
        items.append(Item(name, outcome.detail, outcome.findings))
        on_item(items[-1])
    return Examination(kind, tuple(items), accept, probes, time.monotonic() - started)


def require_fit(
    kind: str = "docker",
    accept: frozenset[str] = frozenset(),
    *,
    say: Callable[[str], None] = lambda _text: None,
) -> Examination:
    """Examine everything, and refuse a machine that is not fit.

    Args:
        kind: One of `DOCTOR_KINDS`.
        accept: Codes of findings that whoever runs this machine answers for.
        say: Told what takes long.

    Raises:
        MachineUnfit: There is an error that is not accepted; the message names each, what to do,
            and how to accept it.
        ValueError: As `examine` does.
    """
    result = examine(kind, accept=accept, say=say)
    if result.is_fit:
        return result
    lines = [f"This machine is not fit to run strangers' code in {kind}:"]
    lines += [f"- {each.code}: {each.message} {each.remedy}" for each in result.errors]
    codes = sorted({each.code for each in result.errors} - NEVER_ACCEPTED)
    if codes:
        lines.append(
            f"Mend it and run `grader doctor --sandbox {kind}`; or, if you answer for it, accept "
            f"by name: {' '.join(f'--accept {code}' for code in codes)}."
        )
    raise MachineUnfit("\n".join(lines))


def require_acceptable(code: str) -> None:
    """Raises ValueError where no finding has this code, or where it cannot be accepted."""
    if code in NEVER_ACCEPTED:
        raise ValueError(f"{code} cannot be accepted: there would be nothing left to go by")
    if code not in CODES:
        near = difflib.get_close_matches(code, CODES, n=1)
        hint = f"; did you mean {near[0]}?" if near else "; docs/doctor.md lists them"
        raise ValueError(f"no finding has the code {code!r}{hint}")


def _everything(
    kind: str, probes: bool, on_start: Callable[[str], None], say: Callable[[str], None]
) -> Iterator[_Named]:
    on_start("this machine")
    yield from _machine(kind)
    if kind == "docker":
        on_start("the engine")
        answered = False
        for name, outcome in _engine(probes):
            answered = answered or name == "engine"
            yield name, outcome
        if not answered:
            return
    if probes:
        on_start(f"start {kind}")
        yield from _probes(kind, on_start, say)


def _machine(kind: str) -> Iterator[_Named]:
    yield "user", machine.this_user()
    yield "kernel", engines.judge_version(escapes.KERNEL, platform.release())
    yield "control groups", machine.control_groups()
    if kind == "bubblewrap":
        yield "user namespaces", machine.user_namespaces()
    yield "cores", machine.cores()
    yield "clock", machine.clock()
    yield "memory", machine.memory(_meminfo())
    places = {"temporary files": Path(tempfile.gettempdir())}
    if kind == "bubblewrap" and (cache := _existing(default_cache())):
        places["file systems of sandboxes"] = cache
    yield "room", machine.room(places)
    toolkit = engines.toolkit_version()
    if (answer := machine.gpu(toolkit)) is not None:
        yield "GPU", answer
    if toolkit is not None and kind == "docker":
        yield escapes.NVIDIA, engines.judge_version(escapes.NVIDIA, toolkit)


def _engine(probes: bool) -> Iterator[_Named]:
    yield "access to the engine", engines.judge_access(os.environ)
    try:
        facts = engines.ask_engine()
        image = _image_id()
    except InfrastructureFault as fault:
        yield "the engine answers", _unavailable(fault)
        return
    for component in (escapes.ENGINE, escapes.CONTAINERD, escapes.RUNC, escapes.CRUN):
        if component in facts.versions:
            yield component, engines.judge_version(component, facts.versions[component])
    if escapes.ENGINE not in facts.versions:
        yield escapes.ENGINE, engines.judge_version(escapes.ENGINE, "nothing")
    swap = machine.meminfo(_meminfo()).get("SwapTotal", 0) > 0
    yield "limits of the engine", engines.judge_limits(facts.info, swap=swap)
    yield "hardening", engines.judge_hardening(facts.info)
    root = Path(str(facts.info.get("DockerRootDir") or "/"))
    if engines.is_here() and os.access(root, os.X_OK):
        yield "room of the engine", machine.room({"images of the engine": root})
    yield "sandbox image", _judge_image(image, probes)


def _judge_image(image: str | None, probes: bool) -> Outcome:
    if image is not None:
        return Outcome(image[:23])
    if probes:
        return Outcome("to be built", (found("image-built", f"{image_tag()} was missing."),))
    return Outcome("missing", (found("image-missing", f"There is no image {image_tag()}."),))


def _image_id() -> str | None:
    with engine() as client:
        try:
            return str(client.images.get(image_tag()).id)
        except docker.errors.ImageNotFound:
            return None


def _probes(
    kind: str, on_start: Callable[[str], None], say: Callable[[str], None]
) -> Iterator[_Named]:
    try:
        launcher = choose_sandbox(kind, say=say).launcher
    except InfrastructureFault as fault:
        yield f"start {kind}", _unavailable(fault)
        return
    try:
        yield from run_probes(launcher, on_start=on_start)
    finally:
        launcher.close()


def _unavailable(fault: InfrastructureFault) -> Outcome:
    return Outcome("does not work", (found("sandbox-unavailable", str(fault)),))


def _meminfo() -> str:
    return Path("/proc/meminfo").read_text()


def _existing(folder: Path) -> Path | None:
    """The folder, or the nearest above that exists."""
    return next((each for each in (folder, *folder.parents) if each.is_dir()), None)
