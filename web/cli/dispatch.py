"""`grader relay` and `grader record`: between the database and the broker."""

import argparse
import signal
import sys
import threading
from pathlib import Path
from typing import Any

from kombu import Connection

from grader.worker.broker import make_celery
from web.database import Database
from web.dispatch.keys import make_keys
from web.dispatch.recording import Recorder, RecorderService
from web.dispatch.relay import Relay, RelaySettings
from web.dispatch.tokens import JobTokens
from web.dispatch.views import TOKEN_AGE_S
from web.logs import set_up_logs
from web.security import secret_key
from web.settings import SettingInvalid, Settings, read_settings
from web.startup import freeze_loaded

OK, USAGE = 0, 2


def add_to(commands: Any) -> None:
    """Add the commands to the parser."""
    relay = commands.add_parser(
        "relay",
        help="give gradings to runners on other machines, by a broker",
        description="Give queued gradings to the broker, and take back what no runner speaks of, "
        "until a signal ends it. See docs/scaling.md.",
    )
    relay.set_defaults(run=_relay)
    record = commands.add_parser(
        "record",
        help="record what runners on other machines report",
        description="Record what runners report to the broker, until a signal ends it. See "
        "docs/scaling.md.",
    )
    record.set_defaults(run=_record)
    for command in (relay, record):
        command.add_argument("--data", type=Path, help="folder of the service")
    keys = commands.add_parser(
        "keys",
        help="make the passwords and keys of a service on several machines",
        description="Make the files that the parts of the service show each other, a folder for "
        "each part. What is there is left as it is. See docs/scaling.md.",
    )
    keys.set_defaults(run=_keys)
    keys.add_argument("folder", type=Path)
    keys.add_argument("--broker", default="broker:5672", help="default: broker:5672")
    keys.add_argument(
        "--database", default="database:5432/onebyone", help="default: database:5432/onebyone"
    )


def _keys(options: argparse.Namespace) -> int:
    try:
        made = make_keys(options.folder, broker=options.broker, database=options.database)
    except OSError as error:
        print(f"The keys cannot be kept: {error}", file=sys.stderr)
        return USAGE
    print("\n".join(map(str, made)) or "All keys are there.")
    return OK


def _relay(options: argparse.Namespace) -> int:
    settings = _settings(options, "runner_address")
    if settings is None:
        return USAGE
    database = Database(settings.url)
    relay = Relay(
        database,
        make_celery(settings.broker_url),
        _tokens(settings),
        RelaySettings(settings.runner_address, settings.broker_window, settings.lease_seconds),
    )
    stopping = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stopping.set())
    freeze_loaded()
    relay.run(stopping)
    database.close()
    return OK


def _record(options: argparse.Namespace) -> int:
    settings = _settings(options)
    if settings is None:
        return USAGE
    database = Database(settings.url)
    recorder = Recorder(
        database,
        _tokens(settings),
        lease_s=settings.lease_seconds,
        most_tries=settings.grading_tries,
    )
    with Connection(settings.broker_url, heartbeat=0) as connection:
        service = RecorderService(connection, recorder)

        def stop(*_: object) -> None:
            service.should_stop = True

        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, stop)
        freeze_loaded()
        service.serve()
    database.close()
    return OK


def _settings(options: argparse.Namespace, *needed: str) -> Settings | None:
    try:
        settings = read_settings(data=options.data)
    except SettingInvalid as error:
        print(error, file=sys.stderr)
        return None
    set_up_logs(settings.log_format)
    for name in ("broker_url", *needed):
        if not getattr(settings, name):
            print(f"ONEBYONE_{name.upper()} is not set: see docs/scaling.md.", file=sys.stderr)
            return None
    return settings


def _tokens(settings: Settings) -> JobTokens:
    return JobTokens(secret_key(settings), TOKEN_AGE_S)
