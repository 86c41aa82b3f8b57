"""A server of Onebyone, as programs see it: an answer in time, or a sentence that says why not.

The interface is described in `docs/api.md`.
"""

import json
import os
import time
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

import requests
from requests.auth import AuthBase

from grader import __version__

TIMEOUT_S = (5.0, 60.0)
"""To be connected, and between any two bytes."""

PAUSES_S = (0.5, 1.0, 2.0)
"""Before each further try, where a connection failed or a server is out of order."""

_OUT_OF_ORDER = frozenset({502, 503, 504})


class ServerRefused(Exception):
    """The server answered, and will not do it; the message is its own."""


class ServerFailed(Exception):
    """No answer that says whether it was done.

    Attributes:
        nothing_done: Whether it is sure that nothing was.
    """

    def __init__(self, message: str, *, nothing_done: bool) -> None:
        super().__init__(message)
        self.nothing_done = nothing_done


class ConfigInvalid(Exception):
    """It is not said which server, or by which token; the message says how to."""


@dataclass(frozen=True)
class Access:
    """Which server, and as whom."""

    server: str
    token: str


def config_path() -> Path:
    """Where `grader login` keeps what it was told."""
    home = os.environ.get("XDG_CONFIG_HOME") or str(Path.home() / ".config")
    return Path(home) / "onebyone" / "client.toml"


def find_access(server: str | None = None) -> Access:
    """From the argument, GRADER_SERVER and GRADER_TOKEN, or what `grader login` keeps.

    A kept token is only ever shown to the server that it was kept for.

    Raises:
        ConfigInvalid: Nothing says which, or the server is no address.
    """
    kept = _kept()
    given = server or os.environ.get("GRADER_SERVER") or kept.get("server")
    if not given:
        raise ConfigInvalid("Say which server: --server URL, GRADER_SERVER, or `grader login`.")
    address = clean_address(given)
    token = os.environ.get("GRADER_TOKEN")
    if not token and kept.get("server") == address:
        token = kept.get("token")
    if not token:
        raise ConfigInvalid(f"There is no token for {address}: see `grader login`.")
    return Access(address, token)


def keep_access(access: Access) -> Path:
    """Keep it for later, where only its owner reads it; where that is."""
    path = config_path()
    path.parent.mkdir(parents=True, exist_ok=True)
    # JSON's strings are TOML's. A new file, so that it never was readable by others.
    lines = [f"server = {json.dumps(access.server)}", f"token = {json.dumps(access.token)}", ""]
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write("\n".join(lines))
    temporary.replace(path)
    return path


def clean_address(text: str) -> str:
    """A server's address as it is compared. Raises ConfigInvalid."""
    try:
        parts = urlsplit(text.strip())
        valid = parts.scheme in ("http", "https") and parts.hostname and parts.port != 0
    except ValueError:
        valid = None
    if not valid or parts.query or parts.fragment or "@" in parts.netloc:
        raise ConfigInvalid("A server's address is like https://onebyone.example.org")
    return f"{parts.scheme}://{parts.netloc.lower()}{parts.path.rstrip('/')}"


def is_in_clear(server: str) -> bool:
    """Whether others on the way can read the token."""
    parts = urlsplit(server)
    return parts.scheme == "http" and parts.hostname not in ("localhost", "127.0.0.1", "::1")


