"""Run all probes on fresh sandboxes, and see that nothing is left of them."""

import os
import secrets
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from grader.doctor import outside
from grader.doctor.bombs import BOMBS
from grader.doctor.finding import Finding, found
from grader.doctor.subject import Outcome, Probe, ProbeFailed, Subject, open_subject
from grader.doctor.walls import CANARY_VARIABLE, walls
from grader.errors import InfrastructureFault
from grader.sandbox.base import Launcher
from grader.sandbox.failures import SandboxEnded, StudentError
from grader.sandbox.limits import Limits

_UNFINISHED = (
    *(SandboxEnded, StudentError, InfrastructureFault, ProbeFailed),
    *(OSError, LookupError, ValueError),  # the kernel no longer tells of what has ended
)

LEFTOVERS = "nothing is left behind"


def run_probes(
    launcher: Launcher,
    *,
    only: Sequence[str] | None = None,
    on_start: Callable[[str], None] = lambda _name: None,
) -> Iterator[tuple[str, Outcome]]:
    """Try all that hostile code can try, one after the other.

    A probe that does not come to an end is a finding, not an exception.

    Args:
        launcher: Of a kind that isolates.
        only: The names of some probes; all by default.
        on_start: Told the name of a probe before it runs.

    Yields:
        Its name and what came of it; in the end the same of what sandboxes left behind.
    """
    with _canary() as canary:
        kind = launcher.describe().kind
        bench = _Bench(launcher)
        try:
            for probe in walls(canary) + BOMBS:
                if kind in probe.kinds and (only is None or probe.name in only):
                    on_start(probe.name)
                    yield probe.name, bench.run(probe)
        finally:
            bench.clear()
        on_start(LEFTOVERS)
        yield LEFTOVERS, bench.leftovers()


class _Bench:
    """Has one sandbox at a time."""

    def __init__(self, launcher: Launcher) -> None:
        self._launcher = launcher
        self._subject: Subject | None = None
        self._limits: Limits | None = None
        self._traces: list[outside.Traces] = []
        self._faults: list[Finding] = []

    def run(self, probe: Probe) -> Outcome:
        try:
            return probe.run(self._take(probe))
        except _UNFINISHED as error:
            reason = str(error) or type(error).__name__
            message = f"The probe `{probe.name}` did not come to an end: {reason}"
            self.clear()
            return Outcome("did not end", (found("probe-failed", message),))
        finally:
            if not probe.shared:
                self.clear()

    def clear(self) -> None:
        """Remove the sandbox there is."""
        subject, self._subject = self._subject, None
        if subject is None:
            return
        try:
            self._traces.append(subject.close())
        except InfrastructureFault as fault:
            message = f"A sandbox could not be removed: {fault}"
            self._faults.append(found("left-behind", message))

    def leftovers(self) -> Outcome:
        findings = list(self._faults)
        try:
            left = [name for traces in self._traces for name in outside.left_of(traces)]
        except InfrastructureFault as fault:
            message = f"Whether something is left of sandboxes could not be found out: {fault}"
            return Outcome("unknown", (*findings, found("probe-failed", message)))
        if left:
            message = f"After sandboxes were closed there are still: {', '.join(left[:5])}."
            findings.append(found("left-behind", message))
        return Outcome(f"of {len(self._traces)} sandboxes", tuple(findings))

    def _take(self, probe: Probe) -> Subject:
        subject = self._subject
        if subject is not None and (
            subject.client.ended or not probe.shared or self._limits != probe.limits
        ):
            self.clear()
        if self._subject is None:
            self._subject = open_subject(self._launcher, probe.limits)
            self._limits = probe.limits
        return self._subject


@contextmanager
def _canary() -> Iterator[Path]:
    """Something that only this machine has: a file that anybody may read, and a variable."""
    with tempfile.TemporaryDirectory(prefix="onebyone-doctor-") as name:
        folder = Path(name)
        folder.chmod(0o755)
        file = folder / "canary"
        file.write_text(secrets.token_hex())
        file.chmod(0o644)
        before = os.environ.get(CANARY_VARIABLE)
        os.environ[CANARY_VARIABLE] = "1"
        try:
            yield file
        finally:
            os.environ.pop(CANARY_VARIABLE)
            if before is not None:
                os.environ[CANARY_VARIABLE] = before
