"""An upload that one request works on: found for its user, locked, continued, ended as a job, or removed.

Called by `api.routes.uploads`. The order of writes of a request that continues an upload, and what a process that dies
after one of them leaves:

    bytes to the partial file, sync   bytes behind the offset, which the next request overwrites
    -> commit of the offset           a client that got no answer asks for the offset, and continues there
    -> the job (after the last)       `api.receiving.resumable.completion`
"""

import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import timedelta
from io import FileIO
from pathlib import Path

from api.receiving.body import Body
from api.receiving.resumable.checksum import CheckedBody
from api.receiving.resumable.errors import (
    UploadHasJob,
    UploadLengthInconsistent,
    UploadLocked,
    UploadOffsetMismatch,
    UploadUnknown,
)
from api.receiving.resumable.headers import Part
from api.receiving.resumable.stop_check import StopCheck
from api.resources import Resources
from ingest.errors.types import IncompleteBody, SpoolUnavailable
from ingest.ledger import resumable_uploads, uploads
from ingest.ledger.events import EventKind
from ingest.ledger.resumable_uploads import UploadSnapshot
from ingest.ledger.user_shares import share_of
from ingest.spool import Announced, append
from ingest.spool.blocks import Kept

# An older request notices within a second that it must stop; then it syncs what it has received.
LOCK_SECONDS = 15.0
REQUEST_SECONDS = 1.0


@dataclass
class OpenUpload:
    """An upload and its locked file, which is None when the job of the upload exists.

    `submitter` is the submitter's id in the token of the user who sends the request.
    """

    resources: Resources
    upload: UploadSnapshot
    file: FileIO | None
    submitter: str | None

    @property
    def path(self) -> Path:
        """The final name of the file."""
        return self.resources.settings.volume_path / self.upload.spool_name

    def largest_part(self) -> int:
        """Return how many bytes the body of a request may have."""
        whole = self.resources.settings.largest_bundle if self.upload.length is None else self.upload.length
        return whole - self.upload.offset

    def accept(self, part: Part) -> None:
        """Compare what a request says with what is stored, and store the length if it is new.

        Raises UploadOffsetMismatch, UploadLengthInconsistent, and the errors of `resumable_uploads.declare_length`.
        """
        if part.offset != self.upload.offset:
            raise UploadOffsetMismatch(self.upload.offset, part.offset)
        if part.length is None or part.length == self.upload.length:
            return
        if self.upload.length is not None or part.length < self.upload.offset:
            raise UploadLengthInconsistent(
                f"the length of the bundle cannot become {part.length}: {self.upload.length or self.upload.offset} "
                "bytes were announced or received before"
            )
        settings = self.resources.settings
        self.upload = resumable_uploads.declare_length(
            self.resources.engine,
            settings.volume_path,
            self.upload,
            part.length,
            settings.spool_kept_free,
            share_of(settings, self.upload.user),
        )

    def receive(self, body: Body, part: Part) -> None:
        """Append a body; what has arrived is kept when it ends too early, except for a body with a checksum.

        Raises UploadSuperseded, ChecksumMismatch, IncompleteBody, and the errors of `ingest.spool.append.append`.
        """
        assert self.file is not None, "only an upload without a job is continued"
        body.watch(StopCheck(self.resources.engine, self.upload))
        settings, begin = self.resources.settings, self.upload.offset
        # With a checksum the bytes count only when all have arrived.
        checkpoint = self._ignore if part.checksums else self._record
        stream = CheckedBody(body, part.checksums) if part.checksums else body
        kept = None if self.upload.length is not None else self._kept()
        end = append.append(
            stream, self.file, self.path, self.upload.job_id, begin, settings.transfer_size, kept, checkpoint
        )
        if body.announced_size is not None and end - begin != body.announced_size:
            raise IncompleteBody(f"{body.announced_size} bytes were announced, but {end - begin} were received")
        if part.checksums or (part.is_last and self.upload.length is None):
            length = end if part.is_last and self.upload.length is None else None
            self.upload = resumable_uploads.record(self.resources.engine, self.upload, end, length)

    def remove(self) -> None:
        """Remove the upload and its file on behalf of its user; raises UploadHasJob, OSError, DatabaseUnavailable."""
        if self.upload.has_job or not self.refuse(None, f"removed by {self.upload.user}"):
            raise UploadHasJob(f"the upload is complete: it is job {self.upload.job_id}")

    def refuse(self, code: str | None, text: str) -> bool:
        """Remove an upload that has no job, and its file, with an event; return False if it has a job."""
        folder, token = self.resources.settings.volume_path, self.upload.token
        return resumable_uploads.remove(self.resources.engine, folder, token, EventKind.UPLOAD_REFUSED, code, text)

    def _kept(self) -> Kept:
        """Return the space that an upload of unknown length leaves free."""
        settings, upload = self.resources.settings, self.upload
        announced = Announced(upload.job_id, upload.spool_name, None, upload.user)
        for_others = uploads.check_space(
            self.resources.engine,
            settings.volume_path,
            announced,
            settings.spool_kept_free,
            share_of(settings, upload.user).space,
        )
        return Kept(settings.spool_kept_free, for_others)

    def _record(self, offset: int) -> None:
        self.upload = resumable_uploads.record(self.resources.engine, self.upload, offset)

    def _ignore(self, _offset: int) -> None:
        pass


def find(resources: Resources, token: str, user: str) -> UploadSnapshot:
    """Return the user's upload with this token; raises UploadUnknown, DatabaseUnavailable."""
    upload = resumable_uploads.read(resources.engine, token, keep_of(resources))
    if upload is None or upload.user != user or upload.is_expired:
        raise UploadUnknown("you have no upload at this address, or it has expired: create a new one")
    return upload


def keep_of(resources: Resources) -> timedelta:
    """Return how long an upload is kept after its last byte."""
    return timedelta(hours=resources.settings.keep_partial_hours)


@contextmanager
def opened(resources: Resources, token: str, user: str, submitter: str | None) -> Iterator[OpenUpload]:
    """Yield the user's upload with its lock; a request that is still writing it is ended.

    Raises UploadUnknown, UploadLocked, SpoolUnavailable, DatabaseUnavailable.
    """
    seen = find(resources, token, user)
    with ExitStack() as stack:
        file = None if seen.has_job else _lock(stack, resources, seen)
        # Read again: the previous holder of the lock may have changed it.
        yield OpenUpload(resources, find(resources, token, user), file, submitter)


def _lock(stack: ExitStack, resources: Resources, seen: UploadSnapshot) -> FileIO | None:
    """Return the locked file; None if it is not in the spool any more, because the job has ended."""
    path = resources.settings.volume_path / seen.spool_name
    deadline = time.monotonic() + LOCK_SECONDS
    seconds = 0.0
    try:
        while time.monotonic() < deadline:
            if file := stack.enter_context(append.locked(path, seconds)):
                return file
            # Repeated, because an older request that waits too may get the lock first.
            resumable_uploads.request_stop(resources.engine, seen.token)
            seconds = REQUEST_SECONDS
    except SpoolUnavailable:
        if find(resources, seen.token, seen.user).has_job:
            return None
        raise
    raise UploadLocked
