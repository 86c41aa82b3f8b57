"""Settings as data: one table, from which reading, help and documentation follow."""

import os
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

PREFIX = "ONEBYONE_"


class SettingInvalid(Exception):
    """An environment variable has a value that is not accepted; the message names both."""


@dataclass(frozen=True)
class Setting:
    """One setting.

    Attributes:
        name: Of the field in `Settings`; the variable is `ONEBYONE_` and the name in capitals.
        default: As it would stand in the variable.
        read: Makes a value of the text; raises ValueError with what is accepted.
        help: What it does.
        secret: May come from a file named in the variable with `_FILE` behind its name.
    """

    name: str
    default: str
    read: Callable[[str], Any]
    help: str
    secret: bool = False

    @property
    def variable(self) -> str:
        """Name of the environment variable."""
        return PREFIX + self.name.upper()


def _text(text: str) -> str:
    return text


def _whole(low: int, high: int) -> Callable[[str], int]:
    def read(text: str) -> int:
        if not re.fullmatch(r"[0-9]{1,9}", text) or not low <= int(text) <= high:
            raise ValueError(f"a whole number from {low} to {high}")
        return int(text)

    return read


def _flag(text: str) -> bool:
    if text not in ("true", "false"):
        raise ValueError("true or false")
    return text == "true"


def _choice(*choices: str) -> Callable[[str], str]:
    def read(text: str) -> str:
        if text not in choices:
            raise ValueError(" or ".join(choices))
        return text

    return read


def _names(text: str) -> tuple[str, ...]:
    return tuple(part.strip() for part in text.split(",") if part.strip())


SETTINGS = (
    Setting("data", "onebyone-data", Path, "Folder of the database, of uploads and assignments."),
    Setting(
        "database_url",
        "",
        _text,
        "Where the database is, such as `postgresql://user:password@host/name`; SQLite in the data "
        "folder where it is empty.",
        secret=True,
    ),
    Setting(
        "secret_key",
        "",
        _text,
        "Signs cookies and links. Made and kept in the data folder where it is empty.",
        secret=True,
    ),
    Setting("host", "127.0.0.1", _text, "Address to listen on."),
    Setting("port", "8000", _whole(0, 65535), "Port to listen on; 0 takes any that is free."),
    Setting("threads", "16", _whole(2, 256), "Threads that answer requests."),
    Setting("workers", "1", _whole(0, 64), "Gradings side by side; 0 only takes submissions."),
    Setting(
        "sandbox",
        "",
        _choice("", "docker", "bubblewrap", "process"),
        "Where students' code runs; the strongest that works here where it is empty. `process` "
        "protects from nothing.",
    ),
    Setting(
        "accepted_findings",
        "",
        _names,
        "Codes of `grader doctor` that do not keep this machine from grading, joined by commas.",
    ),
    Setting(
        "upload_bytes",
        str(8 * 1024 * 1024),
        _whole(1024, 64 * 1024 * 1024),
        "The most that one request may bring.",
    ),
    Setting(
        "https",
        "false",
        _flag,
        "Whether browsers reach the service by HTTPS: cookies are then sent by that alone.",
    ),
    Setting(
        "proxies",
        "0",
        _whole(0, 5),
        "How many reverse proxies stand before the service, whose X-Forwarded headers count.",
    ),
    Setting("session_hours", "12", _whole(1, 24 * 90), "How long a sign-in lasts."),
    Setting("sign_ins_per_minute", "10", _whole(1, 10000), "From one address."),
    Setting("uploads_per_minute", "20", _whole(1, 10000), "Of one person."),
    Setting(
        "grading_tries",
        "4",
        _whole(1, 100),
        "How often a grading that failed by a fault of ours is tried before it waits for a person.",
    ),
    Setting("lease_seconds", "900", _whole(10, 86400), "How long a worker may be silent."),
    Setting(
        "broker_url",
        "",
        _text,
        "Where RabbitMQ is, such as `amqp://user:password@host/vhost`: gradings then go to runners "
        "on other machines, by `grader relay`, and none are done here.",
        secret=True,
    ),
    Setting(
        "runner_address",
        "",
        _text,
        "How runners reach this service, such as `http://web:8000`; of `grader relay`.",
    ),
    Setting(
        "broker_window",
        "8",
        _whole(1, 10000),
        "How many gradings the broker and its runners have at a time, of each queue; about twice "
        "the number of runners.",
    ),
    Setting("keep_days", "0", _whole(0, 36500), "Days to keep submissions; 0 keeps them for ever."),
    Setting("oidc_issuer", "", _text, "Issuer of OpenID Connect, for single sign-on."),
    Setting("oidc_client_id", "", _text, "As registered with the issuer."),
    Setting("oidc_client_secret", "", _text, "As registered with the issuer.", secret=True),
    Setting("oidc_name", "Single sign-on", _text, "What the button says."),
    Setting(
        "metrics_token",
        "",
        _text,
        "What `/metrics` asks for as a bearer token; only this machine is answered where it is "
        "empty.",
        secret=True,
    ),
    Setting("log_format", "text", _choice("text", "json"), "How lines of the log are written."),
)


