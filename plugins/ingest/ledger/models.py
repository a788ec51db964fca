"""The tables of the service, as typed SQLAlchemy models; `migrations/` makes them.

`job`, `file` and `event` are the ledger. `job` is written by `ingest.ledger.jobs` and `ingest.ledger.lease` only,
`upload` by `ingest.ledger.uploads`, `event` by those three. `original_job` is written by `ingest.ledger.legacy_jobs`.
The `catalogue_*` tables and the two sequences belong to the built-in services.
"""

from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from typing import Any

from sqlalchemy import BigInteger, DateTime, ForeignKey, Index, MetaData, Numeric, Sequence, Text, func, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import DeclarativeBase, Mapped, column_property, mapped_column

NAMING_CONVENTION = {
    "ix": "ix_%(column_0_N_label)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "fk": "fk_%(table_name)s_%(column_0_N_name)s",
    "pk": "pk_%(table_name)s",
}


class Base(DeclarativeBase):
    """Base of all models."""

    metadata = MetaData(naming_convention=NAMING_CONVENTION)
    type_annotation_map = {  # noqa: RUF012 - read by SQLAlchemy from the class
        int: BigInteger,
        str: Text,
        datetime: DateTime(timezone=True),
        # Without `none_as_null` a None would be stored as JSON's null, which is not SQL's NULL.
        dict[str, Any]: JSONB(none_as_null=True),
    }


# The name of a bundle that is not in the spool any more.
REMOVED = ""
JOB_IDS = Sequence("job_id_seq", metadata=Base.metadata)
FILE_IDS = Sequence("file_id_seq", metadata=Base.metadata)


class Upload(Base):
    """A file in the spool, whole or in part or not begun, that no job names yet (or no longer, when it is being removed).

    Here before its first byte is written; the transaction that commits the job takes it away. `size` is what was announced,
    in bytes, None when nobody said: as much room as it may still take. `user` is the uploader, None for an admin's file.
    """

    __tablename__ = "upload"

    spool_name: Mapped[str] = mapped_column(primary_key=True)
    job_id: Mapped[int] = mapped_column(index=True)
    size: Mapped[int | None]
    user: Mapped[str | None] = mapped_column("submitted_by")
    started: Mapped[datetime] = mapped_column(server_default=func.now())


class Job(Base):
    """One bundle or move document that was received, and how far it is.

    `fence` counts the processes that took the job over: a write that does not name the newest is void. `holder` is the
    process that works on it and has not ended cleanly. `finished` is the last stage that ended well. `error` is how the last
    try ended; `rejection` is why the job is being rejected, which a later try must not forget. `spool_name` is empty once
    the bundle has left the spool. `catalogue_settles` is the time from which on a transaction that was sent, and that the
    catalogue lacks, does not appear there any more. `run_changes` counts the changes of the job's run in Airflow by this
    service: whatever was read of the run before the last one is void. `skipped_members` counts the members of the bundle
    that were left out because its metadata does not list them. `submitter_claim` is the submitter's id in the token of the
    user, where `submitter_check` needs it. `seen` is no column: it is when the row was read.
    """

    __tablename__ = "job"

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    kind: Mapped[str]
    user: Mapped[str] = mapped_column("submitted_by")
    submitter_claim: Mapped[str | None]
    spool_name: Mapped[str]
    size: Mapped[int]
    created: Mapped[datetime] = mapped_column(server_default=func.now())
    updated: Mapped[datetime] = mapped_column(server_default=func.now())
    triggered: Mapped[datetime | None]
    fence: Mapped[int] = mapped_column(server_default="0")
    holder: Mapped[str | None]
    stage: Mapped[str | None]
    percent: Mapped[float] = mapped_column(server_default="0")
    finished: Mapped[str | None]
    outcome: Mapped[str | None]
    error: Mapped[dict[str, Any] | None]
    rejection: Mapped[dict[str, Any] | None]
    catalogue_settles: Mapped[datetime | None]
    override: Mapped[dict[str, Any] | None]
    clears: Mapped[int] = mapped_column(server_default="0")
    last_state: Mapped[dict[str, Any] | None]
    run_changes: Mapped[int] = mapped_column(server_default="0")
    metadata_offset: Mapped[int | None]
    metadata_size: Mapped[int | None]
    skipped_members: Mapped[int] = mapped_column(server_default="0")
    seen: Mapped[datetime] = column_property(func.clock_timestamp())

    __table_args__ = (
        Index(None, "outcome", "created"),
        # Of the few jobs that have their bundle: what one user's share is compared with, at each upload.
        Index("ix_job_in_spool", "submitted_by", "created", "id", postgresql_where=text("spool_name <> ''")),
    )


