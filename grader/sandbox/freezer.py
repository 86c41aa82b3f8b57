"""Stop every process of a control group at once, and let them go on.

Version 1 of the kernel's interface has the controller `freezer` (kernel documentation,
cgroup-v1/freezer-subsystem), version 2 a file in each group (cgroup-v2, `cgroup.freeze`).
"""

import time
from dataclasses import dataclass
from pathlib import Path

from grader.errors import InfrastructureFault

_SECONDS = 5.0


@dataclass(frozen=True)
class Freezer:
    """The switch of one control group.

    Attributes:
        switch: The file that is written.
        frozen: What is written to stop all processes.
        thawed: What is written to let them go on.
        state: The file that tells whether all have stopped.
        reached: The line that it then has.
    """

    switch: Path
    frozen: str
    thawed: str
    state: Path
    reached: str

    def freeze(self) -> None:
        """Return when no process of the group runs any more. Raises InfrastructureFault."""
        deadline = time.monotonic() + _SECONDS
        try:
            self.switch.write_text(self.frozen)
            while self.reached not in self.state.read_text().splitlines():
                if time.monotonic() > deadline:
                    raise InfrastructureFault(
                        f"The processes of {self.switch.parent} do not stop. Try again."
                    )
        except OSError as error:
            raise _fault(error) from error

    def thaw(self) -> None:
        """Let all go on. Raises InfrastructureFault."""
        try:
            self.switch.write_text(self.thawed)
        except OSError as error:
            raise _fault(error) from error


def find_freezer(group: Path) -> Freezer | None:
    """The switch of a control group (of its `freezer` folder in version 1); None without one."""
    if (group / "freezer.state").is_file():
        state = group / "freezer.state"
        return Freezer(state, "FROZEN", "THAWED", state, "FROZEN")
    if (group / "cgroup.freeze").is_file():
        return Freezer(group / "cgroup.freeze", "1", "0", group / "cgroup.events", "frozen 1")
    return None


def _fault(error: OSError) -> InfrastructureFault:
    return InfrastructureFault(f"A sandbox cannot be stopped and continued ({error}). Try again.")
