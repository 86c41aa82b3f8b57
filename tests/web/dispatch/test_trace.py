"""With a trace alone an operator finds a submission in the logs of all parts, from end to end."""

import os
import re
import subprocess
import sys
from contextlib import contextmanager

import requests

from ...grader.test_tracing import GOOD, TRACE
from ..doubling import RIGHT, write_doubling
from ..endurance.service import ServiceProcess, prepare
from ..waiting import wait_for


@contextmanager
def command(name, data, environment):
    """`grader relay` or `grader record`, as an operator starts it; gives its log."""
    log = data.parent / f"{name}.log"
    with log.open("wb") as file:
        process = subprocess.Popen(
            [sys.executable, "-m", "grader", name, "--data", data],
            env={**os.environ, **environment},
            stdout=file,
            stderr=file,
        )
    try:
        yield log
    finally:
        process.terminate()
        process.wait(60)


def test_one_id_joins_web_relay_runner_and_recorder(tmp_path, queues, runner):
    data = tmp_path / "data"
    (token,) = prepare(data, write_doubling(tmp_path), 1)
    environment = {"ONEBYONE_BROKER_URL": queues.url()}
    web = ServiceProcess(data, environment).start()
    environment["ONEBYONE_RUNNER_ADDRESS"] = web.address
    try:
        runner()
        with (
            command("relay", data, environment) as relay,
            command("record", data, environment) as record,
        ):
            made = web.hand_in(token, RIGHT, "a", traceparent=GOOD)
            other = web.hand_in(token, RIGHT + b"# 2\n", "b")
            wait_for(lambda: record.read_text().count(" reported ") == 2, 120)
            counted = requests.get(web.address + "/metrics", timeout=10).text
    finally:
        web.stop()

    # The recorder is another process than the one that is asked.
    assert 'onebyone_recorded_total{status="passed"} 2.0' in counted
    assert 'onebyone_queued_seconds_count{device="cpu",kind="first"} 2.0' in counted

    def said(log):
        lines = [line for line in log.read_text().splitlines() if TRACE in line]
        ours = [line for line in lines if f"trace={TRACE}" in line]
        assert all(f"submission={made['receipt']}" in line for line in ours)
        assert not any(other["receipt"] in line for line in lines)
        pattern = r"\] ([a-z ]+?)  |MainProcess\] ([a-z]+) trace"
        return [next(filter(None, re.search(pattern, line).groups())) for line in ours]

    assert said(data / "log") == ["received", "fetched by a runner"]
    assert said(relay) == ["published"]
    assert said(tmp_path / "runner-0.log") == ["begun", "phase", "phase", "phase", "reported"]
    assert said(record) == ["reported"]
    assert f"onebyone.grade[{TRACE}-" in (tmp_path / "runner-0.log").read_text()
