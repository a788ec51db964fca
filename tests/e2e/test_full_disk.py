"""A full archive disk: the job waits with the reason, and continues when there is free space."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy import Engine

from ingest.services.archive_marker import MARKER
from tests.faults.points import Points
from tests.small_disk import empty, fill, small_disk
from tools.bundles import make_bundle
from tools.stack import Stack
from tools.stack_contents import archived, cataloged, in_catalog_form, next_job_id

FAILED = "ingest_files.failed"
FEW = {"data/full/one.txt": b"one", "data/full/two.txt": b"two"}


def test_job_waits_for_free_space_in_the_archive_and_then_completes(
    stack: Stack, ledger: Engine, points: Points, tmp_path: Path
):
    with small_disk(tmp_path / "disk", 4 * 1024**2) as disk, archive_on(stack.home / "archive", disk):
        fill(disk)
        job = next_job_id(ledger)
        points.arm(FAILED, job, "hold")
        assert stack.post(make_bundle(FEW)) == job
        points.wait_until_reached(FAILED, job)
        empty(disk)
        points.release(FAILED, job)
        waiting = stack.wait(job, lambda state: bool(state["exception"]) or state["complete"])
        assert (waiting["state"], waiting["task"], waiting["complete"]) == ("OK", "ingest files", False)
        assert waiting["exception"].startswith("service_unavailable: ")
        assert "No space left on device" in waiting["exception"]
        ended = stack.wait_for_end(job)
    assert (ended["state"], ended["task"], ended["exception"]) == ("OK", "ingest metadata", "")
    entries = cataloged(ledger, job)
    assert entries is not None
    assert archived(stack.home, entries) == in_catalog_form(FEW)


@contextmanager
def archive_on(folder: Path, disk: Path) -> Iterator[None]:
    """Replace the archive with another disk; copy the files archived there into the archive at the end."""
    aside = folder.with_name("archive aside")
    folder.rename(aside)
    for marker in aside.glob(MARKER):
        shutil.copy(marker, disk)
    folder.symlink_to(disk)
    try:
        yield
    finally:
        folder.unlink()
        aside.rename(folder)
        shutil.copytree(disk, folder, dirs_exist_ok=True)
        # copytree copied the permissions of the disk, which is writable for everyone.
        folder.chmod(0o700)
