import contextlib
import json
import os
import platform
import socket
import struct
import subprocess
import sys
import textwrap

import docker
import pytest

from grader.errors import SandboxUnavailable
from grader.sandbox import seccomp

HARMLESS = """
    import asyncio, ctypes, errno, multiprocessing, os, socket, subprocess, sys, tempfile, threading

    done = []
    thread = threading.Thread(target=done.append, args=(1,))
    thread.start()
    thread.join()
    assert done == [1]
    answer = subprocess.run([sys.executable, "-c", "print(5)"], capture_output=True, text=True)
    assert answer.stdout == "5\\n", answer
    left, right = socket.socketpair()
    left.send(b"x")
    assert right.recv(1) == b"x"
    server = socket.socket(socket.AF_UNIX)
    server.bind("\\0harmless%d" % os.getpid())
    server.listen()
    with tempfile.TemporaryFile() as file:
        file.write(b"x")
    assert asyncio.run(asyncio.to_thread(lambda: 3)) == 3

    import numpy as np
    assert (np.ones((300, 300)) @ np.ones(300)).sum() == 90000
"""

REFUSALS = """
    import ctypes, errno, platform, socket

    libc = ctypes.CDLL(None, use_errno=True)
    NEWUSER, SIGCHLD = 0x10000000, 17
    x86 = platform.machine() == "x86_64"
    calls = {  # name: number on x86-64, number on arm64, arguments
        "ptrace": (101, 117, 0, 0, 0, 0),
        "process_vm_readv": (310, 270, 1, 0, 0, 0, 0, 0),
        "pidfd_getfd": (438, 438, 0, 0, 0),
        "io_uring_setup": (425, 425, 1, 0),
        "add_key": (248, 217, 0, 0, 0, 0, 0),
        "request_key": (249, 218, 0, 0, 0, 0),
        "keyctl": (250, 219, 0, 0),
        "bpf": (321, 280, 0, 0, 0),
        "perf_event_open": (298, 241, 0, 0, 0, 0, 0),
        "userfaultfd": (323, 282, 0),
        "mount": (165, 40, 0, 0, 0, 0, 0),
        "umount2": (166, 39, 0, 0),
        "pivot_root": (155, 41, 0, 0),
        "open_tree": (428, 428, 0, 0, 0),
        "fsopen": (430, 430, 0, 0),
        "unshare": (272, 97, NEWUSER),
        "setns": (308, 268, 0, 0),
        "clone into a user namespace": (56, 220, NEWUSER | SIGCHLD, 0, 0, 0, 0),
        "personality": (135, 92, 0xFFFFFFFF),
        "memfd_create": (319, 279, b"x", 0),
        "memfd_secret": (447, 447, 0),
        "kexec_load": (246, 104, 0, 0, 0, 0),
        "init_module": (175, 105, 0, 0, 0),
        "finit_module": (313, 273, 0, 0, 0),
        "setuid": (105, 146, 0),
        "mknodat": (259, 33, -100, b"x", 0o60644, 0),
        "clock_settime": (227, 112, 0, 0),
        "chroot": (161, 51, b"/"),
        "clone3": (435, 435, 0, 0),
    }
    for name, (number, arm_number, *arguments) in calls.items():
        ctypes.set_errno(0)
        result = libc.syscall(number if x86 else arm_number, *arguments)
        print(name, "=", errno.errorcode.get(ctypes.get_errno(), result))
    for family in ("INET", "INET6", "VSOCK", "NETLINK", "PACKET", "ALG"):
        for make in (socket.socket, socket.socketpair):
            try:
                make(getattr(socket, "AF_" + family), socket.SOCK_STREAM)
                print(family, "= OPEN")
            except OSError as error:
                print(family, "=", errno.errorcode[error.errno])
"""

TORCH = """
    import io, threading
    import torch

    torch.set_num_threads(2)
    x = torch.ones(64, 512, 512, requires_grad=True)
    (x @ torch.ones(512, 512)).relu().sum().backward()
    assert x.grad.shape == x.shape
    results = []
    threads = [threading.Thread(target=lambda: results.append(torch.rand(300, 300).svd()))
               for _ in range(4)]
    for thread in threads: thread.start()
    for thread in threads: thread.join()
    assert len(results) == 4
    stream = io.BytesIO()
    torch.save(x, stream)
    stream.seek(0)
    assert torch.equal(torch.load(stream, weights_only=True), x)
"""

