"""Whether what the archive holds of a file that the ledger knows is left over, and whose it is.

Called by the comparison of a job, and again right before a file is deleted. Everything here raises ServiceUnavailable and,
where the catalogue is asked, DatabaseUnavailable.
"""

from ingest.archiving.fixity import find_damage
from ingest.ledger.files import LedgerFile
from ingest.ledger.models import FileState
from ingest.services import Services
from ingest.services.archive import Archive
from ingest.states.job_record import Outcome


def is_dark(services: Services, outcome: Outcome | None, file: LedgerFile) -> bool:
    """Whether the archive holds a file of a job at rest that is not the job's, nor another transaction's.

    What a job that can be retried has sent is its own.
    """
    if file.state is not FileState.PENDING and outcome is not Outcome.REJECTED:
        return False
    return services.archive.holds(file.file_id) and not services.metadata.holds_files([file.file_id])


def is_ours(archive: Archive, file: LedgerFile) -> bool:
    """Whether a dark file was surely sent by us: the ledger says so, or it is what the job declares.

    An id that UniqueID handed out twice may be somebody else's. An empty file tells nothing.
    """
    if file.state is not FileState.PENDING:
        return True
    return archive.size(file.file_id) == file.size > 0 and find_damage(archive, file) is None
