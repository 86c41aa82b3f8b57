"""The kernel's freezer for a grader that may use an engine, but not write the freezer itself.

The engine's own pause is no substitute: it tells of a pause later than it does it, so that one of
some hundred quick changes is refused (`is not paused`, `is already paused`) and cannot be mended
from outside. Whoever may use an engine may let it do this; the container runs nothing of students'.
"""

import contextlib
import shutil
import socket
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import docker
import docker.errors

from grader.sandbox import freezer, owner
from grader.sandbox.profile import CHANNEL

_CONNECT_SECONDS = 10.0
_ANSWER_SECONDS = 10.0
_LONGEST_ANSWER = 1000


class FreezerContainer:
    """A container that stops others and lets them go on.

    Args:
        client: Of the engine.
        image: With an interpreter.
        labels: By which it is found again; the label `folder_label` is set to its folder.
        folder_label: See there.
        prefix: Of the folder's name.

    Raises:
        OSError: It does not start, or may not write the switches either.

    Attributes:
        has_ended: It did not answer, and is of no use any more.
    """

    def __init__(
        self,
        client: docker.DockerClient,
        image: str,
        labels: Mapping[str, str],
        folder_label: str,
        prefix: str,
    ) -> None:
        self.has_ended = False
        self._alone = threading.Lock()
        self._folder = owner.new_folder(prefix)
        self._container: Any = None
        try:
            with socket.socket(socket.AF_UNIX) as listener:
                channel = self._folder / "channel"
                channel.mkdir(mode=0o755)
                listener.bind(str(channel / "socket"))
                (channel / "socket").chmod(0o666)
                listener.listen(1)
                listener.settimeout(_CONNECT_SECONDS)
                self._container = client.containers.create(
                    **_settings(image, channel, {**labels, folder_label: str(self._folder)})
                )
                self._container.start()
                self._line = listener.accept()[0]
        except docker.errors.DockerException as error:
            self._remove()
            raise OSError(f"its container does not start: {error}") from error
        except OSError:
            self._remove()
            raise
        self._line.settimeout(_ANSWER_SECONDS)
        self._answers = self._line.makefile("r", encoding="utf-8", newline="\n")

    def freeze(self, container: str) -> None:
        """Stop all processes of a container. Raises OSError."""
        self._ask(f"freeze {container}")

    def thaw(self, container: str) -> None:
        """Let them go on. Raises OSError."""
        self._ask(f"thaw {container}")

    def close(self) -> None:
        """Remove it. May be called again."""
        self._answers.close()
        self._line.close()
        self._remove()

    def _ask(self, request: str) -> None:
        with self._alone:
            try:
                self._line.sendall(f"{request}\n".encode())
                answer = self._answers.readline(_LONGEST_ANSWER).strip()
            except OSError:
                self.has_ended = True
                raise
        if not answer:
            self.has_ended = True
            raise OSError("the container that stops others has ended")
        if answer != "ok":
            raise OSError(answer)

    def _remove(self) -> None:
        if self._container is not None:
            with contextlib.suppress(docker.errors.DockerException, OSError):
                self._container.remove(force=True)
            self._container = None
        shutil.rmtree(self._folder, ignore_errors=True)


def _settings(image: str, channel: Path, labels: Mapping[str, str]) -> dict[str, Any]:
    groups = str(freezer.GROUPS)
    return {
        "image": image,
        "entrypoint": [],
        "command": ["python", "-I", "-B", "-c", _program(), f"{CHANNEL}/socket"],
        "detach": True,
        # The owner of the kernel's switches, and nothing that root could do otherwise.
        "user": "0:0",
        "cap_drop": ["ALL"],
        "security_opt": ["no-new-privileges:true"],
        "cgroupns": "host",
        "volumes": {
            groups: {"bind": groups, "mode": "rw"},
            str(channel): {"bind": CHANNEL, "mode": "ro"},
        },
        "network_mode": "none",
        "read_only": True,
        "mem_limit": "64m",
        "pids_limit": 4,
        "labels": dict(labels),
        "auto_remove": False,
    }


def _program() -> str:
    return Path(freezer.__file__).read_text(encoding="utf-8")
