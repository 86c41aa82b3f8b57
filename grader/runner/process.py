"""A runner's process, as its worker sees it: orders in, events out."""

import contextlib
import queue
import subprocess
import sys
import threading
from collections.abc import Iterator

from grader.errors import InfrastructureFault
from grader.runner.messages import DescribeOrder, Event, GradeOrder, event_of, to_line

_IDLE_S, _GRACE_S = 2.0, 15.0


class RunnerEnded(InfrastructureFault):
    """The runner's process is gone, or says nothing any more."""


class RunnerProcess:
    """One runner. It has no database and no secret, and it may die at any time.

    Args:
        sandbox: Kind of sandbox, or nothing for the strongest that works.
        silence_s: After so long without an event it is ended.
    """

    def __init__(self, sandbox: str = "", *, silence_s: float = 600.0) -> None:
        self._silence_s = silence_s
        command = [sys.executable, "-m", "grader.runner"]
        if sandbox:
            command += ["--sandbox", sandbox]
        self._process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            encoding="utf-8",
            start_new_session=True,  # what ends the service does not end it in mid-write
        )
        self._events: queue.SimpleQueue[Event | None] = queue.SimpleQueue()
        threading.Thread(target=self._read, daemon=True, name="runner-events").start()

    @property
    def pid(self) -> int:
        """Of the process."""
        return self._process.pid

    def ask(self, order: GradeOrder | DescribeOrder) -> Iterator[Event]:
        """Give an order; the last event is the answer. To stop listening earlier ends the runner.

        Raises:
            RunnerEnded: The process is gone or was silent too long; it is ended for good.
        """
        assert self._process.stdin is not None  # noqa: S101 - it was opened above
        try:
            self._process.stdin.write(to_line(order))
            self._process.stdin.flush()
        except OSError as error:
            self.close()
            raise RunnerEnded("The grading process has ended.") from error
        finished = False
        try:
            for event in self._until_answered():
                finished = event.is_last
                yield event
        finally:
            if not finished:
                self.kill()  # what it still says would be taken for the next order's answer

    def _until_answered(self) -> Iterator[Event]:
        while True:
            try:
                event = self._events.get(timeout=self._silence_s)
            except queue.Empty:
                raise RunnerEnded(
                    f"The grading process said nothing for {self._silence_s:g} s, and was ended."
                ) from None
            if event is None:
                raise RunnerEnded("The grading process ended in mid-grading.")
            if event.kind == "phase" and event.body.get("name") == "ready":
                continue
            yield event
            if event.is_last:
                return

    def close(self) -> None:
        """End it as soon as it has removed its sandboxes."""
        if self._process.stdin is not None:
            with contextlib.suppress(OSError):
                self._process.stdin.close()
        try:
            self._process.wait(_IDLE_S)  # it ends by itself where it has nothing to do
        except subprocess.TimeoutExpired:
            self._process.terminate()
        try:
            self._process.wait(_GRACE_S)
        except subprocess.TimeoutExpired:
            self.kill()

    def kill(self) -> None:
        """End it now; what it leaves behind, the next runner's sweep removes."""
        self._process.kill()
        self._process.wait()

    def _read(self) -> None:
        assert self._process.stdout is not None  # noqa: S101 - it was opened above
        try:
            for line in self._process.stdout:
                self._events.put(event_of(line))
        except (ValueError, TypeError):
            self._process.kill()
        finally:
            self._process.stdout.close()
            self._events.put(None)
