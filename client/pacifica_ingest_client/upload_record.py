"""What is kept of an upload over restarts of the program: the URL of the unfinished upload, and the job."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any


class UploadRecord:
    """The record of the last upload in a folder of state; it is written whole, so that a kill never damages it."""

    def __init__(self, path: Path, server: str) -> None:
        """Read the record; that of another server does not count."""
        self._path = path
        self._server = server
        document = _read(path)
        if document.get("server") != server:
            document = {}
        self.digest: str = document.get("digest", "")
        self.repeat: int = document.get("repeat", 0)
        self.upload_url: str | None = document.get("upload_url")
        self.job_id: int | None = document.get("job_id")

    def start(self, digest: str, *, again: bool) -> str | None:
        """Prepare for an upload of these contents; return the URL of an upload of other contents that is to be removed."""
        abandoned = None
        if digest != self.digest:
            abandoned = self.upload_url
            self.digest, self.repeat, self.upload_url, self.job_id = digest, 0, None, None
        elif again and self.job_id is not None:
            self.repeat, self.upload_url, self.job_id = self.repeat + 1, None, None
        self._write()
        return abandoned

    def set_upload(self, url: str | None) -> None:
        """Record the URL of the upload; None forgets it."""
        self.upload_url = url
        self._write()

    def set_job(self, job_id: int) -> None:
        """Record the job; the upload is finished."""
        self.job_id, self.upload_url = job_id, None
        self._write()

    @property
    def key(self) -> str:
        """The idempotency key, as a quoted string: one for the contents, and one for each wanted repetition."""
        return f'"{self.digest}-{self.repeat}"'

    def _write(self) -> None:
        document = {
            "server": self._server,
            "digest": self.digest,
            "repeat": self.repeat,
            "upload_url": self.upload_url,
            "job_id": self.job_id,
        }
        temporary = self._path.with_name(f"{self._path.name}.new")
        temporary.write_text(json.dumps(document, indent=1), encoding="utf-8")
        temporary.replace(self._path)


def _read(path: Path) -> dict[str, Any]:
    """Return the document; nothing if there is none, or if a loss of power damaged it."""
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return document if isinstance(document, dict) else {}
