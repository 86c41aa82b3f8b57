"""Facts about a failure that no known mistake explains.

What do the wrong results have in common with the right ones? And what do the cases in which a check
fails have in common, that those in which it passes have not?
"""

import itertools
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from grader.checking.mismatch import Evidence, Mismatch
from grader.checking.patterns import common_pattern
from grader.checking.recorder import Case

_LOOKED_AT = 5
_LEAST = 2  # cases of either kind: one alone has everything in common with itself


def facts(cases: Sequence[Case]) -> str:
    """What can be said of a check's failing cases, in lines; "" where nothing can."""
    return "\n".join(filter(None, (largest_pattern(cases), common_condition(cases))))


def largest_pattern(cases: Sequence[Case]) -> str:
    """The pattern of the largest wrong result: the smallest case shows seldom one."""
    wrong = [
        evidence
        for case in cases
        if isinstance(case.error, Mismatch)
        for evidence in case.error.evidence
        if _is_comparable(evidence)
    ]
    for evidence in sorted(wrong, key=_size, reverse=True)[:_LOOKED_AT]:
        assert evidence.expected is not None  # noqa: S101 - it is comparable
        actual = np.asarray(evidence.actual)
        pattern = common_pattern(actual, evidence.expected.value)
        if pattern:
            shape = "x".join(map(str, actual.shape))
            return f"In a larger case, {evidence.name} of shape {shape}: {pattern}"
    return ""


def _is_comparable(evidence: Evidence) -> bool:
    actual, expected = evidence.actual, evidence.expected
    return (
        expected is not None
        and isinstance(actual, np.ndarray)
        and actual.shape == expected.value.shape
        and not np.array_equal(actual, expected.value)
    )


def _size(evidence: Evidence) -> int:
    return np.asarray(evidence.actual).size


@dataclass(frozen=True)
class _Condition:
    """What may hold of a case.

    Attributes:
        text: `batch is 1`.
        holds: Of a case's features.
    """

    text: str
    holds: Callable[[Mapping[str, Any]], bool]


def common_condition(cases: Sequence[Case]) -> str:
    """A sentence on where a check fails, if one condition tells failing from passing cases.

    The simplest condition is taken: one value of what was drawn; a least or a largest value; two
    equal sizes. Of several as simple ones, the first; "" where none fits or where there are too
    few cases.
    """
    distinct = {repr(case.values): case for case in cases}
    failing = [_features(case.values) for case in distinct.values() if case.error is not None]
    passing = [_features(case.values) for case in distinct.values() if case.error is None]
    if min(len(failing), len(passing)) < _LEAST:
        return ""
    tried = f"Of {len(failing) + len(passing)} cases tried, {len(failing)} fail"
    conditions = list(_conditions(failing, passing))
    for these, others, words in (
        (failing, passing, "those in which"),
        (passing, failing, "all but those in which"),
    ):
        for condition in conditions:
            if all(map(condition.holds, these)) and not any(map(condition.holds, others)):
                return f"{tried}: {words} {condition.text}."
    return ""


def _features(values: Mapping[str, Any]) -> dict[str, Any]:
    """Plain values by name; of a list, its length and whether its items are equal."""
    features: dict[str, Any] = {}
    for key, value in values.items():
        name = key.replace("_", " ")
        if isinstance(value, bool | int | str):
            features[name] = value
        elif isinstance(value, list | tuple):
            features[f"the length of {name}"] = len(value)
            if len(value) > 1:
                features[f"all {name} are equal"] = len({*map(repr, value)}) == 1
            if value and all(isinstance(item, int) for item in value):
                features[f"the largest of {name}"] = max(value)
    return features


def _conditions(
    failing: Sequence[Mapping[str, Any]], passing: Sequence[Mapping[str, Any]]
) -> Iterator[_Condition]:
    every = [*failing, *passing]
    names = [name for name in every[0] if all(name in each for each in every)]
    for name in names:
        for value in sorted({each[name] for each in every}, key=str):
            yield _is(name, value)
    numbers = [name for name in names if all(type(each[name]) is int for each in every)]
    for name in numbers:
        for value in sorted({each[name] for each in every}):
            yield _Condition(
                f"{name} is at least {value}",
                lambda each, name=name, value=value: bool(each[name] >= value),  # type: ignore[misc]
            )
    for one, other in itertools.combinations(numbers, 2):
        yield _Condition(
            f"{one} equals {other}",
            lambda each, one=one, other=other: bool(each[one] == each[other]),  # type: ignore[misc]
        )


def _is(name: str, value: Any) -> _Condition:
    text = f"{name} is {str(value).lower() if isinstance(value, bool) else value}"
    if name.endswith(" are equal"):
        text = name if value else f"not {name}"
    return _Condition(
        text, lambda each: bool(each[name] == value and type(each[name]) is type(value))
    )
