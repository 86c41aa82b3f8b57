from grader.content import content_sha256


def test_the_hash_never_changes_for_the_same_content():
    """Stored reports name submissions by it."""
    known = "4d8b1081106273b4532e775edcc609a3c41b03041afbf59286d7cdb7910252f5"
    assert content_sha256("submission", [("layers.py", b"x = 1\n")]) == known


def test_kind_names_and_contents_are_kept_apart():
    several = [
        ("a", [("b", b"c")]),
        ("a", [("bc", b"")]),
        ("ab", [("", b"c")]),
        ("a", [("b", b"c"), ("", b"")]),
        ("a", []),
    ]
    assert len({content_sha256(kind, files) for kind, files in several}) == len(several)


def test_names_that_are_not_utf8_are_hashed_as_they_are():
    assert content_sha256("a", [("\udcff", b"")]) != content_sha256("a", [("\udcfe", b"")])
