"""The trusted end against an agent that misbehaves in every way that bytes allow."""

import array
import contextlib
import os
import socket
import threading
import time

import numpy as np
import pytest

from grader.errors import InfrastructureFault
from grader.sandbox.agent import wire
from grader.sandbox.base import Evidence
from grader.sandbox.client import MODULE, AgentClient
from grader.sandbox.failures import Failure, SandboxEnded, StudentError, UnsupportedValue
from grader.sandbox.limits import Limits

from ...raw_frames import read_request

LIMITS = Limits(call_s=0.4, load_s=0.4, output_kib=64, reply_mib=1)


QUIET = Evidence(exit_code=0, out_of_memory=False, process_limit_hit=False)
ADVERSARIES = []


@pytest.fixture(autouse=True)
def _no_socket_is_left_open():
    yield
    while ADVERSARIES:
        ADVERSARIES.pop().end()


class Adversary:
    """A sandbox whose agent is a function of this test, on the far ends of the two sockets."""

    def __init__(self, answer, evidence=QUIET, fault=None, close_fault=None):
        self.channel, self.far_channel = socket.socketpair()
        self.output, self.far_output = socket.socketpair()
        self.closed = False
        self._evidence = evidence
        self._fault = fault
        self._close_fault = close_fault
        self._requests = 0
        self._thread = threading.Thread(target=self._serve, args=(answer,), daemon=True)
        self._thread.start()
        ADVERSARIES.append(self)

    def end(self):
        self.close()
        for end in (self.far_channel, self.far_output):
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
        self._thread.join(timeout=5)
        self.far_channel.close()
        self.far_output.close()

    def evidence(self, *, ended=False):
        if self._fault:
            raise self._fault
        return self._evidence

    def close(self):
        for end in (self.channel, self.output):
            end.close()
        if self._close_fault and not self.closed:
            self.closed = True
            raise self._close_fault
        self.closed = True

    def _serve(self, answer):
        """Answer LOAD honestly, and everything after it as the test likes."""
        try:
            while True:
                header, request = read_request(self.far_channel)
                if header.kind is wire.Kind.LOAD:
                    self.reply(header, None)
                elif answer(self, header, request) == "stop":
                    return
        except (OSError, EOFError, wire.MalformedFrame):
            pass

    def reply(self, header, value, kind=wire.Kind.RESULT, **changes):
        fields = {"request": header.request, "nonce": header.nonce} | changes
        frame = wire.write_frame(kind, fields["request"], fields["nonce"], value)
        self.far_channel.sendall(b"".join(frame))


def talk(answer, limits=LIMITS, **options):
    sandbox = Adversary(answer, **options)
    client = AgentClient(sandbox, limits)
    client.load("layers.py", {"layers.py": b""})
    return client, sandbox


def ask(client):
    return client.result(client.call(MODULE, "forward", (), {}))


def expect_end(answer, failure, **options):
    client, sandbox = talk(answer, **options)
    with pytest.raises(SandboxEnded) as ended:
        ask(client)
    assert ended.value.failure is failure
    assert sandbox.closed
    with pytest.raises(SandboxEnded):  # and it stays ended
        ask(client)
    assert client.ended is ended.value
    return ended.value


def test_an_honest_answer_comes_through():
    client, _sandbox = talk(lambda agent, header, _: agent.reply(header, (1, np.ones(3))))
    number, ones = ask(client)
    assert number == 1
    np.testing.assert_array_equal(ones, np.ones(3))


def test_an_exception_is_the_students_and_the_conversation_goes_on():
    client, _sandbox = talk(
        lambda agent, header, _: agent.reply(
            header, ("ValueError", "no \x1b[31mred\u202e"), wire.Kind.EXCEPTION
        )
    )
    for _ in range(2):
        with pytest.raises(StudentError) as error:
            ask(client)
        assert error.value.class_name == "ValueError"
        assert "\x1b" not in str(error.value)
        assert "\u202e" not in str(error.value)


