"""Short outages of each part; the long ones are `python -m tests.web.endurance.outages`."""

import os

import pytest

from ..postgresql import find_binaries
from ..rabbitmq import SCRIPTS
from .outages import run


def test_while_a_part_is_down_uploads_are_taken_or_refused_in_plain_words(tmp_path):
    if not (SCRIPTS.exists() and find_binaries()):
        if os.environ.get("CI") == "true":
            pytest.fail("CI needs PostgreSQL and RabbitMQ", pytrace=False)
        pytest.skip("no PostgreSQL or no RabbitMQ")
    found = run(tmp_path, seconds=5)
    by_part = {row["down"]: row for row in found["outages"]}
    for part in ("broker", "relay"):
        assert by_part[part]["accepted"] == by_part[part]["uploads"]
    assert by_part["database"]["refused"] == by_part["database"]["uploads"]
    assert found["receipts"] == found["stored"] == found["results"]
    assert (found["missing"], found["twice"], found["wrong"]) == ([], [], [])
