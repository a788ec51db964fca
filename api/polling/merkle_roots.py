"""The Merkle roots of large jobs, computed once in each process. Used by `api.routes.receipts`.

The files of a cataloged job never change. The root of a million files takes seconds of the processor, so one is computed at
a time.
"""

from collections import OrderedDict
from threading import Lock

from sqlalchemy import Engine

from ingest.ledger.cataloged_jobs import file_lines
from ingest.receipts.content import merkle_root

MAX_REMEMBERED = 10_000


class MerkleRoots:
    """Computes and remembers the root of each job."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._roots: OrderedDict[int, str] = OrderedDict()
        self._computing = Lock()

    def root(self, job_id: int) -> str:
        """Return the root of the files of a cataloged job; raises DatabaseUnavailable."""
        found = self._roots.get(job_id)
        if found is not None:
            return found
        with self._computing:
            if job_id not in self._roots:
                self._roots[job_id] = merkle_root(file_lines(self._engine, job_id))
            found = self._roots[job_id]
            if len(self._roots) > MAX_REMEMBERED:
                self._roots.popitem(last=False)
            return found
