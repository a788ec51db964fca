"""`make fuzz`: run the fuzz targets simultaneously for some seconds, and print their reports.

The exit status is 1 when something was found; the input that shows it is kept and named. The corpus is kept in
`build/fuzz`, so that the next run continues from it. Nothing is downloaded.
"""

import argparse
import os
import shutil
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

from tools.fuzz.ledger import URL_VARIABLE, fuzz_ledger
from tools.fuzz.report import Report, findings, report

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
ENVIRONMENT = {**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT / "plugins"), str(ROOT)])}
TARGETS = ("tar", "metadata", "headers", "preflight")
DICTIONARIES = {"preflight": "metadata"}
# libFuzzer adds to the first; earlier findings are tried again, fixed or not.
INPUTS = ("corpus", "seeds", "earlier")
# Limits of one input; memory includes the instrumented code and the corpus.
LONGEST_SECONDS = 20
LARGEST_MEGABYTES = 1024
LARGEST_INPUT = 16 * 1024
# libFuzzer ends by itself; the process is killed this long after its time.
GRACE_SECONDS = 120


def main() -> int:
    """Run the targets and print their reports."""
    arguments, options = _arguments()
    if find_spec("atheris") is None:
        print("atheris is not installed; it has wheels for Linux on x86-64 up to Python 3.13")  # noqa: T201
        return 1
    _prepare(arguments.folder.resolve())
    with fuzz_ledger() as url:
        environment = {**ENVIRONMENT, URL_VARIABLE: url}
        running = {name: _start(name, arguments, options, environment) for name in TARGETS}
        reports = [_end(name, process, arguments) for name, process in running.items()]
    for each in reports:
        print("\n".join(each.lines()))  # noqa: T201
    return int(any(each.failed for each in reports))


def _arguments() -> tuple[argparse.Namespace, list[str]]:
    """Return our own options, and those that are passed on to libFuzzer."""
    parser = argparse.ArgumentParser(prog="make fuzz", description=__doc__)
    parser.add_argument("--seconds", type=int, default=60, help="how long each target runs")
    parser.add_argument("--folder", type=Path, default=Path("build/fuzz"), help="where corpus and findings are kept")
    parser.add_argument("--planted", action="store_true", help="report accepted inputs as findings, to test the report")
    return parser.parse_known_args()


def _start(
    name: str, arguments: argparse.Namespace, more: list[str], environment: dict[str, str]
) -> subprocess.Popen[bytes]:
    folder = arguments.folder.resolve() / name
    planted = ["--planted"] if arguments.planted else []
    options = [
        *planted,
        f"-max_total_time={arguments.seconds}",
        f"-timeout={LONGEST_SECONDS}",
        f"-rss_limit_mb={LARGEST_MEGABYTES}",
        f"-max_len={LARGEST_INPUT}",
        f"-dict={HERE / DICTIONARIES.get(name, name)}.dict",
        f"-artifact_prefix={folder}/",
        "-print_final_stats=1",
        *more,
        *(str(folder / inputs) for inputs in INPUTS),
    ]
    command = [sys.executable, "-m", "tools.fuzz.target", name, str(folder), *options]
    with (folder / "log").open("wb") as log:
        return subprocess.Popen(command, cwd=ROOT, stdout=log, stderr=log, env=environment)


def _prepare(folder: Path) -> None:
    for name in TARGETS:
        shutil.rmtree(folder / name / "seeds", ignore_errors=True)
    subprocess.run([sys.executable, "-m", "tools.fuzz.seed_folders", folder], cwd=ROOT, env=ENVIRONMENT, check=True)
    for name in TARGETS:
        _set_aside(folder / name)


def _set_aside(folder: Path) -> None:
    """Make way for new findings: findings of an earlier run are tried again, other files are removed."""
    for inputs in INPUTS:
        (folder / inputs).mkdir(exist_ok=True)
    for finding in findings(folder):
        finding.rename(folder / "earlier" / finding.name)
    for left in (folder / "slowest", folder / "slowest-seconds"):
        left.unlink(missing_ok=True)


def _end(name: str, process: subprocess.Popen[bytes], arguments: argparse.Namespace) -> Report:
    try:
        process.wait(arguments.seconds + GRACE_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
    return report(name, arguments.folder.resolve() / name, process.wait())


if __name__ == "__main__":
    sys.exit(main())
