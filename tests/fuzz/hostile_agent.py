"""An agent that misbehaves by plan, on the far ends of two real socket pairs."""

import array
import contextlib
import os
import queue
import random
import socket
import threading
import time
from collections.abc import Callable
from typing import NamedTuple

from grader.sandbox.agent import wire
from grader.sandbox.failures import Failure
from tests.fuzz.mutate_frames import mutate
from tests.raw_frames import read_request

HOSTILE_TEXT = (
    "\x1b]0;title\x07\x1b[2J\u202egnp.exe\u2066\x00\ud800 \U000e0041 [cut]\r\n100/100\n" * 60
)
PAUSE_S = 0.01
STOP = "stop"
VALUE, STUDENT = "value", "student"
NONSENSE = "nonsense"
"""A complaint without its text: a violation, unless it comes at the process limit."""
GONE = None
"""The agent ended by itself, whatever the evidence makes of it."""


class Step(NamedTuple):
    """What the agent does at one request: a behaviour, the right answer, and what it draws from."""

    behaviour: str
    answer: object
    seed: int


class Behaviour(NamedTuple):
    """One way to answer, and what the client may make of it.

    Attributes:
        act: Does it; returns STOP where the agent then reads no more.
        own: What the request that it answers may come to.
        later: What a later request may come to, because of it.
        spoils: No later request can have an answer.
    """

    act: Callable
    own: frozenset
    later: frozenset = frozenset()
    spoils: bool = False


class Agent:
    """The far ends, and the thread that misbehaves there.

    Args:
        early: Bytes to send before anything is asked.
        gone: Close the channel before anything is asked.
    """

    def __init__(self, early=b"", gone=False):
        self.channel, self.far_channel = socket.socketpair()
        self.output, self.far_output = socket.socketpair()
        self.steps = queue.Queue()
        self.last = b""
        self.far_channel.sendall(early)
        if gone:
            self.far_channel.shutdown(socket.SHUT_RDWR)
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def end(self):
        """Close everything; whether the thread ended with it."""
        self.steps.put(None)
        for line in (self.channel, self.output):
            line.close()
        for line in (self.far_channel, self.far_output):
            with contextlib.suppress(OSError):
                line.shutdown(socket.SHUT_RDWR)
        self._thread.join(timeout=10)
        self.far_channel.close()
        self.far_output.close()
        return not self._thread.is_alive()

    def _serve(self):
        with contextlib.suppress(OSError, EOFError):
            while True:
                header, _request = read_request(self.far_channel)
                step = self.steps.get()
                if step is None:
                    return
                kind = wire.Kind.RESULT
                frame = b"".join(wire.write_frame(kind, header.request, header.nonce, step.answer))
                draw = random.Random(step.seed)
                if BEHAVIOURS[step.behaviour].act(self, header, frame, draw) == STOP:
                    return

    def send(self, frame):
        self.far_channel.sendall(frame)
        self.last = frame


def _right(agent, _header, frame, _draw):
    agent.send(frame)


def _in_pieces(agent, _header, frame, draw):
    while frame:
        count = draw.randint(1, 1 + len(frame) // 2)
        agent.send(frame[:count])
        frame = frame[count:]


def _prints(agent, _header, frame, _draw):
    with contextlib.suppress(BrokenPipeError):  # it closed its output before
        agent.far_output.sendall(HOSTILE_TEXT.encode("utf-8", "surrogatepass")[:1000])
    agent.send(frame)


def _closes_output(agent, _header, frame, _draw):
    with contextlib.suppress(OSError):
        agent.far_output.shutdown(socket.SHUT_RDWR)
    agent.send(frame)


def _sends_descriptors(agent, _header, frame, draw):
    descriptors = [agent.far_channel.fileno()] * draw.randint(1, 200)
    rights = array.array("i", descriptors).tobytes()
    agent.far_channel.sendmsg([frame], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, rights)])


def _twice(agent, _header, frame, _draw):
    agent.send(frame + frame)


def _ahead(agent, header, frame, _draw):
    agent.send(frame + _reply(header._replace(request=header.request + 1)))


def _reads_no_more(agent, _header, frame, _draw):
    agent.send(frame)
    return STOP


def _other_nonce(agent, header, _frame, draw):
    agent.send(_reply(header._replace(nonce=draw.randbytes(16))))


def _other_request(agent, header, _frame, draw):
    number = (header.request + draw.choice([-1, 1, 2, 2**63])) % 2**64
    agent.send(_reply(header._replace(request=number)))


def _again_the_last(agent, header, _frame, _draw):
    agent.send(agent.last or _reply(header._replace(request=0)))


def _garbage(agent, _header, _frame, draw):
    agent.send(b"\xff" + draw.randbytes(draw.randint(wire.HEADER.size, 5000)))


