"""A facility's own program on pacifica-uploader: it uploads a folder and waits for the job. Run by `tests.e2e_core.clients`.

Usage: library_upload.py HOW FOLDER USER INSTRUMENT. HOW is `length`, `chunks` or `input`, a bundle from the standard input.
It prints the last state and how it was sent, as JSON.
"""

import json
import os
import sys
import threading
import time
from pathlib import Path
from typing import Any, BinaryIO

from pacifica.uploader import Uploader  # type: ignore[import-not-found]
from pacifica.uploader.bundler import Bundler  # type: ignore[import-not-found]
from pacifica.uploader.metadata import MetaUpdate, metadata_decode  # type: ignore[import-not-found]

POLL_SECONDS = 0.2


def bundler(folder: Path, user: str, instrument: str, hash_type: str) -> Any:
    """Return a bundle of a folder's files, for a project that policy returns for the user's name and the instrument."""
    metadata = MetaUpdate(user)
    metadata.extend(metadata_decode(Path(os.environ["UPLOADER_CONFIG"]).read_text()))
    metadata["instrument"] = metadata["instrument"]._replace(value=instrument)
    for entry in ("logon", "project", "user-of-record"):
        metadata.update_parents(entry)
    paths = sorted(path for path in folder.rglob("*") if path.is_file())
    return Bundler(metadata, [description(path) for path in paths], hashfunc=hash_type)


def description(path: Path) -> dict[str, Any]:
    """Return a file as Bundler wants it."""
    status = path.stat()
    return {"name": f"data/{path}", "size": status.st_size, "mtime": status.st_mtime, "fileobj": path.open("rb")}


def streamed(bundle: Any) -> BinaryIO:
    """Return the read end of a pipe to which a thread writes the bundle."""
    reader, writer = os.pipe()

    def write() -> None:
        with os.fdopen(writer, "wb") as file:
            bundle.stream(file)

    threading.Thread(target=write, daemon=True).start()
    return os.fdopen(reader, "rb")


def written(bundle: Any, path: Path) -> BinaryIO:
    """Return a bundle as a file."""
    with path.open("wb") as file:
        bundle.stream(file)
    return path.open("rb")


def main(how: str, folder: str, user: str, instrument: str) -> None:
    """Upload, wait, print."""
    uploader, length = Uploader(), None
    sent: list[Any] = []
    uploader.session.hooks["response"].append(lambda answer, **_: sent.append(answer.request))
    if how == "input":
        body: BinaryIO = sys.stdin.buffer
    elif how == "chunks":
        body = streamed(bundler(Path(folder), user, instrument, "sha256"))
    else:
        body = written(bundler(Path(folder), user, instrument, "sha1"), Path("library.tar"))
        length = Path("library.tar").stat().st_size
    job = uploader.upload(body, content_length=length)
    state = uploader.getstate(job)
    while state["state"] == "OK" and (state["task"], state["task_percent"]) != ("ingest metadata", "100.0"):
        time.sleep(POLL_SECONDS)
        state = uploader.getstate(job)
    pools = uploader.session.get_adapter(sent[0].url).poolmanager.pools
    (pool,) = (pools[key] for key in pools.keys())  # noqa: SIM118 - it is no dict
    report = {
        "state": state,
        "coding": sent[0].headers.get("Transfer-Encoding"),
        "length": sent[0].headers.get("Content-Length"),
        "requests": pool.num_requests,
        "connections": pool.num_connections,
    }
    json.dump(report, sys.stdout)


if __name__ == "__main__":
    main(*sys.argv[1:])
