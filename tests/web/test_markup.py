"""Statements and code as markup: math without scripts, and nothing that runs."""

import pytest

from web.markup import HIGHLIGHTED_BYTES, code, markdown


def test_math_becomes_mathml():
    html = markdown("The sum $y_o = \\sum_i x_i W_{i,o}$ and\n\n$$\\frac{a}{b}$$\n")
    assert html.count("<math") == 2
    assert "<msub>" in html
    assert "<mfrac>" in html
    assert "$" not in html


def test_math_that_is_none_is_shown_as_it_was_written():
    assert "<code>" in markdown("$\\frac{$")


def test_headings_go_below_that_of_the_page():
    html = markdown("# One\n\n## Two\n\n###### Six\n")
    assert "<h2>One</h2>" in html
    assert "<h3>Two</h3>" in html
    assert "<h6>Six</h6>" in html
    assert "<h1>" not in html


def test_what_is_wider_than_a_phone_scrolls_by_itself_and_by_keyboard():
    html = markdown("| | a |\n|---|---|\n| b | c |\n\n```python\nx = 1\n```\n\n$$x$$\n")
    for name in ("Table", "Code", "Formula"):
        assert (
            html.count(f'<div class="scroll" tabindex="0" role="group" aria-label="{name}">') == 1
        )
    assert html.count("<div") == html.count("</div>")


def test_an_empty_heading_of_a_table_is_none():
    html = markdown("| | a |\n|---|---|\n| b | c |\n")
    assert html.count("<th>") == 1
    assert html.count("<td>") == 3


@pytest.mark.parametrize(
    "hostile",
    [
        "<script>alert(1)</script>",
        "<img src=x onerror=alert(1)>",
        "[x](javascript:alert(1))",
        "![x](data:text/html;base64,PHNjcmlwdD4=)",
        "$\\href{javascript:alert(1)}{x}$",
        "$\\text{<script>alert(1)</script>}$",
        "<style>body{display:none}</style>",
        "`<b>`{=html}",
    ],
)
def test_nothing_that_runs_comes_through(hostile):
    html = markdown(f"# X\n\n{hostile}\n").lower()
    for forbidden in ("<script", "<style", "<img src=x", 'href="javascript:', 'src="data:text'):
        assert forbidden not in html


def test_images_beside_the_statement_get_their_address():
    html = markdown(
        "![a](axes.png) ![b](https://example.org/b.png)", lambda name: f"/images/{name}"
    )
    assert 'src="/images/axes.png"' in html
    assert 'src="https://example.org/b.png"' in html


def test_code_is_numbered_and_escaped():
    html = code("x = '<b>'\ny = 2\n", "layers.py")
    assert "<b>" not in html
    assert html.count('class="linenos"') >= 2
    assert 'style="' not in html


def test_a_large_file_is_shown_without_colours():
    html = code("x = 1\n" * (HIGHLIGHTED_BYTES // 6 + 1) + "<i>", "layers.py")
    assert 'class="mi"' not in html
    assert "&lt;i&gt;" in html
