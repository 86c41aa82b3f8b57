"""The trusted end of the channel: one request, one reply, one deadline.

Everything that is read here was written by an adversary. A reply is read only as far as it is
what the request predicted; a deadline is absolute, so that a trickle of bytes buys no time.
"""

import contextlib
import os
import select
import time
from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import TypeAlias

from grader.errors import InfrastructureFault
from grader.sandbox.agent import wire
from grader.sandbox.base import Sandbox
from grader.sandbox.failures import Failure, SandboxEnded, StudentError, UnsupportedValue
from grader.sandbox.limits import Limits
from grader.text import clean

_HELLO_SECONDS = 30.0
_MAX_BUFFERS = 512  # fewer than IOV_MAX
_MAX_OWED = 32
_KEPT_OUTPUT = 16 << 10
_SPIN_SECONDS = 0.0001
_NOTHING = wire.Bounds(kinds=wire.REPLIES, value_bytes=1, items=1, arrays=0)
_COMPLAINT = wire.Bounds(kinds=wire.REPLIES, value_bytes=9216, items=3, arrays=0, text=True)


@dataclass(frozen=True)
class _Owed:
    """A reply that has not been received yet, and what is known of it beforehand."""

    request: int
    nonce: bytes
    bounds: wire.Bounds
    deadline: float
    doing: str


_Named: TypeAlias = Mapping[str, wire.Value]


