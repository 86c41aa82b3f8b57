"""`@drawn`: checks over drawn cases, shrunk to the smallest case that still fails."""

import dataclasses
import functools
import inspect
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import hypothesis
import numpy as np
from hypothesis.internal.conjecture import providers
from hypothesis.internal.constants_ast import Constants
from hypothesis.strategies import SearchStrategy

from grader.checking.recorder import Case, record_case
from grader.errors import OnebyoneError

_SHRINK_RUNS = 150
_SHRINK_SECONDS = 10.0

# Hypothesis likes to draw constants that it reads in modules that happen to be imported and are not
# installed, so that cases would differ between a checkout, a server and a test. It has no setting
# for that; `test_drawing.py` fails if this comes to nothing.
providers._get_local_constants = Constants


def drawn(
    *,
    examples: int = 20,
    always: Sequence[Mapping[str, Any]] = (),
    **strategies: SearchStrategy[Any],
) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Run a check on drawn cases; what comes out is the failure of the smallest failing case.

    Cases are drawn from the grading's seed. `rng` starts afresh, and equally, in every case: a
    case is a function of what was drawn for it.

    Args:
        examples: How many cases.
        always: Cases that are tried whatever is drawn, where no drawn one fails: what draws may
            miss, so that a verdict does not depend on luck.
        **strategies: Hypothesis strategies, by argument name.
    """

    def decorate(function: Callable[..., None]) -> Callable[..., None]:
        signature = inspect.signature(function)
        fixtures = [
            parameter.replace(kind=inspect.Parameter.KEYWORD_ONLY)
            for name, parameter in signature.parameters.items()
            if name not in strategies
        ]
        seed = inspect.Parameter("case_seed", inspect.Parameter.KEYWORD_ONLY)

        @functools.wraps(function)
        def check_function(*, case_seed: int, **fixtures: Any) -> None:
            _Search(function, fixtures, case_seed).run(strategies, examples, always)

        check_function.__one_case__ = function  # type: ignore[attr-defined]
        # pytest reads from it which fixtures to pass.
        check_function.__signature__ = signature.replace(  # type: ignore[attr-defined]
            parameters=[*fixtures, seed]
        )
        return check_function

    return decorate


def run_case(
    check_function: Callable[..., None],
    fixtures: Mapping[str, Any],
    case_seed: int,
    values: Mapping[str, Any],
) -> None:
    """Run one case of a check again, drawn or not, as it ran the first time.

    Args:
        check_function: What pytest collected.
        fixtures: By name; at least those that the check asks for, but for `rng`.
        case_seed: Of the check: `rng` starts from it.
        values: What was drawn for the case; none of a check that draws none.

    Raises:
        Exception: Whatever comes out of the case.
    """
    function = getattr(check_function, "__one_case__", check_function)
    fixtures = {**fixtures, "rng": np.random.default_rng(case_seed)}
    asked = set(inspect.signature(function).parameters) - set(values)
    function(**{name: fixtures[name] for name in fixtures if name in asked}, **values)


def drawn_values(error: BaseException) -> dict[str, Any] | None:
    """The case in which an exception came up, where it was a drawn one; as JSON can say it."""
    values = getattr(error, "__drawn__", None)
    return values if isinstance(values, dict) else None


class _EndOfSearch(BaseException):
    """Leaves Hypothesis at once, with what was found."""


class _Search:
    def __init__(self, function: Callable[..., None], fixtures: dict[str, Any], seed: int) -> None:
        self._function = function
        self._fixtures = fixtures
        self._seed = seed
        self._smallest: Exception | None = None
        self._shrink_runs = 0
        self._shrink_until = float("inf")

    def run(
        self,
        strategies: Mapping[str, SearchStrategy[Any]],
        examples: int,
        always: Sequence[Mapping[str, Any]],
    ) -> None:
        settings = hypothesis.settings(
            max_examples=examples,
            deadline=None,  # time is judged by the limits, on the trusted clock
            database=None,  # a verdict depends on its seed alone
            print_blob=False,
            report_multiple_bugs=False,
            verbosity=hypothesis.Verbosity.quiet,
            suppress_health_check=list(hypothesis.HealthCheck),
            phases=[hypothesis.Phase.generate, hypothesis.Phase.shrink],
        )
        search = hypothesis.given(**strategies)(self._case)
        try:
            hypothesis.seed(self._seed)(settings(search))()
            for values in always:
                self._case(**values)
        except _EndOfSearch as end:
            raise end.__cause__ or end from None

    def _case(self, **values: Any) -> None:
        if self._smallest is not None:
            self._shrink_runs += 1
            if self._shrink_runs > _SHRINK_RUNS or time.monotonic() > self._shrink_until:
                raise _EndOfSearch from self._smallest
        fixtures = self._fixtures
        if "rng" in fixtures:
            fixtures = {**fixtures, "rng": np.random.default_rng(self._seed)}
        try:
            self._function(**fixtures, **values)
            record_case(Case(values, None))
        except OnebyoneError as fault:
            raise _EndOfSearch from fault  # ours or the author's: no smaller case will help
        except Exception as error:
            record_case(Case(values, error))
            error.__drawn__ = {  # type: ignore[attr-defined]
                name: _plain(value) for name, value in values.items()
            }
            # Hypothesis tries ever smaller cases, so the last that failed is the smallest.
            self._smallest = error
            self._shrink_until = min(self._shrink_until, time.monotonic() + _SHRINK_SECONDS)
            raise


def _plain(value: Any) -> Any:
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, tuple | list):
        return [_plain(item) for item in value]
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {
            field.name: _plain(getattr(value, field.name)) for field in dataclasses.fields(value)
        }
    return str(value)
