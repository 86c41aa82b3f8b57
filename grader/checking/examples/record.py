"""Write down what public checks ask of the reference, and what they accept."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from grader.assignment import Assignment
from grader.checking.examples.script import Do, Example, ExampleCheck, Examples, Step
from grader.checking.local import LocalSession
from grader.checking.recorder import Case, Comparison, Observer, Question, observed_by
from grader.checking.run import CheckRun, Selection, list_checks, run_checks
from grader.checking.student import LocalModule
from grader.checking.tolerance import Expected
from grader.errors import AssignmentInvalid
from grader.sandbox.runtime import Runtime

SEED = 1 << 62
"""Of examples alone: the seeds of gradings have 48 bits."""

_CASES = 8
"""Of each check: a student learns from few."""


def record_examples(assignment: Assignment) -> tuple[Examples, list[NDArray[Any]]]:
    """Run the public checks against the reference, and keep what they did.

    Checks of speed are left out, and those that never compare a result with a helper.

    Returns:
        The examples, and the arrays that they refer to.

    Raises:
        AssignmentInvalid: The reference does not pass a public check.
    """
    checks = list_checks(assignment)
    public = {
        name: info
        for name, info in checks.items()
        if info.visibility == "public" and not info.needs
    }
    files = {
        path.relative_to(assignment.reference).as_posix(): path.read_bytes()
        for path in sorted(assignment.reference.rglob("*.py"))
    }
    solution = files.pop("solution.py")
    file, limits = assignment.interface.file, assignment.limits
    session = _RecordingSession(
        {**files, file: solution},
        file,
        load_s=limits.load_s,
        check_s=limits.wall_s,
        runtime=assignment.runtime,
    )
    selection = Selection(only=frozenset(public), diagnosed=False)
    try:
        with observed_by(session):
            runs = run_checks(assignment, session, SEED, selection, on_check=session.check_ended)
    finally:
        session.close()
    for run in runs:
        if run.error is not None:
            raise AssignmentInvalid(f"The reference does not pass {run.id}: {run.error}")
    recorded = tuple(
        ExampleCheck(
            id=name,
            title=info.title,
            group=info.group,
            points=info.points,
            examples=tuple(session.examples[name]),
        )
        for name, info in public.items()
        if session.examples.get(name)
    )
    named = {check.id for check in recorded}
    return (
        Examples(
            assignment=assignment.slug,
            version=assignment.version,
            file=assignment.interface.file,
            arrays=assignment.runtime.arrays,
            call_s=assignment.limits.call_s,
            checks=recorded,
            left_out=tuple(info.title for name, info in public.items() if name not in named),
            hidden=sum(info.visibility != "public" for info in checks.values()),
        ),
        session.arrays,
    )


class _RecordingSession(LocalSession, Observer):
    """Gives checks the reference in the student's place, and notes what they do with it."""

    def __init__(
        self,
        files: Mapping[str, bytes],
        file: str,
        *,
        load_s: float,
        check_s: float,
        runtime: Runtime,
    ) -> None:
        super().__init__(files, file, load_s=load_s, check_s=check_s, runtime=runtime)
        self.arrays: list[NDArray[Any]] = []
        self.examples: dict[str, list[Example]] = {}
        self._steps: list[Step] = []
        self._results: dict[int, int] = {}
        self._kept: list[object] = []
        self._cases: list[Example] = []

    def begin_check(self) -> Any:
        """The reference, watched."""
        self._cases = []
        self._forget()
        return _WatchedModule(super().begin_check(), self)

    def check_ended(self, run: CheckRun, _total: int) -> None:
        """Keep the cases of a check."""
        if not self._cases and self._steps:
            self._end_case({})
        self.examples[run.id] = self._cases

    def case_ended(self, case: Case) -> None:
        """Keep a case, if there is room."""
        self._end_case(case.values)

    def compared(self, comparison: Comparison) -> None:
        """Note what was expected of which result."""
        if comparison.question in (Question.RAISES, Question.RAISED):
            self._steps.append(Step(do=Do(comparison.question.value), name=comparison.name))
            return
        if comparison.question is Question.STYLE:
            self._steps.append(Step(do=Do.STYLE, value=self.encoded(comparison.expected)))
            return
        number = self._results.get(id(comparison.actual))
        if number is None:
            return  # something that the check made of a result: it cannot be made again
        step = Step(do=Do(comparison.question.value), of=number, name=comparison.name)
        self._steps.append(self._expecting(step, comparison.expected))

    def begin(self, step: Step) -> int:
        """Note something before it is done: it may raise."""
        self._steps.append(step)
        return len(self._steps) - 1

    def end(self, number: int, result: object) -> None:
        """Note what a step gave."""
        self._results[id(result)] = number
        self._kept.append(result)  # no later result may get the same id

    def encoded(self, value: Any) -> Any:
        """A value as a step holds it."""
        if isinstance(value, _WatchedObject):
            return {"step": value.__dict__["number"]}
        if isinstance(value, np.ndarray | np.generic):
            if id(value) in self._results and self._is_held(self._results[id(value)]):
                return {"step": self._results[id(value)]}
            return self._array(np.asarray(value))
        if isinstance(value, tuple | list):
            return {"tuple": [self.encoded(item) for item in value]}
        return value

    def _is_held(self, number: int) -> bool:
        return self._steps[number].do is Do.HOLD

    def _array(self, array: NDArray[Any]) -> dict[str, int]:
        self.arrays.append(np.copy(array))
        return {"array": len(self.arrays) - 1}

    def _expecting(self, step: Step, expected: Any) -> Step:
        if isinstance(expected, Expected):
            return replace(
                step,
                value=self._array(expected.value),
                terms=expected.terms,
                magnitude=self._array(expected.magnitude) if expected.terms else None,
                spread=self._array(expected.spread) if expected.terms else None,
                dtype=expected.dtype.str,
            )
        if step.do is Do.ARRAY:
            shape, dtype = expected
            return replace(step, shape=tuple(shape), dtype=np.dtype(dtype).str)
        return replace(step, value=self.encoded(expected))

    def _end_case(self, values: Mapping[str, Any]) -> None:
        asks = any(step.do in _QUESTIONS for step in self._steps)
        if asks and len(self._cases) < _CASES:
            self._cases.append(Example(case=_plain(values), steps=tuple(self._steps)))
        self._forget()

    def _forget(self) -> None:
        self._steps, self._results, self._kept = [], {}, []


