"""An unreachable service is a transient error that names its URL, and never a rejection."""

import io
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO, cast

import pytest
from sqlalchemy import Engine

from ingest.errors.types import DatabaseUnavailable, ServiceUnavailable
from ingest.ledger.database import make_engine
from ingest.services import Services, make_services
from ingest.services.archive import OpenFile
from ingest.services.outgoing_file import OutgoingFile
from ingest.settings.loading import load_settings
from tests.contracts.conftest import BUILT_IN, PACIFICA, Connect
from tools.pacifica_core.core import Core
from tools.pacifica_core.services import ARCHIVE, METADATA, POLICY, SERVICES, UNIQUEID, settings_of
from tools.stack import free_port


def move(services: Services) -> None:
    with tempfile.NamedTemporaryFile(buffering=0) as source:
        services.archive.move(1, OpenFile(Path(source.name), cast(BinaryIO, source)))


# By the service's name in texts, and the method.
CALLS: dict[str, Callable[[Services], object]] = {
    "uniqueid allocate": lambda services: services.uniqueid.allocate("file", 1),
    "policy check": lambda services: services.policy.check(io.BytesIO(b"[]"), 2, "ada"),
    "archive put": lambda services: services.archive.put(1, io.BytesIO(b"x"), 1),
    "archive put_all": lambda services: list(
        services.archive.put_all([OutgoingFile(1, io.BytesIO(b"x"), 1)], lambda: None)
    ),
    "archive size": lambda services: services.archive.size(1),
    "archive holds": lambda services: services.archive.holds(1),
    "archive get": lambda services: list(services.archive.get(1)),
    "archive delete": lambda services: services.archive.delete(1),
    "archive move": move,
    "metadata find": lambda services: services.metadata.find(1),
    "metadata ingest": lambda services: services.metadata.ingest(1, io.BytesIO(b"[]"), 2),
}
PROCESSES = {"uniqueid": UNIQUEID, "policy": POLICY, "archive": ARCHIVE, "metadata": METADATA}


def name_in(call: str) -> str:
    return call.partition(" ")[0]


def assert_unavailable(services: Services, call: str, url: str) -> None:
    with pytest.raises(ServiceUnavailable) as caught:
        CALLS[call](services)
    assert str(caught.value).startswith(f"{name_in(call)} at {url}")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("call", CALLS)
def test_error_names_a_url_with_a_closed_port(database_engine: Engine, tmp_path: Path, call: str):
    url = f"http://127.0.0.1:{free_port()}"
    environment = {**settings_of(dict.fromkeys(SERVICES, url)), "INGEST_MOVE_STAGING": str(tmp_path)}
    services = make_services(load_settings(environment), database_engine)
    assert_unavailable(services, call, url)


@pytest.mark.parametrize("call", CALLS)
def test_error_names_a_url_with_a_wrong_path(database_engine: Engine, core: Core, tmp_path: Path, call: str):
    urls = {each: f"{core.url(each)}/wrong" for each in SERVICES}
    services = make_services(
        load_settings({**settings_of(urls), "INGEST_MOVE_STAGING": str(tmp_path)}), database_engine
    )
    assert_unavailable(services, call, urls[PROCESSES[name_in(call)]])


@pytest.mark.parametrize("form", [PACIFICA])
@pytest.mark.parametrize("call", ["uniqueid allocate", "archive size", "metadata find"])
def test_service_that_was_unavailable_is_used_again_by_the_same_client(connect: Connect, core: Core, call: str):
    services, service = connect(), PROCESSES[name_in(call)]
    CALLS[call](services)
    with core.without(service):
        assert_unavailable(services, call, core.url(service))
    CALLS[call](services)


@pytest.mark.parametrize("form", [PACIFICA])
def test_policy_that_cannot_reach_metadata_rejects_nothing(connect: Connect, core: Core):
    document = b'[{"destinationTable": "Transactions.submitter", "value": 10}]'
    policy = connect().policy
    with core.without(METADATA), pytest.raises(ServiceUnavailable, match=f"policy at {core.url(POLICY)}"):
        policy.check(io.BytesIO(document), len(document), "ada")


@pytest.mark.parametrize("call", ["uniqueid allocate", "metadata find", "metadata ingest"])
def test_built_in_service_reports_an_unavailable_database(call: str):
    settings = load_settings({"INGEST_DATABASE_URL": f"postgresql://ingest@127.0.0.1:{free_port()}/ingest"})
    with pytest.raises(DatabaseUnavailable):
        CALLS[call](make_services(settings, make_engine(settings)))


@pytest.mark.parametrize("form", [BUILT_IN])
@pytest.mark.parametrize("call", [call for call in CALLS if name_in(call) == "archive"])
def test_built_in_archive_that_is_no_folder_is_named(
    connect: Connect, environment: dict[str, str], tmp_path: Path, call: str
):
    shutil.rmtree(tmp_path / "an archive")
    (tmp_path / "an archive").write_text("not a folder")
    assert_unavailable(connect(), call, environment["ARCHIVEINTERFACE_URL"])
