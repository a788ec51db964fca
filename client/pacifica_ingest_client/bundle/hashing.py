"""Hashes the files in several threads: hashlib releases the interpreter's lock, so that all cores work."""

from __future__ import annotations

import hashlib
import os
from collections import deque
from concurrent.futures import Future, ThreadPoolExecutor
from threading import Event

from pacifica_ingest_client.bundle.file_table import FileTable
from pacifica_ingest_client.bundle.sources import SourceFile, read_source
from pacifica_ingest_client.errors import SourceUnreadable, UploaderError
from pacifica_ingest_client.progress import Progress

HASH_TYPE = "sha256"
# More readers slow each other down on a single disk.
MAX_WORKERS = 8
WAITING_PER_WORKER = 4
MAX_FAULTS = 100


class _Stopped(Exception):
    """Another file failed, or the user interrupted."""


def hash_files(table: FileTable, progress: Progress, workers: int | None = None) -> None:
    """Hash the files that have no hash yet; raises SourceUnreadable, SourceChanged with every file that failed."""
    progress.start("hashing", table.bytes_without_digest())
    stopped = Event()
    count = workers or min(os.cpu_count() or 1, MAX_WORKERS)
    pool = ThreadPoolExecutor(count)
    errors: list[UploaderError] = []
    waiting: deque[tuple[SourceFile, Future[str]]] = deque()
    try:
        for file in table.without_digest():
            waiting.append((file, pool.submit(_digest, file, progress, stopped)))
            if len(waiting) >= count * WAITING_PER_WORKER:
                _record(table, waiting, errors)
        while waiting:
            _record(table, waiting, errors)
    finally:
        stopped.set()
        pool.shutdown(cancel_futures=True)
        table.commit()
    _raise_all(errors)


def _record(table: FileTable, waiting: deque[tuple[SourceFile, Future[str]]], errors: list[UploaderError]) -> None:
    file, future = waiting.popleft()
    try:
        table.set_digest(file.name, future.result())
    except UploaderError as error:
        errors.append(error)
        if len(errors) == MAX_FAULTS:
            _raise_all(errors)


def _raise_all(errors: list[UploaderError]) -> None:
    if len(errors) == 1:
        raise errors[0]
    if errors:
        raise SourceUnreadable(f"{len(errors)} files cannot be hashed", tuple(error.text for error in errors))


def _digest(file: SourceFile, progress: Progress, stopped: Event) -> str:
    digest = hashlib.new(HASH_TYPE)
    for block in read_source(file):
        if stopped.is_set():
            raise _Stopped
        digest.update(block)
        progress.advance(len(block))
    return digest.hexdigest()
