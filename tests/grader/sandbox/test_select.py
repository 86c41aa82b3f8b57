"""Which sandbox, and why; what a machine lacks is taken away in its environment."""

import gc
import warnings

import pytest

from grader.errors import InfrastructureFault, SandboxUnavailable
from grader.sandbox.select import choose_sandbox


@pytest.fixture
def without_docker(monkeypatch):
    monkeypatch.setenv("DOCKER_HOST", "unix:///nonexistent/docker.sock")
    with warnings.catch_warnings():
        # The SDK forgets to close a socket that did not connect.
        warnings.simplefilter("ignore", ResourceWarning)
        yield
        gc.collect()


@pytest.fixture
def without_bubblewrap(monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))


@pytest.fixture
def choose():
    """A function that chooses, and closes what was started."""
    launchers = []

    def choose(*arguments, **options):
        choice = choose_sandbox(*arguments, **options)
        launchers.append(choice.launcher)
        return choice.launcher.describe().kind, choice.reason

    yield choose
    for launcher in launchers:
        launcher.close()


@pytest.mark.docker
def test_docker_comes_first(choose, docker_launcher):
    for options in ({}, {"own_code": True}, {"server": True}):
        kind, reason = choose(**options)
        assert kind == "docker"
        assert reason == "docker: the strongest there is, and it works here"


@pytest.mark.bubblewrap
@pytest.mark.parametrize("own_code", [False, True])
def test_bubblewrap_comes_second_and_it_says_why(
    choose, bubblewrap_launcher, without_docker, own_code
):
    kind, reason = choose(own_code=own_code)
    assert kind == "bubblewrap"
    assert reason.startswith("bubblewrap, because docker: no container engine answers")


def test_a_plain_process_comes_last_for_ones_own_code_and_it_says_why(
    choose, without_docker, without_bubblewrap
):
    kind, reason = choose(own_code=True)
    assert kind == "process"
    assert reason.startswith("process (NO ISOLATION: for your own code only), because docker: ")
    assert "start Docker" in reason
    assert "; bubblewrap: " in reason


def test_somebody_elses_code_is_never_run_without_isolation(without_docker, without_bubblewrap):
    with pytest.raises(SandboxUnavailable) as refusal:
        choose_sandbox()
    message = str(refusal.value)
    assert "No sandbox that is fit for somebody else's code works here" in message
    assert "docker: no container engine answers: start Docker" in message
    assert "bubblewrap: " in message
    assert message.endswith("If the code is your own, add --own-code.")


@pytest.mark.parametrize("own_code", [False, True])
def test_a_server_takes_docker_or_nothing(without_docker, own_code):
    with pytest.raises(SandboxUnavailable) as refusal:
        choose_sandbox(server=True, own_code=own_code)
    message = str(refusal.value)
    assert "start Docker" in message
    assert "bubblewrap" not in message
    assert "--own-code" not in message


@pytest.mark.bubblewrap
def test_a_server_takes_another_isolating_one_where_it_is_asked_for(choose, bubblewrap_launcher):
    assert choose("bubblewrap", server=True) == ("bubblewrap", "bubblewrap, as asked for")


@pytest.mark.parametrize("own_code", [False, True])
def test_a_server_refuses_a_plain_process_even_where_it_is_asked_for(own_code):
    with pytest.raises(SandboxUnavailable, match="never runs student code without isolation"):
        choose_sandbox("process", server=True, own_code=own_code)


@pytest.mark.parametrize("kind", ["docker", "bubblewrap"])
def test_what_was_asked_for_is_not_replaced_by_something_weaker(
    without_docker, without_bubblewrap, kind
):
    with pytest.raises(SandboxUnavailable):
        choose_sandbox(kind, own_code=True)


def test_a_plain_process_can_be_asked_for(choose):
    assert choose("process") == ("process", "process, as asked for")


@pytest.mark.parametrize("kind", ["bubblewrap", "process"])
def test_a_gpu_goes_to_docker_only(kind):
    with pytest.raises(SandboxUnavailable, match=f"only be passed to docker, not to {kind}"):
        choose_sandbox(kind, device="0")


def test_with_a_gpu_nothing_but_docker_is_tried(without_docker):
    with pytest.raises(SandboxUnavailable) as refusal:
        choose_sandbox(device="0", own_code=True)
    assert "bubblewrap" not in str(refusal.value)
    with pytest.raises(SandboxUnavailable) as refusal:
        choose_sandbox(device="0")
    # It would not help.
    assert "--own-code" not in str(refusal.value)


def test_a_refusal_is_a_fault_of_ours(without_docker):
    with pytest.raises(InfrastructureFault):
        choose_sandbox("docker")
