"""Decides whether a file of the ledger is dark in the archive, and whether this service sent it.

Called by the comparison of a job, and again immediately before a file is deleted. Both functions raise ServiceUnavailable;
`is_dark`, which queries the catalog, also raises DatabaseUnavailable.
"""

from ingest.archiving.fixity import find_damage
from ingest.ledger.files import LedgerFile
from ingest.ledger.models import FileState
from ingest.services import Services
from ingest.services.archive import Archive
from ingest.states.job_record import Outcome


def is_dark(services: Services, outcome: Outcome | None, file: LedgerFile) -> bool:
    """Return whether the archive holds a file of an idle job that belongs neither to the job nor to another transaction.

    A file that a job has sent belongs to it as long as the job can be retried.
    """
    if file.state is not FileState.PENDING and outcome is not Outcome.REJECTED:
        return False
    return services.archive.holds(file.file_id) and not services.metadata.holds_files([file.file_id])


def is_ours(archive: Archive, file: LedgerFile) -> bool:
    """Return whether this service certainly sent a dark file: the ledger records that, or the bytes are those of the job.

    UniqueID may have handed out the id twice, so that the file belongs to another system. The bytes of an empty file prove
    nothing.
    """
    if file.state is not FileState.PENDING:
        return True
    return archive.size(file.file_id) == file.size > 0 and find_damage(archive, file) is None
