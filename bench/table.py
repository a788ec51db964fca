"""The table of `docs/explanation/performance.md`: made from the results, and put between two markers of the page."""

from collections.abc import Iterator
from pathlib import Path

from bench.measuring import LIMIT, ORIGINAL, OURS, Line
from bench.results import Results, RowResult

PAGE = Path(__file__).resolve().parents[1] / "docs" / "explanation" / "performance.md"
BEGIN = "<!-- made by make bench: begin -->"
END = "<!-- made by make bench: end -->"
HEAD = "| | this service | the original | the limit | times the original | share of the limit |"


def table(results: Results) -> str:
    """The machine and every row, as Markdown."""
    parts = [
        "| the machine | |\n|---|---|\n"
        + "\n".join(f"| {name} | {value} |" for name, value in results.machine.items()),
        HEAD + "\n|---|---|---|---|---|---|\n" + "\n".join(line for row in results.rows for line in row_lines(row)),
    ]
    parts += [f"![{curve}]({plot_name(curve)}.png)" for curve in results.curves()]
    if lacking := sorted({text for row in results.rows for text in row.lacking}):
        parts.append("\n".join(f"- {text}" for text in lacking))
    return "\n\n".join(parts)


def row_lines(row: RowResult) -> Iterator[str]:
    """A row's lines in the table, below its title; why it failed, if it did."""
    yield f"| **{row.title}** ({row.commit}, {row.date}) | | | {row.limit} | | |"
    for line in row.lines:
        yield cells(line)
    if row.failure:
        yield f"| failed: {row.failure.replace('|', '/')} | | | | | |"


def plot_name(curve: str) -> str:
    """The name of the files of a curve's plot, without what says its format."""
    return f"performance-{curve.replace(' ', '-')}"


def put_into_page(text: str, page: Path = PAGE) -> None:
    """Replace what stands between the markers; raises ValueError when the page lacks them."""
    before, begin, rest = page.read_text(encoding="utf-8").partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise ValueError(f"{page} has no place for the table: {BEGIN} and {END}")
    page.write_text(f"{before}{BEGIN}\n\n{text}\n\n{END}{after}", encoding="utf-8")


def shown(number: float) -> str:
    """A figure with three digits that matter."""
    for digits, least in ((0, 100), (1, 10), (2, 1)):
        if abs(number) >= least:
            return f"{number:,.{digits}f}"
    return f"{number:.3g}"


def cells(line: Line) -> str:
    """The line of the table."""
    figures = [_figure(line, name) for name in (OURS, ORIGINAL, LIMIT)]
    times, share = line.advantage(ORIGINAL), line.advantage(LIMIT)
    ratios = ["" if times is None else f"{shown(times)} x", "" if share is None else f"{share:.0%}"]
    note = f" ({line.note})" if line.note else ""
    return "| " + " | ".join([f"{line.what}{note}", *figures, *ratios]) + " |"


def _figure(line: Line, name: str) -> str:
    median = line.median(name)
    if median is None:
        return "-"
    figures = line.samples[name]
    spread = f" ({shown(min(figures))} to {shown(max(figures))})" if len(figures) > 1 else ""
    return f"{shown(median)} {line.unit}".rstrip() + spread
