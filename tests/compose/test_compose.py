"""The compose file: what a newcomer starts, and which part of it may reach what."""

import io
import json
import subprocess
import tarfile

import pytest

from grader.sandbox.image import image_tag

from ..web.browser.conftest import sign_in
from ..web.browser.test_instructor import override
from ..web.browser.walks import (
    COURSE,
    hand_in,
    import_a_roster,
    learn,
    publish,
    wait_for_score,
    watch,
)
from ..web.conftest import PASSWORD
from ..web.doubling import RIGHT, write_doubling
from .composing import Composed

pytestmark = pytest.mark.docker

RUNNING = {"broker", "database", "engine", "proxy", "recorder", "relay", "runner-cpu", "web"}
OURS = RUNNING - {"broker", "database", "engine"}
REACH = """
import socket
for host, port in {places}:
    try:
        socket.create_connection((host, port), 3).close()
        print(host, port)
    except OSError:
        pass
"""
PLACES = [
    ("database", 5432),
    ("broker", 5672),
    ("broker", 15672),
    ("web", 8000),
    ("proxy", 8080),
    ("proxy", 8081),
]


def reached(composed, service):
    """What a part of the service can open a connection to."""
    return {
        tuple(line.split())
        for line in composed.python(service, REACH.format(places=PLACES)).splitlines()
    }


def tar_of(folder):
    content = io.BytesIO()
    with tarfile.open(fileobj=content, mode="w") as archive:
        archive.add(folder, folder.name)
    return content.getvalue()


def accept(page, link):
    """Follow an invitation."""
    page.goto(link[link.index("/invitation/") :])
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_label("The same again").fill(PASSWORD)
    page.get_by_role("button", name="Set password and sign in").click()
    page.get_by_role("button", name="Sign out").wait_for()


def test_every_part_runs_with_as_few_rights_as_it_can(composed):
    containers = composed.containers()
    assert set(containers) == RUNNING
    for name in OURS:
        config, host = containers[name]["Config"], containers[name]["HostConfig"]
        assert config["User"] == "10001:10001", name
        assert host["ReadonlyRootfs"], name
        assert host["CapDrop"] == ["ALL"], name
        assert not host["CapAdd"], name
        assert "no-new-privileges:true" in host["SecurityOpt"], name
    for name, each in containers.items():
        host = each["HostConfig"]
        assert not host["Privileged"], name
        if name != "engine":  # whose limits are those of the sandboxes in it
            assert host["Memory"] > 0, name
            assert host["PidsLimit"] > 0, name
        assert all("docker.sock" not in mount["Source"] for mount in each["Mounts"]), name
        published = {port for port, at in (host["PortBindings"] or {}).items() if at}
        assert published == ({"8080/tcp"} if name == "proxy" else set()), name
    assert containers["engine"]["HostConfig"]["NetworkMode"] == "none"


def test_no_part_shows_a_secret_in_its_settings(composed):
    kept = composed("exec", "-T", "web", "cat", "/keys/control/secret_key").strip()
    password = composed("exec", "-T", "database", "cat", "/keys/password").strip()
    told = json.dumps(composed.containers())
    assert len(kept) > 40
    assert kept not in told
    assert password not in told


def test_each_part_reaches_what_it_needs_and_nothing_else(composed):
    assert reached(composed, "runner-cpu") == {
        ("broker", "5672"),
        ("broker", "15672"),
        ("proxy", "8080"),
        ("proxy", "8081"),
    }
    for part in ("relay", "recorder"):  # on the database's network there is the web part, too
        assert reached(composed, part) == {
            ("database", "5432"),
            ("broker", "5672"),
            ("broker", "15672"),
            ("web", "8000"),
        }
    from_web = reached(composed, "web")
    assert ("database", "5432") in from_web
    assert not [place for place in from_web if place[0] == "broker"]


def test_no_way_leads_out_but_from_the_web_and_its_proxy(composed):
    outside = set()
    for name, each in composed.containers().items():
        for network in each["NetworkSettings"]["Networks"].values():
            command = ["docker", "network", "inspect", network["NetworkID"]]
            (told,) = json.loads(subprocess.check_output(command))
            if not told["Internal"] and told["Name"] != "none":
                outside.add(name)
    assert outside == {"proxy", "web"}


def test_a_runner_holds_its_own_key_and_no_other(composed):
    listing = composed("exec", "-T", "runner-cpu", "find", "/keys", "-type", "f").split()
    assert listing == ["/keys/broker_url"]
    for module in ("sqlalchemy", "psycopg", "flask", "web"):
        told = composed.python(
            "runner-cpu", f"import importlib.util; print(importlib.util.find_spec({module!r}))"
        )
        assert told.strip() == "None", module


