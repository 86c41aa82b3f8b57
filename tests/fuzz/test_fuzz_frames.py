from tests.fuzz import frames
def test_x():
    assert frames.check(b"") == frozenset()
