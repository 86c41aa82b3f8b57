"""A conversation with an agent that may misbehave at any request, and what the client makes of it.

The machine plans what the agent does, asks, and knows what that may come to. A "student" outcome
is an exception of the student's; a "fault" is one of ours; a failure is how the sandbox ended.
"""

import functools
import os
import time
from unittest import TestCase

import numpy as np
import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule

from grader.errors import InfrastructureFault
from grader.sandbox import client as client_module
from grader.sandbox.base import Evidence
from grader.sandbox.client import MODULE, AgentClient
from grader.sandbox.failures import Failure, SandboxEnded, StudentError
from grader.sandbox.limits import Limits
from tests.fuzz.hostile_agent import (
    BEHAVIOURS,
    GONE,
    NONSENSE,
    STUDENT,
    VALUE,
    Agent,
    Step,
    descriptors,
)

LIMITS = Limits(call_s=10, load_s=10, output_kib=64, reply_mib=1)
SHORT_S = 0.05
"""Where the agent is to miss a deadline."""
SLACK_S = 8.0
"""A conversation that hangs is told from a machine that is busy."""
FAULT = "fault"

EVIDENCE = {
    "quiet": Evidence(None, False, False),
    "exited": Evidence(0, False, False),
    "killed": Evidence(137, False, False),
    "out of memory": Evidence(137, True, False),
    "at the process limit": Evidence(1, False, True),
    "unknown": None,
}

answers = st.sampled_from(
    [None, True, -7, 0.5, (), (1, (2.0, None)), np.arange(300.0), (np.ones((2, 3), "f4"), 1)]
)
behaviours = st.sampled_from(["right"] * len(BEHAVIOURS) + list(BEHAVIOURS))
mostly_right = st.sampled_from(["right"] * 8 * len(BEHAVIOURS) + list(BEHAVIOURS))
seeds = st.integers(0, 2**32)
steps = st.builds(Step, behaviours, answers, seeds)
benign = st.sampled_from(
    [name for name, each in BEHAVIOURS.items() if each.own <= {VALUE, STUDENT} and not each.later]
)
asked = st.sampled_from(["call", "set", "construct", "hold"])
owed = st.lists(st.tuples(asked, steps), min_size=2, max_size=20) | st.lists(
    st.tuples(asked, st.builds(Step, benign, answers, seeds)), min_size=2, max_size=20
)


class FakeSandbox(Agent):
    """What the client holds: the near ends, and evidence that the test makes up."""

    def __init__(self, evidence, close_fault, **options):
        super().__init__(**options)
        self._evidence = evidence
        self._close_fault = close_fault
        self.closed = False

    def evidence(self, *, ended=False):
        if self._evidence is None:
            raise InfrastructureFault("the engine cannot be asked")
        return self._evidence

    def close(self):
        self.channel.close()
        self.output.close()
        first, self.closed = not self.closed, True
        if first and self._close_fault:
            raise InfrastructureFault("the engine does not remove it")


