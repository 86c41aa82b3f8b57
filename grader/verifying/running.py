"""Run trials in worker processes: each runs one grading at a time, because pytest does."""

import contextlib
import multiprocessing
import multiprocessing.util
import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass, replace
from pathlib import Path

from grader.assignment import Assignment, load_assignment
from grader.checking.run import Selection
from grader.errors import InfrastructureFault
from grader.grading import grade, grade_here
from grader.report import Outcome, Report
from grader.sandbox.pool import SandboxPool
from grader.sandbox.select import choose_sandbox
from grader.submission import Submission
from grader.verifying.trial import FIRST_SEED, Place, Trial

QUICK_CALL_S = 1.0
"""A call of hostile code: most of it never returns by itself."""

TRIES = 3
"""Of a grading that came to nothing, since a fault of ours says nothing of the assignment."""

WORKERS = 2
OnTrial = Callable[[Trial, int, int], None]


@dataclass(frozen=True)
class _Workplace:
    """What a worker process needs to know."""

    folder: Path
    sandbox: str | None
    device: str | None
    timed: frozenset[str]


def run_trials(
    assignment: Assignment,
    trials: Iterable[Trial],
    submissions: Mapping[str, Submission],
    *,
    timed: frozenset[str],
    sandbox: str | None = None,
    device: str | None = None,
    workers: int = WORKERS,
    on_trial: OnTrial = lambda _trial, _done, _total: None,
) -> dict[Trial, Report]:
    """Grade them all, each once; again where something of ours failed.

    Args:
        assignment: Whose checks.
        trials: What to run; what is named twice runs once.
        submissions: The code by name.
        timed: Names of submissions whose speed is wanted: alone, at the end. No other comes to the
            checks of speed.
        sandbox: Its kind; None for the strongest that works here.
        device: The GPU to pass to it.
        workers: How many processes grade side by side; 0 to grade in this one.
        on_trial: Told of each trial when it has ended, how many have, and of how many.

    Raises:
        InfrastructureFault: One could not be graded, in `TRIES` tries.
    """
    wanted = list(dict.fromkeys(trials))
    alone = [each for each in wanted if each.place is Place.SANDBOX and each.name in timed]
    together = [each for each in wanted if each not in set(alone)]
    # What takes longest comes first, so that at the end no worker waits for another.
    together.sort(key=lambda each: (each.place is Place.HERE, each.place is Place.SANDBOX))
    workplace = _Workplace(assignment.folder, sandbox, device, timed)
    results: dict[Trial, Report] = {}
    for batch, count in ((together, workers), (alone, min(workers, 1))):
        for trial, report in _run(batch, submissions, workplace, count):
            if report.outcome is Outcome.INFRASTRUCTURE_FAULT:
                raise InfrastructureFault(f"{trial.name} could not be graded: {report.message}")
            results[trial] = report
            on_trial(trial, len(results), len(wanted))
    return results


def _run(
    trials: list[Trial], submissions: Mapping[str, Submission], workplace: _Workplace, count: int
) -> Iterator[tuple[Trial, Report]]:
    if not trials:
        return
    if count == 0:
        _set_up(workplace)
        try:
            for trial in trials:
                yield trial, _try(trial, submissions[trial.name].files)
        finally:
            _tear_down()
        return
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(
        min(count, len(trials), os.cpu_count() or 1), context, _set_up, (workplace,)
    ) as workers:
        waiting: dict[Future[Report], Trial] = {
            workers.submit(_try, trial, dict(submissions[trial.name].files)): trial
            for trial in trials
        }
        try:
            while waiting:
                done, _ = wait(waiting, return_when=FIRST_COMPLETED)
                for future in done:
                    yield waiting.pop(future), future.result()
        except BrokenProcessPool:
            raise InfrastructureFault(
                "A process that graded was killed, by lack of memory or by somebody: try again."
            ) from None
        finally:
            workers.shutdown(wait=True, cancel_futures=True)


_here: _Workplace | None = None
_pools: dict[Place, SandboxPool] = {}
_opened = contextlib.ExitStack()


def _set_up(workplace: _Workplace) -> None:
    """Remember the workplace, and close what is opened when this process ends."""
    global _here  # noqa: PLW0603 - a process has one workplace
    _here = workplace
    multiprocessing.util.Finalize(None, _tear_down, exitpriority=10)


def _tear_down() -> None:
    _pools.clear()
    _opened.close()


def _try(trial: Trial, files: Mapping[str, bytes]) -> Report:
    for _ in range(TRIES):
        report = _grade(trial, files)
        if report.outcome is not Outcome.INFRASTRUCTURE_FAULT:
            break
    return report


def _grade(trial: Trial, files: Mapping[str, bytes]) -> Report:
    assert _here is not None  # noqa: S101 - _set_up has run
    assignment = _assignment(_here.folder, trial.place)
    submission = Submission(files)
    selection = Selection(
        untimed=trial.place is not Place.HERE and trial.name not in _here.timed,
        only=frozenset(trial.only) or None,
        until_failure=trial.until_failure,
        backwards=trial.backwards,
        diagnosed=_is_diagnosed(trial),
    )
    if trial.place is Place.HERE:
        return grade_here(submission, assignment, seed=trial.seed, selection=selection)
    pool = _pool(trial.place, assignment)
    return grade(submission, assignment, pool, seed=trial.seed, selection=selection)


def _is_diagnosed(trial: Trial) -> bool:
    """Whether hints are looked for: of repetitions and of hostile code, verdicts alone count."""
    repeats = trial.seed != FIRST_SEED or trial.backwards
    return not (trial.until_failure or trial.only or repeats or trial.place is Place.QUICK)


def _assignment(folder: Path, place: Place) -> Assignment:
    assignment = load_assignment(folder)
    if place is not Place.QUICK:
        return assignment
    limits = assignment.limits
    quick = replace(limits, call_s=min(limits.call_s, QUICK_CALL_S), restarts=0)
    return replace(assignment, limits=quick)


def _pool(place: Place, assignment: Assignment) -> SandboxPool:
    assert _here is not None  # noqa: S101 - _set_up has run
    if place not in _pools:
        choice = choose_sandbox(_here.sandbox, device=_here.device, runtime=assignment.runtime)
        _opened.enter_context(contextlib.closing(choice.launcher))
        _pools[place] = _opened.enter_context(SandboxPool(choice.launcher, assignment.limits))
    return _pools[place]
