"""Uploads folders to a Pacifica archive: `IngestClient`, and the command `pacifica-ingest-upload`."""

from pacifica_ingest_client.bundle.transaction import Transaction
from pacifica_ingest_client.client import IngestClient, Options, Source
from pacifica_ingest_client.errors import ClientError, ExitStatus
from pacifica_ingest_client.progress import Progress
from pacifica_ingest_client.saved_receipt import SavedReceipt
from pacifica_ingest_client.service.connection import Access
from pacifica_ingest_client.service.jobs import JobState

__all__ = [
    "Access",
    "ClientError",
    "ExitStatus",
    "IngestClient",
    "JobState",
    "Options",
    "Progress",
    "SavedReceipt",
    "Source",
    "Transaction",
]
