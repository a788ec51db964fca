"""`python -m bench [ROW ...]`, run by `make bench`: measure the rows, print each line immediately, save the results.

BENCH_LARGE=1 adds measurements that take half an hour. BENCH_ROUNDS=1 limits each row to one round, for a quick look.
BENCH_FOLDER names a folder on the file system to measure. A row that fails does not stop the others. Rows that are not
run keep their figures.
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
from bench.testbed import Testbed

DEFAULT_MAX_ROUNDS = 1000
MAX_FAILURE_LENGTH = 500


def main(names: list[str]) -> int:
    """Measure the named rows, or all rows; return the exit status."""
    # SIGTERM is handled as Ctrl-C is, so that no started process stays behind.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    unknown = set(names) - set(rows.NAMES)
    if unknown:
        report(f"bench: unknown row: {', '.join(sorted(unknown))}; the rows are {', '.join(rows.NAMES)}")
        return 2
    folder = _make_working_folder()
    data = machine(folder)
    measured: list[RowResult] = []
    try:
        with _testbed(folder) as testbed:
            for name in names or rows.NAMES:
                measured.append(_measure(testbed, rows.row(name)))
                _save(Results(data, measured))
    except KeyboardInterrupt:
        report("Stopped.")
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    return int(any(row.failure for row in measured))


def _measure(testbed: Testbed, row: rows.Row) -> RowResult:
    result, begun = RowResult(row.NAME, row.TITLE, row.LIMIT_LABEL, commit(), date()), time.monotonic()
    report(f"\n{row.TITLE}\n{table.HEADER}")
    try:
        for line in row.measure(testbed):
            result.lines.append(line)
            report(table.format_line(line))
    except Exception as error:
        result.failure = " ".join(f"{type(error).__name__}: {error}".split())[-MAX_FAILURE_LENGTH:]
        report(f"failed: {result.failure}")
    result.lacking = list(testbed.missing)
    result.seconds = round(time.monotonic() - begun, 1)
    report(f"({result.seconds:.0f} s)")
    return result


def _save(new: Results) -> None:
    merged = results.merge(results.read(), new, list(rows.NAMES))
    results.write(merged)
    if merged.curves():
        draw_plots()
    table.update_page(table.table(merged))


def _testbed(folder: Path) -> Testbed:
    max_rounds = int(os.environ.get("BENCH_ROUNDS") or DEFAULT_MAX_ROUNDS)
    return Testbed(folder, large=bool(os.environ.get("BENCH_LARGE")), max_rounds=max_rounds)


def _make_working_folder() -> Path:
    base = Path(os.environ.get("BENCH_FOLDER") or PROJECT / "build")
    base.mkdir(parents=True, exist_ok=True)
    return Path(tempfile.mkdtemp(prefix="bench-", dir=base))


def report(text: str) -> None:
    """Print a line and flush it."""
    print(text, flush=True)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
