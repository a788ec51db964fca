"""Notice that a newer request wants to continue an upload. Used by `api.receiving.resumable.upload`."""

import logging
import time

from sqlalchemy import Engine

from api.receiving.resumable.errors import UploadSuperseded
from ingest.errors.types import DatabaseUnavailable
from ingest.ledger import upload_progress
from ingest.ledger.upload_progress import UploadSnapshot

logger = logging.getLogger(__name__)

# The newer request waits this long at most, and this one queries the database as often.
CHECK_SECONDS = 1.0


class StopCheck:
    """Queries the database once a second whether the request must stop."""

    def __init__(self, engine: Engine, upload: UploadSnapshot) -> None:
        self._engine = engine
        self._upload = upload
        self._next = time.monotonic() + CHECK_SECONDS

    def __call__(self) -> None:
        """Raise UploadSuperseded when a newer request waits; UploadAbandoned when the upload is gone."""
        if time.monotonic() < self._next:
            return
        try:
            requests = upload_progress.stop_requests(self._engine, self._upload.token)
        except DatabaseUnavailable as error:
            # The bytes still arrive; the end of the request decides.
            logger.warning("job %d: %s", self._upload.job_id, error.text)
            requests = self._upload.stop_requests
        self._next = time.monotonic() + CHECK_SECONDS
        if requests != self._upload.stop_requests:
            raise UploadSuperseded("a newer request continues this upload")
