"""Alerts and dashboard speak of metrics that the service has, and the alerts do what they say."""

import json
import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
ALERTS = ROOT / "ops" / "prometheus" / "alerts.yml"
DASHBOARD = ROOT / "ops" / "grafana" / "onebyone.json"
NAME = re.compile(r"onebyone_\w+")


@pytest.fixture(scope="module")
def promtool():
    """Of Prometheus. Without it, a laptop skips and CI fails."""
    found = shutil.which("promtool")
    if found is None:
        if os.environ.get("CI") == "true":
            pytest.fail("CI needs promtool", pytrace=False)
        pytest.skip("no promtool")
    return found


@pytest.mark.parametrize(
    "command", [("check", "rules", ALERTS.name), ("test", "rules", "alerts_test.yml")]
)
def test_the_alerts_are_sound_and_come_when_they_should(promtool, command):
    answer = subprocess.run(
        [promtool, *command], cwd=ALERTS.parent, capture_output=True, text=True, check=False
    )
    assert answer.returncode == 0, answer.stdout + answer.stderr


def test_each_panel_asks_for_something():
    board = json.loads(DASHBOARD.read_text())
    numbers = [panel["id"] for panel in board["panels"]]
    assert len(set(numbers)) == len(numbers)
    for panel in board["panels"]:
        assert panel["title"]
        assert all(NAME.search(target["expr"]) for target in panel["targets"])