def test_a_value_that_cannot_cross_is_told_by_its_type():
    client, _sandbox = talk(
        lambda agent, header, _: agent.reply(
            header, ("a value of type list",), wire.Kind.UNSUPPORTED
        )
    )
    with pytest.raises(UnsupportedValue, match="forward gave a value of type list"):
        ask(client)


@pytest.mark.parametrize(
    "answer",
    [
        lambda agent, header, _: agent.reply(header, None, nonce=bytes(16)),
        lambda agent, header, _: agent.reply(header, None, request=header.request + 1),
        lambda agent, header, _: agent.far_channel.sendall(os.urandom(4096)),
        lambda agent, header, _: agent.reply(header, "text is not a result"),
        lambda agent, header, _: agent.reply(header, np.zeros((1 << 20) + 1, "u1")),
        lambda agent, header, _: agent.reply(header, (), wire.Kind.EXCEPTION),
        lambda agent, header, _: agent.reply(header, (1, 2), wire.Kind.EXCEPTION),
        lambda agent, header, _: agent.reply(header, (np.zeros(1), ""), wire.Kind.EXCEPTION),
        lambda agent, header, _: agent.reply(header, ("x" * 10_000,), wire.Kind.UNSUPPORTED),
        lambda agent, header, _: agent.reply(header, (), wire.Kind.CALL),
        lambda agent, header, _: agent.reply(header, tuple([0] * 200)),
    ],
    ids=[
        "forged nonce",
        "other request",
        "garbage",
        "text",
        "oversized",
        "empty complaint",
        "numbers for text",
        "array for text",
        "long complaint",
        "a request for a reply",
        "many values",
    ],
)
def test_what_was_not_asked_for_is_a_violation(answer):
    expect_end(answer, Failure.PROTOCOL_VIOLATION)


def test_an_answer_that_comes_before_its_question_is_a_violation():
    def answer(agent, header, _request):
        agent.reply(header, None)
        agent.reply(header, None, request=header.request + 1)

    client, _sandbox = talk(answer)
    ask(client)
    with pytest.raises(SandboxEnded) as ended:
        ask(client)
    assert ended.value.failure is Failure.PROTOCOL_VIOLATION


def test_a_result_where_none_was_due_is_a_violation():
    client, _sandbox = talk(lambda agent, header, _: agent.reply(header, np.zeros(1)))
    client.set(MODULE, "kernel", np.zeros(1))
    with pytest.raises(SandboxEnded) as ended:
        client.settle()
    assert ended.value.failure is Failure.PROTOCOL_VIOLATION


def test_silence_is_a_time_limit():
    expect_end(lambda *_: None, Failure.TIME_LIMIT)


def test_a_trickle_buys_no_time():
    def trickle(agent, header, _request):
        frame = b"".join(wire.write_frame(wire.Kind.RESULT, header.request, header.nonce, None))
        for byte in frame:
            agent.far_channel.sendall(bytes([byte]))
            time.sleep(0.1)

    started = time.monotonic()
    expect_end(trickle, Failure.TIME_LIMIT)
    assert time.monotonic() - started < 5


def test_an_agent_that_never_reads_is_a_time_limit():
    client, _sandbox = talk(lambda agent, header, _: (agent.reply(header, None), "stop")[1])
    ask(client)
    with pytest.raises(SandboxEnded) as ended:
        client.result(client.call(MODULE, "forward", (np.zeros(1 << 22),), {}))
    assert ended.value.failure is Failure.TIME_LIMIT


def test_the_deadline_of_the_whole_grading_is_told_as_such():
    client, _sandbox = talk(lambda *_: None)
    client.start(time.monotonic() + 0.1)
    with pytest.raises(SandboxEnded, match="whole grading"):
        ask(client)


def test_a_flood_of_output_is_an_output_limit():
    def flood(agent, _header, _request):
        while True:
            agent.far_output.sendall(b"x" * 4096)

    expect_end(flood, Failure.OUTPUT_LIMIT)


def test_output_is_kept_up_to_a_bound_and_cleaned():
    def answer(agent, header, _request):
        agent.far_output.sendall(b"\x1b[2Jhello\n" + b"y" * 30_000)
        agent.reply(header, None)

    client, _sandbox = talk(answer)
    ask(client)
    output = client.take_output()
    assert "hello" in output
    assert "\x1b" not in output
    assert len(output) < 20_000
    assert client.take_output() == ""


