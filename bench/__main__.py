"""`python -m bench [ROW ...]`, what `make bench` runs: measure the rows, print each as it comes, write what came of them.

BENCH_LARGE=1 measures also what takes half an hour more; BENCH_ROUNDS=1 takes one round of each, for a quick look;
BENCH_FOLDER names a folder on the file system that is to be measured. A row that fails does not end the others. Figures of
rows that were not run stay as they were.
"""

import os
import shutil
import signal
import sys
import tempfile
import time
from pathlib import Path

from bench import results, rows, table
from bench.environment import draw_plots
from bench.machine import PROJECT, commit, date, machine
from bench.results import Results, RowResult
from bench.surroundings import Surroundings

MOST_ROUNDS = 1000
LONGEST_FAILURE = 500


def main(names: list[str]) -> int:
    """Measure the named rows, or all; gives the exit status."""
    # Ended as by Ctrl-C: what was started must not stay.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    unknown = set(names) - set(rows.NAMES)
    if unknown:
        say(f"bench: there is no {', '.join(sorted(unknown))}; rows are {', '.join(rows.NAMES)}")
        return 2
    folder = _folder()
    data = machine(folder)
    measured: list[RowResult] = []
    try:
        with _surroundings(folder) as bench:
            for name in names or rows.NAMES:
                measured.append(_measure(bench, rows.row(name)))
                _keep(Results(data, measured))
    except KeyboardInterrupt:
        say("Stopped.")
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    return int(any(row.failure for row in measured))


def _measure(bench: Surroundings, row: rows.Row) -> RowResult:
    result, begun = RowResult(row.NAME, row.TITLE, row.LIMIT_IS, commit(), date()), time.monotonic()
    say(f"\n{row.TITLE}\n{table.HEAD}")
    try:
        for line in row.measure(bench):
            result.lines.append(line)
            say(table.cells(line))
    except Exception as error:
        result.failure = " ".join(f"{type(error).__name__}: {error}".split())[-LONGEST_FAILURE:]
        say(f"failed: {result.failure}")
    result.lacking = list(bench.lacking)
    result.seconds = round(time.monotonic() - begun, 1)
    say(f"({result.seconds:.0f} s)")
    return result


def _keep(new: Results) -> None:
    kept = results.merged(results.read(), new, list(rows.NAMES))
    results.write(kept)
    if kept.curves():
        draw_plots()
    table.put_into_page(table.table(kept))


def _surroundings(folder: Path) -> Surroundings:
    rounds = int(os.environ.get("BENCH_ROUNDS") or MOST_ROUNDS)
    return Surroundings(folder, large=bool(os.environ.get("BENCH_LARGE")), most_rounds=rounds)


def _folder() -> Path:
    base = Path(os.environ.get("BENCH_FOLDER") or PROJECT / "build")
    base.mkdir(parents=True, exist_ok=True)
    return Path(tempfile.mkdtemp(prefix="bench-", dir=base))


def say(text: str) -> None:
    """Write a line at once."""
    print(text, flush=True)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
