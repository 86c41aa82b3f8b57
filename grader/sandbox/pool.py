"""Sandboxes that stand ready, so that a grading does not wait for an interpreter to start."""

import contextlib
import threading
from collections import deque
from concurrent.futures import Future, ThreadPoolExecutor, wait

from grader.errors import InfrastructureFault
from grader.sandbox.base import Launcher, SandboxDescription
from grader.sandbox.client import AgentClient
from grader.sandbox.limits import Limits
from grader.sandbox.runtime import Runtime


class SandboxPool:
    """Hands out fresh sandboxes, each once, and removes them behind the grading's back.

    Args:
        launcher: Starts them.
        limits: Of every sandbox in this pool.
        ahead: How many to start before they are asked for.
        refill: Whether to replace each that is handed out; otherwise later ones are started
            when they are asked for.
    """

    def __init__(
        self, launcher: Launcher, limits: Limits, *, ahead: int = 1, refill: bool = False
    ) -> None:
        self.limits = limits
        self._launcher = launcher
        self._refill = refill
        self._workers = ThreadPoolExecutor(max_workers=2, thread_name_prefix="sandbox-pool")
        self._lock = threading.Lock()
        self._starting: deque[Future[AgentClient]] = deque()
        self._removing: list[Future[None]] = []
        for _ in range(ahead):
            self._starting.append(self._workers.submit(self._launch))

    @property
    def runtime(self) -> Runtime:
        """What student code computes with in these sandboxes."""
        return self._launcher.runtime

    def describe(self) -> SandboxDescription:
        """What the report says of these sandboxes."""
        return self._launcher.describe()

    def wait_until_warm(self) -> None:
        """Return when what was started ahead stands ready. Raises InfrastructureFault."""
        for future in tuple(self._starting):
            future.result()

    def prepare(self, count: int) -> None:
        """Have this many stand ready, or be on their way, without waiting for them."""
        with self._lock:
            for _ in range(count - len(self._starting)):
                self._starting.append(self._workers.submit(self._launch))

    def wait_until_still(self) -> None:
        """Return when nothing is being started or removed: when the machine is quiet."""
        wait(list(self._starting))
        wait(self._removing)

    def take(self) -> AgentClient:
        """A fresh sandbox that waits for a submission. Raises InfrastructureFault."""
        with self._lock:
            future = self._starting.popleft() if self._starting else None
            if self._refill:
                self._starting.append(self._workers.submit(self._launch))
        return future.result() if future else self._launch()

    def dispose(self, client: AgentClient) -> None:
        """Remove a sandbox that was handed out, without waiting."""
        self._removing = [removal for removal in self._removing if not removal.done()]
        self._removing.append(self._workers.submit(client.close))

    def close(self) -> None:
        """Remove every sandbox and wait until that is done."""
        with self._lock:
            self._refill = False
            starting, self._starting = tuple(self._starting), deque()
        for future in starting:
            with contextlib.suppress(InfrastructureFault):
                self.dispose(future.result())
        self._workers.shutdown(wait=True)
        for removal in self._removing:
            # What could not be removed now is swept when the next grader starts.
            with contextlib.suppress(InfrastructureFault):
                removal.result()

    def _launch(self) -> AgentClient:
        sandbox = self._launcher.launch(self.limits)
        client = AgentClient(sandbox, self.limits)
        try:
            client.hello(self._launcher.runtime)
        except BaseException:
            client.close()
            raise
        return client

    def __enter__(self) -> "SandboxPool":
        return self

    def __exit__(self, *_exception: object) -> None:
        self.close()
