"""What the container engine says of itself: its limits, its versions, who may talk to it."""

import json
import os
import shutil
import stat
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlparse

from grader.doctor import escapes
from grader.doctor.connection import engine
from grader.doctor.finding import Finding, Severity, found
from grader.doctor.subject import Outcome
from grader.doctor.versions import parse_version
from grader.text import clean

_SOCKET = "unix:///var/run/docker.sock"
_CRUN_VERSION = "run.oci.crun.version"
_FEATURES = "org.opencontainers.runtime-spec.features"
_LIMITS = {
    "MemoryLimit": "memory",
    "PidsLimit": "processes",
    "CpuCfsQuota": "processor time",
    "CpuCfsPeriod": "the period of processor time",
}
_TOOL_SECONDS = 10


@dataclass(frozen=True)
class EngineFacts:
    """What `docker info` and `docker version` say.

    Attributes:
        info: The first, as the engine's interface gives it.
        versions: By component: `engine`, `containerd`, `runc`, `crun`; those that are known.
    """

    info: Mapping[str, Any]
    versions: Mapping[str, str]


def ask_engine() -> EngineFacts:
    """Ask it. Raises SandboxUnavailable, InfrastructureFault."""
    with engine() as client:
        return read_facts(client.info(), client.version())


def read_facts(info: Mapping[str, Any], version: Mapping[str, Any]) -> EngineFacts:
    """The facts in what the engine answered.

    Args:
        info: To `GET /info`.
        version: To `GET /version`.
    """
    versions = {escapes.ENGINE: str(version.get("Version") or info.get("ServerVersion") or "")}
    for component in version.get("Components") or ():
        name = str(component.get("Name", "")).lower()
        if name in (escapes.CONTAINERD, escapes.RUNC, escapes.CRUN):
            versions[name] = _fuller(component)
    default = str(info.get("DefaultRuntime") or escapes.RUNC)
    for name, runtime in (info.get("Runtimes") or {}).items():
        crun = _crun_version(runtime)
        if crun:
            versions[escapes.CRUN] = crun
            if name == default:  # what it calls runc is then not what runs containers
                versions.pop(escapes.RUNC, None)
    if default not in (escapes.RUNC, "io.containerd.runc.v2", escapes.CRUN, "nvidia"):
        versions.pop(escapes.RUNC, None)
    return EngineFacts(info, {name: text for name, text in versions.items() if text})


def _fuller(component: Mapping[str, Any]) -> str:
    """Version, or the "commit", where a distribution's package writes its own version."""
    version = str(component.get("Version", ""))
    commit = str((component.get("Details") or {}).get("GitCommit", ""))
    return commit if version and commit.startswith(version) else version


def _crun_version(runtime: Mapping[str, Any]) -> str:
    try:
        features = json.loads((runtime.get("status") or {}).get(_FEATURES) or "{}")
        return str(features["annotations"][_CRUN_VERSION])
    except (KeyError, TypeError, ValueError):
        return ""


def judge_limits(info: Mapping[str, Any], *, swap: bool) -> Outcome:
    """Whether the engine can limit what it will be asked to.

    Args:
        info: What `docker info` says.
        swap: Whether this machine has any.
    """
    findings: list[Finding] = []
    missing = [name for key, name in _LIMITS.items() if info.get(key) is False]
    if missing:
        message = f"The engine says that it cannot limit {', '.join(missing)}."
        findings.append(found("engine-cannot-limit", message))
    if info.get("SwapLimit") is False:
        severity = Severity.ERROR if swap else Severity.WARNING
        there = "there is swap here" if swap else "there is none here now"
        message = f"The engine says that it cannot limit swap, and {there}."
        findings.append(found("swap-unlimited", message, severity=severity))
    options = [str(option) for option in info.get("SecurityOptions") or ()]
    if not any(_option(option) == "seccomp" for option in options):
        findings.append(found("engine-without-seccomp", "The engine says that it has no seccomp."))
    for text in info.get("Warnings") or ():
        findings.append(found("engine-warns", clean(str(text), 300)))
    return Outcome(
        f"cgroup v{info.get('CgroupVersion', '1')}, {info.get('CgroupDriver', '?')}",
        tuple(findings),
    )


