"""Stop every process of a control group at once, and let them go on.

Version 1 of the kernel's interface has the controller `freezer` (kernel documentation,
cgroup-v1/freezer-subsystem), version 2 a file in each group (cgroup-v2, `cgroup.freeze`).

This file needs nothing else of ours: as a program it does the same in a container, for a grader
that may use the engine but not write the switches itself. See `grader.sandbox.freezer_container`.
"""

import os
import socket
import sys
import time
from dataclasses import dataclass
from pathlib import Path

_SECONDS = 5.0
GROUPS = Path("/sys/fs/cgroup")


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
        """Return when no process of the group runs any more.

        Raises:
            OSError: The group is gone; TimeoutError where it does not stop.
        """
        deadline = time.monotonic() + _SECONDS
        self.switch.write_text(self.frozen)
        while self.reached not in self.state.read_text().splitlines():
            if time.monotonic() > deadline:
                raise TimeoutError(f"the processes of {self.switch.parent} do not stop")

    def thaw(self) -> None:
        """Let all go on. Raises OSError."""
        self.switch.write_text(self.thawed)


def find_freezer(group: Path) -> Freezer | None:
    """The switch of a control group (of its `freezer` folder in version 1); None without one."""
    if (group / "freezer.state").is_file():
        state = group / "freezer.state"
        return Freezer(state, "FROZEN", "THAWED", state, "FROZEN")
    if (group / "cgroup.freeze").is_file():
        return Freezer(group / "cgroup.freeze", "1", "0", group / "cgroup.events", "frozen 1")
    return None


def find_by_container(container: str, groups: Path = GROUPS) -> Freezer:
    """The switch of a container's group, which engines name by its id.

    Raises:
        FileNotFoundError: There is none.
    """
    root = groups / "freezer"
    for folder, _folders, _files in os.walk(root if root.is_dir() else groups):
        if container in Path(folder).name and (found := find_freezer(Path(folder))):
            return found
    raise FileNotFoundError(f"no control group of container {container[:12]}")


def answer(request: str, known: dict[str, Freezer]) -> str:
    """Do what a line asks for.

    Args:
        request: `freeze ID` or `thaw ID`, with the id of a container.
        known: Those asked for before.

    Returns:
        `ok`, or what went wrong.
    """
    try:
        act, container = request.split()
        if container not in known:
            known[container] = find_by_container(container)
        if act == "freeze":
            known[container].freeze()
        else:
            known[container].thaw()
    except (OSError, ValueError) as error:
        return " ".join(str(error).split()) or "failed"
    return "ok"


def main(path: str) -> None:
    """Answer what comes over a socket until it is closed."""
    known: dict[str, Freezer] = {}
    with socket.socket(socket.AF_UNIX) as line:
        line.connect(path)
        with line.makefile("rw", encoding="utf-8", newline="\n") as lines:
            for request in lines:
                lines.write(answer(request, known) + "\n")
                lines.flush()


if __name__ == "__main__":
    main(sys.argv[1])
