"""The table in `docs/explanation/performance.md`, generated from the results between two markers."""

from collections.abc import Iterator
from pathlib import Path

from bench.measurements import MACHINE_LIMIT, ORIGINAL_SERVICE, THIS_SERVICE, Line
from bench.results import Results, RowResult

PAGE = Path(__file__).resolve().parents[1] / "docs" / "explanation" / "performance.md"
BEGIN = "<!-- made by make bench: begin -->"
END = "<!-- made by make bench: end -->"
HEADER = "| | this service | the original service | the limit | times the original service | share of the limit |"


def table(results: Results) -> str:
    """Return the machine, every row and the plots as Markdown."""
    parts = [
        "| the machine | |\n|---|---|\n"
        + "\n".join(f"| {name} | {value} |" for name, value in results.machine.items()),
        HEADER + "\n|---|---|---|---|---|---|\n" + "\n".join(line for row in results.rows for line in row_lines(row)),
    ]
    parts += [f"![{curve}]({plot_name(curve)}.png)" for curve in results.curves()]
    if missing := sorted({text for row in results.rows for text in row.lacking}):
        parts.append("\n".join(f"- {text}" for text in missing))
    return "\n\n".join(parts)


def row_lines(row: RowResult) -> Iterator[str]:
    """Yield the title and the lines of a row, and the reason if it failed."""
    yield f"| **{row.title}** ({row.commit}, {row.date}) | | | {row.limit} | | |"
    for line in row.lines:
        yield format_line(line)
    if row.failure:
        yield f"| failed: {row.failure.replace('|', '/')} | | | | | |"


def plot_name(curve: str) -> str:
    """Return the file name of a curve's plot, without the suffix."""
    return f"performance-{curve.replace(' ', '-')}"


def update_page(text: str, page: Path = PAGE) -> None:
    """Replace the text between the markers of the page; raises ValueError if a marker is missing."""
    before, begin, rest = page.read_text(encoding="utf-8").partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise ValueError(f"cannot write the table to {page}: it must contain the lines {BEGIN} and {END}")
    page.write_text(f"{before}{BEGIN}\n\n{text}\n\n{END}{after}", encoding="utf-8")


def format_figure(number: float) -> str:
    """Format a figure with three significant digits."""
    for digits, minimum in ((0, 100), (1, 10), (2, 1)):
        if abs(number) >= minimum:
            return f"{number:,.{digits}f}"
    return f"{number:.3g}"


def format_line(line: Line) -> str:
    """Format a line as a row of the Markdown table."""
    figures = [_median_and_range(line, system) for system in (THIS_SERVICE, ORIGINAL_SERVICE, MACHINE_LIMIT)]
    times, share = line.advantage_over(ORIGINAL_SERVICE), line.advantage_over(MACHINE_LIMIT)
    ratios = ["" if times is None else f"{format_figure(times)} x", "" if share is None else f"{share:.0%}"]
    note = f" ({line.note})" if line.note else ""
    return "| " + " | ".join([f"{line.what}{note}", *figures, *ratios]) + " |"


def _median_and_range(line: Line, system: str) -> str:
    median = line.median(system)
    if median is None:
        return "-"
    figures = line.samples[system]
    range_text = f" ({format_figure(min(figures))} to {format_figure(max(figures))})" if len(figures) > 1 else ""
    return f"{format_figure(median)} {line.unit}".rstrip() + range_text
