"""Small files on their way to ArchiveInterface: each is sent, and its size requested, before earlier ones are answered.

Used by the client of ArchiveInterface.
"""

import re
from collections import deque
from collections.abc import Iterator

from ingest.errors.types import OverwriteRefused, ServiceUnavailable
from ingest.services.answer import Answer
from ingest.services.http_client import HttpClient
from ingest.services.outgoing_file import OutgoingFile
from ingest.services.pipeline import Pipeline
from ingest.services.sized_body import SizedBody

# Larger files are sent alone: their transfer takes longer than all that is saved. It also bounds what a process that is
# killed leaves half-sent, and the memory for requests that may have to be sent again.
MAX_BYTES = 64 * 1024
CREATED, NO_CONTENT, FAILED = 201, 204, 500
# An ArchiveInterface that does not run as root cannot open a file for writing that it has stored whole.
NOT_WRITABLE = re.compile(r"Can't open (posix|HSM Sideband) file with error: \[Errno 13\]")
FILE_HEADERS = {"Content-Type": "application/octet-stream"}


class ArchivePipeline:
    """At most `depth` files that are sent and whose sizes are not received yet."""

    def __init__(self, client: HttpClient, depth: int) -> None:
        self._client = client
        self._depth = depth
        self._pipeline = Pipeline(client)
        self._paths: deque[str] = deque()

    @property
    def is_full(self) -> bool:
        """Whether a size must be received before the next file can be sent."""
        return len(self._paths) == self._depth

    def accepts(self, file: OutgoingFile) -> bool:
        """Return whether a file is sent this way."""
        return self._depth > 1 and file.size <= MAX_BYTES

    def send(self, file: OutgoingFile) -> None:
        """Send a file and the request for its size. Raises ServiceUnavailable, and exceptions of `body.read` unchanged."""
        path = f"/{file.file_id}"
        body = SizedBody(file.body, file.size, self._client.service, self._client.shown(path))
        content = b"".join(iter(lambda: body.read(MAX_BYTES), b""))
        self._pipeline.send("PUT", path, FILE_HEADERS, content)
        self._pipeline.send("HEAD", path)
        self._paths.append(path)

    def receive_size(self) -> int:
        """Return the stored size of the oldest file, once the archive has accepted it.

        Raises ServiceUnavailable, OverwriteRefused.
        """
        path = self._paths.popleft()
        check_stored(self._client, path, self._pipeline.receive((CREATED, FAILED)))
        return read_size(self._client, path, self._pipeline.receive((NO_CONTENT,)))

    def drain(self) -> Iterator[int]:
        """Yield the stored sizes of all files that were sent, and close the connection, which is idle from now on."""
        while self._paths:
            yield self.receive_size()
        self._pipeline.close()

    def finish(self) -> None:
        """Wait until the archive stores no file any more, and close the connection."""
        self._pipeline.finish()


def check_stored(client: HttpClient, path: str, answer: Answer) -> None:
    """Raise OverwriteRefused or ServiceUnavailable unless the archive has accepted a file."""
    if answer.status != CREATED:
        _, text = answer.remote_exception()
        error = OverwriteRefused if NOT_WRITABLE.search(text) else ServiceUnavailable
        raise error(client.service, client.shown(path), answer.failure_text())


def read_size(client: HttpClient, path: str, answer: Answer) -> int:
    """Return the size that an answer reports. Raises ServiceUnavailable if it reports none."""
    length = answer.headers.get("X-Content-Length", "")
    if not length.isdecimal():
        raise client.unavailable(path, f"it returned the size {length!r}")
    return int(length)
