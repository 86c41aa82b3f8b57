"""Tables as CSV: read from strangers, with limits; written so that no cell is a formula."""

import csv
import io
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from web.errors import Invalid

LARGEST = 2 * 1024 * 1024
MOST_ROWS = 5000
MOST_COLUMNS = 1000
_LONGEST_CELL = 1000
_DELIMITERS = ",;\t"
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n")


@dataclass(frozen=True)
class Row:
    """A row that is not empty.

    Attributes:
        line: Where it begins in the file, from 1.
        cells: Without needless spaces.
    """

    line: int
    cells: tuple[str, ...]

    def cell(self, place: int | None) -> str:
        """What is there; nothing where the row is shorter or the table has no such column."""
        return self.cells[place] if place is not None and place < len(self.cells) else ""


def decode_table(content: bytes) -> str:
    """The text of an uploaded file. Raises Invalid."""
    if len(content) > LARGEST:
        raise Invalid(f"A table has at most {LARGEST // 2**20} MiB.")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise Invalid("This file is not UTF-8: save it as CSV in UTF-8 and try again.") from error


def read_table(text: str) -> list[Row]:
    """The rows of a table with commas, semicolons or tabs, its header first.

    Raises:
        Invalid: It is no such table, or it is too large; the message names the line.
    """
    text = text.replace("\r\n", "\n").removeprefix("\ufeff")
    if len(text.encode("utf-8", "replace")) > LARGEST:
        raise Invalid(f"A table has at most {LARGEST // 2**20} MiB.")
    if "\0" in text:
        line = text[: text.index("\0")].count("\n") + 1
        raise Invalid(f"Line {line}: this is no text; save it as CSV in UTF-8.")
    rows: list[Row] = []
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=_delimiter(text), strict=True)
    line = 1
    try:
        for cells in reader:
            if any(cell.strip() for cell in cells):
                rows.append(Row(line, _clean(cells, line)))
            if len(rows) > MOST_ROWS + 1:
                raise Invalid(f"Line {line}: a table has at most {MOST_ROWS} rows.")
            line = reader.line_num + 1
    except csv.Error as error:
        raise Invalid(f"Line {line}: this is no CSV ({error}).") from error
    if not rows:
        raise Invalid("The table is empty.")
    return rows


def _clean(cells: list[str], line: int) -> tuple[str, ...]:
    if len(cells) > MOST_COLUMNS:
        raise Invalid(f"Line {line}: a table has at most {MOST_COLUMNS} columns.")
    if any(len(cell) > _LONGEST_CELL for cell in cells):
        raise Invalid(f"Line {line}: a cell has at most {_LONGEST_CELL} characters.")
    return tuple(" ".join(cell.split()) for cell in cells)


def _delimiter(text: str) -> str:
    """The one that gives the header the most cells."""
    first = next((line for line in text.split("\n") if line.strip()), "")

    def cells(delimiter: str) -> int:
        try:
            return len(next(csv.reader([first], delimiter=delimiter, strict=True)))
        except csv.Error:
            return 0

    return max(_DELIMITERS, key=cells)


def write_table(rows: Iterable[Sequence[str]]) -> str:
    """As CSV. A cell that a spreadsheet would take for a formula gets an apostrophe before it."""
    out = io.StringIO(newline="")
    writer = csv.writer(out)
    writer.writerows([_harmless(cell) for cell in row] for row in rows)
    return out.getvalue()


def _harmless(cell: str) -> str:
    return f"'{cell}" if cell.startswith(_FORMULA) else cell
