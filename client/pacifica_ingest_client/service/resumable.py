"""Resumable uploads by tus 1.0.0: create an upload, read its offset, send the rest.

The service keeps what it has answered. So whatever breaks, the next attempt reads the offset and sends the rest.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import requests

from pacifica_ingest_client.bundle.bundle import Bundle
from pacifica_ingest_client.errors import NotFound, RequestRefused, ServiceFailed, ServiceUnavailable
from pacifica_ingest_client.progress import Progress
from pacifica_ingest_client.service.body import Body
from pacifica_ingest_client.service.calls import KEY, PROTOCOL
from pacifica_ingest_client.service.connection import Connection, linked_job
from pacifica_ingest_client.service.retries import Retries

TUS = {"Tus-Resumable": PROTOCOL}
GONE = 410
# An upload that was removed is created again. More often than this, something removes it each time.
MAX_RESTARTS = 3


class UploadRecord(Protocol):
    """Keeps the URL of the upload over restarts of the program."""

    upload_url: str | None

    def set_upload(self, url: str | None) -> None:
        """Record the URL of the upload; None forgets it."""


@dataclass(frozen=True)
class Position:
    """How much of an upload the service has, and the job that was made of the whole."""

    offset: int
    job_id: int | None


class ResumableUpload:
    """Sends one bundle."""

    def __init__(
        self, connection: Connection, bundle: Bundle, record: UploadRecord, retries: Retries, progress: Progress
    ) -> None:
        self._connection = connection
        self._bundle = bundle
        self._record = record
        self._retries = retries
        self._progress = progress
        self._known = 0

    def send(self, key: str) -> int:
        """Send what the service does not have yet; return the job ID. Raises ClientError."""
        self._progress.start("uploading", self._bundle.size)
        restarts = 0
        while True:
            try:
                return self._attempt(key)
            except ServiceUnavailable as error:
                self._retries.wait(error)
            except _UploadGone as error:
                restarts += 1
                self._record.set_upload(None)
                if restarts > MAX_RESTARTS:
                    raise ServiceFailed(f"the service removed the upload {restarts} times") from error
                self._progress.note("the service no longer has the upload; starting again")

    def remove(self) -> None:
        """Remove the upload, which can no longer be finished, so that it takes no space; a failure does not matter."""
        url, self._record.upload_url = self._record.upload_url, None
        self._record.set_upload(None)
        if url:
            remove_upload(self._connection, url)

    def _attempt(self, key: str) -> int:
        try:
            url = self._record.upload_url or self._create(key)
        except RequestRefused as error:
            # Another start has sent the same bundle, and its upload is gone.
            if error.job_id is None:
                raise
            return error.job_id
        position = self._position(url)
        if position.offset > self._known:
            self._known = position.offset
            self._retries.reset()
            self._progress.note(f"the service has {position.offset * 100 // self._bundle.size} % of the upload")
        self._progress.move_to(position.offset)
        if position.job_id is None and position.offset < self._bundle.size:
            position = self._send_rest(url, position.offset)
        if position.job_id is None:
            raise ServiceUnavailable(f"{self._connection.url} has all bytes, but no job yet", answered=True)
        return position.job_id

    def _create(self, key: str) -> str:
        # A kill before the URL is recorded leaves an upload without data, which expires.
        headers = {**TUS, KEY: key, "Upload-Length": str(self._bundle.size)}
        answer = self._connection.request("POST", "/uploads", headers=headers)
        location = answer.headers.get("Location")
        if not location:
            raise ServiceFailed(f"{answer.url} answered without a Location")
        url = self._connection.absolute(location)
        self._record.set_upload(url)
        return url

    def _position(self, url: str) -> Position:
        return _position_of(_unless_gone(lambda: self._connection.request("HEAD", url, headers=TUS)))

    def _send_rest(self, url: str, offset: int) -> Position:
        headers = {**TUS, "Upload-Offset": str(offset), "Content-Type": "application/offset+octet-stream"}
        with self._bundle.open() as tar:
            body = Body(tar.blocks(offset), self._bundle.size - offset, self._progress)
            sent = _unless_gone(lambda: self._connection.request("PATCH", url, headers=headers, data=body))
        return _position_of(sent)


class _UploadGone(Exception):
    """The service no longer has the upload: it expired or was removed."""


def remove_upload(connection: Connection, url: str) -> None:
    """Remove an upload; a failure does not matter, because it expires."""
    try:
        connection.request("DELETE", url, headers=TUS)
    except (ServiceUnavailable, ServiceFailed, RequestRefused):
        return


def _unless_gone(request: Callable[[], requests.Response]) -> requests.Response:
    try:
        return request()
    except NotFound as error:
        raise _UploadGone from error
    except RequestRefused as error:
        if error.status == GONE:
            raise _UploadGone from error
        raise


def _position_of(answer: requests.Response) -> Position:
    offset = answer.headers.get("Upload-Offset", "")
    if not offset.isdecimal():
        raise ServiceFailed(f"{answer.url} answered without an Upload-Offset")
    return Position(int(offset), linked_job(answer))
