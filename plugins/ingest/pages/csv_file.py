"""A CSV file for spreadsheets, made row by row. Called by `ingest.pages.export`.

Spreadsheet programs run a cell that begins like a formula, and a name comes from a stranger: such a cell begins with an
apostrophe instead, which makes it text. Nothing else is changed but characters that cannot be printed, which are escaped.
"""

import csv
import io
import re
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime

from ingest.system.sanitize import escape

CONTENT_TYPE = "text/csv; charset=utf-8"
# Without it, Excel reads the file in the code page of the computer.
BYTE_ORDER_MARK = "\ufeff"
# At the beginning of a text, and after a semicolon, which separates the cells where the comma is the decimal point. Some
# programs also accept the wide forms of these characters.
FORMULA = re.compile(r"(^|;)(\s*[\"']*\s*)([=+\-@＝＋－＠])")  # noqa: RUF001 - they are meant

Cell = str | int | float | datetime | None


def to_csv(rows: Iterable[Sequence[Cell]]) -> bytes:
    """Return rows as lines of a CSV file; times in UTC, nothing for None."""
    text = io.StringIO(newline="")
    csv.writer(text).writerows([_to_text(cell) for cell in row] for row in rows)
    return text.getvalue().encode()


def defuse(text: str) -> str:
    """Return a text in one line that no spreadsheet program takes for a formula."""
    return FORMULA.sub(r"\1'\2\3", escape(text))


def download_headers(name: str) -> dict[str, str]:
    """Return the headers with which a browser saves the answer as a file."""
    return {"Content-Disposition": f'attachment; filename="{name}"'}


def _to_text(cell: Cell) -> str | int | float:
    match cell:
        case None:
            return ""
        case datetime():
            return f"{cell.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"
        case str():
            return defuse(cell)
    return cell