class Server:
    """One server, as one person.

    Args:
        access: Which, and as whom.
        pauses: Seconds before each further try.
    """

    def __init__(self, access: Access, pauses: tuple[float, ...] = PAUSES_S) -> None:
        self._root = f"{access.server}/api/v1"
        self._auth = _Bearer(access.token)
        self._pauses = pauses

    def get(self, *path: str) -> requests.Response:
        """What is at an address below the interface's root.

        Raises:
            ServerRefused, ServerFailed: There is nothing to be had.
        """
        return self._ask("GET", path)

    def hand_in(
        self, course: str, assignment: str, files: Mapping[str, bytes], key: str
    ) -> dict[str, Any]:
        """Hand in; with the same key any number of tries is one submission.

        Raises:
            ServerRefused, ServerFailed: It was not taken, or nobody knows.
        """
        parts = [("files", (name, content)) for name, content in files.items()]
        path = ("courses", course, "assignments", assignment, "submissions")
        return as_json(self._ask("POST", path, files=parts, headers={"Idempotency-Key": key}))

    def _ask(self, method: str, path: tuple[str, ...], **options: Any) -> requests.Response:
        url = "/".join([self._root, *(quote(part, safe="") for part in path)])
        headers = {"User-Agent": f"grader/{__version__}", **options.pop("headers", {})}
        nothing_done = True  # until something was sent of which nobody knows what came
        for pause in (*self._pauses, None):
            try:
                answer = requests.request(
                    method,
                    url,
                    headers=headers,
                    auth=self._auth,
                    timeout=TIMEOUT_S,
                    allow_redirects=False,
                    **options,
                )
            except requests.RequestException as error:
                nothing_done &= method == "GET" or _is_not_connected(error)
                problem = f"{self._root} cannot be reached: {_reason(error)}"
            else:
                if answer.status_code not in _OUT_OF_ORDER:
                    return self._judged(answer, nothing_done)
                problem = _detail(answer)
                nothing_done &= answer.status_code == 503 and _is_problem(answer)
            if pause is not None:
                time.sleep(pause)
        raise ServerFailed(problem, nothing_done=nothing_done)

    def _judged(self, answer: requests.Response, nothing_done: bool) -> requests.Response:
        if answer.status_code < 300:
            return answer
        if answer.status_code < 400:
            raise ServerFailed(
                f"{self._root} leads elsewhere: give the server's own address.",
                nothing_done=nothing_done,
            )
        if answer.status_code < 500 and _is_problem(answer):
            raise ServerRefused(_detail(answer))
        raise ServerFailed(_detail(answer), nothing_done=False)


class _Bearer(AuthBase):
    """Shows the token; nothing of ~/.netrc takes its place."""

    def __init__(self, token: str) -> None:
        self._token = token

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        request.headers["Authorization"] = f"Bearer {self._token}"
        return request


def as_json(answer: requests.Response) -> dict[str, Any]:
    """An answer's document. Raises ServerFailed where it is none."""
    try:
        found = answer.json()
    except ValueError:
        found = None
    if not isinstance(found, dict):
        raise ServerFailed("The answer is not one of Onebyone's.", nothing_done=False)
    return found


def _is_problem(answer: requests.Response) -> bool:
    return answer.headers.get("Content-Type", "").startswith("application/problem+json")


def _detail(answer: requests.Response) -> str:
    if _is_problem(answer):
        try:
            found = answer.json()
            return f"{found['title']}: {found['detail']}"
        except (ValueError, KeyError, TypeError):
            pass
    return f"The server answers with status {answer.status_code} and without a reason."


def _is_not_connected(error: requests.RequestException) -> bool:
    """Whether nothing can have been sent."""
    if isinstance(error, requests.ConnectTimeout | requests.exceptions.InvalidURL):
        return True
    cause = error.args[0] if error.args else None
    return type(getattr(cause, "reason", None)).__name__ in (
        "NewConnectionError",
        "NameResolutionError",
        "SSLError",
    )


def _reason(error: requests.RequestException) -> str:
    if isinstance(error, requests.Timeout):
        return "it does not answer in time."
    if isinstance(error, requests.exceptions.SSLError):
        return "its certificate is not good."
    if isinstance(error, requests.ConnectionError) and _is_not_connected(error):
        return "nothing answers there."
    return "the connection broke."


def _kept() -> dict[str, str]:
    try:
        found = tomllib.loads(config_path().read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as error:
        raise ConfigInvalid(f"{config_path()} cannot be read: run `grader login`.") from error
    return {key: value for key, value in found.items() if isinstance(value, str)}
