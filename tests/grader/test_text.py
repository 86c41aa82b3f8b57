import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from grader.text import clean, columns, quoted, wrap

SEEDED = settings(deadline=None, derandomize=True)


@pytest.mark.parametrize(
    ("dirty", "cleaned"),
    [
        ("plain\n\ttext é 数", "plain\n\ttext é 数"),
        ("\x1b[31mred\x1b[0m", "red"),
        ("\x9b31mred", "red"),
        ("\x1b]0;new title\x07text", "text"),
        ("\x1b]8;;http://evil\x1b\\link\x1b]8;;\x1b\\", "link"),
        ("\x1b]52;c;never ended", ""),
        ("\x1b]never ended\nnext line", "\nnext line"),
        ("\x1bPq#0;data\x1b\\text", "text"),
        ("over\rwritten\r\nline", "over\nwritten\nline"),
        ("a\b\bb\x00\x7f", "ab"),
        ("\u202eevil\u202c \u2066x\u2069\u200f", "evil x"),
        ("a\u2028b\x85c", "a\nb\nc"),
        ("lone \ud800 surrogate", "lone  surrogate"),
        ("\U000e0041tag", "tag"),
    ],
)
def test_what_could_change_how_text_is_shown_is_removed(dirty, cleaned):
    assert clean(dirty) == cleaned


def test_long_text_is_cut_and_says_so():
    assert clean("x" * 100, 20) == "x" * 14 + " [cut]"
    assert clean("x" * 100, 3) == "xxx"


@SEEDED
@given(st.text(st.characters(exclude_categories=())), st.integers(0, 50))
def test_cleaned_text_is_short_harmless_and_stays_as_it_is(text, limit):
    once = clean(text, limit)
    assert len(once) <= limit
    assert clean(once, limit) == once
    assert all(
        character in "\n\t" or character.isprintable() or ord(character) > 0x9F
        for character in once
    )
    once.encode("utf-8")


def test_many_unfinished_sequences_take_linear_time():
    text = "\x1b]" * 200_000 + "\x1b[" * 200_000
    assert clean(text) == ""


@SEEDED
@given(st.text(st.characters(exclude_categories=())))
def test_a_quoted_name_is_one_short_line_of_ascii(name):
    shown = quoted(name)
    assert shown.isascii()
    assert shown.isprintable()
    assert len(shown) <= 63 * 10 + 2


@SEEDED
@given(st.text() | st.text(" a\u6570"), st.integers(2, 30))
def test_wrapped_lines_fit_and_lose_nothing_but_spaces(text, width):
    text = clean(text)
    lines = wrap(text, width)
    assert all(columns(line) <= width for line in lines)
    assert "".join("".join(lines).split()) == "".join(text.split())


def test_wrapping_keeps_the_indentation_and_counts_wide_characters():
    assert wrap("    return x", 80) == ["    return x"]
    assert wrap("aa bb cc", 5) == ["aa bb", "cc"]
    assert wrap("  aa bb cc", 8) == ["  aa bb", "  cc"]
    assert wrap("数数数", 4) == ["数数", "数"]
