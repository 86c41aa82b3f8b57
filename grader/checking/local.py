"""A student's code in this process: for code that is one's own, or an author's."""

import contextlib
import io
import signal
import sys
import threading
from collections.abc import Iterator, Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from types import FrameType, TracebackType

import pytest

from grader.checking.plugin import import_file
from grader.checking.session import NotRun
from grader.checking.speed.checker import UntimedChecker
from grader.checking.student import LocalModule, local_device
from grader.errors import OnebyoneError
from grader.sandbox.failures import Failure, StudentError
from grader.sandbox.runtime import NUMPY, Runtime
from grader.text import clean

_MODULE = "onebyone_student"
_KEPT_OUTPUT = 8192


class OutOfTime(BaseException):
    """A check took longer than a call may; no `except Exception` of the student's catches it."""


class LocalSession:
    """Connects checks with a student's module that is imported into this process.

    Nothing is isolated, and nothing but the time of a check is limited. Speed is not measured.

    Args:
        files: The student's, by relative name.
        file: The module's name among them.
        load_s: Seconds to import it.
        check_s: Seconds for one check.
        runtime: Whose arrays the module works on; here in main memory in any case.

    Attributes:
        files: The student's.
        failure: What kept the module from loading.
        message: The same for people.
    """

    def __init__(
        self,
        files: Mapping[str, bytes],
        file: str,
        *,
        load_s: float,
        check_s: float,
        runtime: Runtime = NUMPY,
    ) -> None:
        self.files = files
        self.failure: Failure | None = None
        self.message: str | None = None
        self._runtime = runtime
        self._file, self._load_s, self._check_s = file, load_s, check_s
        self._folder = TemporaryDirectory(prefix="onebyone-own-")
        self._output = io.StringIO()
        self._watch = contextlib.ExitStack()
        _write(files, Path(self._folder.name))
        self._module: LocalModule | None = None

    def begin_check(self) -> LocalModule:
        """The student's module, imported once.

        Raises:
            NotRun: It does not load.
            SandboxUnavailable: The library that it works with is not installed here.
        """
        if self._module is None and self.failure is None:
            self._load()
        if self._module is None:
            raise NotRun(f"Not run. {self.message}")
        self._watch.enter_context(_time_limit(self._check_s))
        self._watch.enter_context(contextlib.redirect_stdout(self._output))
        return self._module

    def begin_speed_check(self, seed: int) -> UntimedChecker:
        """What looks whether results are right, and measures nothing."""
        return UntimedChecker(self.begin_check(), seed)

    def end_check(self, error: BaseException | None) -> tuple[BaseException | None, str]:
        """What came out of a check, as it would in a sandbox; and what was printed in it."""
        self._watch.close()
        output = clean(self._output.getvalue(), _KEPT_OUTPUT)
        self._output.seek(0)
        self._output.truncate()
        if isinstance(error, AssertionError | OnebyoneError | NotRun | pytest.fail.Exception):
            return error, output
        if isinstance(error, Exception | SystemExit | OutOfTime):
            return _student_error(error, self._folder.name), output
        return error, output

    def finish(self) -> None:
        """Nothing can have gone wrong behind our back here."""

    def close(self) -> None:
        """Forget the module and its files."""
        self._watch.close()
        folder = Path(self._folder.name)
        for name, module in tuple(sys.modules.items()):
            file = getattr(module, "__file__", None)
            if file and Path(file).is_relative_to(folder):
                del sys.modules[name]
        self._folder.cleanup()

    def _load(self) -> None:
        device = local_device(self._runtime)
        path = Path(self._folder.name) / self._file
        sys.path.insert(0, self._folder.name)
        try:
            with contextlib.redirect_stdout(self._output), _time_limit(self._load_s):
                self._module = LocalModule(import_file(path, _MODULE), device)
        except (Exception, SystemExit, OutOfTime) as error:
            self.failure = Failure.STUDENT_EXCEPTION
            text = _student_error(error, self._folder.name)
            self.message = f"{path.name} could not be imported: {text}"
        finally:
            with contextlib.suppress(ValueError):
                sys.path.remove(self._folder.name)


def _write(files: Mapping[str, bytes], folder: Path) -> None:
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)


def _student_error(error: BaseException, folder: str) -> StudentError:
    """The exception as the sandbox's agent tells it: message, and the student's own lines."""
    lines = [clean(str(error), 2000)]
    traceback: TracebackType | None = error.__traceback__
    while traceback is not None:
        code = traceback.tb_frame.f_code
        if code.co_filename.startswith(folder):
            file = code.co_filename.removeprefix(f"{folder}/")
            lines.append(f"  {file}, line {traceback.tb_lineno}, in {code.co_name}")
        traceback = traceback.tb_next
    return StudentError(type(error).__name__, "\n".join(lines).strip())


@contextlib.contextmanager
def _time_limit(seconds: float) -> Iterator[None]:
    """Raise in the main thread what ends a call that takes too long; elsewhere, do nothing."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def end(_signal: int, _frame: FrameType | None) -> None:
        raise OutOfTime(f"took longer than {seconds:g} s")

    before = signal.signal(signal.SIGALRM, end)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
