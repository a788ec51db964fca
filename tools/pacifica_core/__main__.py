"""`python -m tools.pacifica_core`, what `make core` runs: the real Pacifica services on the documented ports.

They run until Ctrl-C and keep their data in `var/core`. The file `environment` there points `make run` at them.
"""

import os
import signal
import sys
from pathlib import Path

from ingest.local.reporting import LaunchFailure, complain, say, step
from tools.pacifica_core.core import Core
from tools.pacifica_core.database import postgres_in
from tools.pacifica_core.environment import PROJECT, core_binaries
from tools.pacifica_core.services import DOCUMENTED_PORTS


def main() -> int:
    """Run the core until it is interrupted; return the exit status."""
    for number in (signal.SIGINT, signal.SIGTERM):
        # SIGINT too: a job that a script starts in the background ignores it otherwise.
        signal.signal(number, signal.default_int_handler)
    folder = Path(os.environ.get("CORE_HOME") or PROJECT / "var" / "core")
    folder.mkdir(parents=True, exist_ok=True)
    try:
        with step("environment"):
            core_binaries()
        run(folder)
    except KeyboardInterrupt:
        say("Stopped.")
    except LaunchFailure as failure:
        complain(failure)
        return 1
    return 0


def run(folder: Path) -> None:
    """Start everything in a folder, and stay; raises KeyboardInterrupt, LaunchFailure."""
    with postgres_in(folder / "database") as postgres:
        core = Core(folder, postgres, DOCUMENTED_PORTS)
        try:
            with step("services"):
                core.start_all()
            settings = folder / "environment"
            settings.write_text("".join(f"export {name}={value}\n" for name, value in core.settings().items()))
            say(f"Ready. In another shell, to point the ingest at it:\n  . {settings}\n  make run")
            signal.pause()
        finally:
            core.stop_all()


if __name__ == "__main__":
    sys.exit(main())
