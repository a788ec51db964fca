"""A job that metadata rejected: after a fix in metadata, one clear sends the removed files again."""

from ingest.local.layout import Layout
from tests.e2e_core.test_bundles import THREE, assert_complete
from tools.bundles import make_bundle
from tools.pacifica_core.contents import stored
from tools.pacifica_core.core import Core
from tools.pacifica_core.database import execute
from tools.pacifica_core.services import METADATA
from tools.stack import Stack


def test_one_clear_completes_a_rejected_job_after_metadata_was_fixed(stack: Stack, core: Core, postgres: Layout):
    before = stored(core)
    execute(postgres, METADATA, "ALTER TABLE files ADD CONSTRAINT no_binaries CHECK (name <> 'two.bin') NOT VALID")
    job = stack.post(make_bundle(THREE))
    rejected = stack.wait_for_end(job)
    execute(postgres, METADATA, "ALTER TABLE files DROP CONSTRAINT no_binaries")
    assert (rejected["state"], rejected["task"]) == ("FAILED", "ingest metadata")
    assert "IntegrityError" in rejected["exception"]
    assert "no_binaries" in rejected["exception"]
    assert stored(core) == before
    stack.clear(job, "ingest_metadata")
    stack.wait(job, lambda state: state["complete"] and state["state"] == "OK")
    assert_complete(stack, core, job, THREE)
    assert len(stored(core) - before) == len(THREE)
