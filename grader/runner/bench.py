"""What a runner keeps at hand between gradings: sandboxes, and the knowledge that they are well."""

from collections import OrderedDict

from grader.assignment import Assignment
from grader.breaker import Breaker
from grader.sandbox.pool import SandboxPool
from grader.sandbox.runtime import Runtime
from grader.sandbox.select import Choice, choose_sandbox

KEPT = 2
"""Of so many assignments sandboxes are kept warm; each holds memory."""


class Bench:
    """Pools of sandboxes by assignment, the least used given up first.

    Args:
        kind: One of `grader.sandbox.select.KINDS`; None for the strongest that is fit for
            strangers' code.
    """

    def __init__(self, kind: str | None = None) -> None:
        self._kind = kind
        self._choices: dict[Runtime, Choice] = {}
        self._kept: OrderedDict[str, tuple[Breaker, SandboxPool]] = OrderedDict()

    def breaker_for(self, assignment: Assignment) -> Breaker:
        """What grades submissions for this state of an assignment.

        Raises:
            InfrastructureFault: There is no sandbox that is fit.
        """
        if assignment.sha256 not in self._kept:
            while len(self._kept) >= KEPT:
                self._kept.popitem(last=False)[1][1].close()
            pool = SandboxPool(self._choice(assignment.runtime).launcher, assignment.limits)
            self._kept[assignment.sha256] = Breaker(assignment, pool), pool
        self._kept.move_to_end(assignment.sha256)
        return self._kept[assignment.sha256][0]

    def close(self) -> None:
        """Remove all sandboxes."""
        while self._kept:
            self._kept.popitem()[1][1].close()
        while self._choices:
            self._choices.popitem()[1].launcher.close()

    def _choice(self, runtime: Runtime) -> Choice:
        if runtime not in self._choices:
            self._choices[runtime] = choose_sandbox(self._kind, runtime=runtime)
        return self._choices[runtime]
