"""Pictures of simulated deadlines."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.scaling_simulation import Load, Outcome

STEP_S = 300.0


def draw_runners(classes: Sequence[int], needed: Mapping[int, Sequence[int]], path: Path) -> None:
    """Runners by the size of a class, for each wait in minutes."""
    pyplot = _pyplot()
    figure, axis = pyplot.subplots(figsize=(9, 5), layout="constrained")
    offered = [Load(students).offered for students in classes]
    axis.plot(classes, offered, ":", color="0.5", label="busy at the deadline, were there enough")
    for (minutes, runners), mark in zip(needed.items(), "osD", strict=True):
        axis.plot(classes, runners, f"{mark}-", ms=6, lw=1.5, label=f"p95 wait of {minutes} min")
    (middle,) = (runners for minutes, runners in needed.items() if minutes == sorted(needed)[1])
    for students, runners in zip(classes, middle, strict=True):
        axis.annotate(
            f"{runners:,}", (students, runners), (6, -14), textcoords="offset points", fontsize=10
        )
    axis.set(xscale="log", yscale="log", xlabel="students", ylabel="runners")
    axis.set_xticks(classes, [f"{students:,}" for students in classes])
    axis.set_yticks([10**n for n in range(5)], [f"{10**n:,}" for n in range(5)])
    axis.minorticks_off()
    axis.grid(color="0.9")
    axis.legend(loc="upper left", title="simulated; labels: 5 min")
    _save(pyplot, figure, path)


def draw_waits(load: Load, outcomes: Mapping[str, Outcome], path: Path) -> None:
    """What waits, and for how long, hour by hour; outcomes by what is said of the runners."""
    pyplot = _pyplot()
    figure, (above, below) = pyplot.subplots(
        2, 1, figsize=(9, 7), sharex=True, layout="constrained"
    )
    deadline_s = load.window_h * 3600
    moments = np.arange(0.0, deadline_s + 2.0 * 3600, STEP_S / 5)
    for name, outcome in outcomes.items():
        hours = (moments - deadline_s) / 3600
        above.plot(hours, outcome.waiting(moments), lw=1.8, label=name)
        edges = np.arange(0.0, deadline_s + 1, STEP_S)
        parts = np.digitize(outcome.coming.came_s, edges) - 1
        p95 = [
            np.quantile(outcome.waits_s[parts == part], 0.95) / 60 if (parts == part).any() else 0
            for part in range(len(edges) - 1)
        ]
        below.plot((edges[:-1] + STEP_S / 2 - deadline_s) / 3600, p95, lw=1.8)
    above.set_ylabel("submissions that wait")
    above.legend(loc="upper left", title=f"{load.students:,} students, simulated")
    below.set(ylabel="p95 wait of who hands in then, min", xlabel="hours after the deadline")
    below.set_yscale("symlog", linthresh=1)
    ticks = [0, 1, 5, 15, 60, 240]
    below.set_yticks(ticks, [str(tick) for tick in ticks])
    below.set_ylim(0)
    for axis in (above, below):
        axis.axvline(0, color="0.4", ls=":")
        axis.grid(color="0.9")
    _save(pyplot, figure, path)


def _pyplot() -> Any:
    import matplotlib as mpl  # noqa: PLC0415  # tests do without

    mpl.use("Agg")
    from matplotlib import pyplot  # noqa: PLC0415  # after the choice of Agg

    return pyplot


def _save(pyplot: Any, figure: Any, path: Path) -> None:
    path.parent.mkdir(exist_ok=True)
    figure.savefig(path, dpi=110)
    pyplot.close(figure)
