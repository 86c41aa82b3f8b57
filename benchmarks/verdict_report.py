"""The figures of benchmarks/speed_verdicts.py as tables in docs/benchmarks.md, and as a picture."""

import os
import platform
import statistics
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np

DOCUMENT = Path(__file__).resolve().parent.parent / "docs" / "benchmarks.md"
DUEL = "duel of sandboxes (Onebyone)"


def machine() -> dict[str, object]:
    """What the figures were measured on."""
    model = "unknown"
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        lines = cpuinfo.read_text().splitlines()
        model = next((line.split(":")[1].strip() for line in lines if "model name" in line), model)
    return {
        "processor": model,
        "cores": len(os.sched_getaffinity(0)),
        "kernel": platform.release(),
        "python": platform.python_version(),
        "numpy": np.__version__,
    }


def write_report(figures: dict[str, Any], picture: Path, *, document: bool) -> None:
    """Print every table; fill them into the document, and draw, as far as that is possible."""
    tables = {
        "machine": _machine_table(figures["machines"]),
        "verdicts": _verdict_table(figures["cells"].values()),
        "rules": _rule_table(figures["cells"].values()),
        "raw": _raw_table(figures["raw"]),
    }
    print("\n\n".join(tables.values()))
    drawn = _draw(figures["cells"].values(), picture)
    if document:
        link = os.path.relpath(picture, DOCUMENT.parent)
        tables["picture"] = f"![Verdicts by true ratio]({link})" if drawn else ""
        text = DOCUMENT.read_text()
        for name, table in tables.items():
            text = filled(text, name, table)
        DOCUMENT.write_text(text)


def filled(text: str, name: str, table: str) -> str:
    """The document with a table between the comments of this name."""
    begin, end = f"<!-- begin {name} -->", f"<!-- end {name} -->"
    before, found, rest = text.partition(begin)
    _, closed, after = rest.partition(end)
    if not (found and closed):
        raise SystemExit(f"{DOCUMENT} lacks {begin} or {end}: put them back.")
    return f"{before}{begin}\n{table}\n{end}{after}"


