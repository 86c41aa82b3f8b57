"""The student's side of one grading: a sandbox at a time, and what has become of it."""

import time
from collections.abc import Mapping
from typing import Any, Protocol

from grader.assignment import Assignment
from grader.checking.speed.checker import DuellingChecker, SpeedChecker
from grader.checking.student import RemoteModule
from grader.sandbox.client import AgentClient
from grader.sandbox.failures import Failure, SandboxEnded, StudentError
from grader.sandbox.pool import SandboxPool
from grader.submission import Submission


class NotRun(Exception):
    """A check was not run, for a reason of the student's."""


class Session(Protocol):
    """Connects checks with a student's code, wherever that runs."""

    @property
    def files(self) -> Mapping[str, bytes]:
        """The student's, by relative name."""
        ...

    def begin_check(self) -> Any:
        """The student's module for the next check. Raises NotRun."""
        ...

    def begin_speed_check(self, seed: int) -> SpeedChecker:
        """What judges speed in the next check."""
        ...

    def end_check(self, error: BaseException | None) -> tuple[BaseException | None, str]:
        """Take note of how a check ended; what came out of it, and what was printed in it."""
        ...


class StudentSession:
    """Connects checks with the student's code; goes on in a fresh sandbox when one has ended.

    Args:
        pool: Where sandboxes come from.
        submission: Whose files are loaded into each.
        assignment: Says which file is the module, and what the limits are.

    Attributes:
        failure: What first ended the student's process or kept its module from loading.
        message: The same for people.
    """

    def __init__(self, pool: SandboxPool, submission: Submission, assignment: Assignment) -> None:
        self.failure: Failure | None = None
        self.message: str | None = None
        self._pool = pool
        self._submission = submission
        self._assignment = assignment
        self._client: AgentClient | None = None
        self._restarts = assignment.limits.restarts
        self._deadline: float | None = None
        self._unusable: str | None = None
        self._speed: DuellingChecker | None = None

    @property
    def files(self) -> Mapping[str, bytes]:
        """See `Session.files`."""
        return self._submission.files

    def begin_speed_check(self, seed: int) -> DuellingChecker:
        """What judges speed in the next check; nothing else of the student's runs meanwhile.

        Raises:
            AssignmentInvalid: There is no reference to duel with.
        """
        self._drop_client()  # the next check that calls the student's code gets a fresh one
        self._pool.wait_until_still()
        if self._speed is None:
            self._speed = DuellingChecker(self._pool, self._submission, self._assignment)
        return self._speed.begin_check(seed)

    def begin_check(self) -> RemoteModule:
        """The student's module for the next check.

        Raises:
            NotRun: It cannot be had any more.
            InfrastructureFault: No sandbox could be started.
        """
        if self._unusable is None and self._client is None:
            self._load()
        if self._unusable is not None:
            raise NotRun(self._unusable)
        return RemoteModule(self._connected, self._assignment.interface)

    def end_check(self, error: BaseException | None) -> tuple[BaseException | None, str]:
        """Take note of how a check ended.

        Returns:
            What came out of it, and what the student's code printed in it.
        """
        if self._client is None:
            if isinstance(error, SandboxEnded):
                self._note(error.failure, error.message)
            return error, ""
        try:
            self._client.settle()
        except (StudentError, SandboxEnded) as late:
            error = error or late
        output = self._client.take_output()
        ended = error if isinstance(error, SandboxEnded) else self._client.ended
        if ended is not None:
            self._note(ended.failure, ended.message)
            self._drop_client()
            if self._restarts == 0 or ended.failure is Failure.PROTOCOL_VIOLATION or self._late():
                # Without its message: that check may be hidden, and this one not.
                self._unusable = "Not run, because your code had ended in a check before."
            self._restarts -= 1
        return error, output

    def finish(self) -> None:
        """Make sure at the end that what was seen can be trusted. Raises InfrastructureFault."""
        if self._client is not None:
            self._client.finish()

    def close(self) -> None:
        """Give all sandboxes back."""
        self._drop_client()
        if self._speed is not None:
            self._speed.close()

    def _late(self) -> bool:
        return self._deadline is not None and time.monotonic() >= self._deadline

    def _connected(self) -> AgentClient:
        if self._client is None:
            raise NotRun("The check used the student's module after its end.")
        return self._client

    def _load(self) -> None:
        waiting = time.monotonic()
        client = self._client = self._pool.take()
        now = time.monotonic()
        if self._deadline is None:
            self._deadline = now + self._assignment.limits.wall_s
        else:
            self._deadline += now - waiting  # waiting for a sandbox is not the student's time
        client.start(self._deadline)
        module = self._assignment.interface.file
        try:
            client.load(module, self._submission.files)
        except StudentError as error:
            self._note(Failure.STUDENT_EXCEPTION, f"{module} could not be imported: {error}")
        except SandboxEnded as error:
            self._note(error.failure, f"{module} could not be imported. {error.message}")
        else:
            return
        self._unusable = f"Not run. {self.message}"
        self._drop_client()

    def _note(self, failure: Failure, message: str) -> None:
        if self.failure is None:
            self.failure, self.message = failure, message

    def _drop_client(self) -> None:
        if self._client is not None:
            self._pool.dispose(self._client)
            self._client = None
