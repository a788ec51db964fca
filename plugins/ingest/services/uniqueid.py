"""The source of job ids and file ids: Pacifica's UniqueID, or sequences in the database of jobs.

Called by the API when a job is received (`upload_job`) and by `ingest.archiving.file_ids` (`file`).
"""

from typing import Any, Literal, Protocol

from sqlalchemy import Engine, Sequence, bindparam, func, select
from sqlalchemy.orm import InstrumentedAttribute

from ingest.ledger import locks
from ingest.ledger.compiled_statements import CompiledStatement
from ingest.ledger.database import transaction
from ingest.ledger.locks import SharedLock
from ingest.ledger.models import FILE_IDS, JOB_IDS, File, Job, OriginalJob
from ingest.services.http_client import HttpClient

IdMode = Literal["upload_job", "file"]

LOCKS: dict[IdMode, SharedLock] = {"upload_job": SharedLock.JOB_IDS, "file": SharedLock.FILE_IDS}


class IdSequence:
    """The compiled statements of a sequence: its next value, setting it, and the largest ids that columns hold."""

    def __init__(self, sequence: Sequence, *columns: InstrumentedAttribute[Any]) -> None:
        self.next = CompiledStatement(select(sequence.next_value()))
        self.set = CompiledStatement(select(func.setval(sequence.name, bindparam("value"))))
        self.largest = tuple(CompiledStatement(select(func.max(column))) for column in columns)


SEQUENCES: dict[IdMode, IdSequence] = {
    "upload_job": IdSequence(JOB_IDS, Job.id, OriginalJob.id),
    "file": IdSequence(FILE_IDS, File.file_id),
}


class UniqueID(Protocol):
    """Allocates unique ids."""

    def allocate(self, mode: IdMode, count: int) -> range:
        """Return `count` new, consecutive ids; sends no request if `count` is 0.

        Raises ServiceUnavailable or, if built in, DatabaseUnavailable.
        """
        ...


class PacificaUniqueID:
    """The client of Pacifica's UniqueID."""

    def __init__(self, client: HttpClient) -> None:
        self._client = client

    def allocate(self, mode: IdMode, count: int) -> range:
        """See `UniqueID.allocate`."""
        if count == 0:
            return range(0)
        path = f"/getid?range={count}&mode={mode}"
        with self._client.request("GET", path) as answer:
            document = answer.json_object()
        start, end = document.get("startIndex"), document.get("endIndex")
        # The service reports its own errors as 200 with a start of -1.
        if type(start) is not int or type(end) is not int or start < 0 or end - start + 1 != count:
            raise self._client.unavailable(path, f"it returned the ids {start!r} to {end!r} for a request of {count}")
        return range(start, end + 1)


class BuiltInUniqueID:
    """Allocates ids from sequences in the database of jobs, above every id that its tables hold.

    Jobs of the original service, and jobs with ids from UniqueID, keep their ids.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def allocate(self, mode: IdMode, count: int) -> range:
        """See `UniqueID.allocate`."""
        if count == 0:
            return range(0)
        sequence = SEQUENCES[mode]
        with transaction(self._engine) as session:
            # A sequence returns single ids; the lock keeps other processes from changing it between the read and the write.
            locks.acquire(session, LOCKS[mode])
            taken = max(largest.execute(session).scalar() or 0 for largest in sequence.largest)
            start = max(sequence.next.execute(session).scalar_one(), taken + 1)
            sequence.set.execute(session, value=start + count - 1)
        return range(start, start + count)