def markdown_table(header: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    """Rows of cells as Markdown."""
    header = list(header)
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _machine_table(machines: list[dict[str, object]]) -> str:
    names = ["", *(_letter(number) for number in range(len(machines)))]
    rows = [[name, *(str(each[name]) for each in machines)] for name in machines[0]]
    return markdown_table(names, rows)


def _letter(machine_number: int) -> str:
    return chr(ord("A") + machine_number)


def is_wrong(verdict: str, factor: float) -> bool:
    """Whether a verdict puts the student on the wrong side; exactly on a rung, no side is wrong."""
    return (verdict == "fail" and factor < 1) or (verdict == "pass" and factor > 1)


def _verdict_table(cells: Iterable[dict[str, Any]]) -> str:
    rows = []
    for cell in sorted(
        cells, key=lambda c: (c["call_ms"], c["rung"], c["factor"], c["noise"] != "quiet")
    ):
        duels = [trial["duel"] for trial in cell["trials"] if "duel" in trial]
        if duels:
            rows.append(_verdict_row(cell, [one for one in duels if one["verdict"] != "void"]))
    header = [
        "machine",
        "reference, ms",
        "rung",
        "true ratio",
        "of the rung",
        "neighbour",
        "median found",
        "wrong",
    ]
    header += ["unsure, first try", "unsure in the end", "median pairs", "s per verdict"]
    return markdown_table(header, rows)


def _verdict_row(cell: dict[str, Any], duels: list[dict[str, Any]]) -> list[str]:
    found = [duel["interval"][1] for duel in duels if duel["interval"][1] is not None]
    wrong = sum(is_wrong(duel["verdict"], cell["factor"]) for duel in duels)
    return [
        _letter(cell["machine"]),
        f"{cell['call_ms']:g}",
        f"{cell['rung']:g}",
        f"{cell['ratio']:.2f}",
        f"{cell['factor']:.2f}",
        "no" if cell["noise"] == "quiet" else "bursts",
        f"{statistics.median(found):.3g}" if found else "",
        f"{wrong} / {len(duels)}",
        _percent(sum(duel["tries"] > 1 for duel in duels), len(duels)),
        _percent(sum(duel["verdict"] == "unsure" for duel in duels), len(duels)),
        f"{statistics.median(duel['pairs'] for duel in duels):.0f}" if duels else "",
        f"{statistics.median(duel['seconds'] for duel in duels):.2f}" if duels else "",
    ]


def _percent(count: int, total: int) -> str:
    return f"{100 * count / total:.0f} %" if total else ""


GROUPS = {
    "identical": lambda cell: abs(cell["ratio"] - 1) < 1e-9,
    "25 % or more from the rung": lambda cell: not 0.81 < cell["factor"] < 1.24,
    "5 or 10 % from the rung": lambda cell: (
        0.81 < cell["factor"] < 1.24 and abs(cell["factor"] - 1) > 1e-9
    ),
}


def verdicts_by_rule(cells: Iterable[dict[str, Any]]) -> dict[str, list[tuple[dict, str]]]:
    """Of each rule, every verdict with the cell it was given in."""
    given: dict[str, list[tuple[dict, str]]] = {}
    for cell in cells:
        for trial in cell["trials"]:
            if "duel" in trial:
                given.setdefault(DUEL, []).append((cell, trial["duel"]["verdict"]))
            for name, verdict in trial.get("peers", {}).items():
                given.setdefault(name, []).append((cell, verdict))
    return given


def _rule_table(cells: Iterable[dict[str, Any]]) -> str:
    rows = []
    for name, given in verdicts_by_rule(cells).items():
        for noise in ("quiet", "noisy"):
            row = [name, "no" if noise == "quiet" else "bursts"]
            for belongs in GROUPS.values():
                here = [(c, v) for c, v in given if c["noise"] == noise and belongs(c)]
                wrong = sum(is_wrong(verdict, cell["factor"]) for cell, verdict in here)
                unsure = sum(verdict == "unsure" for _, verdict in here)
                row.append(f"{wrong} ({unsure}) / {len(here)}" if here else "")
            if any(row[2:]):
                rows.append(row)
    return markdown_table(
        ["rule", "neighbour", *(f"{group}: wrong (unsure)" for group in GROUPS)], rows
    )


def _raw_table(raw: dict[str, dict[str, dict[str, float]]]) -> str:
    header = ["machine", "layer", "forward, ms", "product, ms", "ratio"]
    header += ["backward, ms", "two products, ms", "ratio"]
    keys = ["forward_ms", "raw_forward_ms", "forward_ratio"]
    keys += ["backward_ms", "raw_backward_ms", "backward_ratio"]
    rows = [
        [_letter(int(machine_number)), name, *(f"{case[key]:.2f}" for key in keys)]
        for machine_number, cases in raw.items()
        for name, case in cases.items()
    ]
    return markdown_table(header, rows)


def _draw(cells: Iterable[dict[str, Any]], path: Path) -> bool:
    """Of each rule, the share of students called too slow, by true ratio over rung."""
    given = verdicts_by_rule(cells)
    if not given:
        return False
    try:
        import matplotlib as mpl  # noqa: PLC0415  # optional
    except ImportError:
        print("No picture: install the extra `bench` for matplotlib.", file=sys.stderr)
        return False
    mpl.use("Agg")
    from matplotlib import pyplot  # noqa: PLC0415  # after the choice of Agg

    figure, axes = pyplot.subplots(1, 2, figsize=(12, 4.5), sharey=True, layout="constrained")
    for axis, noise in zip(axes, ("quiet", "noisy"), strict=True):
        for name, verdicts in given.items():
            by_factor: dict[float, list[bool]] = {}
            for cell, verdict in verdicts:
                if cell["noise"] == noise and cell["factor"] > 0.4:
                    by_factor.setdefault(round(cell["factor"], 3), []).append(verdict == "fail")
            factors = sorted(by_factor)
            shares = [100 * statistics.fmean(by_factor[factor]) for factor in factors]
            ours = name == DUEL
            axis.plot(factors, shares, "o-", label=name, lw=3 if ours else 1, zorder=3 + ours)
        axis.axvline(1.0, color="0.6", ls=":")
        axis.set(title=f"{noise}: all rungs", xlabel="true ratio / rung", xscale="log")
        axis.set_xlim(0.45, 2.2)
        axis.set_xticks([0.5, 0.67, 0.8, 1.0, 1.25, 1.5, 2.0], minor=False)
        axis.xaxis.set_major_formatter("{x:g}")
        axis.xaxis.set_minor_formatter("")
    axes[0].set_ylabel("called too slow, %")
    axes[0].legend(fontsize="small", loc="upper left")
    path.parent.mkdir(exist_ok=True)
    figure.savefig(path, dpi=110)
    pyplot.close(figure)
    return True
