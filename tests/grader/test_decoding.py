from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, TypedDict

import pytest

from grader.decoding import DecodeError, decode, suggestion


class Colour(StrEnum):
    RED = "red"


class Pair(TypedDict):
    left: int
    right: str | None


@dataclass(frozen=True)
class Inner:
    size: float = 1.0


@dataclass(frozen=True)
class Outer:
    name: str
    colour: Colour = Colour.RED
    flag: bool = False
    many: tuple[Inner, ...] = ()
    named: Mapping[str, int] = field(default_factory=dict)
    pair: Pair | None = None
    free: Any = None


def test_a_document_becomes_the_values_that_its_types_say():
    document = {
        "name": "n",
        "colour": "red",
        "flag": True,
        "many": [{"size": 2}, {}],
        "named": {"a": 1},
        "pair": {"left": 1, "right": None},
        "free": [1, {"x": None}],
    }
    assert decode(Outer, document) == Outer(
        "n",
        Colour.RED,
        True,
        (Inner(2), Inner()),
        {"a": 1},
        {"left": 1, "right": None},
        [1, {"x": None}],
    )


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"nmae": "x"}, "unknown key 'nmae'. Did you mean name?"),
        ({"zzz\x1b[0m": "x"}, r"unknown key 'zzz\\x1b\[0m'. There are: name,"),
        ({"name": 1}, "name must be text, not '1'"),
        ({"name": None}, "name must be text, not null"),
        ({"colour": "blue"}, "colour must be one of red, not 'blue'"),
        ({"colour": ["red"]}, "colour must be one of red, not a list"),
        ({"flag": 1}, "flag must be true or false"),
        ({"many": {}}, "many must be a list, not a table"),
        ({"many": [{}, {"size": "2"}]}, r"many\[1\].size must be a number"),
        ({"many": [{"size": True}]}, r"many\[0\].size must be a number, not 'True'"),
        ({"many": [{"size": 1 << 5000}]}, "must be a number, not a huge number"),
        ({"named": {"a": 1.5}}, "named.a must be a whole number"),
        ({"named": {"a b": "x"}}, "named.'a b' must be a whole number"),
        ({"named": {"x" * 10_000: "x"}}, "must be a whole number"),
        ({"pair": {"left": 1}}, "pair lacks the key right"),
        ({"pair": []}, "pair must be a table"),
    ],
)
def test_what_does_not_fit_is_named_by_its_place(change, message):
    with pytest.raises(DecodeError, match=message) as caught:
        decode(Outer, {"name": "n", **change})
    assert len(str(caught.value)) < 500


def test_a_missing_key_is_named():
    with pytest.raises(DecodeError, match="the document lacks the key name"):
        decode(Outer, {})


def test_the_names_of_floats_that_json_has_not_are_floats():
    assert decode(Inner, {"size": "-inf"}) == Inner(float("-inf"))


def test_a_suggestion_names_what_there_is_where_nothing_is_near():
    assert suggestion("denze", ["dense"]) == " Did you mean dense?"
    assert suggestion("x", ["dense", "conv"]) == " There are: dense, conv."
    assert suggestion("x", []) == " There are: none."