# Of arm64 (include/uapi/asm-generic/unistd.h): what an interpreter, NumPy and threads make.
ARM_NEEDED = {
    "openat": 56, "close": 57, "read": 63, "write": 64, "newfstatat": 79, "fstat": 80, "exit": 93,
    "exit_group": 94, "set_tid_address": 96, "futex": 98, "set_robust_list": 99, "nanosleep": 101,
    "clock_gettime": 113, "sched_yield": 124, "kill": 129, "rt_sigaction": 134, "uname": 160,
    "getpid": 172, "brk": 214, "munmap": 215, "execve": 221, "mmap": 222, "mprotect": 226,
    "madvise": 233, "wait4": 260, "prlimit64": 261, "getrandom": 278, "rseq": 293,
    "sendmsg": 211, "recvmsg": 212, "dup3": 24, "pipe2": 59, "ppoll": 73,
}  # fmt: skip
ARM_REFUSED = {
    "ptrace": 117, "process_vm_readv": 270, "pidfd_getfd": 438, "io_uring_setup": 425,
    "add_key": 217, "keyctl": 219, "bpf": 280, "perf_event_open": 241, "userfaultfd": 282,
    "mount": 40, "umount2": 39, "pivot_root": 41, "unshare": 97, "setns": 268, "personality": 92,
    "memfd_create": 279, "memfd_secret": 447, "kexec_load": 104, "init_module": 105,
    "setuid": 146, "mknodat": 33, "chroot": 51, "clock_settime": 112,
}  # fmt: skip

INSTALL = """
    import ctypes, sys

    class Program(ctypes.Structure):
        _fields_ = (("length", ctypes.c_ushort), ("filter", ctypes.c_void_p))

    bpf = bytes.fromhex(sys.argv[1])
    buffer = ctypes.create_string_buffer(bpf, len(bpf))
    program = Program(len(bpf) // 8, ctypes.addressof(buffer))
    NO_NEW_PRIVS, SET_SECCOMP, FILTER = 38, 22, 2
    libc = ctypes.CDLL(None)
    assert libc.prctl(NO_NEW_PRIVS, 1, 0, 0, 0) == 0
    assert libc.prctl(SET_SECCOMP, FILTER, ctypes.byref(program)) == 0
"""


def run_filtered(code):
    bpf = seccomp.compile_bpf(seccomp.profile_text())
    script = textwrap.dedent(INSTALL) + textwrap.dedent(code)
    return subprocess.run(
        [sys.executable, "-c", script, bpf.hex()],
        capture_output=True,
        text=True,
        check=False,
        env=os.environ | {"OPENBLAS_NUM_THREADS": "2"},
    )


def refusals(text):
    return dict(line.split(" = ") for line in text.strip().splitlines())


def assert_refused(answers):
    assert answers.pop("clone3") == "ENOSYS"  # so that the C library uses clone
    assert len(answers) > 30
    assert set(answers.values()) == {"EPERM"}, answers


def test_the_profile_is_an_allow_list_and_says_why_for_each_group():
    profile = json.loads(seccomp.profile_text())
    assert profile["defaultAction"] == "SCMP_ACT_ERRNO"
    assert {arch["architecture"] for arch in profile["archMap"]} == {
        "SCMP_ARCH_X86_64",
        "SCMP_ARCH_AARCH64",
    }
    names = [name for rule in profile["syscalls"] for name in rule["names"]]
    assert len(names) == len(set(names))
    assert all(rule["comment"] for rule in profile["syscalls"])


def test_threads_programs_unix_sockets_and_numpy_work_behind_the_compiled_filter():
    answer = run_filtered(HARMLESS)
    assert answer.returncode == 0, answer.stderr


def test_the_compiled_filter_refuses_what_student_code_never_needs():
    answer = run_filtered(REFUSALS)
    assert answer.returncode == 0, answer.stderr
    assert_refused(refusals(answer.stdout))


@pytest.mark.oracles
def test_torch_works_behind_the_compiled_filter():
    pytest.importorskip("torch")
    answer = run_filtered(TORCH)
    assert answer.returncode == 0, answer.stderr


def decide(bpf, architecture, number, *arguments):
    """What a filter returns for a call: the instructions that libseccomp emits, as in bpf(4)."""
    arguments = (*arguments, *[0] * 6)[:6]
    data = struct.pack("<IIQ6Q", number, architecture, 0, *arguments)
    program = list(struct.iter_unpack("<HBBI", bpf))
    at = accumulator = 0
    while True:
        code, yes, no, k = program[at]
        at += 1
        match code:
            case 0x20:  # load a word
                (accumulator,) = struct.unpack_from("<I", data, k)
            case 0x54:  # and
                accumulator &= k
            case 0x05:  # jump
                at += k
            case 0x15 | 0x25 | 0x35 | 0x45:  # jump if equal, greater, not less, any bit
                holds = {
                    0x15: accumulator == k,
                    0x25: accumulator > k,
                    0x35: accumulator >= k,
                    0x45: bool(accumulator & k),
                }[code]
                at += yes if holds else no
            case 0x06:  # return
                return k
            case _:
                raise AssertionError(f"an instruction of another kind: {code:#x}")


