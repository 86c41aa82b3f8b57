import pytest

from grader.checking.mismatch import Mismatch, PartialCredit


def test_a_mismatch_is_a_failed_assertion_with_its_evidence():
    metrics = {"worst": 2.0}
    with pytest.raises(AssertionError, match="too large") as caught:
        raise Mismatch("too large", metrics=metrics, counterexample={"index": [0]})
    metrics["worst"] = 0.0
    assert caught.value.message == "too large"
    assert caught.value.metrics == {"worst": 2.0}
    assert caught.value.counterexample == {"index": [0]}
    assert caught.value.hint is None


def test_a_mismatch_can_name_the_mistake():
    assert Mismatch("twice", hint=("bias-twice", "Where is b?")).hint == (
        "bias-twice",
        "Where is b?",
    )


@pytest.mark.parametrize("share", [0, 0.4, 0.999])
def test_a_part_of_the_points_is_a_failed_assertion_that_says_how_many(share):
    metrics = {"speed_ratio": 16.0}
    with pytest.raises(AssertionError, match="slow") as caught:
        raise PartialCredit("slow", share=share, metrics=metrics, hint=("loop", "A loop?"))
    metrics.clear()
    assert not isinstance(caught.value, Mismatch)
    assert (caught.value.message, caught.value.share) == ("slow", share)
    assert caught.value.metrics == {"speed_ratio": 16.0}
    assert caught.value.hint == ("loop", "A loop?")


@pytest.mark.parametrize("share", [-0.1, 1, 1.5, float("nan"), float("inf")])
def test_all_points_or_less_than_none_are_no_part_of_them(share):
    with pytest.raises(ValueError, match="share from 0"):
        PartialCredit("slow", share=share)
