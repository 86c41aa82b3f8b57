"""Text that becomes markup: statements, and code with colours.

What an author wrote may hold Markdown and math; what a student wrote is text, and stays text.
"""

from collections.abc import Callable
from functools import lru_cache
from typing import Any

import nh3
from latex2mathml.converter import convert
from markdown_it import MarkdownIt
from markdown_it.renderer import RendererHTML
from markupsafe import Markup, escape
from mdit_py_plugins.dollarmath import dollarmath_plugin
from pygments import highlight
from pygments.formatters import HtmlFormatter
from pygments.lexers import PythonLexer

HIGHLIGHTED_BYTES = 100_000
"""A longer file is shown without colours."""

_SCROLLS = '<div class="scroll" tabindex="0" role="group" aria-label="{}">'

_MATH = frozenset(
    {"math", "mrow", "mi", "mn", "mo", "ms", "mtext", "mspace", "msup", "msub", "msubsup", "mfrac"}
    | {"msqrt", "mroot", "mover", "munder", "munderover", "mtable", "mtr", "mtd", "mstyle"}
)
_MATH_ATTRIBUTES = frozenset(
    {"display", "stretchy", "fence", "form", "accent", "mathvariant", "columnalign", "rowalign"}
    | {"linethickness", "separator", "lspace", "rspace", "movablelimits", "width", "height"}
)


def markdown(text: str, image_url: Callable[[str], str] = lambda name: name) -> Markup:
    """A statement as HTML, its headings one level lower; math as MathML, which browsers show.

    Args:
        text: Markdown; `$...$` and `$$...$$` are LaTeX.
        image_url: Where an image of this relative name is.
    """
    parser = MarkdownIt("commonmark", {"html": False}).enable("table")
    parser.use(
        dollarmath_plugin,
        renderer=lambda content, options: _math(content, block=bool(options["display_mode"])),
    )
    parser.add_render_rule("table_open", lambda *_: _SCROLLS.format("Table") + "<table>")
    parser.add_render_rule("table_close", lambda *_: "</table></div>")
    parser.add_render_rule("fence", _fence)
    tokens = parser.parse(text)
    for before, token, after in zip(tokens, tokens[1:], tokens[2:], strict=False):
        if token.type == "inline" and before.type == "th_open" and not token.content:
            before.tag = after.tag = "td"  # what is empty is no heading
    for token in tokens:
        if token.type in ("heading_open", "heading_close"):
            token.tag = f"h{min(int(token.tag[1]) + 1, 6)}"  # the page has a heading of its own
        for child in token.children or ():
            source = child.attrs.get("src")
            if child.type == "image" and isinstance(source, str) and ":" not in source:
                child.attrs["src"] = image_url(source)
    return _clean(parser.renderer.render(tokens, parser.options, {}))


def _fence(renderer: RendererHTML, *given: Any) -> str:
    return _SCROLLS.format("Code") + RendererHTML.fence(renderer, *given) + "</div>"


def _math(content: str, *, block: bool) -> str:
    try:
        math = convert(content, display="block" if block else "inline")
    except Exception:  # the library raises what it likes; the source is better than nothing
        math = f"<code>{escape(content)}</code>"
    return f"{_SCROLLS.format('Formula')}{math}</div>" if block else math


def _clean(html: str) -> Markup:
    tags = (nh3.ALLOWED_TAGS | _MATH) - {"style", "script"}
    attributes = {tag: set(names) for tag, names in nh3.ALLOWED_ATTRIBUTES.items()}
    for tag in _MATH:
        attributes[tag] = set(_MATH_ATTRIBUTES)
    attributes["code"] = {"class"}
    attributes["div"] = {"class", "tabindex", "role", "aria-label"}
    return Markup(  # noqa: S704 - sanitized
        nh3.clean(html, tags=tags, attributes=attributes, url_schemes={"http", "https", "mailto"})
    )


@lru_cache(maxsize=64)
def code(source: str, name: str) -> Markup:
    """A file with its lines numbered; Python with colours, by classes.

    Args:
        source: The text.
        name: Of the file; makes the lines' anchors.
    """
    anchor = "".join(letter if letter.isalnum() else "-" for letter in name)
    if name.endswith(".py") and len(source) <= HIGHLIGHTED_BYTES:
        formatter = HtmlFormatter(
            cssclass="code",
            linenos="inline",
            lineanchors=anchor,
            anchorlinenos=False,
            wrapcode=True,
        )
        lexer = PythonLexer(stripnl=False, ensurenl=False)
        return Markup(highlight(source, lexer, formatter))  # noqa: S704 - escapes the source
    lines = source.split("\n")
    width = len(str(len(lines)))
    numbered = Markup("\n").join(
        Markup('<span class="linenos">{}</span>{}').format(f"{number:>{width}}", line)
        for number, line in enumerate(lines, 1)
    )
    return Markup('<div class="code"><pre>{}</pre></div>').format(numbered)
