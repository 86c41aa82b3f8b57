"""Pictures: well-formed, with words for who does not see them, and never anybody's markup."""

from xml.etree import ElementTree

import pytest

from web.pictures import bars, columns, duel, scores

from ..grader.conftest import _speed as measured

SVG = "{http://www.w3.org/2000/svg}"


def parse(picture):
    return ElementTree.fromstring(str(picture).replace("<svg ", f'<svg xmlns="{SVG[1:-1]}" ', 1))


def test_a_duel_shows_every_judged_call_of_both_sides():
    speed = measured(pairs=20)
    root = parse(duel(speed))
    assert len(root.findall(f"{SVG}circle[@class='dot you']")) == 20
    assert len(root.findall(f"{SVG}circle[@class='dot reference']")) == 20
    assert "your median is" in root.get("aria-label")
    for circle in root.iter(f"{SVG}circle"):
        assert 90 <= float(circle.get("cx")) <= 620


def test_scores_leave_a_gap_where_there_is_none():
    root = parse(scores([("a", 3.0), ("b", None), ("c", 10.0)], 10.0))
    assert len(root.findall(f"{SVG}circle")) == 2
    assert root.get("aria-label").startswith("Scores of 3 submissions: the best is 10 of 10")


@pytest.mark.parametrize("draw", [bars, columns])
def test_labels_are_text_and_empty_pictures_are_pictures(draw):
    root = parse(draw([("<script>alert(1)</script>", 2), ('" onload="x', 0)], "Counts"))
    assert len(root.findall(f"{SVG}rect")) == 2
    assert root.attrib.keys() == {"class", "viewBox", "role", "aria-label"}
    parse(draw([], "Counts"))
