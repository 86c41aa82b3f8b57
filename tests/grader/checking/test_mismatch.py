import pytest

from grader.checking.mismatch import Mismatch


def test_a_mismatch_is_a_failed_assertion_with_its_evidence():
    metrics = {"worst": 2.0}
    with pytest.raises(AssertionError, match="too large") as caught:
        raise Mismatch("too large", metrics=metrics, counterexample={"index": [0]})
    metrics["worst"] = 0.0
    assert caught.value.message == "too large"
    assert caught.value.metrics == {"worst": 2.0}
    assert caught.value.counterexample == {"index": [0]}
