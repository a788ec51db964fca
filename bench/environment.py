"""The benchmark's own environment in `build/bench`: a Redis server and what draws the plots.

Called by `contestants.redis` and by `__main__`, for the plots.
"""

from pathlib import Path

from tests.pacifica_core.environment import binaries_of

REQUIREMENTS = Path(__file__).with_name("requirements.txt")


def bench_binaries() -> Path:
    """Give the folder with its programs; it is made first where it is not there yet."""
    return binaries_of("bench", REQUIREMENTS)
