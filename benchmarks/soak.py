"""Does a grader that runs for long, with hostile work in between, stay as it was?

    python -m benchmarks.soak [--gradings 500] [--sandbox docker] [--every 10]

Grades an honest submission again and again in one process, as a runner does, and after each tenth
one attack of tests/hostile. Every honest verdict must be the same, and memory, open files, threads,
containers and control groups must not grow. Ends with 0 if it was so. A run of its defaults writes
the figures into docs/hostile.md; install the extra `bench` for the picture.
"""

import argparse
import contextlib
import gc
import itertools
import json
import os
import random
import statistics
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import docker

from grader.grading import grade
from grader.sandbox import owner
from grader.sandbox.docker import LABEL
from grader.sandbox.pool import SandboxPool
from grader.sandbox.select import KINDS, choose_sandbox
from grader.submission import Submission
from tests.hostile.corpus import Attack, load_corpus
from tests.hostile.judging import ASSIGNMENT, HONEST, SEED, fingerprint
from tests.hostile.run import DOCUMENT, filled

RESULTS = Path(__file__).resolve().parent / "results"
GRADINGS = 500
SETTLED = 50
"""From here on nothing may grow."""

MEMORY_SHARE = 0.05
"""By so much memory may differ: an allocator does not give everything back at once."""


@dataclass(frozen=True)
class Sample:
    """What the grader has after an honest grading.

    Attributes:
        number: Of the grading, from 1.
        memory_kib: Resident memory of this process.
        files: Descriptors that it has open.
        threads: That it runs.
        containers: Of ours that the engine knows, those that stand ready included.
        groups: Control groups of sandboxes on this machine.
        seconds: That the grading took.
    """

    number: int
    memory_kib: int
    files: int
    threads: int
    containers: int
    groups: int
    seconds: float


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--gradings", type=int, default=GRADINGS)
    parser.add_argument("--sandbox", choices=KINDS[:2], default="docker")
    parser.add_argument("--every", type=int, default=10)
    options = parser.parse_args()
    launcher = choose_sandbox(options.sandbox).launcher
    samples: list[Sample] = []
    verdicts: set[str] = set()
    mixed = [attack for attack in load_corpus() if not attack.uploads()]
    random.Random(SEED).shuffle(mixed)  # by number, those that are told apart by values come late
    attacks = itertools.cycle(mixed)
    hostile: list[str] = []
    try:
        with SandboxPool(launcher, ASSIGNMENT.limits, refill=True) as pool:
            for number in range(1, options.gradings + 1):
                started = time.monotonic()
                report = grade(HONEST, ASSIGNMENT, pool, seed=SEED)
                seconds = time.monotonic() - started
                verdicts.add(fingerprint(report))
                pool.wait_until_still()
                samples.append(sample(number, seconds))
                if number % options.every == 0:
                    hostile.append(attacked(next(attacks), pool))
                    print(f"{number}: {hostile[-1]}; {samples[-1]}", file=sys.stderr, flush=True)
    finally:
        launcher.close()
    lines, steady = judged(samples, verdicts, hostile, options.sandbox)
    print("\n".join(lines))
    RESULTS.mkdir(exist_ok=True)
    values = {"sandbox": options.sandbox, "hostile": hostile, "samples": [*map(asdict, samples)]}
    if (options.gradings, options.every) == (GRADINGS, 10):
        (RESULTS / f"soak_{options.sandbox}.json").write_text(json.dumps(values))
        if options.sandbox == "docker":
            picture = RESULTS / "soak.png"
            if drawn(samples, options.every, picture):
                link = os.path.relpath(picture, DOCUMENT.parent)
                lines += ["", f"![What the grader has, grading by grading]({link})"]
            DOCUMENT.write_text(filled(DOCUMENT.read_text(), "soak", "\n".join(lines)))
    return 0 if steady else 1


def attacked(attack: Attack, pool: SandboxPool) -> str:
    """What came of one attack, in the same process and pool."""
    report = grade(Submission(attack.files()), ASSIGNMENT, pool, seed=SEED)
    return f"{attack.name}: {report.outcome.value}, {report.failure}, {report.score}"


