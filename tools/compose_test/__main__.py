"""`python -m tools.compose_test`, what `make compose-test` runs: exit status 1 with a fault.

Prints why it is skipped where it cannot run. Everything is in a temporary folder and in namespaces of its own: see
docs/decisions/0039-containers-in-namespaces.md.
"""

import argparse
import shutil
import signal
import sys
import tempfile
from pathlib import Path

from ingest.local.reporting import say
from tools.compose_test import prerequisites, sandbox
from tools.compose_test.run import run

INSIDE = "--inside"


def main() -> int:
    """Run the scenarios in a sandbox; return the exit status."""
    options = _options()
    if options.inside is not None:
        return run(options.inside, options.only)
    if reason := prerequisites.install():
        say(f"compose-test is skipped: {reason}")
        return 0
    # So that the folder is also removed after SIGTERM.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    folder = Path(tempfile.mkdtemp(prefix="compose-test-"))
    try:
        return sandbox.run([sys.executable, "-m", "tools.compose_test", INSIDE, str(folder), *options.only], folder)
    finally:
        shutil.rmtree(folder)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tools.compose_test", description=__doc__)
    parser.add_argument("only", nargs="*", help="the scenarios to run after the start (default: all)")
    parser.add_argument(INSIDE, type=Path, metavar="FOLDER", help=argparse.SUPPRESS)
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
