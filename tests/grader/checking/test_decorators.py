"""What `@check` declares, what it refuses, and the seeds of checks."""

import pytest
from hypothesis.strategies import integers

from grader.checking.decorators import CheckInfo, check, check_info, derive_seed
from grader.checking.drawing import drawn


def test_a_check_is_what_its_author_declares():
    @check(group="forward", points=2.5, visibility="after_deadline")
    def test_values():
        """Values are right.

        For whoever reads the code.
        """

    assert check_info(test_values) == CheckInfo(
        "forward", 2.5, "after_deadline", "Values are right."
    )


def test_a_check_is_public_and_worth_a_point_unless_it_says_otherwise():
    @check(group="forward")
    def test_values():
        """Values are right."""

    assert check_info(test_values) == CheckInfo("forward", 1, "public", "Values are right.")


def test_a_check_is_still_the_function_that_it_was():
    def test_values(student):
        """Values are right."""
        return student

    checked = check(group="forward")(test_values)
    assert checked is test_values
    assert checked("anything") == "anything"


@pytest.mark.parametrize("outermost", ["check", "drawn"])
def test_the_order_of_decorators_does_not_matter(outermost):
    decorators = [drawn(examples=1, n=integers(0, 3)), check(group="forward", points=3)]

    def test_values(n):
        """Values are right."""

    function = test_values
    for decorate in decorators if outermost == "check" else reversed(decorators):
        function = decorate(function)
    assert check_info(function) == CheckInfo("forward", 3, "public", "Values are right.")


def test_a_check_may_need_other_groups():
    @check(group="speed", needs=["forward", "gradients"])
    def test_speed():
        """It is fast."""

    assert check_info(test_speed).needs == ("forward", "gradients")


@pytest.mark.parametrize("needs", ["forward", ("speed",), ("forward", "speed")])
def test_a_check_cannot_need_its_own_group_or_a_text(needs):
    with pytest.raises(ValueError, match="needs must be groups"):
        check(group="speed", needs=needs)


@pytest.mark.parametrize("points", [0, -1, 0.0, float("nan"), float("-inf")])
def test_points_are_more_than_nothing(points):
    with pytest.raises(ValueError, match="points must be more than 0"):
        check(group="forward", points=points)


@pytest.mark.parametrize("visibility", ["secret", "", "Public", None])
def test_a_visibility_is_one_of_three(visibility):
    with pytest.raises(ValueError, match="public, hidden, after_deadline"):
        check(group="forward", visibility=visibility)


@pytest.mark.parametrize("docstring", [None, "", "   \n  "])
def test_a_check_without_a_title_is_refused_by_its_name(docstring):
    def test_values():
        pass

    test_values.__doc__ = docstring
    with pytest.raises(ValueError, match="test_values needs a docstring"):
        check(group="forward")(test_values)


@pytest.mark.parametrize("thing", [None, 3, len, lambda: None, object()])
def test_what_is_no_check_declares_nothing(thing):
    assert check_info(thing) is None


def test_an_attribute_of_the_same_name_is_no_declaration():
    def function():
        pass

    function.__check__ = ("forward", 100)
    assert check_info(function) is None


def test_the_seed_of_a_check_is_a_function_of_seed_and_name():
    seeds = {derive_seed(seed, name) for seed in range(50) for name in ("a::b", "a::c", "ab::c")}
    assert len(seeds) == 150
    assert all(0 <= seed < 2**63 for seed in seeds)
    # As it was for every report that was ever written.
    assert derive_seed(7, "test_forward.py::test_values") == 6344960140591736867
