"""The comparison of the ledger with the real archive and the real catalog."""

from sqlalchemy import Engine

from ingest.services.archive_listing import posix_name
from tests.e2e_core.test_bundles import THREE, assert_complete
from tools.bundles import make_bundle
from tools.pacifica_core.core import Core
from tools.pacifica_core.services import ARCHIVE
from tools.stack import Stack
from tools.stack_contents import file_ids


def test_lost_or_damaged_file_in_the_real_archive_is_named_until_it_is_restored(
    stack: Stack, core: Core, ledger: Engine
):
    job = stack.post(make_bundle(THREE))
    assert_complete(stack, core, job, THREE)
    command = ("reconcile", "--job-id", str(job), "--rehash", "full")
    assert stack.command(*command).returncode == 0
    file_id = file_ids(ledger, job)[0] or 0
    path = core.services[ARCHIVE].archive / posix_name(file_id)
    content = path.read_bytes()
    path.unlink()
    lost = stack.command(*command)
    assert (lost.returncode, lost.stdout.split(",")[0]) == (3, f"lost: job {job}")
    path.write_bytes(content.swapcase())
    damaged = stack.command(*command)
    assert (damaged.returncode, damaged.stdout.split(",")[0]) == (3, f"corrupt: job {job}")
    path.write_bytes(content)
    assert stack.command(*command).returncode == 0