class AgentClient:
    """A conversation with the agent of one sandbox.

    Student code that raises gives `StudentError`. Anything that ends the sandbox gives
    `SandboxEnded`, now and at every later request. `InfrastructureFault` means that no verdict
    can be drawn.
    """

    def __init__(self, sandbox: Sandbox, limits: Limits) -> None:
        self._sandbox = sandbox
        self._limits = limits
        self._deadline = float("inf")
        self._request = 0
        self._objects = 0
        self._owed: deque[_Owed] = deque()
        self._released: list[int] = []
        self._ended: SandboxEnded | InfrastructureFault | None = None
        self._trusted = True  # until student code is loaded
        self._output_bytes = 0
        self._output = bytearray()
        self._doing = "starting"
        sandbox.channel.setblocking(False)
        sandbox.output.setblocking(False)
        self._output_open = True

    def hello(self) -> None:
        """Wait until the interpreter is up and NumPy imported."""
        self._ask(wire.Kind.HELLO, (), _HELLO_SECONDS, _NOTHING, "starting")

    def start(self, deadline: float) -> None:
        """Set the `time.monotonic()` by which the whole grading must have ended."""
        self._deadline = deadline

    def load(self, module: str, files: Mapping[str, bytes]) -> None:
        """Write the submission's files into the sandbox and import its module."""
        self._trusted = False
        value = (module, tuple(files.items()))
        self._ask(wire.Kind.LOAD, value, self._limits.load_s, _NOTHING, f"importing {module}")

    def construct(
        self, owner: wire.Handle, name: str, args: Iterable[wire.Value], named: _Named
    ) -> wire.Handle:
        """Call a class and keep the object there."""
        target = self._new_handle()
        value = (target.number, owner.number, name, tuple(args), tuple(named.items()))
        self._ask(wire.Kind.CONSTRUCT, value, self._limits.call_s, _NOTHING, name)
        return target

    def call(
        self,
        owner: wire.Handle,
        name: str,
        args: Iterable[wire.Value],
        named: _Named,
        *,
        bounds: wire.Bounds | None = None,
    ) -> wire.Value:
        """Call a function or a method and bring back what it returns.

        Args:
            owner: The object, or `MODULE`.
            name: The method or function.
            args: Positional arguments.
            named: Keyword arguments.
            bounds: What the reply may hold at most; by default what the limits allow.
        """
        value = (owner.number, name, tuple(args), tuple(named.items()))
        return self._ask(wire.Kind.CALL, value, self._limits.call_s, bounds or self._data(), name)

    def get(self, owner: wire.Handle, name: str) -> wire.Value:
        """Bring back an attribute."""
        value = (owner.number, name)
        return self._ask(wire.Kind.GET, value, self._limits.call_s, self._data(), name)

    def set(self, owner: wire.Handle, name: str, value: wire.Value) -> None:
        """Set an attribute. What the student's code raises at it is raised by the next request."""
        self._tell(wire.Kind.SET, (owner.number, name, value), f"setting {name}")

    def hold(self, array: wire.Array) -> wire.Handle:
        """Keep an array there."""
        target = self._new_handle()
        value = (target.number, array)
        self._ask(wire.Kind.HOLD, value, self._limits.call_s, _NOTHING, "receiving an array")
        return target

    def fetch(self, held: wire.Handle) -> wire.Value:
        """Bring back what is there now."""
        value = (held.number,)
        return self._ask(wire.Kind.FETCH, value, self._limits.call_s, self._data(), "sending")

    def release(self, handle: wire.Handle) -> None:
        """Let the sandbox forget an object, before the next request at the latest."""
        self._released.append(handle.number)

    @property
    def ended(self) -> SandboxEnded | None:
        """How the sandbox ended; None while it lives."""
        return self._ended if isinstance(self._ended, SandboxEnded) else None

    def take_output(self) -> str:
        """What was printed since the last call, cleaned and cut to a few KiB."""
        if self._ended is None:
            with contextlib.suppress(SandboxEnded):  # told by `ended`
                self._drain_output()
        text = self._output.decode("utf-8", "replace")
        self._output.clear()
        return clean(text, _KEPT_OUTPUT)

    def finish(self) -> None:
        """End a conversation whose sandbox lives: make sure that engine and kernel agree.

        Raises:
            InfrastructureFault: They cannot be asked, so nothing that was seen is certain.
        """
        if self._ended is None:
            with self._faults():
                self._sandbox.evidence()

    def close(self) -> None:
        """Remove the sandbox."""
        self._sandbox.close()

    def _new_handle(self) -> wire.Handle:
        self._objects += 1
        return wire.Handle(self._objects)

    def _data(self) -> wire.Bounds:
        return wire.Bounds(
            kinds=wire.REPLIES,
            data_bytes=int(self._limits.reply_mib * (1 << 20)),
        )

    def _ask(
        self,
        kind: wire.Kind,
        value: wire.Value,
        seconds: float,
        bounds: wire.Bounds,
        doing: str,
    ) -> wire.Value:
        """Send a request, and receive its reply and those still owed before it."""
        if self._released:
            released, self._released = tuple(self._released), []
            self._tell(wire.Kind.RELEASE, released, "releasing")
        self._send_request(kind, value, seconds, bounds, doing)
        return self.settle()

    def _tell(self, kind: wire.Kind, value: wire.Value, doing: str) -> None:
        """Send a request whose reply says nothing; it is received with the next one that does."""
        self._send_request(kind, value, self._limits.call_s, _NOTHING, doing)
        if len(self._owed) >= _MAX_OWED:
            self.settle()

    def _send_request(
        self,
        kind: wire.Kind,
        value: wire.Value,
        seconds: float,
        bounds: wire.Bounds,
        doing: str,
    ) -> None:
        if self._ended is not None:
            raise self._ended
        self._doing = doing
        self._request += 1
        nonce = os.urandom(wire.NONCE_BYTES)
        frame = wire.write_frame(kind, self._request, nonce, value, layouts=True)
        deadline = min(time.monotonic() + seconds, self._deadline)
        with self._ending():
            self._send(frame, deadline)
        self._owed.append(_Owed(self._request, nonce, bounds, deadline, doing))

    def settle(self) -> wire.Value:
        """Receive every reply that is owed; returns the last one's value.

        Raises:
            StudentError: The first complaint among them.
            SandboxEnded: There will be no more replies.
            InfrastructureFault: Nobody can tell why.
        """
        complaint = result = None
        while self._owed and self._ended is None:
            owed = self._owed.popleft()
            self._doing = owed.doing
            with self._ending():
                reply, result = self._receive_reply(owed)
            if reply is not wire.Kind.RESULT:
                complaint = complaint or self._complaint(reply, result)
        if complaint is not None:
            raise complaint
        return result

    @contextlib.contextmanager
    def _ending(self) -> Iterator[None]:
        """What goes wrong with the channel ends the sandbox."""
        try:
            yield
        except (EOFError, ConnectionError):
            raise self._end(None) from None
        except TimeoutError:
            raise self._end(Failure.TIME_LIMIT) from None
        except wire.MalformedFrame as error:
            raise self._end(Failure.PROTOCOL_VIOLATION, str(error)) from None

    @contextlib.contextmanager
    def _faults(self) -> Iterator[None]:
        """Where engine or kernel cannot tell, there is no going on."""
        try:
            yield
        except InfrastructureFault as fault:
            self._ended = fault
            with contextlib.suppress(InfrastructureFault):
                self._sandbox.close()
            raise

    def _receive_reply(self, owed: "_Owed") -> tuple[wire.Kind, wire.Value]:
        def receive(view: memoryview) -> None:
            self._receive(view, owed.deadline)

        # The widest of both, until the kind is known.
        bounds = owed.bounds
        widest = replace(bounds, value_bytes=max(bounds.value_bytes, _COMPLAINT.value_bytes))
        header = wire.read_header(receive, widest)
        if header.request != owed.request or header.nonce != owed.nonce:
            raise wire.MalformedFrame("an answer to something that was not asked")
        bounds = bounds if header.kind is wire.Kind.RESULT else _COMPLAINT
        if header.value_bytes > bounds.value_bytes or header.data_bytes > bounds.data_bytes:
            raise wire.MalformedFrame("announces more than was asked for")
        return header.kind, wire.read_value(receive, header, bounds)

    def _complaint(self, reply: wire.Kind, value: wire.Value) -> BaseException:
        """What an EXCEPTION or UNSUPPORTED frame becomes."""
        with self._faults():
            evidence = self._sandbox.evidence()
        if evidence.process_limit_hit:
            return self._end(Failure.PROCESS_LIMIT)
        match reply, value:
            case wire.Kind.EXCEPTION, (str(name), str(text)):
                return StudentError(clean(name, 200), clean(text))
            case wire.Kind.UNSUPPORTED, (str(text),):
                what = f"{self._doing} gave {clean(text, 200)}"
                return UnsupportedValue(
                    "TypeError", f"{what}; a NumPy array or a number was expected"
                )
        return self._end(Failure.PROTOCOL_VIOLATION, "a complaint without its text")

    def _send(self, buffers: list[memoryview], deadline: float) -> None:
        channel = self._sandbox.channel
        while buffers:
            try:
                count = channel.sendmsg(buffers[:_MAX_BUFFERS])
            except BlockingIOError:
                self._wait(select.POLLOUT, deadline)
                continue
            while buffers and count >= buffers[0].nbytes:
                count -= buffers.pop(0).nbytes
            if buffers:
                buffers[0] = buffers[0][count:]

    def _receive(self, view: memoryview, deadline: float) -> None:
        channel = self._sandbox.channel
        # Most calls answer at once: looking again is faster than being woken up.
        spin_until = time.monotonic() + _SPIN_SECONDS
        while view:
            try:
                count = channel.recv_into(view)
            except BlockingIOError:
                if time.monotonic() < spin_until:
                    os.sched_yield()
                else:
                    self._wait(select.POLLIN, deadline)
                continue
            if count == 0:
                raise EOFError
            view = view[count:]

    def _wait(self, event: int, deadline: float) -> None:
        """Wait for the channel, taking in what is printed meanwhile."""
        channel, output = self._sandbox.channel.fileno(), self._sandbox.output.fileno()
        ready: set[int] = set()
        while channel not in ready:
            left = deadline - time.monotonic()
            if left <= 0:
                raise TimeoutError
            poll = select.poll()
            poll.register(channel, event)
            if self._output_open:
                poll.register(output, select.POLLIN)
            ready = {descriptor for descriptor, _ in poll.poll(min(left, 3600.0) * 1000)}
            if output in ready:
                self._drain_output()

    def _drain_output(self) -> None:
        limit = int(self._limits.output_kib * 1024)
        while self._output_open:
            try:
                chunk = self._sandbox.output.recv(1 << 16)
            except BlockingIOError:
                return
            except ConnectionError:
                chunk = b""
            if not chunk:
                self._output_open = False
                return
            self._output_bytes += len(chunk)
            self._output += chunk[: max(0, _KEPT_OUTPUT - len(self._output))]
            if self._output_bytes > limit:
                raise self._end(Failure.OUTPUT_LIMIT)

    def _end(self, reason: Failure | None, detail: str = "") -> BaseException:
        """Attribute the end from trusted evidence only, then remove the sandbox.

        `reason` is ours where we end it (a deadline, a cap, a violation); None where the
        process went away by itself.
        """
        with self._faults():
            evidence = self._sandbox.evidence(ended=reason is None)
            self._sandbox.close()
        if self._trusted:
            return InfrastructureFault(
                f"The sandbox ended before any student code was loaded (exit code "
                f"{evidence.exit_code}, {reason or 'by itself'}). Try again; if it stays so, "
                f"rebuild its image."
            )
        if reason in (None, Failure.TIME_LIMIT) and evidence.process_limit_hit:
            reason = Failure.PROCESS_LIMIT
        if reason is None:
            reason = Failure.MEMORY_LIMIT if evidence.out_of_memory else Failure.EXITED
        message = self._explain(reason, evidence.exit_code, detail)
        self._ended = SandboxEnded(reason, message)
        return self._ended

    def _explain(self, failure: Failure, exit_code: int | None, detail: str) -> str:
        limits, doing = self._limits, self._doing
        if failure is Failure.TIME_LIMIT:
            if time.monotonic() >= self._deadline:
                return f"The whole grading took longer than {limits.wall_s:g} s (during: {doing})."
            seconds = limits.load_s if doing.startswith("importing") else limits.call_s
            return f"Your code did not finish within {seconds:g} s (during: {doing})."
        return {
            Failure.MEMORY_LIMIT: f"Your code used more than {limits.memory_mib} MiB of memory "
            f"(during: {doing}).",
            Failure.PROCESS_LIMIT: f"Your code started more than {limits.processes} processes or "
            f"threads (during: {doing}).",
            Failure.OUTPUT_LIMIT: f"Your code printed more than {limits.output_kib} KiB "
            f"(during: {doing}).",
            Failure.PROTOCOL_VIOLATION: f"What came back during {doing} is not an answer to what "
            f"was asked: {detail}.",
            Failure.EXITED: f"Your code ended the Python process instead of answering "
            f"(during: {doing}; exit code {exit_code}).",
        }[failure]


MODULE = wire.Handle(0)
"""The student's module itself."""
