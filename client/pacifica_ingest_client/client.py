"""The library: `IngestClient` uploads folders and follows their jobs."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from platformdirs import user_state_path

from pacifica_ingest_client.bundle.bundle import Bundle, digest_of, list_and_hash, make_bundle, make_move_document
from pacifica_ingest_client.bundle.file_table import FileTable
from pacifica_ingest_client.bundle.transaction import Transaction
from pacifica_ingest_client.errors import BundleTooLarge, ReceiptInvalid, SourceChanged, StateUnusable
from pacifica_ingest_client.progress import NoProgress, Progress
from pacifica_ingest_client.saved_receipt import SavedReceipt
from pacifica_ingest_client.service.body import Body
from pacifica_ingest_client.service.calls import (
    BINARY,
    JSON,
    PREFLIGHT,
    PREFLIGHT_MOVE,
    Features,
    body_of,
    post,
    preflight,
    read_features,
)
from pacifica_ingest_client.service.connection import Access, Connection
from pacifica_ingest_client.service.jobs import JobState, wait_for_job
from pacifica_ingest_client.service.receipts import KEYS, download, list_address, receipt_address
from pacifica_ingest_client.service.resumable import ResumableUpload, remove_upload
from pacifica_ingest_client.service.retries import Retries
from pacifica_ingest_client.upload_record import UploadRecord

APPLICATION = "pacifica-ingest-client"
RETRY_SECONDS = 3600.0


@dataclass(frozen=True)
class Source:
    """What to upload: files and folders, without the names that match a pattern in `exclude`."""

    paths: Sequence[str]
    exclude: Sequence[str] = ()


@dataclass(frozen=True)
class Options:
    """How to upload. `again` hashes all files, and makes another job of a bundle that has one already.

    `receipt` is a file to save the receipt in; it is verified, and compared with the uploaded files.
    """

    preflight: bool = True
    again: bool = False
    receipt: Path | None = None


@dataclass(frozen=True)
class Workspace:
    """The state of one upload on this computer: the table of files, and the folder with the other files."""

    folder: Path
    table: FileTable
    record: UploadRecord

    @property
    def document(self) -> Path:
        """The metadata, or the move document."""
        return self.folder / "metadata.txt"


@dataclass
class IngestClient:
    """Uploads to the service at one URL.

    `retry_for` is how many seconds requests are repeated without progress. `state` is a folder for what is needed to resume.
    """

    url: str
    access: Access = field(default_factory=Access)
    retry_for: float = RETRY_SECONDS
    state: Path | None = None
    progress: Progress = field(default_factory=NoProgress)

    def __post_init__(self) -> None:
        """Prepare the connection, which is opened by the first request."""
        self._connection = Connection(self.url, self.access)
        self._retries = Retries(self.retry_for, self.progress)

    def upload(self, source: Source, transaction: Transaction, options: Options | None = None) -> JobState:
        """Upload files as one bundle, and wait until they are cataloged; return the job's state. Raises ClientError.

        After an interruption, the same call resumes.
        """
        return self._follow(source, self.submit(source, transaction, options), options)

    def move(
        self, source: Source, transaction: Transaction, server_path: str | None = None, options: Options | None = None
    ) -> JobState:
        """Let the facility move files that it can access itself, and wait until they are cataloged. Raises ClientError.

        `server_path` is the only path of the source as the facility's server sees it.
        """
        return self._follow(source, self.submit_move(source, transaction, server_path, options), options)

    def submit(self, source: Source, transaction: Transaction, options: Options | None = None) -> int:
        """Upload files as one bundle; return the job ID. Raises ClientError."""
        wanted, entries = options or Options(), transaction.entries()
        with self._workspace(source) as workspace:
            files = self._list_and_hash(workspace, source, wanted)
            bundle = make_bundle(workspace.table, files, entries, workspace.document)
            self._prepare(workspace, bundle.digest, PREFLIGHT, wanted)
            return workspace.record.job_id or self._send(workspace.record, bundle)

    def submit_move(
        self, source: Source, transaction: Transaction, server_path: str | None = None, options: Options | None = None
    ) -> int:
        """Post a move document; return the job ID. Raises ClientError."""
        wanted, entries = options or Options(), transaction.entries()
        with self._workspace(source) as workspace:
            self._list_and_hash(workspace, source, wanted)
            document = make_move_document(workspace.table, entries, workspace.document, server_path)
            self._prepare(workspace, digest_of(document), PREFLIGHT_MOVE, wanted)
            return workspace.record.job_id or self._post(workspace.record, document)

    def follow(self, job_id: int) -> JobState:
        """Wait until a job is cataloged; raises ClientError."""
        state = wait_for_job(self._connection, job_id, self._retries, self.progress)
        self.progress.finish()
        return state

    def receipt(self, job_id: int, path: Path) -> SavedReceipt:
        """Save the receipt of a cataloged job in a file, and what verifies it beside it; verify it. Raises ClientError."""
        saved = SavedReceipt(path)
        self._download(KEYS, saved.keys)
        self._download(receipt_address(job_id), saved.path)
        receipt = saved.verify()
        if receipt.job_id != job_id:
            raise ReceiptInvalid(f"the service answered the receipt of job {receipt.job_id} for job {job_id}")
        if not receipt.has_list:
            self._download(list_address(job_id), saved.list)
        return saved

    def _follow(self, source: Source, job_id: int, options: Options | None) -> JobState:
        state = self.follow(job_id)
        if options is not None and options.receipt is not None:
            saved = self.receipt(job_id, options.receipt)
            with self._workspace(source) as workspace:
                count = saved.check((file.name, file.size, digest) for file, digest in workspace.table.files())
            self.progress.note(f"the receipt in {saved.path} is valid; it has all {count} files")
        return state

    def _download(self, address: str, path: Path) -> None:
        try:
            self._retries.call(lambda: download(self._connection, address, path))
        except OSError as error:
            raise StateUnusable(f"{path} cannot be written: {error.strerror or error}") from error

    @contextmanager
    def _workspace(self, source: Source) -> Iterator[Workspace]:
        paths = [str(Path(path).absolute()) for path in source.paths]
        name = hashlib.sha256("\0".join(paths).encode("utf-8", "surrogateescape")).hexdigest()[:16]
        folder = (self.state or user_state_path(APPLICATION)) / name
        try:
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        except OSError as error:
            raise StateUnusable(f"{folder} cannot be made: {error.strerror}; choose another --state-folder") from error
        table = FileTable(folder / "files.sqlite", self.progress)
        try:
            yield Workspace(folder, table, UploadRecord(folder / "upload.json", self._connection.url))
        finally:
            table.close()

    def _list_and_hash(self, workspace: Workspace, source: Source, options: Options) -> int:
        # A file that changed without a new size or time has made its job fail by its hash.
        return list_and_hash(workspace.table, source.paths, source.exclude, self.progress, afresh=options.again)

    def _prepare(self, workspace: Workspace, digest: str, check: str, options: Options) -> None:
        """Compare with the record of the last upload; let the service check what it does not have yet."""
        record = workspace.record
        abandoned = record.start(digest, again=options.again)
        if abandoned:
            # The files have changed. A kill before this leaves the upload, which expires.
            remove_upload(self._connection, abandoned)
        if record.job_id is not None:
            self.progress.note(f"these files were sent already, as job {record.job_id}; --again sends them again")
        elif options.preflight and record.upload_url is None:
            self.progress.start("checking the metadata", None)
            if not self._retries.call(lambda: preflight(self._connection, check, workspace.document)):
                self.progress.note("the service cannot check the metadata before the upload")

    def _send(self, record: UploadRecord, bundle: Bundle) -> int:
        features = self._features()
        if features.max_size is not None and bundle.size > features.max_size:
            raise BundleTooLarge(f"the bundle has {bundle.size} bytes, but the limit is {features.max_size}; split it")
        # A kill before the job is recorded: the next start learns the job from the upload. A service that cannot resume
        # gets the bundle again, under the same key.
        job_id = self._resume(record, bundle) if features.resumable else self._post_bundle(record, bundle)
        record.set_job(job_id)
        return job_id

    def _resume(self, record: UploadRecord, bundle: Bundle) -> int:
        upload = ResumableUpload(self._connection, bundle, record, self._retries, self.progress)
        try:
            return upload.send(record.key)
        except SourceChanged:
            upload.remove()
            raise

    def _post_bundle(self, record: UploadRecord, bundle: Bundle) -> int:
        self.progress.start("uploading", bundle.size)

        def attempt() -> int:
            self.progress.move_to(0)
            with bundle.open() as tar:
                body = Body(tar.blocks(0), bundle.size, self.progress)
                return post(self._connection, "/upload", BINARY, body, record.key, is_repeatable=False)

        return self._retries.call(attempt)

    def _post(self, record: UploadRecord, document: Path) -> int:
        is_repeatable = self._features().resumable

        def attempt() -> int:
            return post(self._connection, "/move", JSON, body_of(document), record.key, is_repeatable=is_repeatable)

        job_id = self._retries.call(attempt)
        record.set_job(job_id)
        return job_id

    def _features(self) -> Features:
        return self._retries.call(lambda: read_features(self._connection))
