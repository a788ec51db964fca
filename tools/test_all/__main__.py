"""Run the whole suite and run what failed once more: `python -m tools.test_all [--coverage] [pytest arguments]`.

Tests that failed run a second time together, in a new process without pytest-xdist. A test that passes then is printed
as flaky with its first failure and counts as passed. A test that fails again, a collection error and a crashed worker
fail the run. Measuring the coverage doubles the processor time of tests that run in the process of pytest. Started by
`make test-all`, which measures and prints it, and by `.ci/run`, which does not.
"""

import subprocess
import sys
from pathlib import Path

import pytest

from tools.test_all.coverage_summary import coverage_summary
from tools.test_all.outcomes import OPTION, Outcomes

FOLDER = Path("build/test-all")
PARALLEL = ("-n", "4", "--no-loadscope-reorder", "--durations=30")
ALONE = ("-n", "0")
COVERAGE_OPTION = "--coverage"
COVERAGE = ("--cov", "--cov-append", "--cov-report=")
RULE = "=" * 30


def main(arguments: list[str]) -> int:
    """Run the tests; return the exit status."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    Path(".coverage").unlink(missing_ok=True)
    coverage = COVERAGE if COVERAGE_OPTION in arguments else ()
    options = [*coverage, *(argument for argument in arguments if argument != COVERAGE_OPTION)]
    status, first = _run("first", *PARALLEL, *options)
    summary = "\n".join(first.broken) or "no test failed"
    if status == pytest.ExitCode.TESTS_FAILED and first.failed and not first.broken:
        status, summary = _run_again(first, coverage)
    if coverage:
        _print_section("coverage", coverage_summary(FOLDER))
    _print_section("summary", f"{summary}\nexit status {int(status)}")
    return int(status)


def _run_again(first: Outcomes, coverage: tuple[str, ...]) -> tuple[int, str]:
    """Run the tests that failed; return the exit status and a summary."""
    _print_section("run again, alone", "\n".join(first.failed))
    names = FOLDER / "failed"
    names.write_text("\n".join(first.failed), encoding="utf-8")
    _, second = _run("second", *ALONE, *coverage, f"@{names}")
    flaky = [test for test in first.failed if test in second.passed]
    for test in flaky:
        _print_section(f"flaky: {test}", first.failed[test])
    again = [test for test in first.failed if test not in second.passed]
    lines = [f"flaky (failed, then passed alone): {len(flaky)}", *flaky, f"failed twice: {len(again)}", *again]
    failed = again or second.broken
    return pytest.ExitCode.TESTS_FAILED if failed else pytest.ExitCode.OK, "\n".join([*lines, *second.broken])


def _run(name: str, *arguments: str) -> tuple[int, Outcomes]:
    """Run pytest in a new process; return its exit status and the outcomes, which are empty if it was killed."""
    path = FOLDER / f"{name}.json"
    path.unlink(missing_ok=True)
    options = ["-p", "tools.test_all.outcomes", f"{OPTION}={path}"]
    done = subprocess.run([sys.executable, "-m", "pytest", *options, *arguments], check=False)
    return done.returncode, Outcomes.read(path) if path.exists() else Outcomes()


def _print_section(title: str, text: str) -> None:
    print(f"\n{RULE} {title} {RULE}\n{text}", flush=True)  # noqa: T201


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
