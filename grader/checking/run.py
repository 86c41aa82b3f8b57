"""Run an assignment's checks with pytest, in this process, and say how each one ended."""

import contextlib
import io
import os
import sys
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import MappingProxyType, ModuleType
from typing import Any, Literal, TypeAlias

import pytest

from grader.assignment import Assignment
from grader.checking.decorators import CheckInfo, check_info, derive_seed
from grader.checking.diagnosis import FailedCheck, Hint, Suspect, diagnose
from grader.checking.drawing import run_case
from grader.checking.facts import facts
from grader.checking.plugin import CONTEXT, CheckContext, check_id, load_reference
from grader.checking.recorder import Case, Recording, recording
from grader.checking.session import NotRun, Session
from grader.checking.student import LocalModule, local_device
from grader.checking.style import StyleChecker
from grader.errors import AssignmentInvalid, CheckBroken, OnebyoneError
from grader.known_submissions import KnownSubmission, KnownWrong, load_known_submissions
from grader.measurement import SpeedMeasurement
from grader.sandbox.failures import SandboxEnded, StudentError

_PYTEST_OPTIONS = (
    "--disable-plugin-autoload",
    "--import-mode=importlib",
    "--capture=sys",
    "-c",
    os.devnull,
    *("-p", "no:cacheprovider"),
    *("-p", "no:terminal"),
    *("-p", "no:faulthandler"),
    *("-p", "no:warnings"),
    *("-p", "no:unraisableexception"),  # collects garbage three times over
    *("-p", "no:threadexception"),
    *("-p", "grader.checking.plugin"),
)
_ENDED = (pytest.ExitCode.OK, pytest.ExitCode.TESTS_FAILED)
_STUDENTS = (AssertionError, pytest.fail.Exception, StudentError, SandboxEnded)
_ONE_AT_A_TIME = threading.Lock()
_KEPT_COMPLAINT = 2000


@dataclass(frozen=True)
class CheckRun:
    """One check, and how it ended.

    Attributes:
        id: `test_file.py::test_name`.
        info: What its author declared.
        error: What came out of it; None where it passed.
        metrics: What it recorded.
        output: What the student's code printed meanwhile.
        speed: What it measured of the student's speed.
        hint: The known mistake that explains its failure.
        facts: What the failing cases have in common, where no known mistake explains them.
    """

    id: str
    info: CheckInfo
    error: BaseException | None
    metrics: dict[str, float | int] = field(default_factory=dict)
    output: str = ""
    speed: SpeedMeasurement | None = None
    hint: Hint | None = None
    facts: str = ""


@dataclass(frozen=True, kw_only=True)
class Selection:
    """Which checks to run, and how.

    Attributes:
        visible_only: Leave out what is not public.
        untimed: Leave out what comes last and needs others: checks of speed.
        only: Run no other checks than these; None for all.
        until_failure: Run no further check once one has not passed.
        backwards: In the opposite order, within what must come first and last.
        diagnosed: Look for the known mistakes that explain what failed.
        adding_up: Refuse checks that do not add up to `[points]`.
    """

    visible_only: bool = False
    untimed: bool = False
    only: frozenset[str] | None = None
    until_failure: bool = False
    backwards: bool = False
    diagnosed: bool = True
    adding_up: bool = True


EVERYTHING = Selection()
_OnCheck: TypeAlias = Callable[[CheckRun, int], None]


