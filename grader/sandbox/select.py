"""Which sandbox to use on this machine, and why; a fallback is always said aloud."""

from collections.abc import Callable
from dataclasses import dataclass

from grader.errors import SandboxUnavailable
from grader.sandbox.base import Launcher
from grader.sandbox.bubblewrap import BubblewrapLauncher
from grader.sandbox.docker import DockerLauncher
from grader.sandbox.process import ProcessLauncher
from grader.sandbox.runtime import NUMPY, Device, Runtime

KINDS = ("docker", "bubblewrap", "process")


@dataclass(frozen=True)
class Choice:
    """A launcher, and one line on why it is this one."""

    launcher: Launcher
    reason: str


def choose_sandbox(
    kind: str | None = None,
    *,
    own_code: bool = False,
    server: bool = False,
    device: str | None = None,
    runtime: Runtime = NUMPY,
    oci_runtime: str | None = None,
    say: Callable[[str], None] = lambda _text: None,
) -> Choice:
    """The sandbox that was asked for, or the strongest one that works here.

    Args:
        kind: One of `KINDS`; None to choose: docker, then bubblewrap, then process.
        own_code: The code to run is the caller's own, on their own machine. Only then is
            `process`, which isolates nothing, ever chosen.
        server: Strangers' code: nothing but what was asked for, or docker, will do.
        device: Identifier of the one GPU to pass through; docker only.
        runtime: What student code computes with, from the assignment.
        oci_runtime: What the engine runs containers with, such as `runsc`; docker only.
        say: Told what takes long.

    Raises:
        SandboxUnavailable: It does not work here; the message says why and what to do.
        InfrastructureFault: The engine works but the image cannot be had.
    """
    if server and kind == "process":
        raise SandboxUnavailable("a server never runs student code without isolation")
    if runtime.device is Device.CUDA and device is None:
        raise SandboxUnavailable(
            "the assignment's layers live on a GPU: name the one to use, with --device ID"
        )
    if oci_runtime is not None:
        if kind not in (None, "docker"):
            raise SandboxUnavailable(f"{oci_runtime} runs containers, and {kind} has none")
        with_it = DockerLauncher(say=say, device=device, runtime=runtime, oci_runtime=oci_runtime)
        return Choice(with_it, f"docker with {oci_runtime}, as asked for")
    if kind is not None:
        return Choice(_start(kind, device, runtime, say), f"{kind}, as asked for")
    candidates = ["docker"]
    if not server and device is None:
        candidates += ["bubblewrap", "process"] if own_code else ["bubblewrap"]
    refusals: list[str] = []
    for candidate in candidates:
        try:
            launcher = _start(candidate, device, runtime, say)
        except SandboxUnavailable as error:
            refusals.append(f"{candidate}: {str(error).rstrip('.')}")
        else:
            return Choice(launcher, _reason(candidate, refusals))
    process_might_do = not (own_code or server or device)
    advice = " If the code is your own, add --own-code." if process_might_do else ""
    raise SandboxUnavailable(
        f"No sandbox that is fit for somebody else's code works here "
        f"({'; '.join(refusals)}).{advice}"
    )


def _reason(kind: str, refusals: list[str]) -> str:
    if not refusals:
        return f"{kind}: the strongest there is, and it works here"
    note = " (NO ISOLATION: for your own code only)" if kind == "process" else ""
    return f"{kind}{note}, because {'; '.join(refusals)}"


def _start(kind: str, device: str | None, runtime: Runtime, say: Callable[[str], None]) -> Launcher:
    if kind == "docker":
        return DockerLauncher(say=say, device=device, runtime=runtime)
    if device is not None:
        raise SandboxUnavailable(f"a GPU can only be passed to docker, not to {kind}")
    if kind == "bubblewrap":
        return BubblewrapLauncher(say=say, runtime=runtime)
    return ProcessLauncher(runtime=runtime)