@dataclass(frozen=True, kw_only=True)
class Settings:
    """What `SETTINGS` lists, read and validated; see there."""

    data: Path
    database_url: str = ""
    secret_key: str = ""
    host: str = "127.0.0.1"
    port: int = 8000
    threads: int = 16
    workers: int = 1
    sandbox: str = ""
    accepted_findings: tuple[str, ...] = ()
    upload_bytes: int = 8 * 1024 * 1024
    https: bool = False
    proxies: int = 0
    session_hours: int = 12
    sign_ins_per_minute: int = 10
    uploads_per_minute: int = 20
    grading_tries: int = 4
    lease_seconds: int = 900
    broker_url: str = ""
    runner_address: str = ""
    broker_window: int = 8
    keep_days: int = 0
    oidc_issuer: str = ""
    oidc_client_id: str = ""
    oidc_client_secret: str = ""
    oidc_name: str = "Single sign-on"
    metrics_token: str = ""
    log_format: str = "text"

    @property
    def url(self) -> str:
        """Of the database."""
        return self.database_url or f"sqlite:///{self.data.resolve() / 'onebyone.sqlite3'}"


def read_settings(environment: Mapping[str, str] = os.environ, **given: Any) -> Settings:
    """The settings of an environment.

    Args:
        environment: Variables by name.
        given: Values that stand above it, by field; None counts as not given.

    Raises:
        SettingInvalid: A variable's value is not accepted, or nothing is called so.
    """
    known = {setting.variable for setting in SETTINGS}
    known |= {f"{setting.variable}_FILE" for setting in SETTINGS if setting.secret}
    for name in environment:
        if name.startswith(PREFIX) and name not in known:
            raise SettingInvalid(f"{name} is no setting: see docs/operations.md for all of them.")
    values = {setting.name: _value(setting, environment) for setting in SETTINGS}
    values |= {name: value for name, value in given.items() if value is not None}
    return Settings(**values)


def _value(setting: Setting, environment: Mapping[str, str]) -> Any:
    text = environment.get(setting.variable, setting.default)
    file = environment.get(f"{setting.variable}_FILE", "") if setting.secret else ""
    if file:
        try:
            text = Path(file).read_text(encoding="utf-8").strip()
        except (OSError, UnicodeDecodeError) as error:
            raise SettingInvalid(
                f"{setting.variable}_FILE names a file that cannot be read: {error}"
            ) from error
    try:
        return setting.read(text)
    except ValueError as error:
        shown = "its value" if setting.secret else repr(text)
        raise SettingInvalid(f"{setting.variable} must be {error}, not {shown}.") from error
