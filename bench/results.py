"""The results in `bench/results.json`. The fields of the dataclasses are its keys."""

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path

from bench.measurements import Line

FILE = Path(__file__).with_name("results.json")


@dataclass
class RowResult:
    """The result of one row.

    `limit` describes the machine's limit, `failure` the reason if the row failed, `lacking` the missing requirements.
    """

    name: str
    title: str
    limit: str
    commit: str
    date: str
    lines: list[Line] = field(default_factory=list)
    seconds: float = 0.0
    failure: str = ""
    lacking: list[str] = field(default_factory=list)


@dataclass
class Results:
    """The rows in the order of the table, and the machine of the latest run."""

    machine: dict[str, str]
    rows: list[RowResult]

    def curves(self) -> list[str]:
        """Return the names of the curves that have points."""
        return sorted({line.curve for row in self.rows for line in row.lines if line.curve})


def read(path: Path = FILE) -> Results:
    """Read the saved results; return empty results if there is no file."""
    if not path.exists():
        return Results({}, [])
    document = json.loads(path.read_text(encoding="utf-8"))
    rows = [RowResult(**{**row, "lines": [Line(**line) for line in row["lines"]]}) for row in document["rows"]]
    return Results(document["machine"], rows)


def merge(old: Results, new: Results, order: list[str]) -> Results:
    """Replace old rows by new ones; drop rows that `order` does not name."""
    rows = {row.name: row for row in (*old.rows, *new.rows)}
    return Results(new.machine, [rows[name] for name in order if name in rows])


def write(results: Results, path: Path = FILE) -> None:
    """Write the results as indented JSON."""
    path.write_text(json.dumps(asdict(results), indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
