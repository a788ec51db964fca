"""The archive, which stores the files of jobs: the protocol, and the client of Pacifica's ArchiveInterface.

Used by `ingest.archiving` and `ingest.operations.reconcile`. The built-in archive is in `archive_folder`.
"""

import os
import re
from collections.abc import Callable, Generator, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Protocol

from ingest.services.answer import Answer
from ingest.services.archive_pipeline import CREATED, FAILED, FILE_HEADERS, NO_CONTENT, OK, ArchivePipeline, read_size
from ingest.services.archive_staging import Staging
from ingest.services.http_client import HttpClient, json_body
from ingest.services.outgoing_file import OutgoingFile

SERVICE = "archive"
# ArchiveInterface answers 500 for an id that it does not hold. Only these messages of its posix and its HSM sideband storage
# are conclusive; HPSS reports a missing file and a failure in the same way.
NOT_HELD = re.compile(r"Can't open (posix|HSM Sideband) file with error: \[Errno 2\]")
# A move to another device is a copy, during which the service sends nothing: the slowest rate that is accepted.
COPY_BYTES_PER_SECOND = 20_000_000


@dataclass(frozen=True)
class OpenFile:
    """A file that has been kept open since it was checked; `path` is its path at that time."""

    path: Path
    file: BinaryIO


class Archive(Protocol):
    """Stores files by id. Every method raises ServiceUnavailable if the archive cannot carry out the call now.

    `parallel_requests` is the number of calls that it may receive simultaneously. `checks_every_id`: whether it is queried
    for each id before the id is used, not only for a sample.
    """

    parallel_requests: int
    checks_every_id: bool

    def put(self, file_id: int, body: BinaryIO, size: int) -> None:
        """Store a file of `size` bytes, which is durable after `sync`.

        The body is read once, in blocks, to its end; fewer or more bytes are ServiceUnavailable. Exceptions of `body.read`
        are raised unchanged.
        """
        ...

    def put_all(
        self, files: Iterable[OutgoingFile], before_put: Callable[[], None]
    ) -> Generator[int | None, None, None]:
        """Store files as `put` does; yield the size that is then stored of each, None if the archive does not hold it.

        A file may be taken from `files` before the sizes of those before it are yielded. `before_put` is called whenever a
        file is about to be sent, also if it is sent again; its exceptions are raised unchanged. No file is being stored once
        the generator has raised or was closed.
        """
        ...

    def sync(self, file_ids: Iterable[int]) -> None:
        """Make files that any process has put durable, so that they survive a loss of power."""
        ...

    def size(self, file_id: int) -> int | None:
        """Return the stored size in bytes; None if the archive does not hold the id."""
        ...

    def holds(self, file_id: int) -> bool:
        """Return whether anything is stored under the id."""
        ...

    def delete(self, file_id: int) -> None:
        """Delete the id; one that does not exist is not an error."""
        ...

    def move(self, file_id: int, source: OpenFile) -> None:
        """Store a file from the facility's storage, replacing the contents of the id.

        The open file is stored, even if its path has changed since. Its name on the facility's storage stays.
        """
        ...

    def get(self, file_id: int) -> Iterator[bytes]:
        """Yield the contents, in blocks."""
        ...

    def close(self) -> None:
        """Close connections and files."""
        ...


class PacificaArchive:
    """The client of Pacifica's ArchiveInterface.

    `transfer_size` is in bytes. `sent_ahead` is the number of small files that are sent on a connection before the first of
    them is answered. `staging` are the folders in which files are handed over (`ingest.services.archive_staging`).
    """

    def __init__(
        self,
        client: HttpClient,
        transfer_size: int,
        parallel_requests: int = 1,
        sent_ahead: int = 1,
        staging: tuple[Path, ...] = (),
        *,
        checks_every_id: bool = False,
    ) -> None:
        self.parallel_requests = parallel_requests
        self.checks_every_id = checks_every_id
        self._sent_ahead = sent_ahead
        self._client = client
        self._transfer_size = transfer_size
        self._staging = Staging(staging, transfer_size)

    def put(self, file_id: int, body: BinaryIO, size: int) -> None:
        """See `Archive.put`. The answer's `total_bytes` is ignored, because it repeats the announced size."""
        expected, headers = (CREATED,), FILE_HEADERS
        with self._client.request("PUT", f"/{file_id}", expected=expected, headers=headers, body=body, size=size):
            pass

    def put_all(
        self, files: Iterable[OutgoingFile], before_put: Callable[[], None]
    ) -> Generator[int | None, None, None]:
        """See `Archive.put_all`; small files are sent ahead (`archive_pipeline`)."""
        pipeline = ArchivePipeline(self._client, self._sent_ahead, before_put)
        try:
            for file in files:
                if pipeline.accepts(file):
                    if pipeline.is_full:
                        yield pipeline.receive_size()
                    pipeline.send(file)
                else:
                    yield from pipeline.drain()
                    before_put()
                    self.put(file.file_id, file.body, file.size)
                    yield self.size(file.file_id)
            yield from pipeline.drain()
        finally:
            pipeline.finish()

    def sync(self, file_ids: Iterable[int]) -> None:
        """See `Archive.sync`. ArchiveInterface has no such call; it is responsible for the files that it has accepted."""

    def size(self, file_id: int) -> int | None:
        """See `Archive.size`."""
        path = f"/{file_id}"
        with self._client.request("HEAD", path, expected=(NO_CONTENT, FAILED)) as answer:
            if answer.status == NO_CONTENT:
                return read_size(self._client, path, answer)
        # This answer has no body with the reason.
        if self.holds(file_id):
            raise self._client.unavailable(path, "it has the file, but does not report its size")
        return None

    def holds(self, file_id: int) -> bool:
        """See `Archive.holds`; requests an empty range, because the answer then contains the reason of a failure."""
        path = f"/{file_id}?byte_range=0-0"
        with self._client.request("GET", path, expected=(OK, FAILED)) as answer:
            if answer.status == OK:
                return True
            if not _is_not_held(answer):
                raise self._client.unavailable(path, answer.failure_text())
        return False

    def delete(self, file_id: int) -> None:
        """See `Archive.delete`."""
        # A process that was killed during a move may have left its link.
        self._staging.remove(file_id)
        path = f"/{file_id}"
        with self._client.request("DELETE", path, expected=(OK, FAILED)) as answer:
            if answer.status == FAILED and not _is_not_held(answer):
                raise self._client.unavailable(path, answer.failure_text())

    def move(self, file_id: int, source: OpenFile) -> None:
        """See `Archive.move`; raises MoveFolderUnavailable if others could exchange the file in its staging folder.

        ArchiveInterface renames a file by its path, with all its permissions, even a file of its own storage. So it only
        receives paths that no account but this service's and its own can change.
        """
        copy_seconds = os.fstat(source.file.fileno()).st_size / COPY_BYTES_PER_SECOND
        with self._staging.staged(file_id, source.file) as staged:
            body, size = json_body({"path": str(staged)})
            headers = {"Content-Type": "application/json"}
            with self._client.request(
                "PATCH", f"/{file_id}", headers=headers, body=body, size=size, extra_seconds=copy_seconds
            ):
                pass

    def get(self, file_id: int) -> Iterator[bytes]:
        """See `Archive.get`."""
        with self._client.request("GET", f"/{file_id}") as answer:
            yield from answer.iter_content(self._transfer_size)

    def close(self) -> None:
        """See `Archive.close`."""
        self._client.close()


def _is_not_held(answer: Answer) -> bool:
    _, text = answer.remote_exception()
    return NOT_HELD.search(text) is not None
