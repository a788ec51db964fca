"""Stock tus clients, unchanged, upload through a bad network to the real stack: the files are archived and cataloged."""

import os
from pathlib import Path

import pytest
import requests

from tests.cutting_proxy import Cut, LostAnswer, cutting_proxy
from tests.tus_clients.clients import CLIENTS, installed
from tools.bundles import make_bundle
from tools.pacifica_core.contents import archived, cataloged
from tools.pacifica_core.core import Core
from tools.stack import TIMEOUT_SECONDS, Stack
from tools.stack_contents import in_catalog_form

CONTENTS = {"data/run/noise.bin": os.urandom(20_000_000), "data/run/日本.txt": b"small\n", "data/empty": b""}
FAULTS = (Cut(after=9_000_000), LostAnswer(after=5_000_000))


@pytest.mark.parametrize("name", CLIENTS)
def test_bundle_of_a_tus_client_is_cataloged(name: str, stack: Stack, core: Core, tmp_path: Path):
    client, bundle = installed(name), tmp_path / "bundle.tar"
    make_bundle(CONTENTS, path=bundle)
    with cutting_proxy(stack.api, FAULTS) as proxy:
        url = client.upload(f"{proxy.url}/uploads", bundle).url
        job = int(requests.get(url, timeout=TIMEOUT_SECONDS).json()["job_id"])
        assert proxy.happened == list(FAULTS)
    state = stack.wait_for_end(job)
    assert (state["state"], state["task"], state["task_percent"]) == ("OK", "ingest metadata", "100.0"), state
    files = cataloged(core, job)
    assert files is not None
    assert archived(core, files) == in_catalog_form(CONTENTS)
