"""`grader serve`: everything in one process, on embedded defaults."""

import argparse
import fcntl
import signal
import sys
from pathlib import Path
from typing import Any, TextIO

from flask import Flask
from waitress.server import create_server

from grader.doctor.examine import require_fit
from web.app import create_app
from web.logs import set_up_logs
from web.migrating import migrate
from web.operations.housekeeping import Housekeeper
from web.services import Services
from web.settings import SettingInvalid, Settings, read_settings
from web.startup import freeze_loaded

USAGE = 2


def add_to(commands: Any) -> None:
    """Add the command to the parser."""
    command = commands.add_parser(
        "serve",
        help="run the web service",
        description="Run the web service, its workers included, in one process. All else is set "
        "by environment variables: see docs/operations.md.",
    )
    command.set_defaults(run=_serve)
    command.add_argument("--host", help="address to listen on; default: 127.0.0.1")
    command.add_argument("--port", type=int, help="default: 8000; 0 takes any that is free")
    command.add_argument("--data", type=Path, help="folder to keep everything in")
    command.add_argument(
        "--accept",
        metavar="CODE",
        action="append",
        help="a finding of `grader doctor` that you answer for; may be repeated",
    )


def _serve(options: argparse.Namespace) -> int:
    try:
        settings = read_settings(
            host=options.host,
            port=options.port,
            data=options.data,
            accepted_findings=tuple(options.accept) if options.accept else None,
        )
    except SettingInvalid as error:
        print(error, file=sys.stderr)
        return USAGE
    set_up_logs(settings.log_format)
    settings.data.mkdir(parents=True, exist_ok=True)
    app = create_app(settings, lambda: _require_fit(settings))
    return run(app, settings)


def run(app: Flask, settings: Settings) -> int:
    """Serve until a signal ends it.

    Args:
        app: From `create_app`.
        settings: The same.
    """
    lock = _lock(settings)
    if lock is None:
        print(f"Another service uses {settings.data}: stop it first.", file=sys.stderr)
        return USAGE
    made: Services = app.extensions["onebyone"]
    migrate(made.database)
    server = create_server(
        app,
        host=settings.host,
        port=settings.port,
        threads=settings.threads,
        max_request_body_size=settings.upload_bytes,
        clear_untrusted_proxy_headers=not settings.proxies,
        ident=None,
    )
    made.workers.start()
    housekeeper = Housekeeper(settings, made.database, made.blobs)
    housekeeper.start()
    freeze_loaded()
    print(f"Onebyone is at http://{settings.host}:{_port(server)}/", flush=True)

    def stop(_signal: int, _frame: object) -> None:
        raise KeyboardInterrupt

    signal.signal(signal.SIGTERM, stop)
    try:
        server.run()
    except KeyboardInterrupt:
        pass
    finally:
        server.close()
        housekeeper.stop()
        made.workers.stop()
        made.token_uses.write()
        made.database.close()
        lock.close()
    return 0


def _port(server: Any) -> int:
    """That it listens on; a server on several addresses has several, all with one port."""
    if hasattr(server, "effective_port"):
        return int(server.effective_port)
    return int(server.effective_listen[0][1])


def _require_fit(settings: Settings) -> None:
    kind = settings.sandbox or "docker"
    if kind != "process":  # that is for trying things out: it protects from nothing, as is said
        require_fit(kind, frozenset(settings.accepted_findings))


def _lock(settings: Settings) -> TextIO | None:
    """The lock of the data folder; None if somebody else has it.

    Where gradings go to a broker and a server keeps the database, several services share it.
    """
    shared = bool(settings.broker_url and settings.database_url)
    file = (settings.data / "lock").open("a", encoding="ascii")
    try:
        fcntl.flock(file, (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | fcntl.LOCK_NB)
    except OSError:
        file.close()
        return None
    return file
