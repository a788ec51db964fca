"""An upload that one request works on: continued or removed. Opened by `api.receiving.resumable.opening`.

Called by `api.routes` and `api.receiving.resumable.completion`. The order of writes of a request that continues an upload,
and what a process that dies after one of them leaves:

    bytes to the partial file, sync   bytes behind the offset, which the next request overwrites
    -> commit of the offset           a client that got no answer asks for the offset, and continues there
    -> the job (after the last)       `api.receiving.resumable.completion`
"""

import os
from collections.abc import Collection
from dataclasses import dataclass, field
from functools import partial
from io import FileIO
from pathlib import Path

from api.receiving.body import Body
from api.receiving.hashing import Digests, hashing
from api.receiving.resumable.checksum import CheckedBody
from api.receiving.resumable.errors import (
    UploadHasJob,
    UploadLengthInconsistent,
    UploadOffsetMismatch,
)
from api.receiving.resumable.headers import Part
from api.receiving.resumable.stop_check import StopCheck
from api.receiving.upload_errors import BundleTooLarge
from api.resources import Resources
from ingest.errors.types import IncompleteBody, SpoolUnavailable
from ingest.ledger import resumable_uploads, upload_progress, uploads
from ingest.ledger.events import EventKind
from ingest.ledger.upload_progress import UploadSnapshot
from ingest.ledger.user_shares import share_of
from ingest.settings.loading import Settings
from ingest.spool import Announced, append, translate_disk_errors
from ingest.spool.blocks import Kept
from ingest.spool.receive import refuse_empty


@dataclass
class OpenUpload:
    """An upload and its locked file, which is None when the upload has a job, or when the spool has lost the file.

    `submitter` is the submitter's id in the token of the user who sends the request. `digests` are those of a bundle that
    this request has received from its first byte.
    """

    resources: Resources
    upload: UploadSnapshot
    file: FileIO | None
    submitter: str | None
    digests: Digests = field(default_factory=dict)

    @property
    def path(self) -> Path:
        """The final name of the file."""
        return self.resources.settings.volume_path / self.upload.spool_name

    @property
    def locked_file(self) -> FileIO:
        """The file, with all bytes before the offset; raises SpoolUnavailable when the spool has lost some of them."""
        with translate_disk_errors(self.path.parent):
            size = 0 if self.file is None else os.fstat(self.file.fileno()).st_size
        if self.file is None:
            raise SpoolUnavailable(
                f"the spool {self.path.parent} does not have the file of this upload, which another request may have "
                "removed just now; if this happens again, remove the upload and create a new one"
            )
        if size < self.upload.offset:
            raise SpoolUnavailable(
                f"the spool {self.path.parent} has only {size} of the {self.upload.offset} bytes that were received; remove "
                "the upload and create a new one, or contact an admin"
            )
        return self.file

    def largest_part(self) -> int:
        """Return how many bytes the body of a request may have."""
        whole = self.resources.settings.largest_bundle if self.upload.length is None else self.upload.length
        return whole - self.upload.offset

    def accept(self, part: Part) -> None:
        """Compare what a request says with what is stored, and store the length if it is new.

        Raises UploadOffsetMismatch, UploadLengthInconsistent, and the errors of `check_length` and
        `resumable_uploads.declare_length`.
        """
        if part.offset != self.upload.offset:
            raise UploadOffsetMismatch(self.upload.offset, part.offset)
        if part.length is not None and part.length != self.upload.length:
            self._declare_length(part.length)

    def _declare_length(self, length: int) -> None:
        if self.upload.length is not None or length < self.upload.offset:
            raise UploadLengthInconsistent(
                f"the length of the bundle cannot become {length}: {self.upload.length or self.upload.offset} "
                "bytes were announced or received before"
            )
        settings = self.resources.settings
        check_length(settings, length)
        self.upload = resumable_uploads.declare_length(
            self.resources.engine,
            settings.volume_path,
            self.upload,
            length,
            settings.spool_kept_free,
            share_of(settings, self.upload.user),
        )

    def receive(self, body: Body, part: Part, algorithms: Collection[str] = ()) -> None:
        """Append a body; what has arrived is kept when it ends too early, except for a body with a checksum.

        A bundle of which nothing has arrived before is hashed meanwhile, by `algorithms`.
        Raises UploadSuperseded, ChecksumMismatch, IncompleteBody, UploadLengthInconsistent, SpoolUnavailable, and the
        errors of `ingest.spool.append.append`.
        """
        file = self.locked_file
        body.watch(StopCheck(self.resources.engine, self.upload))
        settings, begin = self.resources.settings, self.upload.offset
        # With a checksum the bytes count only when all have arrived.
        checkpoint = self._ignore if part.checksums else partial(self._record, part)
        stream = CheckedBody(body, part.checksums) if part.checksums else body
        kept = None if self.upload.length is not None else self._kept()
        with hashing(stream, algorithms) as hashed:
            end = append.append(
                hashed, file, self.path, self.upload.job_id, begin, settings.transfer_size, kept, checkpoint
            )
            self.digests = hashed.digests()
        if body.announced_size is not None and end - begin != body.announced_size:
            raise IncompleteBody(f"{body.announced_size} bytes were announced, but {end - begin} were received")
        if part.is_last:
            self._check_end(end)
        length = end if part.is_last and self.upload.length is None else None
        if part.checksums or length is not None or part.ends_at_length != self.upload.declared.ends_at_length:
            self._record(part, end, length)

    def _check_end(self, end: int) -> None:
        """Compare the offset behind the last byte with the length; raises IncompleteBody, UploadLengthInconsistent."""
        refuse_empty(end)
        if self.upload.length not in (None, end):
            raise UploadLengthInconsistent(
                f"the last part ends at byte {end}, but the length of the bundle is {self.upload.length}"
            )

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

    def _record(self, part: Part, offset: int, length: int | None = None) -> None:
        engine, ends = self.resources.engine, part.ends_at_length
        self.upload = upload_progress.record(engine, self.upload, offset, length, ends_at_length=ends)

    def _ignore(self, _offset: int) -> None:
        pass


def check_length(settings: Settings, length: int) -> None:
    """Raise IncompleteBody, BundleTooLarge for a length that no bundle may have."""
    refuse_empty(length)
    if length > settings.largest_bundle:
        raise BundleTooLarge(f"the limit is {settings.largest_bundle} bytes")
