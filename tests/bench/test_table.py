"""The table: its figures, its lines, and its position in the page."""

from pathlib import Path

import pytest

from bench.measurements import MACHINE_LIMIT, ORIGINAL_SERVICE, THIS_SERVICE, Line
from bench.results import Results, RowResult, merge, read, write
from bench.table import BEGIN, END, format_figure, format_line, table, update_page

LINE = Line("whole job", "s", {THIS_SERVICE: [1.0, 2.0, 1.5], ORIGINAL_SERVICE: [3.0], MACHINE_LIMIT: [1.2]})


def row(name: str, **changes: object) -> RowResult:
    values: dict[str, object] = {"title": name.title(), "limit": "a copy", "commit": "abc", "date": "today"}
    return RowResult(name, **{**values, **changes})  # type: ignore[arg-type]


def test_line_has_medians_ranges_and_ratios():
    assert format_line(LINE) == "| whole job | 1.50 s (1.00 to 2.00) | 3.00 s | 1.20 s | 2.00 x | 80% |"


def test_line_without_other_systems():
    assert (
        format_line(Line("memory", "MiB", {THIS_SERVICE: [123.4]}, note="task"))
        == "| memory (task) | 123 MiB | - | - |  |  |"
    )


@pytest.mark.parametrize(
    ("number", "text"), [(12345.6, "12,346"), (99.94, "99.9"), (9.876, "9.88"), (0.01234, "0.0123"), (0.0, "0")]
)
def test_figures_have_three_significant_digits(number: float, text: str):
    assert format_figure(number) == text


def test_failed_row_shows_the_reason_and_the_lines_measured_before():
    text = table(Results({"cores": "2"}, [row("tiny", lines=[LINE], failure="TimeoutError: a | b")]))
    assert "| cores | 2 |" in text
    assert format_line(LINE) in text
    assert "| failed: TimeoutError: a / b | | | | | |" in text


def test_missing_requirement_is_listed_once():
    text = table(Results({}, [row("a", lacking=["no redis"]), row("b", lacking=["no redis"])]))
    assert text.count("no redis") == 1


def test_results_survive_writing_and_reading(tmp_path: Path):
    results = Results({"cores": "2"}, [row("tiny", lines=[LINE], seconds=1.5)])
    write(results, tmp_path / "results.json")
    assert read(tmp_path / "results.json") == results


def test_rows_that_were_not_run_keep_their_results_in_the_order_of_the_table():
    old, new = Results({}, [row("a"), row("b"), row("gone")]), Results({"cores": "2"}, [row("a", commit="new")])
    result = merge(old, new, ["b", "a"])
    assert [(each.name, each.commit) for each in result.rows] == [("b", "abc"), ("a", "new")]
    assert result.machine == {"cores": "2"}


def test_table_in_the_page_is_replaced_repeatedly(tmp_path: Path):
    page = tmp_path / "page.md"
    page.write_text(f"before\n{BEGIN}\nold\n{END}\nafter\n")
    update_page("new", page)
    update_page("new", page)
    assert page.read_text() == f"before\n{BEGIN}\n\nnew\n\n{END}\nafter\n"


def test_page_without_markers_is_rejected(tmp_path: Path):
    page = tmp_path / "page.md"
    page.write_text("nothing\n")
    with pytest.raises(ValueError, match="cannot write the table"):
        update_page("new", page)
