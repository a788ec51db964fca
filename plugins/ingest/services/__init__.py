"""The four Pacifica services, each either a real one or built in, according to the settings.

Every process that needs them creates them once (`make_services`); real ones keep connections open until `close`.
"""

from dataclasses import dataclass
from urllib.parse import urlsplit

from sqlalchemy import Engine

from ingest.services.archive import SERVICE as ARCHIVE
from ingest.services.archive import Archive, PacificaArchive
from ingest.services.archive_folder import FolderArchive
from ingest.services.http_client import HttpClient
from ingest.services.metadata import Metadata, PacificaMetadata
from ingest.services.metadata_catalog import BuiltInMetadata
from ingest.services.policy import BuiltInPolicy, PacificaPolicy, Policy
from ingest.services.request_counts import Observer, ignore
from ingest.services.uniqueid import BuiltInUniqueID, PacificaUniqueID, UniqueID
from ingest.settings.loading import BUILT_IN, Settings


@dataclass(frozen=True)
class Services:
    """The services of one process; `clients` are the HTTP clients that they use."""

    uniqueid: UniqueID
    policy: Policy
    archive: Archive
    metadata: Metadata
    clients: tuple[HttpClient, ...] = ()

    def close(self) -> None:
        """Close the connections to the services."""
        self.archive.close()
        for client in self.clients:
            client.close()


def make_services(settings: Settings, engine: Engine, observe: Observer = ignore) -> Services:
    """Return the services that the settings name; connections and files are opened on first use.

    `observe` is called after each request to a real service.
    """
    uniqueid = _client("uniqueid", settings.uniqueid_url, settings, observe)
    policy = _client("policy", settings.policy_ingest_url, settings, observe)
    archive = _client(ARCHIVE, settings.archiveinterface_url, settings, observe)
    metadata = _client("metadata", settings.metadata_ingest_url.rstrip("/").removesuffix("/ingest"), settings, observe)
    url = settings.archiveinterface_url
    return Services(
        uniqueid=PacificaUniqueID(uniqueid) if uniqueid else BuiltInUniqueID(engine),
        policy=PacificaPolicy(policy, settings.auth_header) if policy else BuiltInPolicy(),
        archive=_pacifica_archive(archive, settings) if archive else FolderArchive(url, settings.transfer_size, engine),
        metadata=PacificaMetadata(metadata) if metadata else BuiltInMetadata(engine),
        clients=tuple(client for client in (uniqueid, policy, archive, metadata) if client),
    )


def _pacifica_archive(client: HttpClient, settings: Settings) -> PacificaArchive:
    return PacificaArchive(
        client,
        settings.transfer_size,
        settings.archive_connections,
        settings.archive_sent_ahead,
        settings.move_staging,
        checks_every_id=settings.check_every_file_id,
    )


def _client(service: str, url: str, settings: Settings, observe: Observer) -> HttpClient | None:
    if url == BUILT_IN or urlsplit(url).scheme == "file":
        return None
    return HttpClient(
        service, url, settings.service_connect_timeout, settings.service_read_timeout, settings.transfer_size, observe
    )
