"""The fifteen properties, in order."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from grader.verifying import (
    accepted,
    hints,
    hostile,
    known_wrong,
    leaks,
    marks,
    mutation,
    reference,
    repeatable,
    statement,
    template,
    timing,
    tolerance,
    well_formed,
    worth,
)
from grader.verifying.finding import Finding
from grader.verifying.trial import Package, Results, Trial


@dataclass(frozen=True)
class Property:
    """One thing that must hold of an assignment.

    Attributes:
        code: `V01` to `V15`; finding codes start with it.
        name: For `--part`.
        title: What is proved.
        trials: What must be tried for it.
        prove: Finds what does not hold.
    """

    code: str
    name: str
    title: str
    trials: Callable[[Package], Iterator[Trial]]
    prove: Callable[[Package, Results], list[Finding]]


def _nothing(_package: Package) -> Iterator[Trial]:
    yield from ()


PROPERTIES = (
    Property(
        "V01",
        "well-formed",
        "files and names are sound",
        _nothing,
        lambda package, _results: well_formed.prove(package.assignment.folder),
    ),
    Property(
        "V02",
        "statement",
        "the statement agrees with the interface",
        _nothing,
        lambda package, _results: statement.prove(package.assignment),
    ),
    Property("V03", "template", "the template is a start", template.trials, template.prove),
    Property("V04", "reference", "the reference is perfect", reference.trials, reference.prove),
    Property("V05", "accepted", "what is right is accepted", accepted.trials, accepted.prove),
    Property("V06", "wrong", "what is wrong is caught", known_wrong.trials, known_wrong.prove),
    Property("V07", "hints", "each mistake shows its hint", hints.trials, hints.prove),
    Property("V08", "worth", "every check earns its place", worth.trials, worth.prove),
    Property("V09", "mutation", "mutants are caught", mutation.trials, mutation.prove),
    Property("V10", "repeatable", "verdicts repeat", repeatable.trials, repeatable.prove),
    Property("V11", "tolerance", "errors keep clear of bounds", tolerance.trials, tolerance.prove),
    Property("V12", "timing", "ratios keep clear of rungs", timing.trials, timing.prove),
    Property("V13", "hostile", "hostile code gains nothing", hostile.trials, hostile.prove),
    Property("V14", "leaks", "nothing leaks", leaks.trials, leaks.prove),
    Property(
        "V15",
        "marks",
        "points add up and are honest",
        _nothing,
        lambda package, _results: marks.prove(package.assignment, package.checks),
    ),
)

NAMES = tuple(each.name for each in PROPERTIES)