ALLOW, EPERM, ENOSYS, KILL = 0x7FFF0000, 0x00050001, 0x00050026, 0x80000000


@pytest.fixture(scope="module")
def on_arm():
    """A function that says what the filter for arm64 decides."""
    bpf = seccomp.compile_bpf(seccomp.profile_text(), "SCMP_ARCH_AARCH64")
    architecture = seccomp.ARCHITECTURES["SCMP_ARCH_AARCH64"]
    return lambda *call: decide(bpf, architecture, *call)


@pytest.mark.parametrize("name", ARM_NEEDED)
def test_on_arm_what_an_interpreter_needs_is_allowed(on_arm, name):
    assert on_arm(ARM_NEEDED[name]) == ALLOW


@pytest.mark.parametrize("name", ARM_REFUSED)
def test_on_arm_what_no_student_needs_is_refused(on_arm, name):
    assert on_arm(ARM_REFUSED[name]) == EPERM


def test_on_arm_threads_are_made_and_namespaces_are_not(on_arm):
    thread, new_user = 0x3D0F00, 0x10000000
    assert on_arm(220, thread) == ALLOW
    assert on_arm(220, new_user | 17) == EPERM
    assert on_arm(435) == ENOSYS  # clone3, so that the C library uses clone


def test_on_arm_sockets_are_unix_ones(on_arm):
    assert on_arm(198, socket.AF_UNIX) == ALLOW
    for family in (socket.AF_INET, socket.AF_INET6, 16, 17, 38, 40):
        assert on_arm(198, family) == EPERM


def test_on_arm_calls_of_another_architecture_kill(on_arm):
    bpf = seccomp.compile_bpf(seccomp.profile_text(), "SCMP_ARCH_AARCH64")
    assert decide(bpf, seccomp.ARCHITECTURES["SCMP_ARCH_X86_64"], 0) == KILL


@pytest.mark.skipif(platform.machine() != "x86_64", reason="32 bit calls exist on x86-64 alone")
def test_a_32_bit_call_kills_the_program():
    code = """
        import mmap
        # mov eax, 20 (getpid); int 0x80; ret
        page = mmap.mmap(-1, 4096, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC)
        page.write(bytes.fromhex("b814000000cd80c3"))
        address = ctypes.addressof(ctypes.c_char.from_buffer(page))
        print("reached", ctypes.CFUNCTYPE(ctypes.c_int)(address)())
    """
    answer = run_filtered(code)
    assert answer.returncode == -31  # SIGSYS
    assert "reached" not in answer.stdout


@pytest.mark.docker
def test_a_container_engine_takes_the_profile_as_it_is(docker_launcher):
    client = docker.from_env()
    with contextlib.closing(client):
        for init in (False, True):
            for code, judge in ((HARMLESS, str), (REFUSALS, lambda o: assert_refused(refusals(o)))):
                output = client.containers.run(
                    docker_launcher.describe().image_digest,
                    ["python3", "-c", textwrap.dedent(code)],
                    entrypoint=[],
                    init=init,
                    network_mode="none",
                    cap_drop=["ALL"],
                    user="65534:65534",
                    read_only=True,
                    tmpfs={"/tmp": "uid=65534"},
                    security_opt=["no-new-privileges:true", f"seccomp={seccomp.profile_text()}"],
                    remove=True,
                    stderr=True,
                )
                judge(output.decode())


def test_names_that_this_machine_does_not_know_are_left_out():
    rules = {
        "defaultAction": "SCMP_ACT_ERRNO",
        "syscalls": [{"names": ["no_such_call", "read"], "action": "SCMP_ACT_ALLOW"}],
    }
    bpf = seccomp.compile_bpf(json.dumps(rules))
    assert bpf
    assert len(bpf) % 8 == 0


def test_an_unknown_action_is_refused():
    with pytest.raises(SandboxUnavailable, match="SCMP_ACT_TRACE"):
        seccomp.compile_bpf('{"defaultAction": "SCMP_ACT_TRACE", "syscalls": []}')


def test_without_libseccomp_the_message_says_what_to_install(monkeypatch):
    monkeypatch.setattr(seccomp, "_LIBRARY", "libseccomp-which-is-not-there.so")
    with pytest.raises(SandboxUnavailable, match="apt install libseccomp2"):
        seccomp.compile_bpf(seccomp.profile_text())