def judge_hardening(info: Mapping[str, Any]) -> Outcome:
    """What would make it harder still."""
    options = {_option(str(option)) for option in info.get("SecurityOptions") or ()}
    findings = []
    if not options & {"rootless", "userns"}:
        message = "Neither rootless nor userns-remap is on: root in a container is root outside."
        findings.append(found("engine-as-root", message))
    runtimes = sorted(info.get("Runtimes") or {})
    if not any(name.startswith("runsc") for name in runtimes):
        message = f"The engine has no gVisor (runsc); its runtimes: {', '.join(runtimes)}."
        findings.append(found("no-gvisor", message))
    return Outcome(", ".join(sorted(options)), tuple(findings))


def _option(text: str) -> str:
    """`seccomp` of `name=seccomp,profile=default`."""
    return text.partition(",")[0].removeprefix("name=")


def judge_version(component: str, text: str) -> Outcome:
    """Known escapes of a component, by its version.

    Only a project's own version proves that a fix is missing: distributions mend old ones.
    """
    shown = clean(text, 60)
    try:
        open_ones = escapes.open_escapes(component, text)
    except ValueError:
        return Outcome(shown, (found("version-unknown", f"{component} calls itself {shown!r}."),))
    version = parse_version(text)
    findings = []
    for escape in open_ones:
        ids = ", ".join(escape.ids)
        if not escape.reachable:
            message = f"{component} {shown} may have {ids}: {escape.what}"
            findings.append(found(escape.code, message))
        elif version is not None and version.suffix:
            message = (
                f"{component} {shown} looks old for {ids}: {escape.what} "
                f"Your distribution may have mended it."
            )
            remedy = f"Look for {ids} in your distribution's tracker of security. {escape.remedy}"
            finding = found(escape.code, message, severity=Severity.WARNING, remedy=remedy)
            findings.append(finding)
        else:
            message = f"{component} {shown} has {ids}: {escape.what}"
            findings.append(found(escape.code, message))
    return Outcome(shown, tuple(findings))


def judge_access(environment: Mapping[str, str]) -> Outcome:
    """Who may talk to the engine.

    Args:
        environment: With DOCKER_HOST and DOCKER_TLS_VERIFY, where they are set.
    """
    address = urlparse(environment.get("DOCKER_HOST") or _SOCKET)
    if address.scheme in ("tcp", "http"):
        if environment.get("DOCKER_TLS_VERIFY"):
            return Outcome("TCP with TLS")
        message = f"The engine is reached at {clean(address.netloc, 80)} without TLS."
        return Outcome("TCP", (found("engine-over-network", message),))
    if address.scheme != "unix":
        return Outcome(address.scheme)
    try:
        mode = stat.S_IMODE(Path(address.path).stat().st_mode)
    except OSError:
        return Outcome(f"{address.path} cannot be seen")
    if mode & stat.S_IWOTH:
        message = f"Everybody here may write to {address.path} (mode {mode:04o})."
        return Outcome(f"mode {mode:04o}", (found("engine-socket-open", message),))
    return Outcome(f"mode {mode:04o}")


def toolkit_version() -> str | None:
    """What passes GPUs to containers says of itself; None where there is none."""
    for command in (("nvidia-ctk", "--version"), ("nvidia-container-cli", "--version")):
        if shutil.which(command[0]) is None:
            continue
        try:
            ran = subprocess.run(
                command, capture_output=True, text=True, timeout=_TOOL_SECONDS, check=False
            )
        except (OSError, subprocess.TimeoutExpired):
            continue
        for word in ran.stdout.replace(":", " ").split():
            if parse_version(word) is not None:
                return word
    return None


def is_here(environment: Mapping[str, str] = os.environ) -> bool:
    """Whether the engine runs on this machine, as far as its address tells."""
    return urlparse(environment.get("DOCKER_HOST") or _SOCKET).scheme == "unix"
