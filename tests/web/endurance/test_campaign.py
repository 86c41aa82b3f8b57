"""A short campaign; the long one is `python -m tests.web.endurance.campaign`."""

import os

import pytest

from ..postgresql import find_binaries
from ..rabbitmq import SCRIPTS
from .campaign import run


def test_whatever_dies_each_receipt_has_one_result_and_the_right_one(tmp_path):
    if not (SCRIPTS.exists() and find_binaries()):
        if os.environ.get("CI") == "true":
            pytest.fail("CI needs PostgreSQL and RabbitMQ", pytrace=False)
        pytest.skip("no PostgreSQL or no RabbitMQ")
    found = run(tmp_path, submissions=40, faults=12, seed=3)
    assert sum(found["faults"].values()) == 12
    assert found["receipts"] == found["stored"] == found["results"] == 40
    assert (found["missing"], found["twice"], found["wrong"]) == ([], [], [])
    assert found["states"] == {"done": 40}
