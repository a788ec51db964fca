"""The system calls that Python does not have."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from ingest.system.linux import drop_cached_pages

PLUGINS = Path(__file__).parents[2] / "plugins"
# A process that reads 300 blocks in parts, as the API receives them; prints the number of newly allocated pages.
BLOCKS = """
import io
import resource
from ingest.system.linux import keep_freed_memory

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


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux reports the page cache")
def test_dropped_page_is_read_from_the_disk(tmp_path: Path):
    (tmp_path / "file").write_bytes(bytes(2**20))
    with (tmp_path / "file").open("r+b", buffering=0) as file:
        if on_a_disk(tmp_path):
            os.fsync(file.fileno())
            assert is_in_memory(file.fileno())
            drop_cached_pages(file.fileno())
            assert not is_in_memory(file.fileno())
        assert file.read() == bytes(2**20)


def on_a_disk(folder: Path) -> bool:
    kind = subprocess.run(["stat", "-f", "-c", "%T", str(folder)], check=True, capture_output=True, text=True)
    return kind.stdout.strip() != "tmpfs"


def is_in_memory(descriptor: int) -> bool:
    """Return whether the first page of the file is in the page cache."""
    try:
        return os.preadv(descriptor, [bytearray(1)], 0, os.RWF_NOWAIT) == 1
    except BlockingIOError:
        return False
