"""Trace ids: 32 hexadecimal digits that join what every part logs about one submission.

They have the form of W3C Trace Context (https://www.w3.org/TR/trace-context/), so that proxies and
other programs may join in. Who hands in may choose one: an id proves nothing, and opens nothing.
"""

import re
import secrets

_NOTHING = "0" * 32
_TRACE = re.compile(r"[0-9a-f]{32}")
_TRACEPARENT = re.compile(r"(?!ff)[0-9a-f]{2}-([0-9a-f]{32})-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}")


def new_trace() -> str:
    """Draw one."""
    while (trace := secrets.token_hex(16)) == _NOTHING:
        pass
    return trace


def is_trace(value: object) -> bool:
    """Whether it is one; all zeros are none."""
    return isinstance(value, str) and bool(_TRACE.fullmatch(value)) and value != _NOTHING


def trace_of(traceparent: str | None) -> str | None:
    """The trace id of a `traceparent` header; None where there is none, or not a valid one."""
    found = _TRACEPARENT.fullmatch(traceparent or "")
    return found[1] if found and is_trace(found[1]) else None


def traceparent(trace: str) -> str:
    """The header for a request that belongs to a trace; we record no spans of it ourselves."""
    return f"00-{trace}-{secrets.token_hex(7)}01-00"
