"""What was measured, as it is kept in `bench/results.json`; rows that were not run again keep their figures."""

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path

from bench.measuring import Line

FILE = Path(__file__).with_name("results.json")


@dataclass
class RowResult:
    """What came of one row: its lines, when and at which commit they were measured, and why it failed, if it did."""

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
    """All rows, in the order of the table, and the machine of the last run."""

    machine: dict[str, str]
    rows: list[RowResult]

    def curves(self) -> list[str]:
        """The names of the curves that there are points of."""
        return sorted({line.curve for row in self.rows for line in row.lines if line.curve})


def read(path: Path = FILE) -> Results:
    """Read what is kept; nothing, where nothing is."""
    if not path.exists():
        return Results({}, [])
    document = json.loads(path.read_text(encoding="utf-8"))
    rows = [RowResult(**{**row, "lines": [Line(**line) for line in row["lines"]]}) for row in document["rows"]]
    return Results(document["machine"], rows)


def merged(old: Results, new: Results, order: list[str]) -> Results:
    """Lay new rows over old ones; rows that are in no order are gone."""
    rows = {row.name: row for row in (*old.rows, *new.rows)}
    return Results(new.machine, [rows[name] for name in order if name in rows])


def write(results: Results, path: Path = FILE) -> None:
    """Write all of it, readable for people too."""
    path.write_text(json.dumps(asdict(results), indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
