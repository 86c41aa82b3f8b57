"""A student's source text as a tree: parsed under bounds, and never run."""

import ast
import re
import warnings

_MAX_PARTS = 200
# Where a name has very many parts (`import a.a.a`), Python's parser takes time that grows with the
# square of their number. Each step is possessive: nothing is tried twice.
_LONG_NAME = re.compile(rb"(?:\.[\s\\]*+[\w\x80-\xff]{1,100}+[\s\\]*+){%d}" % _MAX_PARTS)


def parse_source(source: str | bytes, *, most: int) -> ast.Module:
    """Parse a module.

    Args:
        source: Its text.
        most: How many characters or bytes it may have.

    Raises:
        SyntaxError, ValueError, RecursionError, MemoryError: It is no Python, or too much of it.
    """
    if len(source) > most:
        raise ValueError(f"it is longer than {most} characters")
    text = source.encode("utf-8", "replace") if isinstance(source, str) else source
    if _LONG_NAME.search(text):
        raise ValueError(f"a name in it has more than {_MAX_PARTS} parts")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of the student's escape sequences and the like
        return ast.parse(source)
