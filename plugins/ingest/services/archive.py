"""Where the files of jobs end up: the protocol, and the client of Pacifica's ArchiveInterface.

Called by the stages `ingest_files`, `move_files` and `ingest_metadata`. The built-in archive is in `archive_folder`.
"""

import os
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Protocol

from ingest.services.answer import Answer
from ingest.services.archive_staging import Staging
from ingest.services.http_client import HttpClient, json_body

SERVICE = "archive"
# ArchiveInterface answers 500 for an id that it does not hold. Only these words, of its posix and its HSM sideband
# storage, say so for sure; HPSS says the same for a missing file and for a failure.
NOT_HELD = re.compile(r"Can't open (posix|HSM Sideband) file with error: \[Errno 2\]")
# A move to another device is a copy, during which the service is silent: the slowest copy that is waited for.
COPY_BYTES_PER_SECOND = 20_000_000


@dataclass(frozen=True)
class OpenFile:
    """A file that was checked and is held open since; `path` is where it was found."""

    path: Path
    file: BinaryIO


class Archive(Protocol):
    """Holds files by their ids. Every method raises ServiceUnavailable when the archive cannot do it now.

    `parallel_requests` is how many calls it may be sent at the same time.
    """

    parallel_requests: int

    def put(self, file_id: int, body: BinaryIO, size: int) -> None:
        """Store a file of `size` bytes, which stays for sure after `sync`; what `body.read` raises comes out unchanged.

        The body is read once, in blocks, to its end; one with fewer or more bytes is ServiceUnavailable.
        """
        ...

    def sync(self, file_ids: Iterable[int]) -> None:
        """Make sure that files which were put, by whichever process, survive a loss of power."""
        ...

    def size(self, file_id: int) -> int | None:
        """Give the size in bytes of what is stored; None when the archive does not hold the id."""
        ...

    def holds(self, file_id: int) -> bool:
        """Whether anything is stored under the id."""
        ...

    def delete(self, file_id: int) -> None:
        """Make sure that the id is not there; one that is not there is no error."""
        ...

    def move(self, file_id: int, source: OpenFile) -> None:
        """Store a file that lies on the facility's storage, in place of what the id holds.

        It is the open file that is stored, whatever its path leads to by now. The name that it has there stays.
        """
        ...

    def get(self, file_id: int) -> Iterator[bytes]:
        """Give the contents, in blocks."""
        ...

    def close(self) -> None:
        """Let go of connections."""
        ...


class PacificaArchive:
    """The client of Pacifica's ArchiveInterface. `transfer_size` is in bytes."""

    def __init__(
        self, client: HttpClient, transfer_size: int, parallel_requests: int = 1, staging: tuple[Path, ...] = ()
    ) -> None:
        """`staging` are the folders that files are handed over in, see `ingest.services.archive_staging`."""
        self.parallel_requests = parallel_requests
        self._client = client
        self._transfer_size = transfer_size
        self._staging = Staging(staging, transfer_size)

    def put(self, file_id: int, body: BinaryIO, size: int) -> None:
        """See `Archive.put`. The answer's `total_bytes` is not looked at: it echoes what was announced."""
        headers = {"Content-Type": "application/octet-stream"}
        with self._client.request("PUT", f"/{file_id}", answers=(201,), headers=headers, body=body, size=size):
            pass

    def sync(self, file_ids: Iterable[int]) -> None:
        """See `Archive.sync`; ArchiveInterface has no call for it, and answers for what it has taken."""

    def size(self, file_id: int) -> int | None:
        """See `Archive.size`."""
        path = f"/{file_id}"
        with self._client.request("HEAD", path, answers=(204, 500)) as answer:
            status, length = answer.status, answer.headers.get("X-Content-Length", "")
        if status == 500:  # noqa: PLR2004
            # This answer has no body that says why.
            if self.holds(file_id):
                raise self._client.unavailable(path, "it has the file, but not its size")
            return None
        if not length.isdecimal():
            raise self._client.unavailable(path, f"it gave the size as {length!r}")
        return int(length)

    def holds(self, file_id: int) -> bool:
        """See `Archive.holds`; an empty range is asked for, because its refusal says why."""
        path = f"/{file_id}?byte_range=0-0"
        with self._client.request("GET", path, answers=(200, 500)) as answer:
            if answer.status == 200:  # noqa: PLR2004
                return True
            if not _says_not_held(answer):
                raise self._client.unavailable(path, answer.failure_text())
        return False

    def delete(self, file_id: int) -> None:
        """See `Archive.delete`."""
        # A process that was killed in a move may have left it there.
        self._staging.remove(file_id)
        path = f"/{file_id}"
        with self._client.request("DELETE", path, answers=(200, 500)) as answer:
            if answer.status != 200 and not _says_not_held(answer):  # noqa: PLR2004
                raise self._client.unavailable(path, answer.failure_text())

    def move(self, file_id: int, source: OpenFile) -> None:
        """See `Archive.move`; raises MoveFolderUnavailable where others could exchange what is handed over.

        ArchiveInterface renames what it is given by path, with all of its rights, its own storage included. So it is only
        given paths that nobody but this service and itself can change.
        """
        patience = os.fstat(source.file.fileno()).st_size / COPY_BYTES_PER_SECOND
        with self._staging.holding(file_id, source.file) as staged:
            body, size = json_body({"path": str(staged)})
            headers = {"Content-Type": "application/json"}
            with self._client.request(
                "PATCH", f"/{file_id}", headers=headers, body=body, size=size, extra_seconds=patience
            ):
                pass

    def get(self, file_id: int) -> Iterator[bytes]:
        """See `Archive.get`."""
        with self._client.request("GET", f"/{file_id}") as answer:
            yield from answer.blocks(self._transfer_size)

    def close(self) -> None:
        """See `Archive.close`."""
        self._client.close()


def _says_not_held(answer: Answer) -> bool:
    _, text = answer.exception()
    return NOT_HELD.search(text) is not None