def close_channel(agent, _header, _request):
    agent.far_channel.shutdown(socket.SHUT_RDWR)
    return "stop"


@pytest.mark.parametrize(
    ("evidence", "failure"),
    [
        (Evidence(0, False, False), Failure.EXITED),
        (Evidence(137, False, False), Failure.EXITED),
        (Evidence(137, True, False), Failure.MEMORY_LIMIT),
        (Evidence(1, False, True), Failure.PROCESS_LIMIT),
    ],
)
def test_an_end_is_attributed_by_evidence(evidence, failure):
    expect_end(close_channel, failure, evidence=evidence)


def test_half_a_frame_and_the_end_is_an_exit():
    def half(agent, header, _request):
        agent.far_channel.sendall(wire.MAGIC)
        return close_channel(agent, header, None)

    expect_end(half, Failure.EXITED)


def test_a_refused_fork_is_a_process_limit_even_where_the_student_only_sees_an_exception():
    expect_end(
        lambda agent, header, _: agent.reply(
            header, ("BlockingIOError", "again"), wire.Kind.EXCEPTION
        ),
        Failure.PROCESS_LIMIT,
        evidence=Evidence(None, False, True),
    )


@pytest.mark.parametrize(
    ("options", "end"),
    [
        ({"evidence": Evidence(None, False, True)}, SandboxEnded),
        ({"fault": InfrastructureFault("the engine is gone")}, InfrastructureFault),
    ],
)
def test_a_complaint_at_which_the_sandbox_ends_is_never_taken_for_an_answer(options, end):
    client, _sandbox = talk(
        lambda agent, header, _: agent.reply(header, ("OSError", "again"), wire.Kind.EXCEPTION),
        **options,
    )
    promises = [client.call(MODULE, "forward", (), {}) for _ in range(2)]
    for promise in reversed(promises):
        with pytest.raises(end):
            client.result(promise)


def test_where_nobody_can_tell_it_is_a_fault_of_ours_and_stays_one():
    client, sandbox = talk(close_channel, fault=InfrastructureFault("the engine is gone"))
    for _ in range(2):
        with pytest.raises(InfrastructureFault):
            ask(client)
    assert sandbox.closed
    client, _sandbox = talk(lambda *_: None, fault=InfrastructureFault("the engine is gone"))
    with pytest.raises(InfrastructureFault):
        client.finish()


def test_a_sandbox_that_cannot_be_removed_is_a_fault_of_ours():
    client, _sandbox = talk(close_channel, close_fault=InfrastructureFault("the engine is gone"))
    with pytest.raises(InfrastructureFault):
        ask(client)
    assert client.take_output() == ""
    with pytest.raises(InfrastructureFault):
        ask(client)


def test_an_end_before_student_code_was_loaded_is_a_fault_of_ours():
    client = AgentClient(Adversary(close_channel), LIMITS)
    with pytest.raises(InfrastructureFault, match="before any student code"):
        client.hello()


def test_descriptors_that_are_sent_along_do_not_arrive():
    def send_descriptors(agent, header, _request):
        frame = b"".join(wire.write_frame(wire.Kind.RESULT, header.request, header.nonce, None))
        rights = array.array("i", [0] * 100).tobytes()
        agent.far_channel.sendmsg([frame], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, rights)])

    client, _sandbox = talk(send_descriptors)
    before = len(os.listdir("/proc/self/fd"))
    ask(client)
    assert len(os.listdir("/proc/self/fd")) == before


def test_released_objects_are_named_with_the_next_request():
    seen = []

    def answer(agent, header, request):
        seen.append((header.kind, request))
        agent.reply(header, None)

    client, _sandbox = talk(answer)
    held = client.hold(np.zeros(2))
    client.release(held)
    ask(client)
    ask(client)
    assert [kind for kind, _ in seen] == [wire.Kind.HOLD, wire.Kind.CALL, wire.Kind.CALL]
    assert [request[0] for _, request in seen] == [(), (held.number,), ()]
