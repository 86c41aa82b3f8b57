"""The file system that student code sees under bubblewrap.

A read-only tree made of this machine's interpreter, its standard library, NumPy (where asked for,
PyTorch as well) and the shared libraries that these need; nothing else of the machine, and nothing
of ours but the agent. It is built once and kept in a cache, under the name of its content.

    /usr/local/bin/python          the interpreter, which finds its prefix from here
    /usr/local/lib/pythonX.Y/      standard library; site-packages with NumPy, PyTorch
    /lib/..., /lib64/...           shared libraries where the loader looks without being told
    /agent, /proc, /dev, /scratch  empty, to be mounted on
"""

import contextlib
import fcntl
import hashlib
import importlib.util
import json
import os
import shutil
import subprocess
import sys
import sysconfig
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from grader.errors import SandboxUnavailable
from grader.sandbox.runtime import Arrays

PYTHON = "/usr/local/bin/python"
"""The interpreter, as the sandbox sees it."""
AGENT = "/agent"
SCRATCH = "/scratch"

_FORMAT = 1  # to be raised when this module lays out a tree differently
_PREFIX = "usr/local"
_SKIPPED_FOLDERS = frozenset(
    {"__pycache__", "test", "tests", "idlelib", "tkinter", "turtledemo", "ensurepip"}
    | {"site-packages", "dist-packages"}
)
_SKIPPED_PREFIXES = ("config-", "_test", "_ctypes_test", "_tkinter", "_xxtest", "xxlimited")
_SKIPPED_NAMES = frozenset({"sitecustomize.py", "usercustomize.py"})
_SKIPPED_SUFFIXES = frozenset({".a", ".pyc", ".pyi"})
_UNUSED_OF_TORCH = frozenset({"include", "share"})  # what builds extensions
_USED_PROGRAM_OF_TORCH = "torch_shm_manager"  # looked for when it is imported
_USERS = "student:x:65534:65534::/scratch:/bin/false\n"
_GROUPS = "student:x:65534:\n"


@dataclass(frozen=True)
class RuntimeTree:
    """A file system to be bound read-only.

    Attributes:
        root: Folder on this machine that becomes `/`.
        agent: Folder on this machine that becomes `/agent`.
        digest: `sha256:...` over the names, kinds and contents of both.
    """

    root: Path
    agent: Path
    digest: str


def default_cache() -> Path:
    """`/var/cache/onebyone` for root, else `onebyone` in the user's cache folder."""
    if os.geteuid() == 0:
        return Path("/var/cache/onebyone")
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "onebyone"


def ensure_tree(
    agent: Path, cache: Path, say: Callable[[str], None], arrays: Arrays = Arrays.NUMPY
) -> RuntimeTree:
    """The tree for this interpreter, these libraries and this agent; built where missing.

    It is built anew when a file that it was made of changes size or date, an upgraded shared
    library included. Processes that ask at the same time build it once. Old trees are left, for
    somebody may be running in them: the cache may be deleted whenever nobody is.

    Args:
        agent: Folder of the agent's files.
        cache: Where trees are kept; made where missing.
        say: Told that a tree is being built.
        arrays: The library that student code computes with; installed.

    Raises:
        SandboxUnavailable: The cache cannot be used, or the tree cannot be built.
    """
    try:
        with _locked(cache):
            root, root_digest = _ensure_root(cache, say, arrays)
            agent_folder, agent_digest = _install(cache, "agent", lambda to: _copy_agent(agent, to))
    except OSError as error:
        raise SandboxUnavailable(
            f"The sandbox's file system cannot be built in {cache} ({error}); "
            "make room there, or let this user write to it."
        ) from error
    digest = hashlib.sha256(f"{root_digest} {agent_digest}".encode()).hexdigest()
    return RuntimeTree(root, agent_folder, f"sha256:{digest}")