def _announces_too_much(agent, header, _frame, draw):
    lengths = draw.choice([(2**32 - 1, 0), (9217, 0), (1, 2**63), (1, 2**64 - 1), (1, 2**20 + 1)])
    kind = draw.choice(sorted(wire.REPLIES))
    agent.send(
        wire.HEADER.pack(wire.MAGIC, wire.VERSION, kind, 0, header.request, header.nonce, *lengths)
    )


def _other_kind(agent, header, _frame, draw):
    kind = draw.choice([*range(32), *range(35, 256)])
    fields = wire.MAGIC, wire.VERSION, kind, 0, header.request, header.nonce, 1, 0
    agent.send(wire.HEADER.pack(*fields) + b"N")


def _text_as_a_result(agent, header, _frame, _draw):
    agent.send(_reply(header, "100/100"))


def _mutant(agent, _header, frame, draw):
    mutant = frame
    while mutant == frame:
        mutant = mutate(frame, draw)
    agent.send(mutant)


def _half_and_the_end(agent, _header, frame, draw):
    agent.send(frame[: draw.randrange(len(frame))])
    agent.far_channel.shutdown(socket.SHUT_RDWR)
    return STOP


def _half_and_silence(agent, _header, frame, draw):
    agent.send(frame[: draw.randrange(len(frame))])
    return STOP


def _trickle(agent, _header, frame, _draw):
    for byte in frame[:-1]:
        agent.send(bytes([byte]))
        time.sleep(PAUSE_S)
    return STOP


def _silence(_agent, _header, _frame, _draw):
    return STOP


def _skips(_agent, _header, _frame, _draw):
    pass


def _flood(agent, _header, _frame, _draw):
    try:
        while True:
            agent.far_output.sendall(b"x" * 4096)
    except OSError:  # it closed its output before, or the client did
        return _ends(agent, _header, _frame, _draw)


def _ends(agent, _header, _frame, _draw):
    agent.far_channel.shutdown(socket.SHUT_RDWR)
    return STOP


def _complains(agent, header, _frame, draw):
    kind, count = draw.choice([(wire.Kind.EXCEPTION, 2), (wire.Kind.UNSUPPORTED, 1)])
    agent.send(_reply(header, (HOSTILE_TEXT,) * count, kind))


def _complains_wrongly(agent, header, _frame, draw):
    value = draw.choice([(), (1, 2), ("", "", ""), ("x" * 9300,), None, (b"", b"")])
    kind = draw.choice([wire.Kind.EXCEPTION, wire.Kind.UNSUPPORTED])
    agent.send(_reply(header, value, kind))


def _reply(header, value=None, kind=wire.Kind.RESULT):
    return b"".join(wire.write_frame(kind, header.request, header.nonce, value))


_VALUE = frozenset({VALUE})
_STUDENT = frozenset({STUDENT})
_GONE = frozenset({GONE})
_TIME = frozenset({Failure.TIME_LIMIT})
_VIOLATION = frozenset({Failure.PROTOCOL_VIOLATION})
_NONSENSE = _VIOLATION | {NONSENSE}
_ANY = _VALUE | _STUDENT | _TIME | _NONSENSE

BEHAVIOURS = {
    "right": Behaviour(_right, _VALUE),
    "in pieces": Behaviour(_in_pieces, _VALUE),
    "prints": Behaviour(_prints, _VALUE),
    "closes output": Behaviour(_closes_output, _VALUE),
    "sends descriptors": Behaviour(_sends_descriptors, _VALUE),
    "twice": Behaviour(_twice, _VALUE, _VIOLATION, spoils=True),
    "ahead": Behaviour(_ahead, _VALUE, _VIOLATION, spoils=True),
    "reads no more": Behaviour(_reads_no_more, _VALUE, _TIME, spoils=True),
    "other nonce": Behaviour(_other_nonce, _VIOLATION),
    "other request": Behaviour(_other_request, _VIOLATION),
    "again the last": Behaviour(_again_the_last, _VIOLATION),
    "garbage": Behaviour(_garbage, _VIOLATION),
    "announces too much": Behaviour(_announces_too_much, _VIOLATION),
    "other kind": Behaviour(_other_kind, _VIOLATION),
    "text as a result": Behaviour(_text_as_a_result, _VIOLATION),
    "mutant": Behaviour(_mutant, _ANY, _ANY),
    "half and the end": Behaviour(_half_and_the_end, _GONE, _GONE),
    "half and silence": Behaviour(_half_and_silence, _TIME),
    "trickle": Behaviour(_trickle, _TIME),
    "silence": Behaviour(_silence, _TIME),
    "skips": Behaviour(_skips, _TIME, _VIOLATION),
    "flood": Behaviour(_flood, frozenset({Failure.OUTPUT_LIMIT})),
    "ends": Behaviour(_ends, _GONE, _GONE),
    "complains": Behaviour(_complains, _STUDENT),
    "complains wrongly": Behaviour(_complains_wrongly, _NONSENSE),
}


def descriptors():
    """How many this process has open."""
    return len(os.listdir("/proc/self/fd"))
