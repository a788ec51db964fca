"""Asking the catalogue whether it holds a job.

Called by `ingest_metadata` before and after it sends the transaction, and by whatever is about to remove the job's files.
"""

from ingest.context import StageContext
from ingest.errors import CatalogueConflict
from ingest.files import archived_as
from ingest.services.metadata import FileHash


def is_catalogued(context: StageContext) -> bool:
    """Ask for the job's transaction, and compare ids and hashes.

    Raises CatalogueConflict when the catalogue holds another one under the job's id, ServiceUnavailable.
    """
    job_id = context.ledger.job_id
    found = context.services.metadata.find(job_id)
    if found is None:
        return False
    for file in archived_as(context.ledger):
        if found.pop(file.file_id, None) != FileHash(file.hash_type, file.hash_sum):
            raise CatalogueConflict(f"transaction {job_id} of the catalogue lacks file {file.file_id}")
    if found:
        raise CatalogueConflict(f"transaction {job_id} of the catalogue has files that are not the job's")
    return True
