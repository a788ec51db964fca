"""The tables of the service, as typed SQLAlchemy models; `migrations/` creates them.

| Table | Written by |
|---|---|
| `job` | `ingest.ledger`: `jobs`, `job_runs`, `waiting_jobs`, `cancellation`, `lease`, `file_records`; `replace_bundle` |
| `file` | `ingest.ledger.file_records` and, the state and the id, `file_states` |
| `event` | `ingest.ledger.events` |
| `event_total`, `event_total_position` | `ingest.ledger.event_totals` |
| `service_request_total` | `ingest.ledger.service_request_totals` |
| `upload` | `ingest.ledger.uploads` |
| `resumable_upload` | `ingest.ledger.resumable_uploads`, `upload_progress`, and its end `uploads` and `expired_uploads` |
| `idempotency_key` | `ingest.ledger.idempotency_keys` |
| `webhook` | `ingest.ledger.webhooks` and, the last results, `ingest.ledger.deliveries` |
| `notification` | `ingest.ledger.outbox` and `deliveries` |
| `original_job` | `ingest.ledger.legacy_jobs` |
| `archive_folder` | `ingest.services.archive_marker` |
| `catalogue_*` and the two sequences | the built-in services |
"""

from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from typing import Any
from uuid import UUID

from sqlalchemy import (
    BigInteger,
    Computed,
    DateTime,
    ForeignKey,
    Index,
    MetaData,
    Numeric,
    Sequence,
    Text,
    func,
    text,
    true,
)
from sqlalchemy.dialects.postgresql import ARRAY, JSONB
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
        list[str]: ARRAY(Text),
        # Without `none_as_null` a None would be stored as JSON's null, which is not SQL's NULL.
        dict[str, Any]: JSONB(none_as_null=True),
    }


# The spool name of a job whose bundle was removed from the spool.
REMOVED = ""
# How a job has ended, by the ledger alone: as `JobRecord.phase`; NULL while it continues by itself.
ENDED = """CASE WHEN outcome = 'catalogued' THEN 'complete'
    WHEN rejection ->> 'code' = 'canceled' OR override ->> 'state' = 'FAILED' OR error ->> 'final' = 'true'
        OR last_state ->> 'state' = 'FAILED' THEN 'failed' END"""
ERROR_CODE = """CASE WHEN outcome = 'catalogued' THEN NULL
    WHEN rejection ->> 'code' = 'canceled' THEN 'canceled'
    WHEN override ->> 'state' = 'FAILED' THEN 'job_overridden' ELSE error ->> 'code' END"""
JOB_IDS = Sequence("job_id_seq", metadata=Base.metadata)
FILE_IDS = Sequence("file_id_seq", metadata=Base.metadata)


class Upload(Base):
    """A file in the spool that no job names yet, or no longer while it is being removed.

    The row is committed before the file's first byte is written, and deleted by the transaction that commits the job.

    - `size`: the announced size in bytes, which is reserved; None when it is unknown.
    - `user`: the uploader; None for a file of an admin.
    - `token`: the resumable upload that the file belongs to, if it arrives in several requests.
    """

    __tablename__ = "upload"

    spool_name: Mapped[str] = mapped_column(primary_key=True)
    job_id: Mapped[int] = mapped_column(index=True)
    size: Mapped[int | None]
    user: Mapped[str | None] = mapped_column("submitted_by")
    token: Mapped[str | None]
    started: Mapped[datetime] = mapped_column(server_default=func.now())


class ResumableUpload(Base):
    """A bundle that arrives in several requests; its row remains when the job exists, so that the client learns its job.

    - `token`: the part of the upload's address that cannot be guessed.
    - `job_id`: the id that is reserved for the job, and its final id when the upload is `completed`.
    - `length`: the size of the whole bundle in bytes; None until the client knows it.
    - `position`: the number of bytes that are on the disk; the client continues here.
    - `stop_requests`: counts the requests that want to continue the upload while an older one still writes.
    - `ends_at_length`: the bundle ends when its last byte is there, as always with tus; False while a client of the IETF
      draft has not said that its request is the last one.
    - `repr_digest`, `metadata`: the headers `Repr-Digest` and `Upload-Metadata` with which the client created the upload.
    - `traceparent`: the span of the request that created the upload, if traces are on; the spans of the others are below it.
    - `updated`: when the last byte was recorded; the upload expires some time after it.
    - `completed`: when the job was committed.
    """

    __tablename__ = "resumable_upload"

    token: Mapped[str] = mapped_column(primary_key=True)
    user: Mapped[str] = mapped_column("submitted_by")
    spool_name: Mapped[str] = mapped_column(unique=True)
    job_id: Mapped[int]
    length: Mapped[int | None]
    position: Mapped[int] = mapped_column(server_default="0")
    stop_requests: Mapped[int] = mapped_column(server_default="0")
    ends_at_length: Mapped[bool] = mapped_column(server_default=true())
    repr_digest: Mapped[str | None]
    # Not `metadata`, which SQLAlchemy reserves.
    upload_metadata: Mapped[str | None] = mapped_column("metadata")
    traceparent: Mapped[str | None]
    created: Mapped[datetime] = mapped_column(server_default=func.now())
    # No index: each part changes this column, and PostgreSQL then writes a new entry in every index of the table.
    updated: Mapped[datetime] = mapped_column(server_default=func.now())
    completed: Mapped[datetime | None]


