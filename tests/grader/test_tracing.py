"""Trace ids, and the header that brings them."""

import pytest

from grader.tracing import is_trace, new_trace, trace_of, traceparent

TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
GOOD = f"00-{TRACE}-00f067aa0ba902b7-01"
HOSTILE = {
    "nothing": "",
    "a trace alone": TRACE,
    "too short": GOOD[:-1],
    "too long": GOOD + "0",
    "a short trace": f"00-{TRACE[1:]}-00f067aa0ba902b7-01",
    "a long trace": f"00-0{TRACE}-00f067aa0ba902b7-01",
    "upper case": GOOD.upper(),
    "no hexadecimal": GOOD.replace("4bf", "4bg"),
    "full width digits": GOOD.replace("4bf", "\uff14bf"),
    "a trace of zeros": f"00-{'0' * 32}-00f067aa0ba902b7-01",
    "a parent of zeros": f"00-{TRACE}-{'0' * 16}-01",
    "a version that is none": "ff" + GOOD[2:],
    "a newline behind": GOOD + "\n",
    "a newline before": "\n" + GOOD,
    "a line of its own": GOOD + "\nreported trace=x",
    "spaces": f" {GOOD} ",
    "two of them": f"{GOOD},{GOOD}",
    "10 kB": GOOD + "-" + "a" * 10_000,
    "10 kB of digits": "0" * 10_000,
}


def test_ids_are_drawn():
    drawn = {new_trace() for _ in range(100)}
    assert len(drawn) == 100
    assert all(map(is_trace, drawn))


def test_a_valid_header_brings_its_id_and_a_header_of_ours_is_valid():
    assert trace_of(GOOD) == TRACE
    assert trace_of("cc" + GOOD[2:]) == TRACE  # a later version has at least these parts
    assert trace_of(traceparent(TRACE)) == TRACE
    assert traceparent(TRACE) != traceparent(TRACE)
    assert trace_of(None) is None


@pytest.mark.parametrize("header", HOSTILE.values(), ids=HOSTILE)
def test_any_other_header_brings_none(header):
    assert trace_of(header) is None


@pytest.mark.parametrize(
    "value", [None, 1, b"a" * 32, "", "a" * 31, "a" * 33, "A" * 32, "0" * 32, "a" * 32 + "\n", []]
)
def test_nothing_else_is_an_id(value):
    assert not is_trace(value)
