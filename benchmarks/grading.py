"""What the sandbox costs, side by side with the same work done without one.

    python benchmarks/grading.py [--sandbox docker|bubblewrap] [--rounds N] [--json]

Every figure is a ratio, or a difference, of two things measured in turn in this run. Gradings are
timed as whole processes, from their start to the report; for `warm`, the time in which the
container was made ready beforehand is taken off. The `checks_` figures leave out what both spend on
starting Python and on imports, which is the stricter comparison.
"""

import argparse
import contextlib
import json
import operator
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
    options = ["-q", "-p", "no:cacheprovider", f"--student={STUDENT}", f"--check-seed={SEED}"]
    status = pytest.main([*options, "-c", os.devnull, str(ASSIGNMENT / "checks")])
    tell(checks_s=time.perf_counter() - started)
    sys.exit(int(status))


def warm_run(kind: str) -> None:
    """The same checks on the same module, in a sandbox that stands ready."""
    beginning = time.perf_counter()
    launcher = choose_sandbox(kind).launcher
    assignment = load_assignment(ASSIGNMENT)
    submission = load_submission(STUDENT)
    with contextlib.closing(launcher), SandboxPool(launcher, assignment.limits) as pool:
        pool.wait_until_warm()
        started = time.perf_counter()
        report = grade(submission, assignment, pool, seed=SEED)
        ended = time.perf_counter()
    tell(checks_s=ended - started, beforehand_s=started - beginning)
    sys.exit(report.outcome is not Outcome.GRADED or report.score != report.max_score)


def cold_run(kind: str) -> None:
    """The command line, from nothing."""
    command = [sys.executable, "-m", "grader", "grade", str(STUDENT), "--format=json"]
    command += [f"--assignment={ASSIGNMENT}", f"--sandbox={kind}", f"--seed={SEED}"]
    started = time.perf_counter()
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        document = ""
        for line in process.stdout:
            document += line
            if line == "}\n":
                ended = time.perf_counter()
    tell(whole_s=ended - started)
    report = json.loads(document)
    sys.exit(report["score"] != report["max_score"])


def tell(**figures: float) -> None:
    """Hand figures to the process that measures, which stops its clock when it reads them."""
    print(json.dumps(figures), flush=True)


def timed_process(*arguments: str) -> dict[str, float]:
    """Whole seconds of a fresh process of this script until its figures, and these."""
    started = time.perf_counter()
    with subprocess.Popen(
        [sys.executable, __file__, *arguments], stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        figures: dict[str, float] = {}
        for line in process.stdout:
            if line.startswith("{"):
                figures = {"whole_s": time.perf_counter() - started, **json.loads(line)}
    figures["whole_s"] -= figures.get("beforehand_s", 0.0)
    if process.returncode != 0 or not figures:
        sys.exit(f"{arguments} failed")
    return figures


def measure_gradings(kind: str, rounds: int) -> dict[str, float]:
    runs: dict[str, list[dict[str, float]]] = {"plain": [], "warm": [], "cold": []}
    for _ in range(rounds):
        for name, figures in runs.items():
            figures.append(timed_process("--inner", name, "--sandbox", kind))

    def median(compare: Callable[[float, float], float], name: str, figure: str) -> float:
        pairs = zip(runs[name], runs["plain"], strict=True)
        return statistics.median(compare(run[figure], plain[figure]) for run, plain in pairs)

    return {
        **{
            f"{name}_s": statistics.median(run["whole_s"] for run in figures)
            for name, figures in runs.items()
        },
        "warm_over_plain": median(operator.truediv, "warm", "whole_s"),
        "cold_minus_plain_s": median(operator.sub, "cold", "whole_s"),
        "checks_warm_over_plain": median(operator.truediv, "warm", "checks_s"),
        "checks_warm_minus_plain_s": median(operator.sub, "warm", "checks_s"),
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
        null = seconds_each(lambda: client.result(client.call(MODULE, "nothing", (), {})), 5000)
        ratios, speeds = [], []
        client.result(client.call(MODULE, "echo", (array,), {}))
        plain.echo(array)
        for _ in range(rounds):
            ours = seconds_each(lambda: client.result(client.call(MODULE, "echo", (array,), {})), 1)
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
        client.result(client.call(MODULE, "echo", (array,), {}))
        pool.dispose(client)
    tell(peak_memory_mib=resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)


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
        case "warm":
            warm_run(options.sandbox)
        case "cold":
            cold_run(options.sandbox)
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
        "peak_memory_mib": timed_process("--inner", "memory", "--sandbox", kind)["peak_memory_mib"],
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
