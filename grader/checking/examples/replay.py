"""Run examples on a student's own module, in this process."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from grader.checking.examples.script import Do, Example, ExampleCheck, Step
from grader.checking.student import LocalModule, student_raises
from grader.checking.style import StyleChecker
from grader.checking.tolerance import Expected, assert_array, assert_equal, assert_matches
from grader.checking.unchanged import assert_unchanged


def replay(
    check: ExampleCheck,
    arrays: Sequence[NDArray[Any]],
    student: LocalModule,
    files: Mapping[str, bytes],
) -> None:
    """Run a check's examples, one after the other.

    Args:
        check: What to run.
        arrays: What its steps refer to.
        student: The student's module.
        files: The student's, for rules of style.

    Raises:
        AssertionError: A result is not what it should be; `__drawn__` tells the case, as in a
            grading.
        Exception: Whatever the student's code raised.
    """
    for example in check.examples:
        try:
            _Play(example, arrays, student, files).run()
        except Exception as error:
            error.__drawn__ = dict(example.case)  # type: ignore[attr-defined]
            raise


class _Play:
    def __init__(
        self,
        example: Example,
        arrays: Sequence[NDArray[Any]],
        student: LocalModule,
        files: Mapping[str, bytes],
    ) -> None:
        self._files = files
        self._steps = example.steps
        self._arrays = arrays
        self._student = student
        self._results: dict[int, Any] = {}

    def run(self) -> None:
        """All steps."""
        number = 0
        while number < len(self._steps):
            step = self._steps[number]
            if step.do is Do.RAISES:
                end = self._end_of_block(number)
                with student_raises(step.name):
                    for inner in range(number + 1, end):
                        self._perform(inner)
                number = end
            else:
                self._perform(number)
            number += 1

    def _end_of_block(self, number: int) -> int:
        after = range(number + 1, len(self._steps))
        return next((n for n in after if self._steps[n].do is Do.RAISED), len(self._steps))

    def _perform(self, number: int) -> None:
        step = self._steps[number]
        actions: dict[Do, Callable[[Step], Any]] = {
            Do.NEW: self._call,
            Do.CALL: self._call,
            Do.GET: lambda step: getattr(self._owner(step), step.name),
            Do.SET: lambda step: setattr(self._owner(step), step.name, self._value(step.value)),
            Do.HOLD: lambda step: self._student.hold(self._value(step.value)),
            Do.MATCHES: lambda step: assert_matches(
                actual=self._owner(step), expected=self._expected(step), name=step.name
            ),
            Do.ARRAY: lambda step: assert_array(
                actual=self._owner(step), shape=step.shape, dtype=step.dtype, name=step.name
            ),
            Do.EQUAL: lambda step: assert_equal(
                actual=self._owner(step), expected=self._value(step.value), name=step.name
            ),
            Do.UNCHANGED: lambda step: assert_unchanged(
                self._owner(step), self._value(step.value), step.name
            ),
            Do.STYLE: lambda step: StyleChecker(self._files, self._value(step.value)).judge(),
        }
        if step.do in actions:
            self._results[number] = actions[step.do](step)

    def _call(self, step: Step) -> Any:
        args = [self._value(value) for value in step.args]
        named = {key: self._value(value) for key, value in step.named.items()}
        return getattr(self._owner(step), step.name)(*args, **named)

    def _owner(self, step: Step) -> Any:
        return self._student if step.of is None else self._results[step.of]

    def _expected(self, step: Step) -> Expected:
        value = self._value(step.value)
        if step.terms == 0:
            return Expected.exact(value, step.dtype)
        return Expected(
            value=value,
            terms=step.terms,
            magnitude=self._value(step.magnitude),
            spread=self._value(step.spread),
            dtype=np.dtype(step.dtype),
        )

    def _value(self, value: Any) -> Any:
        if not isinstance(value, Mapping):
            return value
        if "array" in value:
            return np.copy(self._arrays[value["array"]])
        if "step" in value:
            return self._results[value["step"]]
        return tuple(self._value(item) for item in value["tuple"])