PUBLISH = """
from pathlib import Path
from amqp import Message
from amqp.exceptions import AMQPError
from kombu import Connection
def attempt(act):
    with Connection(Path("/keys/broker_url").read_text().strip()) as connection:
        with connection.channel() as channel:
            channel.confirm_select()
            try:
                act(channel)
            except AMQPError as error:
                return error.reply_code
    return "done"
say = lambda exchange, key: lambda channel: channel.basic_publish_confirm(
    Message(b"{}"), exchange, key, timeout=5
)
print(
    attempt(say("grade", "grade.cpu")),
    attempt(say("", "grade.cpu")),
    attempt(lambda channel: channel.basic_get("reports")),
    attempt(lambda channel: channel.queue_declare("mine")),
    attempt(lambda channel: channel.queue_purge("grade.gpu")),
)
"""


def test_a_runner_may_publish_no_job_and_read_no_report(composed):
    assert composed.python("runner-cpu", PUBLISH).split() == ["403"] * 5


FETCH = """
import requests
for path in ("/runner/archive", "/runner/assignment", "/sign-in", "/metrics", "/readyz"):
    told = requests.get("http://proxy:8081" + path, headers={"Authorization": "Bearer x.y.z"})
    print(path, told.status_code)
"""


def test_the_runners_door_shows_a_jobs_files_for_its_token_alone(composed):
    assert composed.python("runner-cpu", FETCH).splitlines() == [
        "/runner/archive 401",
        "/runner/assignment 401",
        "/sign-in 404",
        "/metrics 404",
        "/readyz 404",
    ]


def test_the_public_door_shows_neither_metrics_nor_runners_files(composed):
    told = composed.python(
        "runner-cpu",
        "import requests\n"
        "for path in ('/metrics', '/runner/archive', '/readyz'):\n"
        "    print(requests.get('http://proxy:8080' + path).status_code)",
    )
    assert told.split() == ["404", "404", "200"]


def test_the_image_that_is_loaded_is_the_one_that_the_grader_wants(composed):
    told = composed(
        *("exec", "-T", "engine", "docker", "--host", "unix:///run/engine/docker.sock"),
        *("images", "--format", "{{.Repository}}:{{.Tag}}"),
    )
    assert told.split() == [image_tag()]


def test_the_dead_of_an_engine_are_collected(composed):
    first = composed("exec", "-T", "engine", "cat", "/proc/1/cmdline")
    assert first.startswith("docker-init")


def test_a_course_is_held_and_taking_it_down_loses_nothing(composed, open_page, tmp_path):
    folder = write_doubling(tmp_path)
    composed("exec", "-T", "web", "tar", "--extract", "--directory", "/tmp", given=tar_of(folder))
    password = f"{PASSWORD}\n".encode()
    composed.admin("add-user", "ines", "Ines Example", "--password", given=password)
    composed.admin("add-course", "two", "Twice", "ines")
    composed.admin("add-assignment", "/tmp/doubling")

    teacher = open_page()
    sign_in(teacher, "ines")
    import_a_roster(teacher)
    links = teacher.get_by_text("/invitation/").all_inner_texts()
    publish(teacher)
    sam, tess = open_page(), open_page()
    accept(sam, links[0])
    learn(sam)
    accept(tess, links[1])
    watch(tess, RIGHT)
    wait_for_score(teacher, "sam", "3 of 3")
    override(teacher)

    composed("stop", "runner-cpu")  # as a queue that is long
    hand_in(sam, RIGHT + b"# while no runner is there\n")
    receipt = sam.locator("h1").inner_text()
    sam.goto("about:blank")  # else it asks, and complains that nobody answers
    composed("down", timeout=120)
    composed("up", "--detach", "--wait", timeout=600)

    sam.goto(f"{COURSE}assignments/doubling/")
    sam.get_by_role("link", name=receipt.removeprefix("Submission ")).first.click()
    sam.get_by_role("heading", name="3 of 3 points").wait_for(timeout=120_000)
    wait_for_score(teacher, "tess", "1.5 of 3")
    wait_for_score(teacher, "sam", "3 of 3")


def test_a_gpu_is_reserved_for_the_runner_that_is_started_with_it(compose):
    told = json.loads(
        Composed(compose, "onebyone-config", 1)("--profile", "gpu", "config", "--format", "json")
    )
    runner = told["services"]["runner-gpu"]
    (device,) = runner["deploy"]["resources"]["reservations"]["devices"]
    assert device["driver"] == "nvidia"
    assert device["capabilities"] == ["gpu"]
    assert device["count"] == 1
    assert "gpu" in runner["command"]
