"""No attack of the corpus gains, breaks, learns or leaves anything."""

import pytest

from .corpus import NUMBERS, load_corpus
from .judging import judge, surround
from .watch import Witness, watching

CORPUS = load_corpus()
KINDS = ("docker", "bubblewrap")


@pytest.fixture(
    scope="module", params=[pytest.param(kind, marks=getattr(pytest.mark, kind)) for kind in KINDS]
)
def around(request, tmp_path_factory):
    launcher = request.getfixturevalue(f"{request.param}_launcher")
    with watching(tmp_path_factory.mktemp("beside")) as watch:
        yield surround(request.param, Witness(launcher), watch)


@pytest.mark.parametrize("attack", CORPUS, ids=lambda attack: attack.name)
def test_an_attack_is_held(attack, around, tmp_path):
    assert judge(attack, around, tmp_path).problems == ()


def test_the_corpus_is_whole():
    assert {attack.number for attack in CORPUS} == set(NUMBERS)


def test_each_difference_between_sandboxes_is_explained():
    for attack in CORPUS:
        docker, bubblewrap = attack.expected["docker"], attack.expected["bubblewrap"]
        assert docker == bubblewrap or bubblewrap.why, attack.name