def sample(number: int, seconds: float) -> Sample:
    gc.collect()
    status = Path("/proc/self/status").read_text().splitlines()
    fields = dict(line.split(":", 1) for line in status if ":" in line)
    return Sample(
        number=number,
        memory_kib=int(fields["VmRSS"].split()[0]),
        files=len(list(Path("/proc/self/fd").iterdir())),
        threads=threading.active_count(),
        containers=len(_containers()),
        groups=sum(1 for _ in _groups()),
        seconds=seconds,
    )


def _containers() -> list[str]:
    filters = {"label": [LABEL, f"onebyone.owner={owner.identity()}"]}
    with (
        contextlib.suppress(docker.errors.DockerException),
        contextlib.closing(docker.from_env()) as client,
    ):
        return [each.id for each in client.containers.list(all=True, filters=filters)]
    return []


def _groups() -> Iterator[Path]:
    """Every container's, by the engine's names, and every bubblewrap sandbox's of ours."""
    for root in (Path("/sys/fs/cgroup/pids"), Path("/sys/fs/cgroup")):
        for pattern in ("docker/*/", "system.slice/docker-*.scope/", "onebyone-*/"):
            yield from root.glob(pattern)


def judged(
    samples: list[Sample], verdicts: set[str], hostile: list[str], kind: str
) -> tuple[list[str], bool]:
    """Lines for people, and whether nothing changed and nothing grew."""
    settled = samples[SETTLED - 1 :] or samples
    early, late = settled[: max(1, len(settled) // 9)], settled[-max(1, len(settled) // 9) :]
    lines = [
        f"{len(samples)} honest gradings in {kind}, {len(hostile)} hostile ones in between: "
        f"{len(verdicts)} different honest verdict{'s' if len(verdicts) != 1 else ''}.",
        "",
        f"| | gradings {early[0].number} to {early[-1].number} | "
        f"gradings {late[0].number} to {late[-1].number} |",
        "| --- | --- | --- |",
    ]
    steady = len(verdicts) == 1 and not any("fault" in each for each in hostile)
    for name, allowed in (
        ("memory_kib", MEMORY_SHARE),
        ("files", 0.0),
        ("threads", 0.0),
        ("containers", 0.0),
        ("groups", 0.0),
    ):
        before, after = (
            statistics.median(getattr(s, name) for s in part) for part in (early, late)
        )
        steady = steady and after <= before * (1 + allowed)
        lines.append(f"| {name.replace('_kib', ', KiB')}, median | {before:g} | {after:g} |")
    seconds = [statistics.median(s.seconds for s in part) for part in (early, late)]
    lines.append(f"| seconds of a grading, median | {seconds[0]:.2f} | {seconds[1]:.2f} |")
    return lines, steady


def drawn(samples: list[Sample], every: int, path: Path) -> bool:
    """One strip for each thing that must not grow."""
    try:
        import matplotlib as mpl  # noqa: PLC0415  # optional
    except ImportError:
        print("No picture: install the extra `bench` for matplotlib.", file=sys.stderr)
        return False
    mpl.use("Agg")
    from matplotlib import pyplot  # noqa: PLC0415  # after the choice of Agg

    strips: dict[str, list[Any]] = {
        "memory, MiB": [s.memory_kib / 1024 for s in samples],
        "open files": [s.files for s in samples],
        "threads": [s.threads for s in samples],
        "containers": [s.containers for s in samples],
        "control groups": [s.groups for s in samples],
    }
    numbers = [s.number for s in samples]
    figure, axes = pyplot.subplots(
        len(strips), 1, figsize=(9, 8), sharex=True, layout="constrained"
    )
    for axis, (name, values) in zip(axes, strips.items(), strict=True):
        axis.plot(numbers, values, lw=1.2)
        axis.set_ylim(0, max(values) * 1.25 + 1)
        axis.set_ylabel(name)
        axis.axvline(SETTLED, color="0.6", ls=":")
        for number in range(every, len(samples) + 1, every):
            axis.axvline(number, color="tab:red", lw=0.3)
    axes[-1].set_xlabel("honest gradings (a red line: a hostile one after it)")
    figure.savefig(path, dpi=110)
    pyplot.close(figure)
    return True


if __name__ == "__main__":
    sys.exit(main())
