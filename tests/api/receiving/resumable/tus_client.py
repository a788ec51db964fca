"""Requests of tus 1.0.0, one by one, for tests that look at each answer. The stock clients are in `tests/tus_clients`."""

import socket
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import requests

from tests.api.live_server import Server, execute

TUS = {"Tus-Resumable": "1.0.0"}
PART = {**TUS, "Content-Type": "application/offset+octet-stream"}
TIMEOUT_SECONDS = 60


@dataclass(frozen=True)
class TusUpload:
    """An upload of a server, by its address."""

    server: Server
    address: str

    def offset(self) -> int:
        """Return where the upload continues."""
        return int(self.head().headers["Upload-Offset"])

    def head(self) -> requests.Response:
        return requests.head(self.address, headers=TUS, timeout=TIMEOUT_SECONDS)

    def get(self) -> requests.Response:
        return requests.get(self.address, timeout=TIMEOUT_SECONDS)

    def patch(self, data: bytes | Iterator[bytes], offset: int, **headers: str) -> requests.Response:
        sent = {
            **PART,
            "Upload-Offset": str(offset),
            **{name.replace("_", "-"): text for name, text in headers.items()},
        }
        return requests.patch(self.address, data=data, headers=sent, timeout=TIMEOUT_SECONDS)

    def delete(self) -> requests.Response:
        return requests.delete(self.address, headers=TUS, timeout=TIMEOUT_SECONDS)

    def file(self) -> Path:
        """Return the file of the upload's job in the spool."""
        return self.server.spool / str(self.server.rows()[self.job()]["spool_name"])

    def part(self) -> Path:
        """Return the partial file of the upload in the spool."""
        query = f"SELECT spool_name FROM resumable_upload WHERE token = '{self.address.rpartition('/')[2]}'"
        name = execute(self.server.database_url, query)[0][0]
        return self.server.spool / f"{name}.part"

    def holds(self, part: bytes) -> bool:
        """Return whether the partial file of the upload begins with these bytes."""
        with self.part().open("rb") as file:
            return file.read(len(part)) == part

    def job(self) -> int:
        """Return the job that the upload has become."""
        return int(self.get().json()["job_id"])


def create(
    server: Server, length: int | None, data: bytes = b"", headers: Mapping[str, str] | None = None
) -> TusUpload:
    """Create an upload, with its first bytes."""
    size = {"Upload-Defer-Length": "1"} if length is None else {"Upload-Length": str(length)}
    sent = {**(PART if data else TUS), **size, **(headers or {})}
    answer = requests.post(f"{server.url}/uploads", data=data, headers=sent, timeout=TIMEOUT_SECONDS)
    assert answer.status_code == 201, answer.text
    return TusUpload(server, server.url + answer.headers["Location"])


def send_part(
    connection: socket.socket, upload: TusUpload, offset: int, size: int | None, headers: Mapping[str, str] = PART
) -> None:
    """Send the head of a PATCH whose body follows, in chunks without a size."""
    framing = "Transfer-Encoding: chunked" if size is None else f"Content-Length: {size}"
    path = upload.address.removeprefix(upload.server.url)
    lines = (
        f"PATCH {path} HTTP/1.1", "Host: localhost", *(f"{name}: {value}" for name, value in headers.items()),
        f"Upload-Offset: {offset}", framing, "\r\n",
    )  # fmt: skip
    connection.sendall("\r\n".join(lines).encode())


def begin_creation(connection: socket.socket, size: int) -> None:
    """Send the head of a creation whose body follows."""
    lines = (
        "POST /uploads HTTP/1.1", "Host: localhost", *(f"{name}: {value}" for name, value in PART.items()),
        f"Upload-Length: {size}", f"Content-Length: {size}", "\r\n",
    )  # fmt: skip
    connection.sendall("\r\n".join(lines).encode())
