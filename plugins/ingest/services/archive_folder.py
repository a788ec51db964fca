"""The built-in archive: a folder, for a machine that has no ArchiveInterface.

What is deleted or moved is on the disk when the call returns; what is put is there after `sync`, which writes many small
files to the disk at once (docs/decisions/0015 says what was measured).
"""

import os
import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from ingest.errors.types import ServiceUnavailable
from ingest.ledger.database import first_line
from ingest.services.archive import SERVICE, OpenFile
from ingest.services.archive_listing import StoredFile, files_below
from ingest.services.sized_body import SizedBody
from ingest.settings.types import folder_of
from ingest.system.durable_files import (
    is_being_written,
    link_file,
    make_folder,
    part_path,
    remove_part,
    sync_folder,
    write_all,
    writing,
)
from ingest.system.linux import forget_in_memory, reserve, sync_file_system, write_back

FILES_PER_FOLDER = 1000
UNFINISHED = re.compile(r"\.(\d+)\.part")


class FolderArchive:
    """An archive in the folder that a file:// URL names; `transfer_size` is in bytes.

    File 1234567 is `0000001/234/1234567`: a folder holds at most a thousand files. What is being written is called
    `.1234567.part` beside it. A kill leaves that behind, and the next put of the same id writes it anew.
    """

    def __init__(self, url: str, transfer_size: int) -> None:
        self.parallel_requests = 1
        self._url = url
        self._folder = folder_of(url) or Path()
        self._transfer_size = transfer_size
        # Of each disk a folder, open since before anything was written: so a sync learns of all that went wrong since.
        self._disks: dict[int, int] = {}
        self._folders: set[Path] = set()

    def put(self, file_id: int, body: BinaryIO, size: int) -> None:
        """See `Archive.put`; what the id held before is replaced, in one step."""
        path = self._path(file_id)
        sized = SizedBody(body, size, SERVICE, self._url)
        with self._faults(sized):
            self._prepare(path.parent)
            with writing(path) as part:
                self._write(sized, part)
                part_path(path).replace(path)

    def sync(self, file_ids: Iterable[int]) -> None:
        """See `Archive.sync`."""
        with self._faults():
            for thousands in {file_id // FILES_PER_FOLDER for file_id in file_ids}:
                self._prepare(self._path(thousands * FILES_PER_FOLDER).parent)
            for descriptor in self._disks.values():
                sync_file_system(descriptor)

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
        with self._faults():
            remove_part(path)
            path.unlink(missing_ok=True)
            if path.parent.exists():
                sync_folder(path.parent)

    def move(self, file_id: int, source: OpenFile) -> None:
        """See `Archive.move`; a file that cannot be linked is copied, for instance one on another device."""
        path = self._path(file_id)
        with self._faults():
            make_folder(path.parent)
            if not link_file(source.file, path):
                self._copy(file_id, source.file)
            sync_folder(path.parent)

    def _copy(self, file_id: int, file: BinaryIO) -> None:
        file.seek(0)
        self.put(file_id, file, os.fstat(file.fileno()).st_size)
        self.sync([file_id])

    def get(self, file_id: int) -> Iterator[bytes]:
        """See `Archive.get`: what the disk holds."""
        with self._faults(), self._path(file_id).open("rb", buffering=0) as file:
            # What could not be written Linux tells once, to whoever syncs next, and keeps it in memory as if it were.
            forget_in_memory(file.fileno())
            while block := file.read(self._transfer_size):
                yield block

    def listing(self) -> Iterator[StoredFile]:
        """Give all that the folder holds, also what a kill left half-written, and what is no file of the archive's."""
        with self._faults():
            for path, found in files_below(self._folder):
                unfinished = UNFINISHED.fullmatch(path.name)
                name = unfinished[1] if unfinished else path.name
                file_id = int(name) if name.isdecimal() and self._path(int(name)) == path.with_name(name) else None
                yield StoredFile(path, found.st_size, found.st_ctime, file_id, unfinished=bool(unfinished))

    def is_being_written(self, file_id: int) -> bool:
        """Whether a process is writing the id's file now; to be asked of old ones only."""
        with self._faults():
            return is_being_written(self._path(file_id))

    def delete_unfinished(self, file_id: int) -> None:
        """Remove what a kill left of writing the id's file; what the archive holds under the id stays.

        Raises ServiceUnavailable when a process is writing it.
        """
        with self._faults():
            remove_part(self._path(file_id))

    def close(self) -> None:
        """See `Archive.close`."""
        while self._disks:
            os.close(self._disks.popitem()[1])
        self._folders.clear()

    def _prepare(self, folder: Path) -> None:
        """Make a folder, and let `sync` know its disk, before the first file is written to it."""
        if folder in self._folders:
            return
        folder.mkdir(parents=True, exist_ok=True)
        device = folder.stat().st_dev
        if device not in self._disks:
            self._disks[device] = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
        self._folders.add(folder)

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
        with self._faults():
            try:
                return os.stat(self._name(file_id))  # noqa: PTH116 - a Path for each of a million files takes its time
            except FileNotFoundError:
                return None

    def _path(self, file_id: int) -> Path:
        return Path(self._name(file_id))

    def _name(self, file_id: int) -> str:
        thousands = file_id // FILES_PER_FOLDER
        millions, thousands = divmod(thousands, FILES_PER_FOLDER)
        return f"{self._folder}/{millions:07d}/{thousands:03d}/{file_id}"

    @contextmanager
    def _faults(self, body: SizedBody | None = None) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            if body is not None and body.failure is error:
                raise
            raise ServiceUnavailable(SERVICE, self._url, first_line(error)) from error
