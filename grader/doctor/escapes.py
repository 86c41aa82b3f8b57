"""Published ways out of a container, as data.

Add one when it is published: identifiers, component, the first fixed version of each branch, one
sentence. Sources: the advisories of opencontainers/runc, moby/moby, containerd/containerd,
containers/crun, NVIDIA (a_id 5582, 5616, 5659), and the stable releases of Linux.
"""

from dataclasses import dataclass

from grader.doctor.versions import has_fix, parse_version

RUNC, CRUN, ENGINE, CONTAINERD = "runc", "crun", "engine", "containerd"
NVIDIA, KERNEL = "nvidia-container-toolkit", "kernel"


@dataclass(frozen=True)
class Escape:
    """One published escape, or several that were fixed together.

    Attributes:
        name: The code of its finding, after `escape-`.
        ids: As published.
        component: Whose version tells.
        fixed_in: The first fixed version of each branch.
        what: One sentence.
        since: The first version that has it; empty for all.
        reachable: Whether it is counted against a machine. Not where what it needs is something
            that the grader never does; then it is worth a note.
    """

    name: str
    ids: tuple[str, ...]
    component: str
    fixed_in: tuple[str, ...]
    what: str
    since: str = ""
    reachable: bool = True

    @property
    def code(self) -> str:
        """Of its finding."""
        return f"escape-{self.name}"

    @property
    def remedy(self) -> str:
        """Which versions to upgrade to."""
        return f"Upgrade {self.component} to {' or '.join(self.fixed_in)}, or newer."


ESCAPES = (
    Escape(
        "runc-cwd",
        ("CVE-2024-21626",),
        RUNC,
        ("1.1.12",),
        "a leaked descriptor lets a container start in a folder of the host.",
    ),
    Escape(
        "runc-mounts",
        ("CVE-2025-31133", "CVE-2025-52565", "CVE-2025-52881"),
        RUNC,
        ("1.2.8", "1.3.3", "1.4.0-rc.3"),
        "races while /proc is masked and /dev/console is mounted let a container write to the "
        "host's /proc.",
    ),
    Escape(
        "crun-krun",
        ("CVE-2025-24965",),
        CRUN,
        ("1.20",),
        "an image can make files on the host; only with the krun handler, which is not used here.",
        reachable=False,
    ),
    Escape(
        "nvidia-toctou",
        ("CVE-2024-0132", "CVE-2025-23359"),
        NVIDIA,
        ("1.17.4",),
        "a container that is given a GPU can have the host's files mounted; 1.16.2 mended half.",
    ),
    Escape(
        "nvidia-hooks",
        ("CVE-2025-23266",),
        NVIDIA,
        ("1.17.8",),
        "a hook that runs as root on the host loads a library that the container chose.",
    ),
    Escape(
        "docker-cp",
        ("CVE-2026-41567", "CVE-2026-41568", "CVE-2026-42306"),
        ENGINE,
        ("29.5.1",),
        "`docker cp` of a hostile container writes to the host, or runs its programs as root; the "
        "grader never copies, and nobody should from its containers.",
        reachable=False,
    ),
    Escape(
        "containerd-abstract-socket",
        ("CVE-2020-15257",),
        CONTAINERD,
        ("1.3.9", "1.4.3"),
        "a container in the host's network reaches containerd's socket; the sandbox has none.",
        reachable=False,
    ),
    Escape(
        "af-alg",
        ("CVE-2026-31431",),
        KERNEL,
        (
            "5.10.254",
            "5.15.204",
            "6.1.170",
            "6.6.137",
            "6.12.85",
            "6.18.22",
            "6.19.12",
            "7.0",
        ),
        "sockets of the family AF_ALG can write to files in the page cache; the sandbox's list of "
        "system calls has no such sockets.",
        since="4.14",
        reachable=False,
    ),
)


def open_escapes(component: str, text: str) -> list[Escape]:
    """Those that a component may have, by its version. Raises ValueError: it is no version."""
    version = parse_version(text)
    if version is None:
        raise ValueError(f"no version: {text!r}")
    found = []
    for escape in ESCAPES:
        since = parse_version(escape.since)
        too_old = since is not None and version < since
        if escape.component == component and not too_old and not has_fix(version, escape.fixed_in):
            found.append(escape)
    return found
