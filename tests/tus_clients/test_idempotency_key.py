"""Stock clients that send an `Idempotency-Key` with every request: a creation that is sent again is the same upload."""

import uuid
from pathlib import Path
from typing import Any

import pytest

from tests.api.live_server import Server, execute
from tests.cutting_proxy import LostAnswer, cutting_proxy
from tests.tus_clients.clients import Client
from tests.tus_clients.conftest import SIZE
from tests.tus_clients.received import makes_one_job


@pytest.fixture
def headers() -> dict[str, str]:
    return {"Idempotency-Key": f'"{uuid.uuid4()}"'}


def uploads(server: Server) -> Any:
    """Return how many uploads there are, complete or not."""
    return execute(server.database_url, "SELECT count(*) FROM resumable_upload")[0][0]


@pytest.mark.parametrize("with_data", [False, True], ids=["creation", "creation with the whole bundle"])
def test_creation_that_is_not_answered_makes_one_upload(
    tus_js_client: Client, server: Server, bundle: Path, headers: dict[str, str], with_data: bool
):
    before = uploads(server)
    with makes_one_job(server, bundle), cutting_proxy(server.url, [LostAnswer(SIZE if with_data else 0)]) as proxy:
        tus_js_client.upload(f"{proxy.url}/uploads", bundle, headers=headers, data_with_creation=with_data)
        assert len(proxy.happened) == 1
    assert uploads(server) == before + 1


def test_client_that_has_lost_the_url_finds_its_complete_upload(
    client: Client, server: Server, bundle: Path, headers: dict[str, str]
):
    with makes_one_job(server, bundle):
        first = client.upload(f"{server.url}/uploads", bundle, headers=headers)
        again = client.upload(f"{server.url}/uploads", bundle, headers=headers)
    assert (again.url, again.link) == (first.url, first.link)
