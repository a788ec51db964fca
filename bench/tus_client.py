"""A client of tus 1.0.0 that copies nothing: the kernel sends the parts of a file, on one connection (`sendfile`).

Called by the row `resumable`. It speaks to this service and to any other server of tus.
"""

import json
import re
import socket
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path

TIMEOUT_SECONDS = 120
RETRY_SECONDS = 0.02
BLOCK = 64 * 1024
END_OF_HEAD = b"\r\n\r\n"
HEADER = re.compile(rb"^([^:\r\n]+):[ \t]*([^\r\n]*)", re.MULTILINE)
TUS = {"Tus-Resumable": "1.0.0"}


@dataclass(frozen=True)
class Answer:
    """The head of an answer, with the names of its headers in lower case, and its body."""

    status: int
    headers: dict[str, str]
    body: bytes = b""

    @property
    def offset(self) -> int:
        """Where the upload continues."""
        return int(self.headers["upload-offset"])


class TusConnection:
    """One connection to a server of tus; `path` is that of the collection of uploads."""

    def __init__(self, address: tuple[str, int], path: str = "/uploads") -> None:
        self._address = address
        self._path = path
        self._socket = socket.create_connection(address, TIMEOUT_SECONDS)

    @property
    def client_port(self) -> int:
        """The port of this end, by which the process at the other end is found."""
        return int(self._socket.getsockname()[1])

    def close(self) -> None:
        """Close the connection."""
        self._socket.close()

    def create(self, length: int) -> str:
        """Create an upload of `length` bytes; return its path."""
        answer = self.request("POST", self._path, {"Upload-Length": str(length), "Content-Length": "0"})
        location = expect(answer, HTTPStatus.CREATED).headers["location"]
        return re.sub(r"^https?://[^/]+", "", location)

    def find_offset(self, upload: str) -> int:
        """Return where an upload continues."""
        return expect(self.request("HEAD", upload, {}), HTTPStatus.OK).offset

    def find_job(self, upload: str) -> int:
        """Return the job of a complete upload."""
        return int(json.loads(expect(self.request("GET", upload, {}), HTTPStatus.OK).body)["job_id"])

    def send(self, upload: str, file: Path, offset: int, part: int) -> int:
        """Send a file from an offset to its end in parts of `part` bytes, each answered; return the number of requests."""
        size = file.stat().st_size
        parts = range(offset, size, part)
        for begin in parts:
            count = min(part, size - begin)
            self.begin_part(upload, file, begin, count, count)
            end = expect(self._receive("PATCH"), HTTPStatus.NO_CONTENT).offset
            if end != begin + count:
                raise RuntimeError(f"the upload continues at {end} instead of {begin + count}")
        return len(parts)

    def begin_part(self, upload: str, file: Path, offset: int, announced: int, count: int) -> None:
        """Announce a part of `announced` bytes and send its first `count` bytes; the answer is not read."""
        headers = {
            "Upload-Offset": str(offset),
            "Content-Type": "application/offset+octet-stream",
            "Content-Length": str(announced),
        }
        self._send_head("PATCH", upload, headers)
        with file.open("rb") as source:
            self._socket.sendfile(source, offset, count)
        # Sends the last, partial segment immediately. During the transfer it would add small segments.
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def request(self, method: str, path: str, headers: dict[str, str]) -> Answer:
        """Send a request without a body; return the answer."""
        self._send_head(method, path, headers)
        return self._receive(method)

    def _send_head(self, method: str, path: str, headers: dict[str, str]) -> None:
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 0)
        lines = [f"{method} {path} HTTP/1.1", f"Host: {self._address[0]}:{self._address[1]}"]
        lines += [f"{name}: {value}" for name, value in {**TUS, **headers}.items()]
        self._socket.sendall("\r\n".join([*lines, "", ""]).encode())

    def _receive(self, method: str) -> Answer:
        received = b""
        while END_OF_HEAD not in received:
            received += self._receive_some()
        head, _, body = received.partition(END_OF_HEAD)
        answer = parse_head(head)
        length = 0 if method == "HEAD" else int(answer.headers.get("content-length", "0"))
        while len(body) < length:
            body += self._receive_some()
        return Answer(answer.status, answer.headers, body)

    def _receive_some(self) -> bytes:
        block = self._socket.recv(BLOCK)
        if not block:
            raise ConnectionError("the server closed the connection before its answer was complete")
        return block


@contextmanager
def connected(address: tuple[str, int], path: str = "/uploads") -> Iterator[TusConnection]:
    """Yield a connection, and close it afterwards."""
    with closing(TusConnection(address, path)) as connection:
        yield connection


def resume(address: tuple[str, int], upload: str, file: Path) -> int:
    """Continue an upload in one part after its server was killed; return the offset at which it continued.

    Connects again until the server answers. Raises TimeoutError.
    """
    deadline = time.monotonic() + TIMEOUT_SECONDS
    while time.monotonic() < deadline:
        with suppress(ConnectionError), connected(address) as connection:
            offset = connection.find_offset(upload)
            connection.send(upload, file, offset, file.stat().st_size)
            return offset
        time.sleep(RETRY_SECONDS)
    raise TimeoutError(f"the upload could not be continued within {TIMEOUT_SECONDS} s")


def expect(answer: Answer, status: HTTPStatus) -> Answer:
    """Return the answer if it has this status; raises RuntimeError otherwise."""
    if answer.status != status:
        raise RuntimeError(f"HTTP {answer.status} instead of {status.value}: {answer.body[:300]!r}")
    return answer


def parse_head(head: bytes) -> Answer:
    """Parse the status line and the headers of an answer."""
    status, _, fields = head.partition(b"\r\n")
    headers = {found[1].decode().lower(): found[2].decode().strip() for found in HEADER.finditer(fields)}
    return Answer(int(status.split(maxsplit=2)[1]), headers)
