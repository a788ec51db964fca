"""The table of results, its figures, and its place in a page."""

from pathlib import Path

import pytest

from bench.measuring import LIMIT, ORIGINAL, OURS, Line
from bench.results import Results, RowResult, merged, read, write
from bench.table import BEGIN, END, cells, put_into_page, shown, table

LINE = Line("whole job", "s", {OURS: [1.0, 2.0, 1.5], ORIGINAL: [3.0], LIMIT: [1.2]})


def row(name: str, **changes: object) -> RowResult:
    values: dict[str, object] = {"title": name.title(), "limit": "a copy", "commit": "abc", "date": "today"}
    return RowResult(name, **{**values, **changes})  # type: ignore[arg-type]


def test_line_has_medians_spread_and_ratios():
    assert cells(LINE) == "| whole job | 1.50 s (1.00 to 2.00) | 3.00 s | 1.20 s | 2.00 x | 80% |"


def test_line_of_ours_alone():
    assert cells(Line("memory", "MiB", {OURS: [123.4]}, note="task")) == "| memory (task) | 123 MiB | - | - |  |  |"


@pytest.mark.parametrize(
    ("number", "text"), [(12345.6, "12,346"), (99.94, "99.9"), (9.876, "9.88"), (0.01234, "0.0123"), (0.0, "0")]
)
def test_figures_have_three_digits(number: float, text: str):
    assert shown(number) == text


def test_row_that_failed_says_so_and_keeps_what_it_had():
    text = table(Results({"cores": "2"}, [row("tiny", lines=[LINE], failure="TimeoutError: a | b")]))
    assert "| cores | 2 |" in text
    assert cells(LINE) in text
    assert "| failed: TimeoutError: a / b | | | | | |" in text


def test_what_is_lacking_is_said_once():
    text = table(Results({}, [row("a", lacking=["no redis"]), row("b", lacking=["no redis"])]))
    assert text.count("no redis") == 1


def test_results_are_read_as_they_were_written(tmp_path: Path):
    results = Results({"cores": "2"}, [row("tiny", lines=[LINE], seconds=1.5)])
    write(results, tmp_path / "results.json")
    assert read(tmp_path / "results.json") == results


def test_rows_that_were_not_run_again_stay_and_the_order_is_kept():
    old, new = Results({}, [row("a"), row("b"), row("gone")]), Results({"cores": "2"}, [row("a", commit="new")])
    result = merged(old, new, ["b", "a"])
    assert [(each.name, each.commit) for each in result.rows] == [("b", "abc"), ("a", "new")]
    assert result.machine == {"cores": "2"}


def test_table_takes_its_place_in_the_page_again_and_again(tmp_path: Path):
    page = tmp_path / "page.md"
    page.write_text(f"before\n{BEGIN}\nold\n{END}\nafter\n")
    put_into_page("new", page)
    put_into_page("new", page)
    assert page.read_text() == f"before\n{BEGIN}\n\nnew\n\n{END}\nafter\n"


def test_page_without_a_place_is_refused(tmp_path: Path):
    page = tmp_path / "page.md"
    page.write_text("nothing\n")
    with pytest.raises(ValueError, match="no place for the table"):
        put_into_page("new", page)
