"""Prove an assignment sound: try what has to be tried, and ask each property."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from grader import __version__
from grader.assignment import Assignment, load_assignment
from grader.checking.run import list_checks
from grader.errors import AssignmentInvalid
from grader.known_submissions import load_known_submissions
from grader.report import SandboxInfo
from grader.submission import Submission, load_submission
from grader.verifying import hostile, leaks, marks, mutation, tolerance, well_formed
from grader.verifying.battery import battery
from grader.verifying.finding import Finding, Severity, error
from grader.verifying.mutation import MutationScore
from grader.verifying.properties import PROPERTIES, Property
from grader.verifying.record import Record
from grader.verifying.running import WORKERS, OnTrial, run_trials
from grader.verifying.table import matrix, points
from grader.verifying.trial import REFERENCE, TEMPLATE, Package, Place, Results


@dataclass(frozen=True)
class Verification:
    """What came of it.

    Attributes:
        package: What was looked at; None where the folder is not one.
        parts: The properties that were asked for.
        results: All gradings.
        findings: What does not hold.
        mutation: The score; None where mutants were not tried.
        record: The same, to be kept; None where the folder is not an assignment.
    """

    package: Package | None
    parts: tuple[Property, ...]
    results: Results
    findings: tuple[Finding, ...]
    mutation: MutationScore | None
    record: Record | None

    @property
    def is_proved(self) -> bool:
        """Whether nothing but warnings was found."""
        return not any(finding.severity is Severity.ERROR for finding in self.findings)


def verify(
    folder: Path,
    parts: Sequence[str] | None = None,
    *,
    seeds: int | None = None,
    sandbox: str | None = None,
    device: str | None = None,
    workers: int = WORKERS,
    on_trial: OnTrial = lambda _trial, _done, _total: None,
    say: Callable[[str], None] = lambda _text: None,
) -> Verification:
    """Look at an assignment's folder.

    Args:
        folder: The assignment's.
        parts: Names of the properties to prove; None for all.
        seeds: How many seeds verdicts are repeated with; None for what `[verify]` says.
        sandbox: Kind of the sandbox that trials run in; None for the strongest.
        device: The GPU to pass to it.
        workers: How many processes grade side by side; 0 to grade in this one.
        on_trial: Told of each grading that has ended.
        say: Told what is going on.

    Raises:
        InfrastructureFault: Something could not be tried; nothing is proved then.
    """
    started = time.monotonic()
    wanted = tuple(each for each in PROPERTIES if parts is None or each.name in parts)
    try:
        package = load_package(load_assignment(folder), seeds)
    except AssignmentInvalid as fault:
        found = well_formed.prove(folder) or [_refused(folder, fault)]
        return Verification(None, wanted, {}, tuple(found), None, None)
    static = marks.prove(package.assignment, package.checks)
    if any(finding.code == "V15-points" for finding in static):  # nothing could be graded
        return Verification(package, wanted, {}, tuple(static), None, None)
    trials = [trial for each in wanted for trial in each.trials(package)]
    say(f"{len(set(trials))} gradings for {len(wanted)} of {len(PROPERTIES)} properties")
    results = run_trials(
        package.assignment,
        trials,
        package.submissions,
        timed=_timed(package),
        sandbox=sandbox,
        device=device,
        workers=workers,
        on_trial=on_trial,
    )
    findings: list[Finding] = []
    proved = {}
    for each in wanted:
        found = each.prove(package, results)
        proved[each.name] = not any(f.severity is Severity.ERROR for f in found)
        findings += [finding for finding in found if finding not in findings]
    tried = {each.code for each in wanted}
    score = mutation.score(package, results) if "V09" in tried else None
    complete = len(wanted) == len(PROPERTIES) and all(proved.values())
    record = _record(package, results, findings, proved, score, complete, started)
    return Verification(package, wanted, results, tuple(findings), score, record)


def load_package(assignment: Assignment, seeds: int | None = None) -> Package:
    """Everything of an assignment that can be tried.

    Raises:
        AssignmentInvalid: Checks, reference or known submissions do not load.
    """
    file = assignment.interface.file
    known = load_known_submissions(assignment)
    reference = load_submission(assignment.reference).files
    solution = {file: reference["solution.py"]}
    helpers = {n: c for n, c in reference.items() if n not in ("solution.py", "oracle.py")}
    submissions = {
        REFERENCE: Submission({**helpers, **solution}),
        TEMPLATE: load_submission(assignment.template),
        leaks.PROBE: leaks.probe(assignment),
    }
    submissions |= {each.name: each.submission for each in known.all}
    for name, mutant in mutation.mutants_of(solution[file]).items():
        submissions[name] = Submission({**helpers, file: mutant.source.encode()})
    for name, files in battery(assignment.interface).items():
        submissions[f"{hostile.PREFIX}{name}"] = Submission(files)
    return Package(
        assignment=assignment,
        checks=list_checks(assignment),
        known=known,
        submissions=submissions,
        seeds=assignment.verify.seeds if seeds is None else seeds,
    )


def _timed(package: Package) -> frozenset[str]:
    """What comes as far as the checks of speed, if there are any."""
    if not package.last_checks:
        return frozenset()
    known = (*package.known.accepted, *package.known.too_slow)
    return frozenset({REFERENCE, *(each.name for each in known)})


def _refused(folder: Path, fault: AssignmentInvalid) -> Finding:
    return error("V01-invalid", str(folder), str(fault), "Mend what it names, and verify again.")


def _record(
    package: Package,
    results: Results,
    findings: Sequence[Finding],
    proved: dict[str, bool],
    score: MutationScore | None,
    complete: bool,
    started: float,
) -> Record:
    sandbox = _sandbox(results)
    here = any(trial.place is Place.HERE for trial in results)
    both = "tolerance" in proved and here
    worst, least = tolerance.room(package, results) if both else (None, None)
    return Record(
        assignment_sha256=package.assignment.sha256,
        grader_version=__version__,
        proved=complete,
        parts=proved,
        sandbox="" if sandbox is None else sandbox["kind"],
        image_digest=None if sandbox is None else sandbox["image_digest"],
        device=package.assignment.runtime.device.value,
        seeds=package.seeds,
        mutation_score=None if score is None else (score.caught, score.counted),
        survivors=() if score is None else tuple(mutant.name for mutant in score.survivors),
        worst_error_over_bound=worst,
        least_error_over_bound=least if least is not None and least != float("inf") else None,
        matrix={name: points(report) for name, report in matrix(package, results).items()},
        findings=tuple(sorted({finding.code for finding in findings})),
        seconds=round(time.monotonic() - started, 1),
    )


def _sandbox(results: Results) -> SandboxInfo | None:
    return next((report.sandbox for report in results.values() if report.sandbox is not None), None)
