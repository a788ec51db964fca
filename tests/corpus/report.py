"""The report of the cases' durations and memory, to compare with their bounds: `build/corpus.json`."""

import json
from dataclasses import asdict, dataclass
from pathlib import Path

REPORT = Path(__file__).parents[2] / "build" / "corpus.json"


@dataclass(frozen=True)
class Measured:
    """The measurements of a case: `mebibytes` is the memory above that of a small valid bundle."""

    case: str
    seconds: float
    mebibytes: float


def write(measured: list[Measured]) -> None:
    """Write the report."""
    REPORT.parent.mkdir(exist_ok=True)
    REPORT.write_text(json.dumps([asdict(each) for each in measured], indent=1))


def summary(measured: list[Measured]) -> str:
    """Return the report in one line."""
    longest = max(measured, key=lambda each: each.seconds)
    largest = max(measured, key=lambda each: each.mebibytes)
    return (
        f"{len(measured)} cases of the corpus; longest: {longest.seconds:.1f} s ({longest.case}); "
        f"most memory: {largest.mebibytes:.1f} MiB over a good small bundle ({largest.case})"
    )


def read() -> list[Measured]:
    """Return the report; empty before the corpus was run."""
    return [Measured(**each) for each in json.loads(REPORT.read_text())] if REPORT.exists() else []
