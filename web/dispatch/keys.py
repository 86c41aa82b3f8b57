"""What the parts of a scaled-out service show each other: made once, each in a file of its own.

A folder for each part, so that each can be given its own and no other.
"""

import base64
import hashlib
import json
import os
import secrets
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from grader.worker.broker import queue_name
from grader.worker.jobs import QUEUES, REPORTS
from web.dispatch.topology import DEAD_JOBS, queues

CONTROL, RECORDER = "control", "recorder"
_NOTHING = "^$"


def rights() -> dict[str, tuple[str, str, str]]:
    """What each user of the broker may configure, write and read, as RabbitMQ's expressions.

    The relay is `control`. A recorder reads what runners wrote, and may publish nothing.
    """
    runners = {
        f"runner-{queue}": (_NOTHING, f"^{REPORTS}$", f"^{queue_name(queue).replace('.', '[.]')}$")
        for queue in QUEUES
    }
    return {
        CONTROL: (".*", ".*", ".*"),
        RECORDER: (_NOTHING, _NOTHING, f"^({REPORTS}|{DEAD_JOBS})$"),
        **runners,
    }


def make_keys(folder: Path, *, broker: str, database: str) -> list[Path]:
    """Make what is missing; what is there stays as it is.

    Args:
        folder: Gets `control/`, `recorder/`, `database/`, `broker/` and one for each runner.
        broker: Its address, as `host:port`.
        database: Its address, as `host:port/name`.

    Returns:
        What was made, or made again: the broker's definitions follow the version of the service.

    Raises:
        OSError: A file cannot be written.
    """
    made = []

    def keep(name: str, make: str) -> str:
        path = folder / name
        if not path.exists():
            _write(path, make)
            made.append(path)
        return path.read_text(encoding="utf-8").strip()

    password = keep("database/password", secrets.token_urlsafe(32))
    keep("control/database_url", f"postgresql://onebyone:{password}@{database}")
    keep("control/secret_key", secrets.token_urlsafe(48))
    passwords = {}
    for user in rights():
        url = keep(f"{user}/broker_url", f"amqp://{user}:{secrets.token_urlsafe(32)}@{broker}/%2F")
        passwords[user] = urlsplit(url).password or ""
    definitions = folder / "broker" / "definitions.json"
    if not definitions.exists() or not _fits(definitions, passwords):
        _write(definitions, json.dumps(broker_definitions(passwords), indent=1))
        made.append(definitions)
    return made


def broker_definitions(passwords: Mapping[str, str]) -> dict[str, Any]:
    """What RabbitMQ is to load when it starts: users, rights, exchanges and queues.

    Args:
        passwords: By user.
    """
    everything = queues()
    exchanges = {each.exchange.name: each.exchange.type for each in everything}
    return {
        "vhosts": [{"name": "/"}],
        "users": [
            {
                "name": user,
                "password_hash": _hash(password, secrets.token_bytes(4)),
                "hashing_algorithm": "rabbit_password_hashing_sha256",
                "tags": [],
            }
            for user, password in passwords.items()
        ],
        "permissions": [
            {"user": user, "vhost": "/", "configure": configure, "write": write, "read": read}
            for user, (configure, write, read) in rights().items()
        ],
        "exchanges": [
            {
                "name": name,
                "vhost": "/",
                "type": kind,
                "durable": True,
                "auto_delete": False,
                "internal": False,
                "arguments": {},
            }
            for name, kind in exchanges.items()
        ],
        "queues": [
            {
                "name": each.name,
                "vhost": "/",
                "durable": True,
                "auto_delete": False,
                "arguments": each.queue_arguments,
            }
            for each in everything
        ],
        "bindings": [
            {
                "source": each.exchange.name,
                "vhost": "/",
                "destination": each.name,
                "destination_type": "queue",
                "routing_key": each.routing_key,
                "arguments": {},
            }
            for each in everything
        ],
    }


def _hash(password: str, salt: bytes) -> str:
    """As RabbitMQ keeps passwords (its documentation, "Passwords")."""
    return base64.b64encode(salt + hashlib.sha256(salt + password.encode()).digest()).decode()


def _fits(definitions: Path, passwords: Mapping[str, str]) -> bool:
    """Whether they are this version's, with these passwords."""
    try:
        kept = json.loads(definitions.read_text(encoding="utf-8"))
        salts = {
            user["name"]: base64.b64decode(user["password_hash"])[:4] for user in kept["users"]
        }
        wanted = broker_definitions(passwords)
        for user in wanted["users"]:
            user["password_hash"] = _hash(passwords[user["name"]], salts[user["name"]])
    except (OSError, ValueError, LookupError, TypeError):
        return False
    return bool(kept == wanted)


def _write(path: Path, content: str) -> None:
    """Whole or not at all. Whoever is given the folder may read it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    new = path.with_name(f"{path.name}.new")
    with new.open("w", encoding="utf-8") as file:
        file.write(content + "\n")
        file.flush()
        os.fsync(file.fileno())
    new.chmod(0o444)
    new.replace(path)
