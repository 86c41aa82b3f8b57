"""Give this image to an engine that reaches no registry: the image carries what it takes itself.

    docker run --rm -v SOCKET_FOLDER:/run/engine IMAGE python -I /recipe/load.py

It waits for the engine that listens at /run/engine/docker.sock, and does nothing where that has the
image. It needs nothing but an interpreter.
"""

import hashlib
import http.client
import os
import socket
import sys
import tarfile
import time
from pathlib import Path
from urllib.parse import quote, urlencode

SOCKET = "/run/engine/docker.sock"
WAIT_S = 120.0
AGENT, RECIPE = Path("/agent"), Path("/recipe")


class _Engine(http.client.HTTPConnection):
    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.connect(SOCKET)


class _Chunks:
    """A file to write to, whose content goes out as the body of a request."""

    def __init__(self, engine: http.client.HTTPConnection) -> None:
        self._engine = engine

    def write(self, data: bytes) -> int:
        """Send it."""
        self._engine.send(b"%x\r\n%b\r\n" % (len(data), data))
        return len(data)


def main() -> int:
    """Load it; returns the exit status."""
    recipe = next(path.name for path in RECIPE.iterdir() if path.is_dir())
    name, version = f"onebyone-{recipe}", _version(recipe)
    _wait_for_engine()
    if _status("GET", f"/images/{quote(name)}:{version}/json") == http.client.OK:
        print(f"The engine has {name}:{version}.")
        return 0
    answer = _import(name, version)
    if '"error"' in answer:
        print(f"The engine did not take {name}:{version}: {answer}", file=sys.stderr)
        return 1
    print(f"Loaded {name}:{version}.")
    return 0


def _version(recipe: str) -> str:
    """As `grader.sandbox.image` names the image: by the content of what it is built from."""
    files = {f"images/{recipe}/{path.name}": path for path in (RECIPE / recipe).iterdir()}
    files |= {f"grader/sandbox/agent/{path.name}": path for path in AGENT.glob("*.py")}
    files["images/load.py"] = RECIPE / "load.py"
    digest = hashlib.sha256()
    for name, path in sorted(files.items()):
        content = path.read_bytes()
        digest.update(f"{name}\0{len(content)}\0".encode() + content)
    return digest.hexdigest()[:16]


def _wait_for_engine() -> None:
    deadline = time.monotonic() + WAIT_S
    while True:
        try:
            if _status("GET", "/_ping") == http.client.OK:
                return
        except OSError as error:
            if time.monotonic() > deadline:
                raise SystemExit(f"No engine answers at {SOCKET}: {error}") from error
        time.sleep(0.5)


def _status(method: str, path: str) -> int:
    engine = _Engine("engine", timeout=60)
    try:
        engine.request(method, path)
        return engine.getresponse().status
    finally:
        engine.close()


def _import(name: str, version: str) -> str:
    """Send this container's file system. Returns what the engine says."""
    changes = [f"ENV {key}={os.environ[key]}" for key in ("PATH", "LANG") if key in os.environ]
    changes += ["USER 65534:65534", "WORKDIR /scratch"]
    query = [("fromSrc", "-"), ("repo", name), ("tag", version), *(("changes", c) for c in changes)]
    engine = _Engine("engine", timeout=600)
    try:
        engine.putrequest("POST", f"/images/create?{urlencode(query)}")
        engine.putheader("Content-Type", "application/x-tar")
        engine.putheader("Transfer-Encoding", "chunked")
        engine.endheaders()
        with tarfile.open(fileobj=_Chunks(engine), mode="w|", bufsize=1 << 20) as archive:
            _add(archive, Path("/"), Path("/").lstat().st_dev)
        engine.send(b"0\r\n\r\n")
        return engine.getresponse().read().decode(errors="replace").strip().splitlines()[-1]
    finally:
        engine.close()


def _add(archive: tarfile.TarFile, folder: Path, device: int) -> None:
    """Add what is in a folder, but for what is mounted there or not for everybody to read."""
    for path in sorted(folder.iterdir()):
        about = path.lstat()
        if path.is_dir() and not path.is_symlink():
            archive.add(path, recursive=False)
            if about.st_dev == device and os.access(path, os.R_OK | os.X_OK):
                _add(archive, path, device)
        elif about.st_dev == device and (path.is_symlink() or os.access(path, os.R_OK)):
            archive.add(path, recursive=False)


if __name__ == "__main__":
    try:
        sys.exit(main())
    except (OSError, http.client.HTTPException) as error:
        sys.exit(f"The image could not be loaded: {error}")
