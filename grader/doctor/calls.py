"""System calls that student code may not make, with arguments that do no harm where it may.

A call that is refused fails with EPERM, EACCES or ENOSYS. Any other answer, a complaint about the
arguments included, means that the kernel looked at it.
"""

import errno
from dataclasses import dataclass

REFUSED = frozenset({errno.EPERM, errno.EACCES, errno.ENOSYS, -1})
"""-1: the process was killed for it."""

_NEW_USER = 0x10000000
_STREAM, _RAW, _PACKETS = 1, 3, 5


@dataclass(frozen=True)
class Call:
    """One system call.

    Attributes:
        name: For people.
        numbers: By the machine's name, as `uname -m` has it.
        arguments: Of the call.
    """

    name: str
    numbers: dict[str, int]
    arguments: tuple[int, ...]


def _call(name: str, x86_64: int, aarch64: int, *arguments: int) -> Call:
    return Call(name, {"x86_64": x86_64, "aarch64": aarch64}, arguments)


def _socket(family: str, number: int, kind: int) -> Call:
    return _call(f"socket({family})", 41, 198, number, kind, 0)


FORBIDDEN = (
    _socket("AF_INET", 2, _STREAM),
    _socket("AF_INET6", 10, _STREAM),
    _socket("AF_NETLINK", 16, _RAW),
    _socket("AF_PACKET", 17, _RAW),
    _socket("AF_ALG", 38, _PACKETS),
    _socket("AF_VSOCK", 40, _STREAM),
    _call("io_uring_setup", 425, 425, 8, 0),
    _call("ptrace", 101, 117, 0, 0, 0, 0),
    _call("process_vm_readv", 310, 270, 0, 0, 0, 0, 0, 0),
    _call("pidfd_getfd", 438, 438, -1, -1, 0),
    _call("unshare", 272, 97, _NEW_USER),
    _call("setns", 308, 268, -1, 0),
    _call("mount", 165, 40, 0, 0, 0, 0, 0),
    _call("add_key", 248, 217, 0, 0, 0, 0, 0),
    _call("keyctl", 250, 219, 0, -3, 0),
    _call("bpf", 321, 280, 0, 0, 0),
    _call("perf_event_open", 298, 241, 0, 0, -1, -1, 0),
    _call("userfaultfd", 323, 282, 0),
    _call("memfd_secret", 447, 447, 0),
    _call("open_by_handle_at", 304, 265, -1, 0, 0),
)