class Job(Base):
    """A bundle or move document that was received, and the progress of its processing.

    - `submitter_claim`: the submitter's id in the user's token, where `submitter_check` needs it.
    - `traceparent`: the span of the request that the job began with, if traces are on; the spans of its stages are below it.
    - `spool_name`: the name of the bundle in the spool; empty once it was removed.
    - `fence`: counts the processes that acquired the job; a write under an older count has no effect.
    - `holder`: the process that works on the job, or died while it did.
    - `finished`: the last stage that finished.
    - `error`: how the last attempt failed.
    - `waiting`: what the job waits for since an attempt failed (`ingest.states.waiting`); NULL once the stage has finished.
    - `rejection`: why the job is being rejected, so that a later attempt can complete it. With the code `canceled`
      the job was canceled, which is final.
    - `catalogue_settles`: from this time on, a transaction that was sent and that the catalog lacks never appears there.
    - `clears`: how often housekeeping has restarted the job's run.
    - `last_state`: the state that a client received last, for times when Airflow does not respond.
    - `run_changes`: counts the changes of the job's run in Airflow; a run that was read before the last change is outdated.
    - `metadata_offset`, `metadata_size`: where metadata.txt is in the bundle.
    - `skipped_members`: the number of members that are not part of the job because the metadata does not list them.
    - `project`, `instrument`, `files`, `bytes`: what the metadata declares, once `load_metadata` has read it.
    - `ended`, `error_code`: computed from other columns, so that lists can select by an index (`ingest.ledger.job_list`).
    - `seen`: not a column, but the time at which the row was read.
    """

    __tablename__ = "job"

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    kind: Mapped[str]
    user: Mapped[str] = mapped_column("submitted_by")
    submitter_claim: Mapped[str | None]
    traceparent: Mapped[str | None]
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
    waiting: Mapped[dict[str, Any] | None]
    rejection: Mapped[dict[str, Any] | None]
    catalogue_settles: Mapped[datetime | None]
    override: Mapped[dict[str, Any] | None]
    clears: Mapped[int] = mapped_column(server_default="0")
    last_state: Mapped[dict[str, Any] | None]
    run_changes: Mapped[int] = mapped_column(server_default="0")
    metadata_offset: Mapped[int | None]
    metadata_size: Mapped[int | None]
    skipped_members: Mapped[int] = mapped_column(server_default="0")
    project: Mapped[str | None]
    instrument: Mapped[str | None]
    files: Mapped[int | None]
    bytes: Mapped[int | None]
    ended: Mapped[str | None] = mapped_column(Computed(ENDED, persisted=True))
    error_code: Mapped[str | None] = mapped_column(Computed(ERROR_CODE, persisted=True))
    seen: Mapped[datetime] = column_property(func.clock_timestamp())

    __table_args__ = (
        Index(None, "outcome", "created"),
        # The few jobs that have their bundle: read for the share of a user at each upload.
        Index("ix_job_in_spool", "submitted_by", "created", "id", postgresql_where=text("spool_name <> ''")),
        # Lists of jobs, newest first: an index for each filter. Those of names also find the beginning of a name.
        Index("ix_job_list", "created", "id"),
        Index("ix_job_list_kind", "kind", "created", "id"),
        Index("ix_job_list_ended", "ended", "created", "id"),
        Index("ix_job_list_user_ended", "submitted_by", "ended", "created", "id"),
        Index("ix_job_list_code", "error_code", "created", "id", postgresql_where=text("error_code IS NOT NULL")),
        *(
            Index(f"ix_job_list_{name}", name, "created", "id", postgresql_ops={name: "text_pattern_ops"})
            for name in ("submitted_by", "project", "instrument")
        ),
        # The few jobs that wait for a service: housekeeping reads them every minute, the oldest first.
        Index("ix_job_waiting", "created", "id", postgresql_where=text("waiting IS NOT NULL")),
        # The failed jobs by code, counted for metrics without reading their rows.
        Index("ix_job_failed", "kind", "error_code", postgresql_where=text("ended = 'failed'")),
    )


