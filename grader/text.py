"""Text that somebody else wrote, made harmless to show."""

import re
import unicodedata

_ESCAPE_SEQUENCE = re.compile(
    r"\x1b\][^\x07\x1b\n]*(?:\x07|\x1b\\)?"  # operating system command: titles, links, clipboard
    r"|(?:\x1b\[|\x9b)[0-?]*[ -/]*[@-~]?"  # control sequence: colours, cursor
    r"|\x1b[PX^_][^\x1b\n]*(?:\x1b\\)?"  # device control and other strings
    r"|\x1b[ -/]*[0-~]?"
)
_LINE_END = re.compile("\r\n?|[\v\f\x85\u2028\u2029]")
_INVISIBLE = re.compile(
    "[\x00-\x08\x0e-\x1f\x7f-\x9f"  # controls; not the tab and the newline
    "\u00ad\u061c\u180e\u200b-\u200f\u202a-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb"  # format, bidi
    "\ud800-\udfff"  # lone surrogates: no encoder takes them
    "\U000e0000-\U000e0fff]"  # tags
)

_NUMBER = re.compile(r"[-+]?\d+(?:\.\d*)?(?:e[-+]?\d+)?|\b(?:nan|inf)\b")


def clean(text: str, limit: int = 8192) -> str:
    """Take everything out that could change how other text is shown; cap the length.

    Escape sequences, control characters (newline and tab stay), bidirectional controls and other
    invisible characters are removed; other line ends become newlines.

    Args:
        text: Anything.
        limit: Characters of the result. What is longer is cut, and the result says so at its
            end if there is room.
    """
    text = _ESCAPE_SEQUENCE.sub("", text)
    text = _INVISIBLE.sub("", _LINE_END.sub("\n", text))
    if len(text) <= limit:
        return text
    mark = " [cut]"
    return text[: limit - len(mark)] + mark if limit > len(mark) else text[:limit]


def quoted(name: str, limit: int = 60) -> str:
    """A name as one short line of plain ASCII, in quotes; odd characters are escaped."""
    return ascii(name if len(name) <= limit else name[:limit] + "...")


def without_numbers(text: str) -> str:
    """The same sentence with `#` for each number."""
    return _NUMBER.sub("#", text)


def wrap(text: str, width: int) -> list[str]:
    """Break text into lines of at most `width` columns of a terminal.

    Lines are broken at spaces where there are some, and go on with the same indentation. Tabs
    become spaces.
    """
    lines = []
    for line in text.split("\n"):
        rest = line.expandtabs(4).rstrip()
        indent = len(rest) - len(rest.lstrip())
        kept = " " * indent if indent <= width // 2 - 2 else ""
        while columns(rest) > width:
            fits = _fitting(rest, width)
            space = rest.rfind(" ", indent, fits + 1)
            cut = space if space > 0 else fits
            lines.append(rest[:cut].rstrip())
            rest = kept + rest[cut:].lstrip()
            indent = len(kept)
        lines.append(rest)
    return lines


def columns(text: str) -> int:
    """How many columns a terminal takes for a line."""
    return sum(map(_cells, text))


def _cells(character: str) -> int:
    if character.isascii():
        return 1
    if unicodedata.combining(character):
        return 0
    return 2 if unicodedata.east_asian_width(character) in "WF" else 1


def _fitting(text: str, width: int) -> int:
    """How many characters from the start fit; at least one, or nothing would ever end."""
    used = 0
    for position, character in enumerate(text):
        used += _cells(character)
        if used > width:
            return max(position, 1)
    return len(text)
