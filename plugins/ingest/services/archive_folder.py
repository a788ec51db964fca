"""The built-in archive: a folder, for a machine that has no ArchiveInterface.

Created by `ingest.services.make_services`; reconciliation also lists it. Deletions and moves are durable when the call
returns; files that are put are durable after `sync`, which writes many small files to the disk together
(docs/decisions/0015 has the measurements).
"""

import os
import re
from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

from sqlalchemy import Engine

from ingest.errors.types import ServiceUnavailable
from ingest.ledger.database import first_line
from ingest.services.archive import SERVICE, OpenFile
from ingest.services.archive_listing import StoredFile, files_below
from ingest.services.archive_marker import MARKER, ArchiveMarker
from ingest.services.outgoing_file import OutgoingFile
from ingest.services.sized_body import SizedBody
from ingest.settings.types import folder_of
from ingest.system.durable_files import (
    is_being_written,
    link_file,
    part_name,
    remove_part,
    sync_folder,
    write_all,
    writing,
)
from ingest.system.linux import drop_cached_pages, reserve, sync_file_system, write_back

FILES_PER_FOLDER = 1000
UNFINISHED = re.compile(r"\.(\d+)\.part")


class FolderArchive:
    """An archive in the folder that a file:// URL names; `transfer_size` is in bytes.

    File 1234567 is `0000001/234/1234567`: a folder holds at most a thousand files. While it is written, it is named
    `.1234567.part`. A kill leaves that file behind, and the next put of the same id overwrites it.

    With the `engine` of a ledger, the folder is used only if it has its marker (`archive_marker`): it is checked before
    anything is written, before a file counts as missing, and once more before files count as stored.
    """

    def __init__(self, url: str, transfer_size: int, engine: Engine | None = None) -> None:
        self.parallel_requests = 1
        self._marker = ArchiveMarker(SERVICE, url, engine) if engine is not None else None
        # A query reads one entry of a folder.
        self.checks_every_id = True
        self._url = url
        self._folder = folder_of(url) or Path()
        self._transfer_size = transfer_size
        # For each disk a folder that was opened before anything was written, so that a sync reports every error since then.
        self._disks: dict[int, int] = {}
        self._prepared: set[int] = set()

    def put(self, file_id: int, body: BinaryIO, size: int) -> None:
        """See `Archive.put`; the previous contents of the id are replaced atomically."""
        name = self._name(file_id)
        sized = SizedBody(body, size, SERVICE, self._url)
        with self._translate_errors(sized):
            self._prepare(file_id)
            with writing(name) as part:
                self._write(sized, part)
                os.replace(part_name(name), name)  # noqa: PTH105 - a Path for each of a million files is slow

    def put_all(
        self, files: Iterable[OutgoingFile], before_put: Callable[[], None]
    ) -> Generator[int | None, None, None]:
        """See `Archive.put_all`."""
        for file in files:
            before_put()
            self.put(file.file_id, file.body, file.size)
            yield self.size(file.file_id)

    def sync(self, file_ids: Iterable[int]) -> None:
        """See `Archive.sync`."""
        with self._translate_errors():
            for file_id in file_ids:
                self._prepare(file_id)
            for descriptor in self._disks.values():
                sync_file_system(descriptor)
            self._check_folder()

    def size(self, file_id: int) -> int | None:
        """See `Archive.size`."""
        found = self._stat(file_id)
        return None if found is None else found.st_size

    def holds(self, file_id: int) -> bool:
        """See `Archive.holds`."""
        return self._stat(file_id) is not None

    def delete(self, file_id: int) -> None:
        """See `Archive.delete`."""
        path = self._path(file_id)
        with self._translate_errors():
            self._check_folder()
            remove_part(path)
            path.unlink(missing_ok=True)
            if path.parent.exists():
                sync_folder(path.parent)

    def move(self, file_id: int, source: OpenFile) -> None:
        """See `Archive.move`; a file that cannot be linked is copied, for example one on another device."""
        path = self._path(file_id)
        with self._translate_errors():
            self._prepare(file_id)
            if not link_file(source.file, path):
                self._copy(file_id, source.file)
            sync_folder(path.parent)
            self._check_folder()

    def _copy(self, file_id: int, file: BinaryIO) -> None:
        file.seek(0)
        self.put(file_id, file, os.fstat(file.fileno()).st_size)
        self.sync([file_id])

    def get(self, file_id: int) -> Iterator[bytes]:
        """See `Archive.get`; reads from the disk, not from the page cache."""
        with self._translate_errors(), self._path(file_id).open("rb", buffering=0) as file:
            # Linux reports a write-back error only once, to the next fsync, and keeps the dirty page cached; drop the
            # pages so that the check reads the disk.
            drop_cached_pages(file.fileno())
            while block := file.read(self._transfer_size):
                yield block

    def listing(self) -> Iterator[StoredFile]:
        """Yield every file in the folder, also partial files that a kill left and files that are not the archive's."""
        with self._translate_errors():
            self._check_folder()
            for path, found in files_below(self._folder):
                if path == self._folder / MARKER:
                    continue
                unfinished = UNFINISHED.fullmatch(path.name)
                name = unfinished[1] if unfinished else path.name
                file_id = int(name) if name.isdecimal() and self._path(int(name)) == path.with_name(name) else None
                yield StoredFile(path, found.st_size, found.st_ctime, file_id, unfinished=bool(unfinished))

    def is_being_written(self, file_id: int) -> bool:
        """Return whether a process is writing the id's file now; see `durable_files.is_being_written` for its limits."""
        with self._translate_errors():
            return is_being_written(self._path(file_id))

    def delete_unfinished(self, file_id: int) -> None:
        """Remove the partial file of an id that a killed process left; the stored contents of the id stay.

        Raises ServiceUnavailable if a process is writing the file.
        """
        with self._translate_errors():
            remove_part(self._path(file_id))

    def close(self) -> None:
        """See `Archive.close`."""
        while self._disks:
            os.close(self._disks.popitem()[1])
        self._prepared.clear()

    def _prepare(self, file_id: int) -> None:
        """Create the folder of an id and remember its disk for `sync`, before the first file is written to the folder."""
        thousands = file_id // FILES_PER_FOLDER
        if thousands in self._prepared:
            return
        folder = self._path(file_id).parent
        if self._marker is not None:
            self._marker.ensure()
        # Not the archive's own folder: if it disappears now, its disk is not mounted.
        for path in (folder.parent, folder):
            with suppress(FileExistsError):
                path.mkdir()
                sync_folder(path.parent)
        device = folder.stat().st_dev
        if device not in self._disks:
            self._disks[device] = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
        self._prepared.add(thousands)

    def _write(self, body: SizedBody, part: BinaryIO) -> None:
        is_large, written = len(body) > self._transfer_size, 0
        if is_large:
            reserve(part.fileno(), len(body))
        while block := body.read(self._transfer_size):
            write_all(part, block)
            if is_large:
                write_back(part.fileno(), written, len(block))
                written += len(block)

    def _stat(self, file_id: int) -> os.stat_result | None:
        try:
            return os.stat(self._name(file_id))  # noqa: PTH116 - a Path for each of a million files is slow
        except FileNotFoundError:
            with self._translate_errors():
                self._check_folder()
            return None
        except OSError as error:
            raise self._failure(error) from error

    def _check_folder(self) -> None:
        if self._marker is not None:
            self._marker.check()

    def _path(self, file_id: int) -> Path:
        return Path(self._name(file_id))

    def _name(self, file_id: int) -> str:
        thousands = file_id // FILES_PER_FOLDER
        millions, thousands = divmod(thousands, FILES_PER_FOLDER)
        return f"{self._folder}/{millions:07d}/{thousands:03d}/{file_id}"

    @contextmanager
    def _translate_errors(self, body: SizedBody | None = None) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            if body is not None and body.failure is error:
                raise
            raise self._failure(error) from error

    def _failure(self, error: OSError) -> ServiceUnavailable:
        if isinstance(error, FileNotFoundError):
            # If the whole folder is missing, the marker's error explains it.
            with suppress(OSError):
                self._check_folder()
        return ServiceUnavailable(SERVICE, self._url, first_line(error))
