"""V09: small changes to the reference are caught."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from grader.report import Outcome
from grader.verifying.finding import Finding, error, warning
from grader.verifying.mutants import Mutant, mutants
from grader.verifying.trial import REFERENCE, Package, Place, Results, Trial, lost

PREFIX = "mutant/"


@dataclass(frozen=True)
class MutationScore:
    """How many mutants the checks catch.

    Attributes:
        caught: So many.
        counted: Of so many; excused ones are not among them.
        survivors: Those that no check fails, and that nobody excused.
    """

    caught: int
    counted: int
    survivors: tuple[Mutant, ...]

    @property
    def share(self) -> float:
        """Caught of counted; 1 where nothing counts."""
        return self.caught / self.counted if self.counted else 1.0


def mutants_of(source: bytes) -> dict[str, Mutant]:
    """All mutants of a reference by the name of their trials."""
    return {f"{PREFIX}{mutant.name}": mutant for mutant in mutants(source.decode())}


def trials(package: Package) -> Iterator[Trial]:
    """Each mutant until it is caught."""
    for name in package.submissions:
        if name.startswith(PREFIX):
            yield Trial(name=name, place=Place.HERE, until_failure=True)


def score(package: Package, results: Results) -> MutationScore:
    """Count what was caught. A mutant that a check breaks on was caught, too."""
    all_mutants = _mutants(package)
    excused = {excuse.mutant for excuse in package.assignment.verify.equivalent}
    survivors = []
    counted = 0
    for trial in trials(package):
        mutant = all_mutants[trial.name]
        report = results[trial]
        survived = report.outcome is Outcome.GRADED and not lost(report)
        if survived and mutant.name in excused:
            continue
        counted += 1
        if survived:
            survivors.append(mutant)
    return MutationScore(counted - len(survivors), counted, tuple(survivors))


def prove(package: Package, results: Results) -> list[Finding]:
    """The score is high enough; survivors are named, and excuses are good."""
    reached = score(package, results)
    least = package.assignment.verify.min_mutation_score
    findings = [*_excuses(package)]
    if reached.share < least:
        findings.append(
            error(
                "V09-score",
                "checks",
                f"The checks catch {reached.caught} of {reached.counted} mutants of the "
                f"reference, {reached.share:.0%}; [verify] asks for {least:.0%}.",
                "Write checks that catch the survivors, or excuse in [verify] those that are as "
                "right as the reference.",
            )
        )
    findings += [
        warning(
            "V09-survivor",
            f"reference/solution.py:{mutant.line}",
            f"No check fails {mutant.name}: {mutant.description}.",
            "Write a check that does, or excuse it in [verify] with a reason.",
        )
        for mutant in reached.survivors
    ]
    return findings


def _excuses(package: Package) -> Iterator[Finding]:
    names = {mutant.name for mutant in _mutants(package).values()}
    for excuse in package.assignment.verify.equivalent:
        if excuse.mutant not in names:
            yield error(
                "V09-excuse-without-mutant",
                "assignment.toml",
                f"[verify] excuses {excuse.mutant!r}, which is no mutant of the reference.",
                "Take it out: the reference has changed since.",
            )
        if len(excuse.reason.split()) < 3:
            yield error(
                "V09-excuse-without-reason",
                "assignment.toml",
                f"[verify] excuses {excuse.mutant!r} without saying why.",
                "Write in one sentence why it is as right as the reference.",
            )


def _mutants(package: Package) -> Mapping[str, Mutant]:
    file = package.assignment.interface.file
    return mutants_of(package.submissions[REFERENCE].files[file])
