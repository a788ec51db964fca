"""The stock clients, unchanged, when the API requires a token: they send it as a password."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Engine

from ingest.ledger import jobs
from tests.e2e.authenticated_api import authenticated_api, new_token
from tests.e2e_core.clients import Clients, clients_in
from tools.pacifica_core.core import Core
from tools.pacifica_core.people import INSTRUMENT, SUBMITTER
from tools.stack import Stack

# Policy resolves this name.
USER = f"user{SUBMITTER}"


@pytest.fixture
def seen(stack: Stack, tmp_path: Path) -> Iterator[Stack]:
    with authenticated_api(stack, tmp_path) as seen:
        yield seen


@pytest.fixture
def clients(seen: Stack, core: Core, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Clients]:
    with clients_in(tmp_path_factory.mktemp("clients"), {"run/one.txt": b"one\n"}, seen, core) as clients:
        yield clients


def test_clients_send_a_token_as_their_password_and_their_jobs_belong_to_its_user(
    clients: Clients, seen: Stack, ledger: Engine
):
    token = new_token(seen, USER)
    netrc = clients.folder / ".netrc"
    netrc.write_text(f"machine 127.0.0.1 login {USER} password {token}\n")
    netrc.chmod(0o600)
    library = clients.library("length", "run", USER, str(INSTRUMENT))
    clients.log_in(USER, token)
    command = clients.upload("run")
    clients.log_in(USER, token[:-1])
    refused = clients.upload("run")
    states = [client.ended.document for client in (library, command)]
    states[0] = states[0]["state"]
    for state in states:
        assert (state["state"], state["task"], state["task_percent"]) == ("OK", "ingest metadata", "100.0")
        assert jobs.read(ledger, state["job_id"]).received.user == USER
    assert refused.ended.status != 0
