"""Which known mistake leads to what a student's code returned?

The assignment's known-wrong submissions are trusted code. They run in this process, on the very
cases in which the student's code failed and on some in which it passed. A mistake explains a check
if its code fails and passes in the same cases, and returns the same wrong results.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from importlib.abc import InspectLoader
from importlib.machinery import ModuleSpec
from importlib.util import module_from_spec
from pathlib import Path
from types import CodeType
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from grader.checking.mismatch import Evidence, Mismatch
from grader.checking.recorder import Case
from grader.checking.student import LocalModule
from grader.checking.tolerance import Expected, bound
from grader.sandbox.agent.devices import Device
from grader.sandbox.failures import SandboxEnded, StudentError
from grader.text import without_numbers

CASES = 12
"""How many cases of a check are tried with each mistake; the smallest failing one comes first."""

_ROUNDINGS = 256
"""By how many units in the last place of the largest number two ways to the same wrong result may
differ, where the right one is a whole number and has no bound."""


@dataclass(frozen=True)
class Hint:
    """What a misconception is called, and what its author says to whom holds it."""

    id: str
    text: str


class _Compiled(InspectLoader):
    """Runs code that is compiled already."""

    def __init__(self, code: CodeType) -> None:
        self._code = code

    def get_code(self, fullname: str) -> CodeType:
        """The same for every name."""
        del fullname
        return self._code

    def get_source(self, fullname: str) -> None:
        """It is in a file that tracebacks find by themselves."""
        del fullname


@dataclass(frozen=True)
class Suspect:
    """Code that may do what the student's does.

    Attributes:
        hint: Of the misconception; None for the reference, which holds none.
        code: Of its module.
        device: Whose arrays it works on; None for NumPy's.
    """

    hint: Hint | None
    code: CodeType
    device: Device | None = None

    @classmethod
    def load(cls, hint: Hint | None, path: Path, device: Device | None = None) -> "Suspect":
        """Compile a module. Raises SyntaxError."""
        return cls(hint, compile(path.read_bytes(), str(path), "exec"), device)

    def module(self) -> LocalModule:
        """Its module, anew: what an earlier case left in it is forgotten."""
        loader = _Compiled(self.code)
        module = module_from_spec(ModuleSpec("onebyone_suspect", loader))
        loader.exec_module(module)
        return LocalModule(module, self.device)


@dataclass(frozen=True)
class FailedCheck:
    """A check that a student's code did not pass.

    Attributes:
        id: Its name.
        cases: What was tried: with its failures, and with what passed.
        run: Runs a case again with another module in the student's place.
    """

    id: str
    cases: Sequence[Case]
    run: Callable[[LocalModule, Mapping[str, Any]], None]


def diagnose(failed: Sequence[FailedCheck], suspects: Sequence[Suspect]) -> dict[str, Hint]:
    """The hint for each check that a single known mistake explains, by the check's id.

    Where several mistakes explain a check, the one that explains all the others too is taken.

    Args:
        failed: All checks that failed with a wrong result or an exception.
        suspects: The known mistakes, and the reference: what the reference explains is no mistake.
    """
    state = np.random.get_state()
    try:
        explained = {check.id: _explanations(check, suspects) for check in failed}
    finally:
        np.random.set_state(state)
    found = [hints for hints in explained.values() if hints]
    everywhere = set.intersection(*map(set, found)) if found else set()
    diagnosis = {}
    for name, hints in explained.items():
        chosen = hints if len(hints) == 1 else [hint for hint in hints if hint in everywhere]
        if len(chosen) == 1 and chosen[0] is not None:
            diagnosis[name] = chosen[0]
    return diagnosis


def _explanations(check: FailedCheck, suspects: Sequence[Suspect]) -> list[Hint | None]:
    cases = chosen_cases(check.cases)
    candidates = [suspect for suspect in suspects if _explains(suspect, check, cases)]
    if len(candidates) > 1:  # exceptions of one class: what they say may tell them apart
        alike = [each for each in candidates if _explains(each, check, cases, _say_the_same)]
        candidates = alike or candidates
    hints = [suspect.hint for suspect in candidates]
    return [] if None in hints else list(dict.fromkeys(hints))


def chosen_cases(cases: Sequence[Case]) -> list[Case]:
    """The smallest failing case, then as many others as time allows, failing and passing ones."""
    distinct = list({repr(case.values): case for case in cases}.values())
    failing = [case for case in distinct if case.error is not None][::-1]
    passing = [case for case in distinct if case.error is None][::-1]
    half = CASES // 2
    kept = max(half, CASES - len(passing))
    return failing[:kept] + passing[: CASES - min(len(failing), kept)]


def _explains(
    suspect: Suspect,
    check: FailedCheck,
    cases: Sequence[Case],
    same: Callable[[BaseException | None, BaseException | None], bool] | None = None,
) -> bool:
    same = same or _same
    return all(same(case.error, _outcome(suspect, check, case)) for case in cases)


def _outcome(suspect: Suspect, check: FailedCheck, case: Case) -> BaseException | None:
    try:
        with np.errstate(all="ignore"):
            check.run(suspect.module(), case.values)
    except (Exception, pytest.fail.Exception) as error:
        return error
    return None


def _same(student: BaseException | None, suspect: BaseException | None) -> bool:
    """Whether two ends of one case are the same; in doubt they are not."""
    if student is None or suspect is None:
        return student is suspect
    if isinstance(student, SandboxEnded):
        return False
    if not (isinstance(student, AssertionError) and isinstance(suspect, AssertionError)):
        return _class_name(student) == _class_name(suspect)
    if isinstance(student, Mismatch) and isinstance(suspect, Mismatch):
        if student.evidence or suspect.evidence:
            return _same_evidence(student.evidence, suspect.evidence)
        return without_numbers(student.message) == without_numbers(suspect.message)
    return type(student) is type(suspect) and str(student) == str(suspect)


def _say_the_same(student: BaseException | None, suspect: BaseException | None) -> bool:
    if student is None or suspect is None:
        return student is suspect
    return _first_line(student) == _first_line(suspect)


def _first_line(error: BaseException) -> str:
    text = error.text if isinstance(error, StudentError) else str(error)
    return without_numbers(text.partition("\n")[0])


def _class_name(error: BaseException) -> str:
    return error.class_name if isinstance(error, StudentError) else type(error).__name__


def _same_evidence(student: Sequence[Evidence], suspect: Sequence[Evidence]) -> bool:
    if [each.name for each in student] != [each.name for each in suspect]:
        return False
    pairs = zip(student, suspect, strict=True)
    return all(_same_result(one.actual, two.actual, one.expected) for one, two in pairs)


def _same_result(student: object, suspect: object, expected: Expected | None) -> bool:
    if not (isinstance(student, np.ndarray) and isinstance(suspect, np.ndarray)):
        return type(student) is type(suspect) and student == suspect
    if student.shape != suspect.shape or student.dtype != suspect.dtype:
        return False
    with np.errstate(invalid="ignore", over="ignore"):
        one, two = student.astype(np.float64), suspect.astype(np.float64)
        difference = np.abs(one - two)
        allowed = _allowed(two, student.dtype, expected)
        same = (one == two) | (difference <= allowed) | (np.isnan(one) & np.isnan(two))
    return bool(same.all())


def _allowed(
    result: NDArray[np.float64], dtype: np.dtype[Any], expected: Expected | None
) -> NDArray[np.float64]:
    """How far two ways to the same wrong result may be apart, per element."""
    fits = expected is not None and expected.value.shape == result.shape
    if expected is not None and fits and not expected.is_exact:
        return bound(replace(expected, value=result))
    if dtype.kind != "f" or result.size == 0:
        return np.zeros(result.shape)
    largest = float(np.max(np.abs(result), initial=0.0, where=np.isfinite(result)))
    if expected is not None and fits:
        largest = max(largest, float(np.max(np.abs(expected.value), initial=0.0)))
    return np.full(result.shape, _ROUNDINGS * float(np.finfo(dtype).eps) * largest)