class IdempotencyKey(Base):
    """A key with which a user marks an upload that may be sent again; it belongs to one upload, and later to its job.

    - `kind`: the kind of the job.
    - `spool_name`: the upload that the key belongs to.
    - `sha256`, `size`: the digest and the size in bytes of the body; NULL until the job exists, as `job_id`.
    """

    __tablename__ = "idempotency_key"

    user: Mapped[str] = mapped_column("submitted_by", primary_key=True)
    key: Mapped[str] = mapped_column(primary_key=True)
    kind: Mapped[str]
    spool_name: Mapped[str] = mapped_column(unique=True)
    sha256: Mapped[bytes | None]
    size: Mapped[int | None]
    job_id: Mapped[int | None] = mapped_column(ForeignKey("job.id", ondelete="CASCADE"), index=True)
    created: Mapped[datetime] = mapped_column(server_default=func.now())


class FileState(StrEnum):
    """The state of a file in the archive, as the ledger records it; `ingest.ledger.file_states` writes it.

    - `pending`: the archive holds nothing of the file.
    - `sending`: the archive may hold all of the file, a part of it or nothing.
    - `deleting`: as `sending`, and a request to delete the file may still be under way, so the id is not reused.
    - `archived`: the archive holds the file, and its size and hash are the declared ones.
    - `skipped`: the bundle holds the file, but its metadata does not list it: the file is not part of the job.
    """

    PENDING = "pending"
    SENDING = "sending"
    DELETING = "deleting"
    ARCHIVED = "archived"
    SKIPPED = "skipped"