class Conversation(RuleBasedStateMachine):
    """See the module."""

    def __init__(self):
        super().__init__()
        self.descriptors = descriptors()
        self.hello_seconds = client_module._HELLO_SECONDS
        client_module._HELLO_SECONDS = LIMITS.load_s
        self.sandbox = self.client = self.ended = None
        self.stage = "new"
        self.possible = {VALUE}
        self.spoiled = self.output_closed = False

    @initialize(
        evidence=st.sampled_from(sorted(EVIDENCE)),
        close_fault=st.sampled_from([False] * 9 + [True]),
        early=st.sampled_from([b""] * 20 + [b"x" * 10, b"x" * 100]),
        gone=st.sampled_from([False] * 20 + [True]),
        greeting=mostly_right,
        loading=mostly_right,
        seed=seeds,
    )
    def begin(self, evidence, close_fault, early, gone, greeting, loading, seed):
        self.evidence, self.close_fault = EVIDENCE[evidence], close_fault
        self.sandbox = FakeSandbox(self.evidence, close_fault, early=early, gone=gone)
        self.client = AgentClient(self.sandbox, LIMITS)
        self.open = descriptors()
        if early or gone:
            self.spoiled = True
            self.possible |= self.outcomes({GONE if gone else Failure.PROTOCOL_VIOLATION})
        self.hello(greeting, seed)
        if not self.ended:
            self.load(loading, seed)

    def outcomes(self, reasons):
        """What the client makes of reasons: the evidence decides, as its documentation says."""
        return {self.outcome(reason) for reason in reasons}

    def outcome(self, reason):
        if reason is VALUE:
            return VALUE
        if reason is STUDENT:
            if self.evidence is None:
                return FAULT
            if not self.evidence.process_limit_hit:
                return STUDENT
            reason = Failure.PROCESS_LIMIT
        if self.evidence is None or self.close_fault or self.stage == "new":
            return FAULT
        if reason is NONSENSE:
            at_limit = self.evidence.process_limit_hit
            return Failure.PROCESS_LIMIT if at_limit else Failure.PROTOCOL_VIOLATION
        if reason in (GONE, Failure.TIME_LIMIT) and self.evidence.process_limit_hit:
            return Failure.PROCESS_LIMIT
        if reason is GONE:
            return Failure.MEMORY_LIMIT if self.evidence.out_of_memory else Failure.EXITED
        return reason

    def plan(self, *planned):
        """Tell the agent; returns for each request whether it may be answered with a value."""
        may_answer, hurry = [], self.spoiled
        for step in planned:
            behaviour = BEHAVIOURS[step.behaviour]
            may_answer.append(VALUE in behaviour.own and not self.spoiled)
            self.possible |= self.outcomes(behaviour.own | behaviour.later)
            self.spoiled |= behaviour.spoils or not behaviour.own & {VALUE, STUDENT}
            self.output_closed |= step.behaviour == "closes output"
            if self.output_closed and step.behaviour == "flood":
                self.possible |= self.outcomes({GONE})
            hurry |= Failure.TIME_LIMIT in behaviour.own | behaviour.later
            self.sandbox.steps.put(step)
        if hurry:
            self.possible |= self.outcomes({Failure.TIME_LIMIT})
        self.client.start(time.monotonic() + SHORT_S if hurry else float("inf"))
        return may_answer

    def attempt(self, ask, step=None, may_answer=True):
        """Ask, and hold what comes of it against what may."""
        started = time.monotonic()
        value = None
        try:
            value = ask()
            came = VALUE
        except StudentError as error:
            came = STUDENT
            require_harmless(str(error))
        except SandboxEnded as end:
            came = end.failure
            require_harmless(end.message)
            self.require_same_end(end)
        except InfrastructureFault as fault:
            came = FAULT
            self.require_same_end(fault)
        assert time.monotonic() - started < SLACK_S
        if self.ended is None:
            assert descriptors() == self.open
        assert came in self.possible, (came, self.possible)
        if came is VALUE and step is not None:
            assert may_answer, step
            if step.behaviour != "mutant":
                require_equal(value, step.answer)
        return came

    def require_same_end(self, end):
        assert self.ended in (None, end)
        if self.ended is None:
            assert self.sandbox.closed
        self.ended = end
        assert self.client.ended is (end if isinstance(end, SandboxEnded) else None)

    def hello(self, behaviour, seed):
        step = Step(behaviour, None, seed)
        (may_answer,) = self.plan(step)
        self.attempt(self.client.hello, step, may_answer)

    def load(self, behaviour, seed):
        self.stage = "loaded"
        step = Step(behaviour, None, seed)
        (may_answer,) = self.plan(step)
        if self.spoiled:  # also by what had no effect before
            self.possible |= self.outcomes({Failure.PROTOCOL_VIOLATION, Failure.TIME_LIMIT, GONE})
        files = {"layers.py": b"x"}
        self.attempt(lambda: self.client.load("layers.py", files), step, may_answer)

    @precondition(lambda self: self.stage == "loaded" and not self.ended)
    @rule(step=steps, count=st.sampled_from([0, 3, 3, 3, 1 << 19]))
    def call(self, step, count):
        (may_answer,) = self.plan(step)
        arguments = (np.zeros(count),)
        self.attempt(
            lambda: self.client.result(self.client.call(MODULE, "forward", arguments, {})),
            step,
            may_answer,
        )

    @precondition(lambda self: self.stage == "loaded" and not self.ended)
    @rule(requests=owed, asked_late=st.booleans())
    def pipeline(self, requests, asked_late):
        """Several requests before anybody asks for a result."""
        planned = [
            step if what == "call" else step._replace(answer=None) for what, step in requests
        ]
        answerable = self.plan(*planned)
        promises, came = [], set()
        for (what, _), step, may_answer in zip(requests, planned, answerable, strict=True):
            made = []
            if self.attempt(functools.partial(self.send, what, made)) is not VALUE:
                break
            if what == "call":
                promises.append((*made, step, may_answer))
        for promise, step, may_answer in reversed(promises) if asked_late else promises:
            ask = functools.partial(self.client.result, promise)
            came.add(self.attempt(ask, step, may_answer))
        came.add(self.attempt(self.client.settle))
        if any(VALUE not in BEHAVIOURS[step.behaviour].own for step in planned):
            assert self.ended or came != {VALUE}

    def send(self, what, promises):
        match what:
            case "call":
                promises.append(self.client.call(MODULE, "forward", (1.0,), {"x": np.ones(2)}))
            case "set":
                self.client.set(MODULE, "kernel", np.ones(3))
            case "construct":
                self.client.construct(MODULE, "Dense", (3,), {})
            case _:
                self.client.release(self.client.hold(np.ones(4)))

    @precondition(lambda self: self.ended)
    @rule(what=asked)
    def ask_after_the_end(self, what):
        assert self.attempt(functools.partial(self.send, what, [])) not in (VALUE, STUDENT)

    @precondition(lambda self: self.client)
    @rule(agreeing=st.booleans())
    def look(self, agreeing):
        """At what was printed; or at whether engine and kernel agree that all is well."""
        if agreeing:
            self.finish()
            return
        text = []
        self.attempt(lambda: text.append(self.client.take_output()))
        require_harmless("".join(text), 16 << 10)

    def finish(self):
        if self.evidence is None:
            self.possible |= {FAULT}
        came = self.attempt(self.client.finish)
        assert self.ended or came is VALUE

    def teardown(self):
        client_module._HELLO_SECONDS = self.hello_seconds
        if self.sandbox is None:
            return
        if self.ended is None and not self.close_fault:
            self.client.close()
        assert self.sandbox.end()
        assert descriptors() == self.descriptors


def require_harmless(text, most=9000):
    """No escape sequence and no control that could change how a report is shown."""
    assert len(text) <= most
    assert not set("\x00\x07\x1b\u202e\u2066\ud800\U000e0041\r") & set(text)


def require_equal(value, answer):
    """The same value, arrays compared by their bytes."""
    assert type(value) is type(answer)
    if isinstance(answer, tuple):
        assert len(value) == len(answer)
        for one, other in zip(value, answer, strict=True):
            require_equal(one, other)
    elif isinstance(answer, np.ndarray):
        assert (value.dtype, value.shape) == (answer.dtype, answer.shape)
        assert value.tobytes() == answer.tobytes()
    else:
        assert value == answer


TestConversation: type[TestCase] = pytest.mark.fuzz(Conversation.TestCase)
IN_CI = os.environ.get("CI") == "true"
TestConversation.settings = settings(
    deadline=None,
    derandomize=IN_CI,
    phases=[Phase.generate] if IN_CI else [Phase.generate, Phase.shrink],
    database=None,
    max_examples=700,
    stateful_step_count=12,
    suppress_health_check=list(HealthCheck),
)
