"""What a sandbox must not reach: each wall is looked at from outside, and tried from inside."""

import errno
import hashlib
import ipaddress
import os
from collections.abc import Callable
from pathlib import Path

from grader.doctor import calls, outside
from grader.doctor.connection import engine
from grader.doctor.finding import Finding, found
from grader.doctor.subject import Outcome, Probe, Subject
from grader.errors import InfrastructureFault
from grader.sandbox.command import AGENT_FOLDER
from grader.sandbox.runtime_tree import SCRATCH
from grader.text import quoted

CANARY_VARIABLE = "ONEBYONE_DOCTOR_CANARY"
"""Set in this process while probes run; nothing in a sandbox may have it."""

_UNREACHED = frozenset(
    {errno.EPERM, errno.EACCES, errno.ENETUNREACH, errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT}
)
_METADATA, _RESOLVER, _USUAL_BRIDGE = "169.254.169.254", "8.8.8.8", "172.17.0.1"
_PORTS = {_METADATA: 80, _RESOLVER: 53}
_NOT_FOR_FILES = (SCRATCH, "/dev/shm", "/dev/mqueue", "/proc", "/sys")  # noqa: S108
_KERNEL_FILES = (
    "/proc/sys/kernel/core_pattern",
    "/proc/sys/kernel/hostname",
    "/proc/sysrq-trigger",
    "/sys/kernel/uevent_helper",
    "/sys/fs/cgroup/release_agent",
)
_ROOT = "0"


def _identity(subject: Subject) -> Outcome:
    """Who it is, and what it could become: by the kernel, from outside."""
    agent = subject.agent()
    findings: list[Finding] = []
    if agent is None:
        user, capabilities, new_privileges, mode = _own_status(subject)
        message = "The processes of the sandbox cannot be seen from here."
        findings.append(found("outside-unseen", message))
        users = [str(user)]
    else:
        status = outside.status_of(agent)
        users = status["Uid"].split()
        capabilities = 0
        for key in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"):
            capabilities |= int(status[key], 16)
        new_privileges, mode = int(status["NoNewPrivs"]), int(status["Seccomp"])
    if _ROOT in users:
        findings.append(found("runs-as-root", "Student code runs as user 0, as the kernel says."))
    if capabilities:
        message = f"Student code has capabilities in one of its sets ({capabilities:#x})."
        findings.append(found("has-capabilities", message))
    if new_privileges != 1:
        findings.append(found("may-gain-privileges", "no_new_privs is not set on student code."))
    if mode != 2:
        message = f"The kernel says seccomp mode {mode} of student code, and a filter is mode 2."
        findings.append(found("calls-unfiltered", message))
    return Outcome(f"user {users[0]}", tuple(findings))


def _own_status(subject: Subject) -> tuple[int, int, int, int]:
    value = subject.ask("own_status")
    match value:
        case (int(user), int(capabilities), int(privileges), int(mode)):
            return user, capabilities, privileges, mode
    return 0, 1, 0, 0


def _network(subject: Subject) -> Outcome:
    findings = []
    if agent := subject.agent():
        if outside.shares_network(agent):
            message = "Student code is in this machine's own network."
            findings.append(found("network-reachable", message))
        elif routes := outside.routes_of(agent):
            message = f"Student code has a route to a network, over {', '.join(routes)}."
            findings.append(found("network-reachable", message))
    for address in (_METADATA, _RESOLVER, _bridge(subject.kind)):
        answer = subject.number("connect", address, _PORTS.get(address, 22))
        if answer not in _UNREACHED:
            how = errno.errorcode.get(answer, "time out") if answer else "a connection"
            message = f"Student code tried to reach {address}, and got: {how}."
            findings.append(found("network-reachable", message))
    return Outcome("nothing is reached", tuple(findings))


def _bridge(kind: str) -> str:
    """Where the engine itself can be reached from its usual network."""
    if kind != "docker":
        return _USUAL_BRIDGE
    try:
        with engine() as client:
            pools = client.api.inspect_network("bridge")["IPAM"]["Config"]
    except InfrastructureFault:
        return _USUAL_BRIDGE  # somebody removed that network
    for pool in pools:
        if pool.get("Gateway"):
            return str(pool["Gateway"])
        network = ipaddress.ip_network(pool["Subnet"])
        if network.version == 4:
            return str(next(network.hosts()))
    return _USUAL_BRIDGE


def _files(subject: Subject) -> Outcome:
    findings = []
    agent = subject.agent()
    if agent and (points := outside.writable_disks(agent)):
        message = f"Student code has a file system on disk that it may write, at {points[0]}."
        findings.append(found("files-writable", message))
    if path := subject.data("writable", _NOT_FOR_FILES, _KERNEL_FILES):
        name = quoted(path.decode("utf-8", "replace"))
        findings.append(found("files-writable", f"Student code can write to {name}."))
    return Outcome("read-only", tuple(findings))


def _secrets(canary: Path) -> Callable[[Subject], Outcome]:
    def run(subject: Subject) -> Outcome:
        findings = []
        if subject.number("readable", str(canary)):
            message = f"Student code can read {canary} on this machine."
            findings.append(found("host-file-readable", message))
        if count := subject.number("environments_with", CANARY_VARIABLE):
            message = f"A variable of the grader's is in the environment of {count} processes."
            findings.append(found("environment-readable", message))
        return Outcome("not found", tuple(findings))

    return run


def _calls(subject: Subject) -> Outcome:
    machine = os.uname().machine
    known = [each for each in calls.FORBIDDEN if machine in each.numbers]
    if not known:
        message = f"The numbers of system calls on {quoted(machine)} are not known."
        return Outcome("not tried", (found("calls-untried", message),))
    allowed = [
        each.name
        for each in known
        if subject.number("call", each.numbers[machine], *each.arguments) not in calls.REFUSED
    ]
    if not allowed:
        return Outcome(f"all {len(known)} refused")
    message = f"System calls that should be refused are not: {', '.join(allowed)}."
    return Outcome(f"{len(allowed)} of {len(known)} allowed", (found("calls-allowed", message),))


def _agent(subject: Subject) -> Outcome:
    digest = hashlib.sha256()
    for path in sorted(AGENT_FOLDER.glob("*.py")):
        digest.update(path.name.encode() + b"\0" + path.read_bytes())
    if subject.data("agent_digest") == digest.digest():
        return Outcome("of this installation")
    message = "The agent's files in the sandbox are not those of this installation."
    return Outcome("another", (found("image-differs", message),))


def walls(canary: Path) -> tuple[Probe, ...]:
    """All of them.

    Args:
        canary: A file of this machine that anybody here may read.
    """
    return (
        Probe("identity and privileges", _identity, shared=True),
        Probe("reach the network", _network, shared=True),
        Probe("write elsewhere", _files, shared=True),
        Probe("read the grader's secrets", _secrets(canary), shared=True),
        Probe("forbidden system calls", _calls, shared=True),
        Probe("the agent's files", _agent, shared=True),
    )