def run_checks(
    assignment: Assignment,
    session: Session,
    seed: int,
    selection: Selection = EVERYTHING,
    *,
    on_check: _OnCheck = lambda _run, _total: None,
    on_collected: Callable[[Mapping[str, CheckInfo]], None] = lambda _checks: None,
) -> list[CheckRun]:
    """Run all checks against one student.

    Only one run at a time in a process: pytest is not made for more.

    Args:
        assignment: Whose checks.
        session: Connects them with the student's code.
        seed: Of all drawn cases.
        selection: Which checks, and in which order.
        on_check: Told of each check when it has ended, and how many there are; hints come later.
        on_collected: Told what all checks declare, selected or not.

    Raises:
        AssignmentInvalid: Reference or checks do not load, or do not add up to `[points]`; a
            known submission is not sound.
        CheckBroken: A check failed by a fault of its own.
        InfrastructureFault: A sandbox failed.
        KeyboardInterrupt: Somebody pressed Ctrl-C meanwhile.
    """
    if not _ONE_AT_A_TIME.acquire(blocking=False):
        raise RuntimeError("a grading is running in this process: use one process for each")
    folder = assignment.checks
    try:
        known_wrong = load_known_submissions(assignment).known_wrong if selection.diagnosed else ()
        with _leaving_no_trace(on_check) as (said, tell):
            context = CheckContext(
                student=session.begin_check,
                reference=_load_reference(assignment),
                seed=seed,
                speed=session.begin_speed_check,
                style=StyleChecker(session.files, assignment.style.forbidden),
            )
            run = _Run(assignment, session, context, selection, tell)
            _forget_namesakes(folder)
            places = f"--rootdir={folder}", f"--confcutdir={folder}", str(folder)
            status = pytest.main([*_PYTEST_OPTIONS, *places], plugins=[run])
            on_collected(run.checks)
            if run.fault is None and selection.diagnosed:
                run.explain(_suspects(assignment, known_wrong))
    finally:
        _forget_modules(assignment.folder)
        _ONE_AT_A_TIME.release()
    if run.fault is not None:
        raise run.fault
    if status not in _ENDED and not run.has_stopped:
        raise AssignmentInvalid(
            f"pytest could not run {folder} (exit status {int(status)}). "
            f"{said.getvalue().strip()[-_KEPT_COMPLAINT:]}"
        )
    return run.results


def _forget_namesakes(folder: Path) -> None:
    """Let files beside checks be found, though another assignment's of the same name is loaded."""
    for path in folder.glob("*.py"):
        loaded = getattr(sys.modules.get(path.stem), "__file__", None)
        if loaded is None or Path(loaded).parent == folder:
            continue
        if (Path(loaded).parent.parent / "assignment.toml").is_file():
            del sys.modules[path.stem]


def list_checks(assignment: Assignment) -> dict[str, CheckInfo]:
    """What each check declares, by its name; none is run. They need not add up to `[points]`.

    Raises:
        AssignmentInvalid: Reference or checks do not load.
    """
    declared: dict[str, CheckInfo] = {}
    selection = Selection(only=frozenset(), diagnosed=False, adding_up=False)
    run_checks(assignment, _NoStudent(), 0, selection, on_collected=declared.update)
    return declared


class _NoStudent:
    """The session of a run without checks."""

    files: Mapping[str, bytes] = MappingProxyType({})

    def begin_check(self) -> Any:
        """There is no student."""
        raise NotRun("no check runs")

    def begin_speed_check(self, seed: int) -> Any:
        """There is no student."""
        raise NotRun(f"no check runs, with seed {seed} or another")

    def end_check(self, error: BaseException | None) -> tuple[BaseException | None, str]:
        """Nothing was printed."""
        return error, ""


@contextlib.contextmanager
def _leaving_no_trace(on_check: _OnCheck) -> Iterator[tuple[io.StringIO, _OnCheck]]:
    """Keep what reference, checks and pytest print, and write no bytecode beside them.

    Yields:
        Where it is kept, and an `on_check` that still prints where it would outside.
    """
    out, err, said = sys.stdout, sys.stderr, io.StringIO()
    # Bytecode would change what a second run sees of the folder.
    writes_bytecode, sys.dont_write_bytecode = sys.dont_write_bytecode, True
    path = sys.path.copy()

    def tell(run: CheckRun, total: int) -> None:
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            on_check(run, total)

    try:
        with contextlib.redirect_stdout(said), contextlib.redirect_stderr(said):
            yield said, tell
    finally:
        sys.dont_write_bytecode = writes_bytecode
        sys.path[:] = path


def _load_reference(assignment: Assignment) -> ModuleType:
    try:
        return load_reference(assignment)
    except (Exception, SystemExit) as error:
        if isinstance(error, OnebyoneError):
            raise
        raise AssignmentInvalid(
            f"The reference in {assignment.reference} does not load: "
            f"{type(error).__name__}: {error}"
        ) from error