class FileState(StrEnum):
    """The state of a file in the archive, as the ledger records it; `ingest.ledger.file_states` writes it.

    - `pending`: the archive holds nothing of the file.
    - `sending`: the archive may hold all of the file, a part of it or nothing.
    - `deleting`: as `sending`, and a request to delete the file may still be under way: its id is not used again.
    - `archived`: the archive holds the file, and its size and hash are the declared ones.
    - `skipped`: the bundle holds the file, but its metadata does not list it: the file is not part of the job.
    """

    PENDING = "pending"
    SENDING = "sending"
    DELETING = "deleting"
    ARCHIVED = "archived"
    SKIPPED = "skipped"


class File(Base):
    """One file of a job: where it lies, what the metadata declares of it, and whether the archive holds it.

    `open_tar` fills `offset` and `found_size`; `load_metadata` the rest. `state` is one of
    `ingest.ledger.files.FileState`. Of a move, `source` is the path that the file lies at, `inode` what it was when it
    was hashed. `folded` is a digest that paths have in common when some system takes them for one
    (`ingest.bundles.names`).
    """

    __tablename__ = "file"

    id: Mapped[int] = mapped_column(primary_key=True)
    job_id: Mapped[int] = mapped_column(ForeignKey("job.id", ondelete="CASCADE"))
    path: Mapped[str]
    folded: Mapped[int | None]
    offset: Mapped[int | None]
    found_size: Mapped[int | None]
    position: Mapped[int | None]
    file_id: Mapped[int | None] = mapped_column(unique=True)
    size: Mapped[int | None]
    hash_type: Mapped[str | None]
    hash_sum: Mapped[str | None]
    source: Mapped[str | None]
    inode: Mapped[int | None]
    state: Mapped[str] = mapped_column(server_default="pending")

    # Of the path's digest, because an index takes no text of more than 2,704 bytes and a path may be longer.
    __table_args__ = (
        Index("uq_file_job_id_path", "job_id", text("md5(path)"), unique=True),
        Index(None, "job_id", "position"),
        # Without it, each batch of a large job's files would be sorted out of all of them.
        Index(None, "job_id", "id"),
    )


class Event(Base):
    """One thing that happened to a job, or to an upload that never became one; never changed, never deleted.

    Each is written in the transaction that it tells of.
    """

    __tablename__ = "event"

    id: Mapped[int] = mapped_column(primary_key=True)
    # No foreign key: an upload that never became a job has events too.
    job_id: Mapped[int] = mapped_column(index=True)
    at: Mapped[datetime] = mapped_column(server_default=func.clock_timestamp())
    kind: Mapped[str]
    stage: Mapped[str | None]
    attempt: Mapped[int | None]
    code: Mapped[str | None]
    text: Mapped[str] = mapped_column(server_default="")


class OriginalJob(Base):
    """A job that the original service received, as its table `ingeststate` held it when it was last taken over.

    `task_percent` keeps the digits that it was written with; times are UTC without saying so, as the original wrote them.
    """

    __tablename__ = "original_job"

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    state: Mapped[str]
    task: Mapped[str]
    task_percent: Mapped[Decimal] = mapped_column(Numeric())
    exception: Mapped[str]
    complete: Mapped[bool]
    created: Mapped[datetime] = mapped_column(DateTime())
    updated: Mapped[datetime] = mapped_column(DateTime())


class CatalogTransaction(Base):
    """A transaction that the built-in catalogue holds."""

    __tablename__ = "catalogue_transaction"

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    created: Mapped[datetime] = mapped_column(server_default=func.now())


class CatalogEntry(Base):
    """One entry of a transaction's metadata that is no file, as it was sent."""

    __tablename__ = "catalogue_entry"

    id: Mapped[int] = mapped_column(primary_key=True)
    transaction_id: Mapped[int] = mapped_column(ForeignKey("catalogue_transaction.id"), index=True)
    entry: Mapped[dict[str, Any]]


class CatalogFile(Base):
    """One file of a transaction, as it was sent; its id is the archive's."""

    __tablename__ = "catalogue_file"

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    transaction_id: Mapped[int] = mapped_column(ForeignKey("catalogue_transaction.id"), index=True)
    entry: Mapped[dict[str, Any]]


# Now, not at the first query: a task is a fork, and each would do it again.
Base.registry.configure()
