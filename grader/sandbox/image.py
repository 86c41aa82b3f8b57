"""The sandbox's container image: built from `images/`, named by what is in it."""

import hashlib
import io
import tarfile
from collections.abc import Callable
from pathlib import Path

import docker
import docker.errors
import requests

from grader.errors import InfrastructureFault
from grader.sandbox.command import AGENT_FOLDER
from grader.sandbox.runtime import NUMPY, Arrays, Device, Runtime

NAME = "onebyone-sandbox-cpu"
"""Of the image with NumPy alone."""

_RECIPES = {
    (Arrays.NUMPY, Device.CPU): "sandbox-cpu",
    (Arrays.TORCH, Device.CPU): "sandbox-torch",
    (Arrays.TORCH, Device.CUDA): "sandbox-torch-cuda",
}
"""Folders of `images/`. None with CUDA comes along: its PyTorch must fit the machine's driver."""


def image_tag(runtime: Runtime = NUMPY) -> str:
    """The name of the image for this version of the agent. Raises InfrastructureFault."""
    recipe = _RECIPES[runtime.arrays, runtime.device]
    return _tag(recipe, _build_context(recipe))


def ensure_image(
    client: docker.DockerClient, say: Callable[[str], None], runtime: Runtime = NUMPY
) -> str:
    """The id (`sha256:...`) of the image for this version of the agent; built where missing.

    Args:
        client: Of the engine.
        say: Told that an image is being built.
        runtime: What student code computes with.

    Raises:
        InfrastructureFault: The engine does not answer, or the build failed.
    """
    recipe = _RECIPES[runtime.arrays, runtime.device]
    context = _build_context(recipe)
    tag = _tag(recipe, context)
    try:
        try:
            return str(client.images.get(tag).id)
        except docker.errors.ImageNotFound:
            say(f"Building the sandbox image {tag}, once.")
        image, _log = client.images.build(
            fileobj=_tar(context),
            custom_context=True,
            dockerfile=f"images/{recipe}/Dockerfile",
            buildargs={"RECIPE": recipe},
            tag=tag,
            rm=True,
            forcerm=True,
        )
    except docker.errors.BuildError as error:
        log = "".join(str(line.get("stream", "")) for line in error.build_log)[-2000:]
        raise InfrastructureFault(
            f"The sandbox image could not be built: {error.msg}\n{log}\nThe base image and the "
            f"package index must be reachable once; see images/{recipe}/Dockerfile."
        ) from error
    except (docker.errors.DockerException, requests.RequestException) as error:
        raise InfrastructureFault(f"The container engine failed: {error}") from error
    return str(image.id)


def _tag(recipe: str, context: dict[str, bytes]) -> str:
    return f"onebyone-{recipe}:{_context_hash(context)}"


def _recipe_folder(recipe: str) -> Path:
    package = Path(__file__).resolve().parent.parent
    # Inside the package when installed from a wheel, beside it in a checkout.
    for folder in (package / "images", package.parent / "images"):
        if (folder / recipe / "Dockerfile").is_file():
            return folder / recipe
    if recipe.endswith("-cuda"):
        raise InfrastructureFault(
            f"There is no images/{recipe}: copy images/sandbox-torch to it, and pin there a build "
            f"of PyTorch for this machine's GPU and driver."
        )
    raise InfrastructureFault(f"This installation lacks images/{recipe}: install it again.")


def _build_context(recipe: str) -> dict[str, bytes]:
    """What the image is made of, named as in the repository, where it can also be built."""
    folder = _recipe_folder(recipe)
    loader = folder.parent / "load.py"
    context = {f"images/{loader.name}": loader.read_bytes()}
    for path in folder.iterdir():
        if path.is_file():
            context[f"images/{recipe}/{path.name}"] = path.read_bytes()
    for path in AGENT_FOLDER.glob("*.py"):
        context[f"grader/sandbox/agent/{path.name}"] = path.read_bytes()
    return context


def _context_hash(context: dict[str, bytes]) -> str:
    """As `images/load.py` computes it inside of an image."""
    digest = hashlib.sha256()
    for name in sorted(context):
        digest.update(f"{name}\0{len(context[name])}\0".encode() + context[name])
    return digest.hexdigest()[:16]


def _tar(context: dict[str, bytes]) -> io.BytesIO:
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w") as archive:
        for name in sorted(context):
            entry = tarfile.TarInfo(name)
            entry.size = len(context[name])
            entry.mode = 0o644
            archive.addfile(entry, io.BytesIO(context[name]))
    stream.seek(0)
    return stream