@contextlib.contextmanager
def _locked(cache: Path) -> Iterator[None]:
    cache.mkdir(mode=0o755, parents=True, exist_ok=True)
    status = cache.stat()
    if status.st_uid != os.geteuid() or status.st_mode & 0o022:
        raise SandboxUnavailable(
            f"{cache} can be written to by others, and student code runs what lies in it: "
            "remove that folder, it will be made again."
        )
    closed = [folder for folder in cache.resolve().parents if not folder.stat().st_mode & 0o001]
    if os.geteuid() == 0 and closed:
        raise SandboxUnavailable(
            f"{closed[0]} is closed to other users, and sandboxes run as one: "
            "choose another cache folder."
        )
    with (cache / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        for unfinished in cache.glob("building-*"):
            shutil.rmtree(unfinished, ignore_errors=True)
        yield


def _ensure_root(cache: Path, say: Callable[[str], None], arrays: Arrays) -> tuple[Path, str]:
    sources = _sources(arrays)
    key = hashlib.sha256(f"{_FORMAT} {sys.version} {np.__version__}\n".encode())
    for target, source in sources:
        key.update(f"{target} {_stamp(source)}\n".encode())
    record_file = cache / f"root-{key.hexdigest()[:16]}.json"
    with contextlib.suppress(OSError, ValueError, KeyError):
        record = json.loads(record_file.read_text())
        root = cache / f"root-{record['digest'][:16]}"
        if root.is_dir() and all(
            _stamp(Path(path)) == stamp for path, stamp in record["libraries"].items()
        ):
            return root, record["digest"]
    say("Building the sandbox's file system, once.")
    libraries = _libraries([source for target, source in sources if _is_binary(target)])
    root, digest = _install(cache, "root", lambda to: _build_root(to, sources, libraries))
    stamps = {str(source): _stamp(source) for _target, source in libraries}
    fresh = record_file.with_suffix(".new")
    fresh.write_text(json.dumps({"digest": digest, "libraries": stamps}))
    fresh.replace(record_file)
    return root, digest


def _install(cache: Path, kind: str, fill: Callable[[Path], None]) -> tuple[Path, str]:
    """Build a folder aside, then put it in its place, named by its content."""
    with tempfile.TemporaryDirectory(dir=cache, prefix="building-") as aside:
        fresh = Path(aside) / kind
        fresh.mkdir()
        fill(fresh)
        _open_to_all(fresh)
        digest = _digest(fresh)
        place = cache / f"{kind}-{digest[:16]}"
        if not place.is_dir():
            fresh.rename(place)
    return place, digest


def _sources(arrays: Arrays) -> list[tuple[str, Path]]:
    """What is copied from this machine, but for shared libraries: (place in the tree, file)."""
    version = f"python{sys.version_info.major}.{sys.version_info.minor}"
    stdlib = Path(sysconfig.get_path("stdlib"))
    packages = Path(np.__file__).parent.parent
    site = f"{_PREFIX}/lib/{version}/site-packages"
    found = [(f"{_PREFIX}/bin/{version}", Path(sys.executable).resolve())]
    found += _files_below(stdlib, f"{_PREFIX}/{sys.platlibdir}/{stdlib.name}")
    for name in ("numpy", "numpy.libs"):
        found += _files_below(packages / name, f"{site}/{name}")
    if arrays is Arrays.TORCH:
        found += _files_of_torch(site)
    return sorted(found)


def _files_of_torch(site: str) -> Iterator[tuple[str, Path]]:
    """PyTorch and what its functions on tensors import; found, but not imported here."""
    for name in ("torch", "torchgen", "typing_extensions", "sympy", "mpmath"):
        found = importlib.util.find_spec(name)
        if found is None or found.origin is None:
            raise SandboxUnavailable(f"{name} cannot be found, which PyTorch needs: install it.")
        path = Path(found.origin)
        if path.name == "__init__.py":
            for place, source in _files_below(path.parent, name):
                part = Path(place).parts[1]
                unused = part == "bin" and source.name != _USED_PROGRAM_OF_TORCH
                if part not in _UNUSED_OF_TORCH and not unused:
                    yield f"{site}/{place}", source
        else:
            yield f"{site}/{path.name}", path


def _files_below(folder: Path, target: str) -> Iterator[tuple[str, Path]]:
    for parent, folders, names in os.walk(folder):
        folders[:] = [
            name
            for name in folders
            if name not in _SKIPPED_FOLDERS and not name.startswith("config-")
        ]
        place = Path(target) / Path(parent).relative_to(folder)
        in_extensions = Path(parent).name == "lib-dynload"
        for name in names:
            path = Path(parent) / name
            unwanted = (
                name in _SKIPPED_NAMES
                or path.suffix in _SKIPPED_SUFFIXES
                or (in_extensions and name.startswith(_SKIPPED_PREFIXES))
            )
            if not unwanted and path.is_file():
                yield str(place / name), path


def _is_binary(target: str) -> bool:
    return ".so" in Path(target).name or target.startswith(f"{_PREFIX}/bin/")


def _libraries(binaries: list[Path]) -> list[tuple[str, Path]]:
    """The shared libraries and the loader that these binaries need: (place in the tree, file).

    All lie where the C library lies, which is where the loader looks by itself; only the loader
    has a place of its own, which is written into the binaries.
    """
    answer = subprocess.run(
        ["ldd", *map(str, binaries)],
        capture_output=True,
        text=True,
        check=False,
        env={"PATH": os.defpath, "LC_ALL": "C"},
    )
    copied = {path.resolve() for path in binaries}
    named: dict[str, Path] = {}
    found: list[tuple[str, Path]] = []
    for line in answer.stdout.splitlines():
        name, arrow, rest = line.strip().partition(" => ")
        path = Path((rest if arrow else name).split(" (")[0])
        if not path.is_absolute() or not path.is_file() or path.resolve() in copied:
            continue
        if arrow:
            named[name] = path
        else:
            found.append((str(path).lstrip("/"), path))
    if "libc.so.6" not in named or not found:
        raise SandboxUnavailable(
            "ldd does not say which shared libraries Python needs; a glibc system is required."
        )
    home = named["libc.so.6"].parent
    # glibc opens it by itself when a thread is cancelled or exits early.
    named.setdefault("libgcc_s.so.1", home / "libgcc_s.so.1")
    found += [(str(home / name).lstrip("/"), path) for name, path in named.items()]
    return sorted({target: path for target, path in found if path.is_file()}.items())


def _build_root(
    root: Path, sources: list[tuple[str, Path]], libraries: list[tuple[str, Path]]
) -> None:
    for target, source in [*sources, *libraries]:
        place = root / target
        place.parent.mkdir(parents=True, exist_ok=True)
        if place.name.startswith("_sysconfigdata"):
            place.write_text(_without_prefix(source.read_text(encoding="utf-8")), encoding="utf-8")
        else:
            shutil.copyfile(source, place)
        if _is_binary(target) or "/ld-" in target:
            place.chmod(0o755)
    interpreter = next((root / _PREFIX / "bin").iterdir()).name
    for name in ("python", "python3"):
        (root / _PREFIX / "bin" / name).symlink_to(interpreter)
    for package_folder in root.glob(f"{_PREFIX}/lib/python*/site-packages"):
        # The name by which Debian's interpreter looks for it.
        package_folder.with_name("dist-packages").symlink_to("site-packages")
    for folder in ("etc", AGENT, SCRATCH, "proc", "dev", "tmp"):
        (root / folder.lstrip("/")).mkdir()
    (root / "etc/passwd").write_text(_USERS)
    (root / "etc/group").write_text(_GROUPS)
    _compile(root, root / _PREFIX)


def _without_prefix(text: str) -> str:
    """Build-time settings without the folder in which this machine keeps its interpreter."""
    if sys.base_prefix in ("/usr", "/usr/local"):
        return text
    return text.replace(sys.base_prefix, f"/{_PREFIX}")


def _copy_agent(agent: Path, to: Path) -> None:
    for source in sorted(agent.rglob("*.py")):
        place = to / source.relative_to(agent)
        place.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(source, place)
    _compile(to, to, seen_as=AGENT)


def _compile(tree: Path, folder: Path, seen_as: str = "/") -> None:
    """Write bytecode, which a read-only tree cannot cache later; 'unchecked' needs no dates."""
    subprocess.run(
        (
            *(sys.executable, "-I", "-W", "ignore", "-m", "compileall", "-q"),
            *("-s", str(tree), "-p", seen_as),
            *("--invalidation-mode", "unchecked-hash", str(folder)),
        ),
        check=False,  # what does not compile is not compiled
        capture_output=True,
        env={},
    )


def _open_to_all(tree: Path) -> None:
    """Readable by the sandbox's user, writable by nobody but us."""
    for parent, _folders, names in os.walk(tree):
        Path(parent).chmod(0o755)
        for name in names:
            path = Path(parent) / name
            if not path.is_symlink():
                path.chmod(0o755 if path.stat().st_mode & 0o100 else 0o644)


def _digest(tree: Path) -> str:
    digest = hashlib.sha256()
    for path in sorted(tree.rglob("*")):
        if path.is_symlink():
            kind, content = "link", str(path.readlink())
        elif path.is_dir():
            kind, content = "folder", ""
        else:
            kind = "program" if path.stat().st_mode & 0o100 else "file"
            content = hashlib.sha256(path.read_bytes()).hexdigest()
        digest.update(f"{kind}\0{path.relative_to(tree)}\0{content}\n".encode())
    return digest.hexdigest()


def _stamp(path: Path) -> str:
    """Size and date of a file; empty where there is none."""
    try:
        status = path.stat()
    except OSError:
        return ""
    return f"{status.st_size}:{status.st_mtime_ns}"
