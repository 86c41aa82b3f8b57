"""What the sandbox costs, side by side with the same work done without one.

    python benchmarks/grading.py [--sandbox docker|bubblewrap] [--rounds N] [--json]

Every figure is a ratio, or a difference, of two things measured in turn in this run. Each grading
is timed in a fresh process, after its imports: what is compared is the grading, not Python's
start.
"""

import argparse
import json
import os
import platform
import resource
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from grader.assignment import load_assignment
from grader.checking.run import PYTEST_OPTIONS
from grader.grading import grade
from grader.report import Outcome
from grader.sandbox.client import MODULE, AgentClient
from grader.sandbox.limits import Limits
from grader.sandbox.pool import SandboxPool
from grader.sandbox.select import choose_sandbox
from grader.submission import load_submission

ROOT = Path(__file__).resolve().parent.parent
ASSIGNMENT = ROOT / "assignments" / "dense-conv1x1"
STUDENT = ASSIGNMENT / "submissions" / "accepted" / "matmul" / "layers.py"
SEED = 1
MIB = 1 << 20
ECHO = b"""
def nothing():
    return None
def echo(array):
    return array
"""


def plain_run() -> None:
    """The checks in one pytest process on the imported module, no isolation."""
    started = time.perf_counter()
    status = pytest.main(
        [
            *PYTEST_OPTIONS,
            f"--student={STUDENT}",
            f"--check-seed={SEED}",
            str(ASSIGNMENT / "checks"),
        ]
    )
    print(time.perf_counter() - started)
    sys.exit(int(status))


def sandboxed_run(kind: str, warm: bool) -> None:
    """The same checks on the same module in a sandbox that stands ready, or does not."""
    launcher = choose_sandbox(kind).launcher
    assignment = load_assignment(ASSIGNMENT)
    submission = load_submission(STUDENT)
    if warm:
        pool = SandboxPool(launcher, assignment.limits)
        pool.wait_until_warm()
        started = time.perf_counter()
    else:
        started = time.perf_counter()
        pool = SandboxPool(launcher, assignment.limits)
    report = grade(submission, assignment, pool, seed=SEED)
    print(time.perf_counter() - started)
    pool.close()
    sys.exit(report.outcome is not Outcome.GRADED or report.score != report.max_score)


def timed_process(*arguments: str) -> float:
    """Seconds that a fresh process of this script measured."""
    done = subprocess.run(
        [sys.executable, __file__, *arguments], capture_output=True, text=True, check=False
    )
    if done.returncode != 0:
        sys.exit(f"{arguments} failed:\n{done.stdout}{done.stderr}")
    return float(done.stdout.split()[-1])


def measure_gradings(kind: str, rounds: int) -> dict[str, float]:
    runs: dict[str, list[float]] = {"plain": [], "warm": [], "cold": []}
    for _ in range(rounds):
        for name, seconds in runs.items():
            seconds.append(timed_process("--inner", name, "--sandbox", kind))
    pairs = zip(runs["plain"], runs["warm"], runs["cold"], strict=True)
    ratios = [(warm / plain, cold - warm) for plain, warm, cold in pairs]
    return {
        "plain_s": statistics.median(runs["plain"]),
        "warm_s": statistics.median(runs["warm"]),
        "cold_s": statistics.median(runs["cold"]),
        "warm_over_plain": statistics.median(ratio for ratio, _ in ratios),
        "cold_minus_warm_s": statistics.median(extra for _, extra in ratios),
        "cold_minus_plain_s": statistics.median(
            cold - plain for plain, cold in zip(runs["plain"], runs["cold"], strict=True)
        ),
    }


def connected_client(kind: str) -> tuple[SandboxPool, AgentClient]:
    pool = SandboxPool(choose_sandbox(kind).launcher, Limits(memory_mib=1024, reply_mib=64))
    client = pool.take()
    client.load("echo.py", {"echo.py": ECHO})
    return pool, client


def seconds_each(work: Callable[[], object], count: int) -> float:
    samples = []
    for _ in range(count):
        started = time.perf_counter()
        work()
        samples.append(time.perf_counter() - started)
    return statistics.median(samples)


