"""The list of system calls that student code may make.

One profile, `seccomp.json`, in the OCI format that a container engine takes as it is. For
bubblewrap, which takes a compiled filter, libseccomp compiles it here.
"""

import ctypes
import json
import os
from pathlib import Path
from typing import Any

from grader.errors import SandboxUnavailable

_PROFILE = Path(__file__).with_name("seccomp.json")
_LIBRARY = "libseccomp.so.2"

# From seccomp.h of libseccomp.
_ALLOW = 0x7FFF0000
_ERRNO = 0x00050000
_KILL_PROCESS = 0x80000000
_BAD_ARCHITECTURE = 2
_OPTIMIZE = 8
_BINARY_TREE = 2
_COMPARISONS = {
    "SCMP_CMP_NE": 1,
    "SCMP_CMP_LT": 2,
    "SCMP_CMP_LE": 3,
    "SCMP_CMP_EQ": 4,
    "SCMP_CMP_GE": 5,
    "SCMP_CMP_GT": 6,
    "SCMP_CMP_MASKED_EQ": 7,
}
_EPERM = 1
_NATIVE = 0

ARCHITECTURES = {"SCMP_ARCH_X86_64": 0xC000003E, "SCMP_ARCH_AARCH64": 0xC00000B7}
"""Those that the profile is for, by their number in the kernel (`AUDIT_ARCH_...` of audit.h)."""


class _Condition(ctypes.Structure):
    """`struct scmp_arg_cmp`."""

    _fields_ = (
        ("arg", ctypes.c_uint),
        ("op", ctypes.c_int),
        ("datum_a", ctypes.c_uint64),
        ("datum_b", ctypes.c_uint64),
    )


def profile_text() -> str:
    """The profile as JSON text, as `security_opt=["seccomp=" + text]` wants it."""
    return _PROFILE.read_text(encoding="utf-8")


def compile_bpf(profile: str, architecture: str | None = None) -> bytes:
    """Compile a profile for this machine's architecture.

    Calls of the profile that this architecture does not have are left out; a program of another
    architecture (32 bit code, say) is killed at its first call.

    Args:
        profile: A seccomp profile in OCI format, as JSON.
        architecture: One of `ARCHITECTURES`, to compile for another than this machine's.

    Returns:
        The filter, an array of `struct sock_filter`, as bubblewrap's `--seccomp` reads it.

    Raises:
        SandboxUnavailable: libseccomp is missing, or refuses the profile.
    """
    rules = json.loads(profile)
    library = _load()
    context = library.seccomp_init(_action(rules["defaultAction"], rules))
    if not context:
        raise SandboxUnavailable("libseccomp could not start a filter; is it the 2.x series?")
    try:
        if architecture is not None:
            _require(library.seccomp_arch_remove(context, _NATIVE))
            _require(library.seccomp_arch_add(context, ARCHITECTURES[architecture]))
        _require(library.seccomp_attr_set(context, _BAD_ARCHITECTURE, _KILL_PROCESS))
        # Older versions know no binary tree; their filters are only slower.
        library.seccomp_attr_set(context, _OPTIMIZE, _BINARY_TREE)
        for rule in rules["syscalls"]:
            _add(library, context, rule)
        return _export(library, context)
    finally:
        library.seccomp_release(context)


def _load() -> ctypes.CDLL:
    try:
        library = ctypes.CDLL(_LIBRARY)
    except OSError as error:
        raise SandboxUnavailable(
            f"{_LIBRARY} is missing: without it no system call can be filtered. "
            "Install it (Debian, Ubuntu: apt install libseccomp2; Fedora: dnf install libseccomp)."
        ) from error
    library.seccomp_init.restype = ctypes.c_void_p
    library.seccomp_init.argtypes = [ctypes.c_uint32]
    library.seccomp_release.argtypes = [ctypes.c_void_p]
    library.seccomp_release.restype = None
    library.seccomp_attr_set.argtypes = [ctypes.c_void_p, ctypes.c_int, ctypes.c_uint32]
    library.seccomp_arch_remove.argtypes = [ctypes.c_void_p, ctypes.c_uint32]
    library.seccomp_arch_add.argtypes = [ctypes.c_void_p, ctypes.c_uint32]
    library.seccomp_syscall_resolve_name.argtypes = [ctypes.c_char_p]
    library.seccomp_export_bpf.argtypes = [ctypes.c_void_p, ctypes.c_int]
    library.seccomp_rule_add_array.argtypes = [
        ctypes.c_void_p,
        ctypes.c_uint32,
        ctypes.c_int,
        ctypes.c_uint,
        ctypes.POINTER(_Condition),
    ]
    return library


def _action(name: str, rule: dict[str, Any]) -> int:
    match name:
        case "SCMP_ACT_ALLOW":
            return _ALLOW
        case "SCMP_ACT_ERRNO":
            return _ERRNO | int(rule.get("errnoRet", rule.get("defaultErrnoRet", _EPERM)))
    raise SandboxUnavailable(f"The seccomp profile asks for {name}, which is not supported here.")


def _add(library: ctypes.CDLL, context: int, rule: dict[str, Any]) -> None:
    conditions = [
        _Condition(
            argument["index"],
            _COMPARISONS[argument["op"]],
            argument["value"],
            argument.get("valueTwo", 0),
        )
        for argument in rule.get("args", ())
    ]
    array = (_Condition * len(conditions))(*conditions)
    action = _action(rule["action"], rule)
    for name in rule["names"]:
        number = library.seccomp_syscall_resolve_name(name.encode())
        # Negative: unknown to this libseccomp, or a call that this architecture lacks.
        if number >= 0:
            _require(
                library.seccomp_rule_add_array(context, action, number, len(conditions), array)
            )


def _export(library: ctypes.CDLL, context: int) -> bytes:
    memory = os.memfd_create("seccomp")
    try:
        _require(library.seccomp_export_bpf(context, memory))
        return os.pread(memory, os.fstat(memory).st_size, 0)
    finally:
        os.close(memory)


def _require(result: int) -> None:
    if result < 0:
        raise SandboxUnavailable(
            f"libseccomp refused the seccomp profile ({os.strerror(-result)}); "
            "its version may be older than 2.5."
        )
