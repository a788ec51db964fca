"""The benchmark's own environment in `build/bench`: a Redis server and matplotlib for the plots.

Called by `systems.redis` and by `__main__`.
"""

import os
import subprocess
from pathlib import Path

from bench.results import FILE
from bench.table import PAGE
from ingest.local.layout import PROJECT
from tools.pacifica_core.environment import binaries_of

DRAW_SECONDS = 120
REQUIREMENTS = Path(__file__).with_name("requirements.txt")


def bench_binaries() -> Path:
    """Return the folder of the environment's programs; create the environment first if it does not exist."""
    return binaries_of("bench", REQUIREMENTS)


def draw_plots() -> None:
    """Draw the curves of the results beside the page; raises subprocess.SubprocessError."""
    command = [str(bench_binaries() / "python"), "-m", "bench.plot", str(FILE), str(PAGE.parent)]
    environment = {**os.environ, "PYTHONPATH": str(PROJECT)}
    subprocess.run(command, cwd=PROJECT, env=environment, timeout=DRAW_SECONDS, check=True)
