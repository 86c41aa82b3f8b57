"""A RabbitMQ of one's own, in a folder, for as long as tests need it."""

import os
import secrets
import signal
import subprocess
from dataclasses import dataclass
from pathlib import Path

from web.dispatch.keys import rights

from .waiting import free_port, wait_for

SCRIPTS = Path("/usr/lib/rabbitmq/bin")
_UP_S = 60.0


@dataclass
class Broker:
    """A node that listens on this machine only.

    Attributes:
        port: Of AMQP.
        folder: Where it keeps everything.
        definitions: Loaded when it starts.
    """

    port: int
    folder: Path
    distribution_port: int = 0
    process: subprocess.Popen | None = None
    definitions: Path | None = None

    def url(self, user="control", vhost="/"):
        """Of a user; the password is the name."""
        return f"amqp://{user}:{user}@127.0.0.1:{self.port}/{vhost.replace('/', '%2F')}"

    def start(self):
        """Start, and wait until it is up."""
        self.distribution_port = self.distribution_port or free_port()
        self.folder.mkdir(parents=True, exist_ok=True)
        (self.folder / "rabbitmq.conf").write_text(
            f"listeners.tcp.1 = 127.0.0.1:{self.port}\nloopback_users = none\n"
            + (f"load_definitions = {self.definitions}\n" if self.definitions else "")
        )
        (self.folder / "plugins").write_text("[].")
        with (self.folder / "log").open("ab") as log:
            self.process = subprocess.Popen(
                [SCRIPTS / "rabbitmq-server"],
                env=self._environment(),
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        wait_for(self._is_up, _UP_S, 0.5)
        return self

    def _is_up(self):
        assert self.process.poll() is None, (self.folder / "log").read_text()[-2000:]
        return self._control("await_startup", "--timeout", "5").returncode == 0

    def add_users(self):
        """All of them, with the rights that they are given; the password is the name."""
        for user, may in rights().items():
            self.control("add_user", user, user)
            self.control("set_permissions", user, *may)

    def control(self, *words):
        """`rabbitmqctl`."""
        answer = self._control(*words)
        assert answer.returncode == 0, answer.stdout + answer.stderr
        return answer.stdout

    def _control(self, *words):
        return subprocess.run(
            [SCRIPTS / "rabbitmqctl", "--node", self._node, *words],
            env=self._environment(),
            capture_output=True,
            text=True,
            timeout=_UP_S + 30,
            check=False,
        )

    def kill(self):
        """As a power cut would end it."""
        os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()

    def stop(self):
        """End it."""
        if self.process.poll() is None:
            self.kill()

    @property
    def _node(self):
        return f"onebyone-{self.port}@localhost"

    def _environment(self):
        home = self.folder / "home"
        home.mkdir(exist_ok=True)
        cookie = home / ".erlang.cookie"
        if not cookie.exists():
            cookie.write_text(secrets.token_hex(10).upper())
            cookie.chmod(0o400)
        return {
            **os.environ,
            "HOME": str(home),
            "RABBITMQ_NODENAME": self._node,
            "RABBITMQ_NODE_IP_ADDRESS": "127.0.0.1",
            "RABBITMQ_NODE_PORT": str(self.port),
            "RABBITMQ_DIST_PORT": str(self.distribution_port),
            "RABBITMQ_CONFIG_FILE": str(self.folder / "rabbitmq.conf"),
            "RABBITMQ_ENABLED_PLUGINS_FILE": str(self.folder / "plugins"),
            "RABBITMQ_MNESIA_BASE": str(self.folder / "mnesia"),
            "RABBITMQ_LOG_BASE": str(self.folder / "logs"),
            "RABBITMQ_PID_FILE": str(self.folder / "pid"),
            "ERL_EPMD_ADDRESS": "127.0.0.1",
        }
