"""The choice of services by the settings."""

from pathlib import Path

import pytest
from sqlalchemy import Engine, create_engine

from ingest.services import make_services
from ingest.services.archive import PacificaArchive
from ingest.services.archive_folder import FolderArchive
from ingest.services.metadata import PacificaMetadata
from ingest.services.metadata_catalog import BuiltInMetadata
from ingest.services.policy import BuiltInPolicy, PacificaPolicy
from ingest.services.uniqueid import BuiltInUniqueID, PacificaUniqueID
from ingest.settings.loading import Settings
from tests.services.scripted_server import ScriptedServer, reply


@pytest.fixture
def unavailable_engine() -> Engine:
    return create_engine("postgresql+psycopg2://nobody@127.0.0.1:1/nothing")


def test_built_in_services_are_the_default_and_touch_nothing(unavailable_engine: Engine, tmp_path: Path) -> None:
    services = make_services(Settings(archiveinterface_url=f"file://{tmp_path}/a"), unavailable_engine)
    assert isinstance(services.uniqueid, BuiltInUniqueID)
    assert isinstance(services.policy, BuiltInPolicy)
    assert isinstance(services.archive, FolderArchive)
    assert isinstance(services.metadata, BuiltInMetadata)
    services.close()
    assert list(tmp_path.iterdir()) == []


def test_urls_choose_the_pacifica_services(server: ScriptedServer, unavailable_engine: Engine) -> None:
    settings = Settings(
        uniqueid_url=server.url,
        policy_ingest_url=f"{server.url}/policy/ingest",
        archiveinterface_url=f"{server.url}/",
        metadata_ingest_url=f"{server.url}/metadata/ingest",
    )
    services = make_services(settings, unavailable_engine)
    assert isinstance(services.uniqueid, PacificaUniqueID)
    assert isinstance(services.policy, PacificaPolicy)
    assert isinstance(services.archive, PacificaArchive)
    assert isinstance(services.metadata, PacificaMetadata)
    assert server.received == []
    services.close()


def test_requests_go_to_the_urls_of_the_settings(server: ScriptedServer, unavailable_engine: Engine) -> None:
    settings = Settings(
        archiveinterface_url=f"{server.url}/",
        metadata_ingest_url=f"{server.url}/metadata/ingest",
    )
    services = make_services(settings, unavailable_engine)
    server.then(reply(204, X_Content_Length="3"), reply(200, {"_id": 7}), reply(200, {}))
    services.archive.size(5)
    services.metadata.find(7)
    services.close()
    assert [received.path for received in server.received] == [
        "/5",
        "/metadata/transactioninfo/by_id/7",
        "/metadata/transactioninfo/files/7",
    ]