def measure_transport(kind: str, rounds: int) -> dict[str, float]:
    array = np.ones(16 * MIB, np.float32)
    pool, client = connected_client(kind)
    with pool, PlainEcho(array.nbytes) as plain:
        null = seconds_each(lambda: client.call(MODULE, "nothing", (), {}), 5000)
        ratios, speeds = [], []
        client.call(MODULE, "echo", (array,), {})
        plain.echo(array)
        for _ in range(rounds):
            ours = seconds_each(lambda: client.call(MODULE, "echo", (array,), {}), 1)
            theirs = seconds_each(lambda: plain.echo(array), 1)
            ratios.append(theirs / ours)
            speeds.append(2 * array.nbytes / MIB / ours)
        pool.dispose(client)
    return {
        "null_call_us": null * 1e6,
        "echo_64mib_over_plain_socket": statistics.median(ratios),
        "echo_64mib_mib_per_s": statistics.median(speeds),
    }


class PlainEcho:
    """A process that sends back what it receives over a Unix socket: nothing is faster here."""

    def __init__(self, size: int) -> None:
        self._folder = tempfile.TemporaryDirectory()
        path = f"{self._folder.name}/socket"
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as listener:
            listener.bind(path)
            listener.listen(1)
            command = [sys.executable, __file__, "--inner", "echo", "--path", path]
            self._process = subprocess.Popen([*command, "--size", str(size)])
            self._line, _ = listener.accept()

    def echo(self, array: np.ndarray) -> np.ndarray:
        """Send an array, and receive it back."""
        self._line.sendall(memoryview(array).cast("B"))
        back = np.empty_like(array)
        receive_exactly(self._line, memoryview(back).cast("B"))
        return back

    def __enter__(self) -> "PlainEcho":
        return self

    def __exit__(self, *_exception: object) -> None:
        self._line.close()
        self._process.wait()
        self._folder.cleanup()


def receive_exactly(line: socket.socket, view: memoryview) -> bool:
    while view:
        count = line.recv_into(view)
        if count == 0:
            return False
        view = view[count:]
    return True


def serve_echo(path: str, size: int) -> None:
    buffer = bytearray(size)
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as line:
        line.connect(path)
        while receive_exactly(line, memoryview(buffer)):
            line.sendall(buffer)


def memory_run(kind: str) -> None:
    """Peak memory of the trusted side with one 64 MiB array in flight."""
    array = np.ones(16 * MIB, np.float32)
    pool, client = connected_client(kind)
    with pool:
        client.call(MODULE, "echo", (array,), {})
        pool.dispose(client)
    print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)


def machine() -> dict[str, object]:
    return {
        "python": platform.python_version(),
        "numpy": np.__version__,
        "kernel": platform.release(),
        "cores": len(os.sched_getaffinity(0)),
    }


TARGETS = {
    "warm_over_plain": ("at most", 1.3),
    "cold_minus_plain_s": ("at most", 0.5),
    "null_call_us": ("at most", 150.0),
    "echo_64mib_over_plain_socket": ("at least", 0.5),
    "peak_memory_mib": ("at most", 3 * 64 + 150.0),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--sandbox", default="docker", choices=("docker", "bubblewrap", "process"))
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--inner", help=argparse.SUPPRESS)
    parser.add_argument("--path", help=argparse.SUPPRESS)
    parser.add_argument("--size", type=int, help=argparse.SUPPRESS)
    options = parser.parse_args()
    match options.inner:
        case "plain":
            plain_run()
        case "warm" | "cold":
            sandboxed_run(options.sandbox, options.inner == "warm")
        case "echo":
            serve_echo(options.path, options.size)
        case "memory":
            memory_run(options.sandbox)
        case _:
            report(options.sandbox, options.rounds, as_json=options.json)


def report(kind: str, rounds: int, *, as_json: bool) -> None:
    figures = {
        **measure_gradings(kind, rounds),
        **measure_transport(kind, rounds),
        "peak_memory_mib": timed_process("--inner", "memory", "--sandbox", kind),
    }
    if as_json:
        print(json.dumps({"sandbox": kind, "machine": machine(), "figures": figures}, indent=2))
        return
    print(f"sandbox: {kind}; rounds: {rounds}; {machine()}")
    for name, value in figures.items():
        target = "  (target: {} {:g})".format(*TARGETS[name]) if name in TARGETS else ""
        print(f"{name:32} {value:10.3f}{target}")


if __name__ == "__main__":
    main()
