"""What the service tells Prometheus, and whom."""

import re
from dataclasses import replace
from pathlib import Path

import pytest

from web.app import create_app

OPS = Path(__file__).parents[2] / "ops"


def test_every_metric_of_alerts_and_dashboard_is_there(app, course, hand_in):
    hand_in()
    told = app.test_client().get("/metrics").text
    asked = {
        name
        for path in ("prometheus/alerts.yml", "grafana/onebyone.json")
        for name in re.findall(r"onebyone_\w+", (OPS / path).read_text())
    }
    assert len(asked) >= 6
    assert [name for name in asked if not re.search(rf"^{name}[ {{]", told, re.MULTILINE)] == []
    assert 'onebyone_attempts{state="queued"} 1.0' in told


@pytest.mark.parametrize(
    ("header", "status"),
    [("Bearer right", 200), ("Bearer wrong", 404), ("", 404), ("Bearer r\xefght", 404)],
)
def test_with_a_token_only_who_shows_it_is_told(app, settings, service, header, status):
    other = create_app(replace(settings, metrics_token="right"))
    client = other.test_client()
    environment = {"HTTP_AUTHORIZATION": header} if header else {}
    assert client.get("/metrics", environ_overrides=environment).status_code == status
    other.extensions["onebyone"].database.close()
    far = app.test_client().get("/metrics", environ_overrides={"REMOTE_ADDR": "192.0.2.1"})
    assert far.status_code == 404
