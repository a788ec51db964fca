"""What the system is told that Python has no call for."""

import subprocess
import sys
from pathlib import Path

import pytest

PLUGINS = Path(__file__).parents[1] / "plugins"
# A process that reads 300 blocks in pieces, as the API receives them; prints how many pages it was given anew.
BLOCKS = """
import io
import resource
from ingest.linux_calls import keep_freed_memory

{before}
given = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(300):
    read = io.BytesIO()
    read.write(bytes(600_000))
    read.write(bytes(500_000))
    block = read.getvalue()[:2**20]
    del read, block
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - given)
"""


def pages_of(before: str) -> int:
    command = [sys.executable, "-c", BLOCKS.format(before=before)]
    done = subprocess.run(
        command, env={"PYTHONPATH": str(PLUGINS)}, check=True, capture_output=True, text=True, timeout=60
    )
    return int(done.stdout)


@pytest.mark.skipif(sys.platform != "linux", reason="glibc has the call")
def test_freed_blocks_are_used_again():
    assert pages_of("keep_freed_memory(2**25, 2**28)") * 10 < pages_of("")
