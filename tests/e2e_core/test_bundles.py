"""Bundles, posted to the real stack in front of the real Pacifica services."""

from tests.bundles import make_bundle
from tests.e2e.stack import Stack
from tests.pacifica_core.contents import archived, catalogued
from tests.pacifica_core.core import Core

DOCUMENTED = {"data/a/b/one.txt": b"one\n", "data/a/b/two.bin": bytes(range(256)) * 300, "data/a/c/日本.txt": b""}


def test_good_bundle_is_archived_and_catalogued(stack: Stack, core: Core):
    job = stack.post(make_bundle(DOCUMENTED))
    state = stack.wait_for_end(job)
    assert (state["state"], state["task"], state["task_percent"]) == ("OK", "ingest metadata", "100.0"), state
    files = catalogued(core, job)
    assert files is not None
    assert archived(core, files) == {path.removeprefix("data/"): content for path, content in DOCUMENTED.items()}
