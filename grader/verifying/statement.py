"""V02: the statement is fit to be shown, and speaks of what is there."""

import re
from collections.abc import Iterator
from urllib.parse import unquote, urlsplit

from markdown_it import MarkdownIt
from markdown_it.token import Token

from grader.assignment import Assignment
from grader.text import quoted
from grader.verifying.finding import Finding, error

_PLACE = "statement.md"
_GROUP_CELL = re.compile(r"[a-z][a-z0-9_-]*")


def prove(assignment: Assignment) -> list[Finding]:
    """It renders without HTML of its own, and names all exports and groups and no others."""
    text = assignment.statement.read_text(encoding="utf-8", errors="replace")
    tokens = [*_flat(MarkdownIt("commonmark").enable("table").parse(text))]
    return [
        *_of_html(tokens),
        *_of_targets(assignment, tokens),
        *_of_names(assignment, text, tokens),
    ]


def _flat(tokens: list[Token]) -> Iterator[Token]:
    for token in tokens:
        yield token
        yield from _flat(token.children or [])


def _of_html(tokens: list[Token]) -> Iterator[Finding]:
    for token in tokens:
        if token.type in ("html_block", "html_inline"):
            line = f":{token.map[0] + 1}" if token.map else ""
            yield error(
                "V02-html",
                f"{_PLACE}{line}",
                f"Raw HTML is not shown: {quoted(token.content.strip())}",
                "Write it in Markdown; put < between backticks where it is meant as such.",
            )


def _of_targets(assignment: Assignment, tokens: list[Token]) -> Iterator[Finding]:
    for token in tokens:
        if token.type == "image":
            yield from _of_image(assignment, str(token.attrs.get("src", "")))
        elif token.type == "link_open":
            yield from _of_link(str(token.attrs.get("href", "")))


def _of_image(assignment: Assignment, source: str) -> Iterator[Finding]:
    parts = urlsplit(source)
    name = unquote(parts.path)
    remote = bool(parts.scheme or parts.netloc)
    if remote or "/" in name or not (assignment.folder / name).is_file():
        yield error(
            "V02-image",
            _PLACE,
            f"The image {quoted(source)} is not a file beside statement.md.",
            "Put the image there, and name it without a folder.",
        )


def _of_link(target: str) -> Iterator[Finding]:
    parts = urlsplit(target)
    if parts.scheme not in ("http", "https") and not target.startswith("#"):
        yield error(
            "V02-link",
            _PLACE,
            f"The link {quoted(target)} does not lead to the web.",
            "Students get this page alone: link to https addresses.",
        )


def _of_names(assignment: Assignment, text: str, tokens: list[Token]) -> Iterator[Finding]:
    code = [token.content for token in tokens if token.type in ("code_inline", "fence")]
    for export in assignment.interface.exports:
        if not any(re.search(rf"\b{re.escape(export.name)}\b", each) for each in code):
            yield error(
                "V02-export-missing",
                _PLACE,
                f"It does not name `{export.name}`, which students have to write.",
                "Say what it must do, with its name between backticks.",
            )
    for group in assignment.points:
        if not re.search(rf"\b{re.escape(group)}\b", text):
            yield error(
                "V02-group-missing",
                _PLACE,
                f"It does not say what earns the {assignment.points[group]:g} points of {group}.",
                "Name each group and its points, in a table say.",
            )
    for group in _groups_in_tables(tokens):
        if group not in assignment.points:
            yield error(
                "V02-unknown-group",
                _PLACE,
                f"Its table of points names `{group}`, which [points] does not.",
                "Name the groups of [points].",
            )


def _groups_in_tables(tokens: list[Token]) -> Iterator[str]:
    """The code in the first cells of tables whose head begins with `group`."""
    heads: list[str] = []
    first, in_head, is_groups = False, False, False
    for token in tokens:
        if token.type == "table_open":
            heads, is_groups = [], False
        elif token.type in ("thead_open", "thead_close"):
            in_head = token.type == "thead_open"
            is_groups = bool(heads) and heads[0].lower() == "group"
        elif token.type == "tr_open":
            first = True
        elif token.type == "inline" and in_head:
            heads.append(token.content.strip())
        elif token.type == "inline" and first and is_groups:
            name = token.content.strip().strip("`")
            first = False
            if _GROUP_CELL.fullmatch(name):
                yield name
