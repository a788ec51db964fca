"""CSV files: what a spreadsheet program reads is what was written, and no text of a stranger is a formula."""

import csv
import io
from datetime import UTC, datetime, timedelta, timezone

import pytest

from ingest.pages.csv_file import defuse, to_csv
from tests.hostile_texts import HOSTILE

FORMULAS = ("=1+1", "+1", "-1", "@SUM(A1)", '=HYPERLINK("http://evil.example","x")', "  =1", '"=1', "＝1+1")  # noqa: RUF001


def read(content: bytes, delimiter: str = ",") -> list[list[str]]:
    return list(csv.reader(io.StringIO(content.decode(), newline=""), delimiter=delimiter))


def begins_like_a_formula(cell: str) -> bool:
    return cell.strip(" \"'")[:1] in set("=+-@＝＋－＠") and not cell.startswith("'")  # noqa: RUF001


@pytest.mark.parametrize("formula", FORMULAS)
def test_a_formula_becomes_text(formula: str):
    assert begins_like_a_formula(formula)
    [[cell]] = read(to_csv([[formula]]))
    assert cell == f"'{formula}" or cell.replace("'", "", 1) == formula
    assert not begins_like_a_formula(cell)


@pytest.mark.parametrize("formula", FORMULAS)
@pytest.mark.parametrize("delimiter", [",", ";"])
def test_a_formula_in_the_middle_is_no_cell_for_any_separator(formula: str, delimiter: str):
    cells = [cell for row in read(to_csv([["a", f"b;{formula}", f"c,{formula}"]]), delimiter) for cell in row]
    assert not any(map(begins_like_a_formula, cells)), cells


@pytest.mark.parametrize(
    "text", ["data/run 1/a-b.txt", "a=b", "x@example.org", "Größe", 'say "no"', "a, b", "1234a", ""]
)
def test_any_other_text_stays_as_it_is(text: str):
    assert read(to_csv([[text, text]])) == [[text, text]]


@pytest.mark.parametrize("text", HOSTILE)
def test_a_row_is_a_line_and_holds_no_control_characters(text: str):
    assert to_csv([[text, "end"]]).count(b"\n") == 1
    assert defuse(text).isprintable()


def test_numbers_times_and_nothing():
    berlin = datetime(2026, 11, 30, 13, 5, tzinfo=timezone(timedelta(hours=1)))
    assert to_csv([[17, berlin, None, datetime(2026, 1, 2, tzinfo=UTC)]]) == (
        b"17,2026-11-30T12:05:00Z,,2026-01-02T00:00:00Z\r\n"
    )
