"""Find the upload that a request names, for its user, and lock it. Called by `api.routes` and `api.receiving.resumable`."""

import re
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from datetime import timedelta
from functools import lru_cache
from io import FileIO

from api.receiving.resumable.errors import UploadLocked, UploadUnknown
from api.receiving.resumable.upload import OpenUpload
from api.resources import Resources
from ingest.ledger import upload_progress
from ingest.ledger.upload_progress import UploadSnapshot
from ingest.spool import append

# An older request notices within a second that it must stop; then it syncs what it has received.
LOCK_SECONDS = 15.0
REQUEST_SECONDS = 1.0
TOKEN = re.compile("[A-Za-z0-9_-]+")
RECENT_UPLOADS = 1000


class FileNames:
    """The file names of recent uploads. They never change, so that a part of a known upload needs one query less.

    `name_of(token, user)` raises UploadUnknown, DatabaseUnavailable.
    """

    def __init__(self, find_upload: Callable[[str, str], UploadSnapshot]) -> None:
        def name_of(token: str, user: str) -> str:
            return find_upload(token, user).spool_name

        self.name_of = lru_cache(RECENT_UPLOADS)(name_of)


def find(resources: Resources, token: str, user: str) -> UploadSnapshot:
    """Return the user's upload with this token; raises UploadUnknown, DatabaseUnavailable."""
    # The database refuses some characters.
    is_token = TOKEN.fullmatch(token)
    upload = upload_progress.read(resources.engine, token, keep_of(resources)) if is_token else None
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
    name = resources.get(FileNames).name_of(token, user)
    with ExitStack() as stack:
        file = _lock(stack, resources, token, name)
        # Read with the lock, because its previous holder may have changed the upload.
        upload = find(resources, token, user)
        if upload.has_job:
            stack.close()
        yield OpenUpload(resources, upload, None if upload.has_job else file, submitter)


def _lock(stack: ExitStack, resources: Resources, token: str, name: str) -> FileIO | None:
    """Return the locked file; None if it is not in the spool any more."""
    path = resources.settings.volume_path / name
    deadline = time.monotonic() + LOCK_SECONDS
    seconds = 0.0
    try:
        while time.monotonic() < deadline:
            if file := stack.enter_context(append.locked(path, seconds)):
                return file
            # Repeated, because an older request that waits too may get the lock first.
            upload_progress.request_stop(resources.engine, token)
            seconds = REQUEST_SECONDS
    except FileNotFoundError:
        return None
    raise UploadLocked
