"""Runs the corpus against this machine's sandboxes, and prints what came of each attack.

    python -m tests.hostile.run [--sandbox docker] [--times 3] [--only theft/env_secrets]
                                [--document]

Ends with 0 if every attack was held each time. `--document` writes the tables of docs/hostile.md.
"""

import argparse
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from grader.sandbox.select import choose_sandbox

from .corpus import NUMBERS, ROOT, Attack, load_corpus
from .judging import Result, judge, surround
from .naive.judging import consequences
from .watch import Witness, watching

DOCUMENT = ROOT / "docs" / "hostile.md"
KINDS = ("docker", "bubblewrap")


@dataclass
class Runs:
    """Of each attack, what came of it each time, by the kind of sandbox."""

    kind: str
    seconds: list[float] = field(default_factory=list)
    results: dict[str, list[Result]] = field(default_factory=dict)

    def held(self) -> int:
        """How many attacks were held each time."""
        return sum(all(not r.problems for r in each) for each in self.results.values())


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--sandbox", choices=KINDS, help="default: both")
    parser.add_argument("--times", type=int, default=1)
    parser.add_argument("--only", help="one attack, or the beginning of its name")
    parser.add_argument("--document", action="store_true")
    options = parser.parse_args()
    chosen = [a for a in load_corpus() if a.name.startswith(options.only or "")]
    if not chosen:
        parser.error(f"there is no attack {options.only}")
    kinds = KINDS if options.sandbox is None else (options.sandbox,)
    runs = [run(kind, chosen, options.times) for kind in kinds]
    table = markdown_table(chosen, runs)
    print(table)
    if options.document:
        text = DOCUMENT.read_text()
        text = filled(text, "summary", summary(chosen, runs))
        text = filled(text, "differences", differences(chosen))
        DOCUMENT.write_text(filled(text, "attacks", table))
    return int(any(each.held() < len(chosen) for each in runs))


def run(kind: str, chosen: Sequence[Attack], times: int) -> Runs:
    """Judge each attack so many times, one series after another."""
    runs = Runs(kind)
    place = tempfile.gettempdir()  # not the one that is watched
    for number in range(times):
        started = time.monotonic()
        with _surroundings(kind) as around:
            for attack in chosen:
                with tempfile.TemporaryDirectory(prefix="hostile-", dir=place) as folder:
                    result = judge(attack, around, Path(folder))
                runs.results.setdefault(attack.name, []).append(result)
                said = "; ".join(result.problems) or result.outcome
                print(f"{kind} {number + 1}: {attack.name}: {said}", file=sys.stderr, flush=True)
        runs.seconds.append(time.monotonic() - started)
    return runs


@contextmanager
def _surroundings(kind: str) -> Iterator:
    launcher = choose_sandbox(kind).launcher
    try:
        with (
            tempfile.TemporaryDirectory(prefix="hostile-") as folder,
            watching(Path(folder)) as watch,
        ):
            yield surround(kind, Witness(launcher), watch)
    finally:
        launcher.close()


def summary(chosen: Sequence[Attack], runs: Iterable[Runs]) -> str:
    numbers = len({attack.number for attack in chosen})
    lines = [f"{numbers} of {len(NUMBERS)} attacks, as {len(chosen)} submissions.", ""]
    for each in runs:
        times = ", ".join(f"{seconds:.0f} s" for seconds in each.seconds)
        lines.append(
            f"- {each.kind}: {each.held()} of {len(chosen)} submissions held in each of "
            f"{len(each.seconds)} runs ({times})."
        )
    return "\n".join(lines)


def differences(chosen: Iterable[Attack]) -> str:
    found = [(a, a.expected["bubblewrap"]) for a in chosen]
    return "\n".join(f"- `{a.name}`: {e.why}." for a, e in found if e.why)


def markdown_table(chosen: Iterable[Attack], runs: Sequence[Runs]) -> str:
    header = ["#", "attack", "what it tries", "what holds it"]
    header += [f"{each.kind}, seconds" for each in runs] + ["on a naive grader"]
    lines = [header, ["---"] * len(header)]
    for attack in chosen:
        expected = attack.expected["docker"]
        row = [str(attack.number), f"`{attack.name}`", expected.what, expected.caught_by]
        for each in runs:
            results = each.results[attack.name]
            wrong = [problem for result in results for problem in result.problems]
            outcome = "**NOT HELD**" if wrong else results[-1].outcome
            row.append(f"{outcome}, {max(result.seconds for result in results):.1f}")
        lines.append([*row, _naively(attack)])
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _naively(attack: Attack) -> str:
    if not attack.expected["docker"].naive:
        return ""
    with tempfile.TemporaryDirectory(prefix="hostile-") as folder:
        return ", ".join(sorted(consequences(attack, Path(folder)))).replace("_", " ")


def filled(text: str, name: str, content: str) -> str:
    """The document with this between its comments."""
    begin, end = f"<!-- begin {name} -->", f"<!-- end {name} -->"
    before, found, rest = text.partition(begin)
    _, closed, after = rest.partition(end)
    if not (found and closed):
        raise SystemExit(f"{DOCUMENT} lacks {begin} or {end}: put them back.")
    return f"{before}{begin}\n{content}\n{end}{after}"


if __name__ == "__main__":
    sys.exit(main())