def _suspects(
    assignment: Assignment, known_wrong: Sequence[KnownSubmission]
) -> Callable[[], list[Suspect]]:
    """Make what a student's code is compared with; called only where something failed.

    There is nobody to suspect where this process lacks the library that the code works with.
    """

    def make() -> list[Suspect]:
        if not assignment.runtime.is_installed:
            return []
        device = local_device(assignment.runtime)
        suspects = [Suspect.load(None, assignment.reference / "solution.py", device)]
        for known in known_wrong:
            expectation = known.expectation
            assert isinstance(expectation, KnownWrong)  # noqa: S101 - of its kind
            hint = Hint(expectation.hint, expectation.text)
            suspects.append(Suspect.load(hint, known.folder / assignment.interface.file, device))
        return suspects

    return make


def _forget_modules(folder: Path) -> None:
    """Let the next grading import the checks anew: their files may have changed."""
    for name, module in tuple(sys.modules.items()):
        file = getattr(module, "__file__", None)
        if file and Path(file).is_relative_to(folder):
            del sys.modules[name]


class _Run:
    """The pytest plugin of one run."""

    def __init__(
        self,
        assignment: Assignment,
        session: Session,
        context: CheckContext,
        selection: Selection,
        on_check: _OnCheck,
    ) -> None:
        self.results: list[CheckRun] = []
        self.fault: BaseException | None = None
        self.has_stopped = False
        self.checks: dict[str, CheckInfo] = {}
        self._assignment = assignment
        self._session = session
        self._context = context
        self._selection = selection
        self._on_check = on_check
        self._total = 0
        self._collection_error: str | None = None
        self._error: BaseException | None = None
        self._phase = "call"
        self._missing: list[str] = []
        self._fixtures: dict[str, Any] = {}
        self._failed: list[FailedCheck] = []

    def explain(self, suspects: Callable[[], list[Suspect]]) -> None:
        """Add hints and facts to the results."""
        if not self._failed:
            return
        try:
            hints = diagnose(self._failed, suspects())
        except SyntaxError as error:
            raise AssignmentInvalid(f"A known submission is not Python: {error}.") from error
        cases = {check.id: check.cases for check in self._failed}
        for position, run in enumerate(self.results):
            if run.id in hints:
                self.results[position] = replace(run, hint=hints[run.id])
            elif run.id in cases:
                self.results[position] = replace(run, facts=facts(cases[run.id]))

    def pytest_configure(self, config: pytest.Config) -> None:
        config.stash[CONTEXT] = self._context

    def pytest_keyboard_interrupt(self, excinfo: pytest.ExceptionInfo[BaseException]) -> None:
        """Keep Ctrl-C, which pytest makes an exit status of; `pytest.exit` is no such thing."""
        interrupted = isinstance(excinfo.value, KeyboardInterrupt)
        if self.fault is None and interrupted and not self.has_stopped:
            self.fault = excinfo.value

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        if report.failed and self._collection_error is None:
            self._collection_error = f"{report.nodeid or 'checks'}: {report.longreprtext[-2000:]}"

    def pytest_collection_modifyitems(
        self, session: pytest.Session, items: list[pytest.Item]
    ) -> None:
        try:
            if self._collection_error is not None:
                raise AssignmentInvalid(f"A check file does not load. {self._collection_error}")
            _validate(items, self._assignment, adding_up=self._selection.adding_up)
        except AssignmentInvalid as fault:
            self._stop(session, fault)
            items.clear()
            return
        self.checks = {check_id(item): _info(item) for item in items}
        if self._selection.visible_only:
            items[:] = [item for item in items if _info(item).visibility == "public"]
        if self._selection.untimed:
            items[:] = [item for item in items if not _info(item).needs]
        if (only := self._selection.only) is not None:
            items[:] = [item for item in items if check_id(item) in only]
        if self._selection.backwards:
            items.reverse()
        # Public ones first: what student code sees in a hidden check, it could print in a public
        # one that comes after it. What needs others comes last, on sandboxes of its own.
        self.has_stopped = not items
        items.sort(key=lambda item: (bool(_info(item).needs), _info(item).visibility != "public"))
        self._total = len(items)

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Iterator[None]:
        self._error, self._phase = None, "call"
        info = _info(item)
        with recording() as recorded:
            self._missing = self._not_passed(info.needs)
            result = yield
        try:
            error, output = self._session.end_check(self._error)
            error = self._judge(check_id(item), error)
            run = CheckRun(
                check_id(item), info, error, recorded.metrics, output, speed=recorded.speed
            )
            self.results.append(run)
            self._keep_for_diagnosis(item, run, recorded)
            self._on_check(run, self._total)
            if self._selection.until_failure and run.error is not None:
                self.has_stopped = True
                item.session.shouldstop = "one has failed"
        except Exception as fault:  # raised again by run_checks
            self._stop(item.session, fault)
        return result

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_call(self, item: pytest.Item) -> Iterator[None]:
        """Keep what a check was given: pytest forgets it at the check's end."""
        self._fixtures = dict(getattr(item, "funcargs", {}))
        yield

    def pytest_runtest_setup(self) -> None:
        """Leave out what needs others that did not pass."""
        if self._missing:
            raise NotRun(
                f"Not run, because not all checks of {' and '.join(self._missing)} passed: first "
                f"make it right."
            )

    def _keep_for_diagnosis(self, item: pytest.Item, run: CheckRun, recorded: Recording) -> None:
        given = self._fixtures
        if "student" not in given or not isinstance(run.error, (AssertionError, StudentError)):
            return
        seed = derive_seed(self._context.seed, run.id)
        function = getattr(item, "function")  # noqa: B009 - mypy knows only functions' items

        def replay(student: LocalModule, values: Mapping[str, Any]) -> None:
            with recording():  # what others' code leaves is not the student's
                run_case(function, {**given, "student": student}, seed, values)

        cases = recorded.cases or [Case({}, run.error)]
        self._failed.append(FailedCheck(run.id, cases, replay))

    def _not_passed(self, groups: Sequence[str]) -> list[str]:
        failed = {run.info.group for run in self.results if run.error is not None}
        return [group for group in groups if group in failed]

    def pytest_runtest_makereport(
        self, item: pytest.Item, call: pytest.CallInfo[None]
    ) -> pytest.TestReport:
        """Keep what came out of a check; rendering a traceback that nobody reads takes long."""
        if call.excinfo is not None and self._error is None:
            self._error, self._phase = call.excinfo.value, call.when
        assert call.when != "collect"  # noqa: S101 - this hook is for items
        outcome: Literal["passed", "failed"] = "failed" if call.excinfo else "passed"
        return pytest.TestReport(
            nodeid=item.nodeid,
            location=item.location,
            keywords={},
            outcome=outcome,
            longrepr=None,
            when=call.when,
        )

    def _judge(self, name: str, error: BaseException | None) -> BaseException | None:
        """The error itself where it is the student's; otherwise raise whose it is."""
        if isinstance(error, OnebyoneError):
            raise error
        in_check = self._phase == "call" and isinstance(error, _STUDENTS)
        if error is None or in_check or isinstance(error, NotRun):
            return error
        raise CheckBroken(
            f"{name} broke: {type(error).__name__}: {error}. A check must test what it was given "
            f"(with assert_matches, say) before it works with it."
        ) from error

    def _stop(self, session: pytest.Session, fault: Exception) -> None:
        self.fault = self.fault or fault
        session.shouldstop = "a fault that is not the student's"


def _info(item: pytest.Item) -> CheckInfo:
    info = check_info(getattr(item, "function", None))
    if info is None:
        raise AssignmentInvalid(
            f"{check_id(item)} has no @check: give it a group and points, or another name."
        )
    return info


def _validate(items: list[pytest.Item], assignment: Assignment, *, adding_up: bool) -> None:
    if not items:
        raise AssignmentInvalid(
            f"{assignment.checks} holds no check: write test_*.py files with @check functions."
        )
    sums = dict.fromkeys(assignment.points, 0.0)
    for item in items:
        info = _info(item)
        if info.group not in sums:
            raise AssignmentInvalid(
                f"{check_id(item)} is of group {info.group!r}, which [points] does not list."
            )
        for group in info.needs:
            if group not in sums:
                raise AssignmentInvalid(
                    f"{check_id(item)} needs group {group!r}, which [points] does not list."
                )
        sums[info.group] += info.points
    for group, points in assignment.points.items():
        if adding_up and abs(sums[group] - points) > 1e-9:
            raise AssignmentInvalid(
                f"[points] gives {group} {points:g}, but its checks add up to {sums[group]:g}."
            )
