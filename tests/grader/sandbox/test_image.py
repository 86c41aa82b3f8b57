"""The sandbox image: named by its content, built where it is missing."""

import gc
import re
import shutil
import warnings
from pathlib import Path

import docker
import pytest

from grader.errors import InfrastructureFault
from grader.sandbox import image
from grader.sandbox.command import AGENT_FOLDER
from grader.sandbox.image import NAME, ensure_image

ROOT = Path(__file__).parent.parent.parent.parent


@pytest.fixture
def engine(docker_launcher):
    """A client; the images that a test adds are removed after it."""
    client = docker.from_env()
    before = tags(client)
    yield client
    for tag in tags(client) - before:
        client.images.remove(tag)
    client.close()


@pytest.fixture
def installation(tmp_path, monkeypatch):
    """A copy of what an image is made from, in use; for changes."""
    package = tmp_path / "grader"
    shutil.copytree(ROOT / "images", tmp_path / "images")
    shutil.copytree(AGENT_FOLDER, package / "agent", ignore=shutil.ignore_patterns("__pycache__"))
    monkeypatch.setattr(image, "__file__", str(package / "sandbox" / "image.py"))
    monkeypatch.setattr(image, "AGENT_FOLDER", package / "agent")
    return tmp_path


def tags(client):
    return {tag for found in client.images.list(NAME) for tag in found.tags}


def build(client):
    """The image's id, and the tag that was announced as being built, if it was."""
    said = []
    digest = ensure_image(client, said.append)
    assert len(said) <= 1
    return digest, re.search(rf"{NAME}:\w+", said[0])[0] if said else None


@pytest.mark.docker
def test_an_image_that_is_there_is_not_built_again(engine, docker_launcher):
    before = tags(engine)
    digest, built = build(engine)
    assert built is None
    assert digest == docker_launcher.describe().image_digest
    assert re.fullmatch("sha256:[0-9a-f]{64}", digest)
    assert tags(engine) == before


@pytest.mark.docker
def test_the_same_content_elsewhere_is_the_same_image(engine, docker_launcher, installation):
    (installation / "grader" / "agent" / "__pycache__").mkdir()
    (installation / "grader" / "agent" / "notes.txt").write_text("nothing that enters an image")
    digest, built = build(engine)
    assert (digest, built) == (docker_launcher.describe().image_digest, None)


@pytest.mark.docker
def test_changed_content_is_another_image_that_is_built_once(engine, docker_launcher, installation):
    with (installation / "grader" / "agent" / "main.py").open("a") as file:
        file.write("# changed\n")
    digest, built = build(engine)
    assert built in tags(engine)
    assert digest != docker_launcher.describe().image_digest
    assert engine.images.get(built).id == digest
    assert build(engine) == (digest, None)


@pytest.mark.docker
def test_a_recipe_that_does_not_build_is_a_fault_of_ours(engine, installation):
    recipe = installation / "images" / "sandbox-cpu" / "Dockerfile"
    recipe.write_text("FROM python:3.11-slim-bookworm\nRUN echo because of this; exit 3\n")
    before = tags(engine)
    with pytest.raises(InfrastructureFault, match="could not be built") as fault:
        build(engine)
    assert "because of this" in str(fault.value)
    assert "Dockerfile" in str(fault.value)
    assert tags(engine) == before


@pytest.mark.docker
@pytest.mark.parametrize("recipe", ["not a recipe\n", "", "FROM onebyone.invalid/nothing:1\n"])
def test_a_recipe_that_the_engine_refuses_is_a_fault_of_ours(engine, installation, recipe):
    (installation / "images" / "sandbox-cpu" / "Dockerfile").write_text(recipe)
    with pytest.raises(InfrastructureFault):
        build(engine)


def test_an_installation_without_recipes_says_so(installation):
    shutil.rmtree(installation / "images")
    with pytest.raises(InfrastructureFault, match="install it again"):
        ensure_image(None, print)


def test_an_engine_that_does_not_answer_is_a_fault_of_ours():
    client = docker.DockerClient("unix:///nonexistent/docker.sock", version="1.41")
    with warnings.catch_warnings():
        # The SDK forgets to close a socket that did not connect.
        warnings.simplefilter("ignore", ResourceWarning)
        with pytest.raises(InfrastructureFault, match="engine failed"):
            ensure_image(client, print)
        client.close()
        gc.collect()
