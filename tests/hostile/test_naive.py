"""The attacks are real: they work on a grader that keeps everything in one process."""

import pytest

from .corpus import load_corpus
from .naive.judging import consequences

WORKING = [attack for attack in load_corpus() if attack.expected["docker"].naive]


@pytest.mark.parametrize("attack", WORKING, ids=lambda attack: attack.name)
def test_an_attack_works_on_a_naive_grader(attack, tmp_path):
    assert attack.expected["docker"].naive in consequences(attack, tmp_path)


def test_most_groups_have_some():
    assert len(WORKING) >= 20