_QUESTIONS = (Do.MATCHES, Do.ARRAY, Do.EQUAL, Do.UNCHANGED, Do.RAISES)


class _WatchedModule:
    """The reference's module; what is called in it is noted."""

    def __init__(self, module: LocalModule, session: _RecordingSession) -> None:
        self._module = module
        self._session = session

    def __getattr__(self, name: str) -> Any:
        target = getattr(self._module, name)
        is_class = self._module.is_class(name)

        def apply(*args: Any, **named: Any) -> Any:
            step = _call_step(
                self._session, Do.NEW if is_class else Do.CALL, None, name, args, named
            )
            number = self._session.begin(step)
            result = target(*_plain_arguments(args), **named)
            if is_class:
                return _WatchedObject(result, self._session, number)
            self._session.end(number, result)
            return result

        return apply

    def hold(self, array: NDArray[Any]) -> Any:
        """A copy that stands for the array; it is noted."""
        number = self._session.begin(Step(do=Do.HOLD, value=self._session.encoded(array)))
        held = self._module.hold(array)
        self._session.end(number, held)
        return held


class _WatchedObject:
    """An object of the reference's; what is done with it is noted."""

    def __init__(self, target: object, session: _RecordingSession, number: int) -> None:
        # Past __setattr__, which is noted.
        self.__dict__.update(target=target, session=session, number=number)

    def __getattr__(self, name: str) -> Any:
        session, number = self.__dict__["session"], self.__dict__["number"]
        value = getattr(self.__dict__["target"], name)
        if not callable(value):
            session.end(session.begin(Step(do=Do.GET, of=number, name=name)), value)
            return value

        def apply(*args: Any, **named: Any) -> Any:
            call = session.begin(_call_step(session, Do.CALL, number, name, args, named))
            result = value(*_plain_arguments(args), **named)
            session.end(call, result)
            return result

        return apply

    def __setattr__(self, name: str, value: Any) -> None:
        session, number = self.__dict__["session"], self.__dict__["number"]
        step = Step(do=Do.SET, of=number, name=name, value=session.encoded(value))
        session.begin(step)
        setattr(self.__dict__["target"], name, *_plain_arguments((value,)))


def _call_step(
    session: _RecordingSession,
    do: Do,
    of: int | None,
    name: str,
    args: Sequence[Any],
    named: Mapping[str, Any],
) -> Step:
    return Step(
        do=do,
        of=of,
        name=name,
        args=[session.encoded(value) for value in args],
        named={key: session.encoded(value) for key, value in named.items()},
    )


def _plain_arguments(args: Sequence[Any]) -> list[Any]:
    return [a.__dict__["target"] if isinstance(a, _WatchedObject) else a for a in args]


def _plain(values: Mapping[str, Any]) -> dict[str, Any]:
    """What was drawn, as JSON can hold it."""
    return {name: _plain_value(value) for name, value in values.items()}


def _plain_value(value: Any) -> Any:
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, tuple | list):
        return [_plain_value(item) for item in value]
    return str(value)
