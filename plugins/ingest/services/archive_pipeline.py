"""Small files on their way to ArchiveInterface: each is sent, and its size requested, before earlier ones are answered.

Used by the client of ArchiveInterface.
"""

from collections import deque
from collections.abc import Callable, Iterator

from ingest.services.answer import Answer
from ingest.services.http_client import HttpClient
from ingest.services.outgoing_file import OutgoingFile
from ingest.services.pipeline import Pipeline
from ingest.services.sized_body import SizedBody

# Larger files are sent alone: their transfer takes longer than all that is saved. It also bounds what a process that is
# killed leaves half-sent, and the memory for requests that may have to be sent again.
MAX_BYTES = 64 * 1024
OK, CREATED, NO_CONTENT, FAILED = 200, 201, 204, 500
FILE_HEADERS = {"Content-Type": "application/octet-stream"}


class ArchivePipeline:
    """At most `depth` files that are sent and whose sizes are not received yet."""

    def __init__(self, client: HttpClient, depth: int, before_put: Callable[[], None]) -> None:
        self._client = client
        self._depth = depth
        self._before_put = before_put
        self._pipeline = Pipeline(client, before_resending=before_put)
        self._paths: deque[str] = deque()

    @property
    def is_full(self) -> bool:
        """Whether a size must be received before the next file can be sent."""
        return len(self._paths) == self._depth

    def accepts(self, file: OutgoingFile) -> bool:
        """Return whether a file is sent this way."""
        return self._depth > 1 and file.size <= MAX_BYTES

    def send(self, file: OutgoingFile) -> None:
        """Send a file and the request for its size.

        Raises ServiceUnavailable, and exceptions of `body.read` and `before_put` unchanged.
        """
        path = f"/{file.file_id}"
        body = SizedBody(file.body, file.size, self._client.service, self._client.format_address(path))
        content = b"".join(iter(lambda: body.read(MAX_BYTES), b""))
        self._before_put()
        self._pipeline.send("PUT", path, FILE_HEADERS, content)
        self._pipeline.send("HEAD", path)
        self._paths.append(path)

    def receive_size(self) -> int:
        """Return the stored size of the oldest file, once the archive has accepted it. Raises ServiceUnavailable."""
        path = self._paths.popleft()
        self._pipeline.receive((CREATED,))
        return read_size(self._client, path, self._pipeline.receive((NO_CONTENT,)))

    def drain(self) -> Iterator[int]:
        """Yield the stored sizes of all files that were sent, and close the connection, which is idle from now on."""
        while self._paths:
            yield self.receive_size()
        self._pipeline.close()

    def finish(self) -> None:
        """Wait until the archive stores no file any more, and close the connection."""
        self._pipeline.finish()


def read_size(client: HttpClient, path: str, answer: Answer) -> int:
    """Return the size that an answer reports. Raises ServiceUnavailable if it reports none."""
    length = answer.headers.get("X-Content-Length", "")
    if not length.isdecimal():
        raise client.unavailable(path, f"it returned the size {length!r}")
    return int(length)