class File(Base):
    """A member of a bundle and the file that the metadata declares under the same path.

    - `offset`, `found_size`: the member's place and size in the bundle; NULL until `open_tar` finds it, and for a move.
    - `position`: the place of the entry in the metadata; NULL, as `size`, `hash_*` and `source`, until `load_metadata`
      reads it.
    - `folded`: a digest that is equal for paths that some file systems treat as equal (`ingest.bundles.names`).
    - `file_id`: the id in the archive and the catalog.
    - `source`: the path that a move takes the file from.
    - `inode`: the source's inode when it was hashed.
    - `state`: a `FileState`.
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

    # On the path's digest, because an index entry is limited to 2,704 bytes and a path may be longer.
    __table_args__ = (
        Index("uq_file_job_id_path", "job_id", text("md5(path)"), unique=True),
        Index(None, "job_id", "position"),
        # Without it, reading each batch of a large job's files would sort all of them.
        Index(None, "job_id", "id"),
        # Each file changes its state twice: with free space in its page, the new row adds no entry to the five indexes.
        {"postgresql_with": {"fillfactor": 50}},
    )


class Event(Base):
    """An event of a job, or of an upload that never became a job; never changed, never deleted.

    Written in the transaction that it describes. `kind` is an `EventKind`.
    """

    __tablename__ = "event"

    id: Mapped[int] = mapped_column(primary_key=True)
    # Not a foreign key: an upload that never became a job has events too.
    job_id: Mapped[int] = mapped_column(index=True)
    at: Mapped[datetime] = mapped_column(server_default=func.clock_timestamp())
    kind: Mapped[str]
    stage: Mapped[str | None]
    attempt: Mapped[int | None]
    code: Mapped[str | None]
    text: Mapped[str] = mapped_column(server_default="")


class EventTotal(Base):
    """The events of one kind up to the `EventTotalPosition`: their number, and the sums of what they report.

    - `event`, `stage`, `code`: as in `Event`; empty texts instead of NULL.
    - `kind`: the kind of the job; empty for an upload that never became one.
    - `upper_bound`: the events whose duration in seconds is in this bucket of a histogram; 0 for events without a duration.
    - `files`, `bytes`, `seconds`: sums over the events.
    """

    __tablename__ = "event_total"

    event: Mapped[str] = mapped_column(primary_key=True)
    kind: Mapped[str] = mapped_column(primary_key=True)
    stage: Mapped[str] = mapped_column(primary_key=True)
    code: Mapped[str] = mapped_column(primary_key=True)
    upper_bound: Mapped[float] = mapped_column(primary_key=True)
    count: Mapped[int]
    files: Mapped[int]
    bytes: Mapped[int]
    # Exact: a sum of floats depends on their order, and could be lower than before.
    seconds: Mapped[Decimal] = mapped_column(Numeric())


class EventTotalPosition(Base):
    """The one row that says which events `event_total` contains.

    - `counted_id`: the id of the last event that it contains.
    - `next_id`, `next_transaction`: events up to this id are complete when every transaction before this one has ended.
    - `at`: when housekeeping last counted events.
    """

    __tablename__ = "event_total_position"

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    counted_id: Mapped[int]
    next_id: Mapped[int]
    next_transaction: Mapped[int]
    at: Mapped[datetime]


class ServiceRequestTotal(Base):
    """The requests that stages have sent to a service: their number and duration, by bucket of a histogram.

    - `status`: the status of the answer, or `none` if there was no answer.
    """

    __tablename__ = "service_request_total"

    service: Mapped[str] = mapped_column(primary_key=True)
    method: Mapped[str] = mapped_column(primary_key=True)
    status: Mapped[str] = mapped_column(primary_key=True)
    upper_bound: Mapped[float] = mapped_column(primary_key=True)
    count: Mapped[int]
    seconds: Mapped[float]


class Webhook(Base):
    """A subscriber of notifications, as the settings described it when an API process last started.

    - `events`, `users`: the types of notifications it receives, and of whose jobs; of all users' if `users` is NULL.
    - `removed`: since when the settings lack it; it then receives nothing.
    - `disabled`: since when it receives nothing, because the receiver answered 410.
    - `paused_until`: the receiver requested not to be called before (`Retry-After`).
    - `last_failure`, `failure`: when the last failed try ended, and how.
    """

    __tablename__ = "webhook"

    name: Mapped[str] = mapped_column(primary_key=True)
    events: Mapped[list[str]]
    users: Mapped[list[str] | None]
    created: Mapped[datetime] = mapped_column(server_default=func.now())
    removed: Mapped[datetime | None]
    disabled: Mapped[datetime | None]
    paused_until: Mapped[datetime | None]
    last_success: Mapped[datetime | None]
    last_failure: Mapped[datetime | None]
    failure: Mapped[str | None]


class Notification(Base):
    """A notification of an event to one webhook; written in the event's transaction, so neither exists without the other.

    - `message_id`: the id that receivers see, equal in every try.
    - `type`: a `NotificationType`; `state`: a `NotificationState`.
    - `tries`: the number of tries that began.
    - `next_try`: when it is due; while a try is in progress, when that process counts as dead.
    - `ended`: when it was delivered or given up.
    - `failure`: how the last try failed.
    """

    __tablename__ = "notification"

    id: Mapped[int] = mapped_column(primary_key=True)
    message_id: Mapped[UUID] = mapped_column(server_default=func.gen_random_uuid())
    webhook: Mapped[str] = mapped_column(ForeignKey("webhook.name", ondelete="CASCADE"))
    event_id: Mapped[int] = mapped_column(ForeignKey("event.id"))
    job_id: Mapped[int]
    type: Mapped[str]
    state: Mapped[str] = mapped_column(server_default="waiting")
    tries: Mapped[int] = mapped_column(server_default="0")
    next_try: Mapped[datetime]
    created: Mapped[datetime] = mapped_column(server_default=func.now())
    ended: Mapped[datetime | None]
    failure: Mapped[str | None]

    __table_args__ = (
        # The next ones of a webhook, and those that precede one of them: few beside all that were delivered.
        Index("ix_notification_due", "webhook", "next_try", "id", postgresql_where=text("state = 'waiting'")),
        Index("ix_notification_of_job", "webhook", "job_id", "id", postgresql_where=text("state = 'waiting'")),
        # For retention and replays.
        Index(None, "webhook", "created"),
    )


class OriginalJob(Base):
    """A job that pacifica-ingest 0.4.1 received, as its table `ingeststate` held it at the last import.

    `task_percent` keeps the digits that it was written with. Times are UTC without a time zone, as the original service
    writes them.
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


class ArchiveFolder(Base):
    """A folder that the built-in archive has used, and the id in its marker (`ingest.services.archive_marker`)."""

    __tablename__ = "archive_folder"

    path: Mapped[str] = mapped_column(primary_key=True)
    marker: Mapped[str]
    created: Mapped[datetime] = mapped_column(server_default=func.now())


class CatalogTransaction(Base):
    """A transaction of the built-in catalog."""

    __tablename__ = "catalogue_transaction"

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    created: Mapped[datetime] = mapped_column(server_default=func.now())


class CatalogEntry(Base):
    """An entry of a transaction's metadata other than a file, as it was sent."""

    __tablename__ = "catalogue_entry"

    id: Mapped[int] = mapped_column(primary_key=True)
    transaction_id: Mapped[int] = mapped_column(ForeignKey("catalogue_transaction.id"), index=True)
    entry: Mapped[dict[str, Any]]


class CatalogFile(Base):
    """A file of a transaction, as it was sent; its id is that of the archive."""

    __tablename__ = "catalogue_file"

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    transaction_id: Mapped[int] = mapped_column(ForeignKey("catalogue_transaction.id"), index=True)
    entry: Mapped[dict[str, Any]]


# Configured at import, not at the first query: each task is a fork and would repeat the work.
Base.registry.configure()
