"""`python -m tools.soak --minutes N`, what `make soak` runs: exit status 1 with a violation.

The report is printed and written to `build/soak`. The stack's folder is kept only with violations.
"""

import argparse
import secrets
import shutil
import sys
import tempfile
from pathlib import Path

from ingest.local.layout import PROJECT
from ingest.local.reporting import say
from tools.soak.soak import Soak
from tools.soak.soak_stack import BUILT_IN, CORE

REPORTS = PROJECT / "build" / "soak"


def main() -> int:
    """Run a soak; return the exit status."""
    options = _options()
    folder = Path(tempfile.mkdtemp(prefix="soak-"))
    say(f"A soak of {options.minutes:g} minutes, seed {options.seed}, in {folder}")
    report = Soak(folder, options.seed, options.services).run(options.minutes * 60)
    say(f"{report.text()}\nWritten to {report.write(REPORTS)}")
    if report.violations:
        say(f"The folder of the stack was kept: {folder}")
    else:
        shutil.rmtree(folder)
    return report.exit_status


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tools.soak", description="Kill at random times under load.")
    parser.add_argument("--minutes", type=float, default=5, help="how long to load and kill (default: 5)")
    parser.add_argument("--seed", type=int, default=secrets.randbelow(1_000_000), help="of uploads and faults")
    parser.add_argument(
        "--services", choices=(BUILT_IN, CORE), default=BUILT_IN, help="the services that the stack uses"
    )
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
