"""The fields of all settings: source, form, default and description of each.

Read and checked by `ingest.settings.loading`. `make docs` generates `docs/reference/configuration.md` and the settings in
`docker-compose.yaml` from them.
"""

from pathlib import Path
from typing import Annotated, Self

from pydantic import AfterValidator, ConfigDict, model_validator

from ingest.settings.access import contradiction
from ingest.settings.limits import LimitSettings
from ingest.settings.logs import LogSettings
from ingest.settings.moves import MoveSettings
from ingest.settings.submitters import NETWORK_ID, SubmitterSettings
from ingest.settings.types import Size, check_database_url, folder_of, option
from ingest.settings.webhooks import Webhook

# What happens to members of a bundle that its metadata does not list.
REJECT, SKIP = "reject", "skip"
BUILT_IN = "builtin"
SERVICE_URL = rf"^({BUILT_IN}|https?://\S+)$"
ARCHIVE_URL = r"^(file:///\S.*|https?://\S+)$"


class Settings(SubmitterSettings, LimitSettings, MoveSettings):
    """The settings of the API, the stages and the command line."""

    model_config = ConfigDict(frozen=True, allow_inf_nan=False)

    volume_path: Path = option(
        Path("/tmp"),  # noqa: S108 - the documented default
        "ingest", "volume_path", "VOLUME_PATH",
        description="The spool: the folder that holds received bundles until they are cataloged.",
        form="a folder that the API and all workers share",
    )  # fmt: skip
    transfer_size: Size = option(
        1024 * 1024, "ingest", "transfer_size", "TRANSFER_SIZE",
        description="The size of the blocks that are read and written, in bytes.",
        form="an integer from 4096 to 1073741824, or as much with a unit, such as 4 Mb",
        ge=4096, le=1024**3,
    )  # fmt: skip
    keep_rejected_days: float = option(
        30.0, "ingest", "keep_rejected_days", "INGEST_KEEP_REJECTED_DAYS",
        description="Days until the bundle of a rejected job is deleted from the spool.", form="a number from 0 to 36500",
        ge=0, le=36500,
    )  # fmt: skip
    keep_failed_days: float = option(
        365.0, "ingest", "keep_failed_days", "INGEST_KEEP_FAILED_DAYS",
        description="Days until the bundle of a job that failed for another reason is deleted from the spool, and its "
        "files from the archive.",
        form="a number from 0 to 36500", ge=0, le=36500,
    )  # fmt: skip
    keep_abandoned_seconds: float = option(
        3600.0, "ingest", "keep_abandoned_seconds", "INGEST_KEEP_ABANDONED_SECONDS",
        description="Seconds without data, in addition to `receive_timeout`, after which a partial upload is deleted from "
        "the spool.",
        form="a number above 0", gt=0,
    )  # fmt: skip
    keep_notifications_days: float = option(
        30.0, "ingest", "keep_notifications_days", "INGEST_KEEP_NOTIFICATIONS_DAYS",
        description="Days until a notification that was delivered or given up is deleted; until then it can be replayed.",
        form="a number from 0 to 36500", ge=0, le=36500,
    )  # fmt: skip
    keep_airflow_days: float = option(
        90.0, "ingest", "keep_airflow_days", "INGEST_KEEP_AIRFLOW_DAYS",
        description="Days until an ended run is deleted from Airflow, with its task instances and logs, and until the "
        "entries of Airflow's event log are deleted. The ledger keeps the job. At least 8, so that the last run of "
        "`reconcile`, which runs once a week, stays.",
        form="a number from 8 to 36500", ge=8, le=36500,
    )  # fmt: skip
    keep_partial_hours: float = option(
        168.0, "ingest", "keep_partial_hours", "INGEST_KEEP_PARTIAL_HOURS",
        description="Hours without data after which a resumable upload expires and its part is deleted from the spool; "
        "at most 24 before its first byte.",
        form="a number above 0, up to 87600", gt=0, le=87600,
    )  # fmt: skip
    refuse_ambiguous_names: bool = option(
        True, "ingest", "refuse_ambiguous_names", "INGEST_REFUSE_AMBIGUOUS_NAMES",
        description="Whether a job is rejected if the paths of two of its files differ only in case or in Unicode form: on "
        "some systems, one file would overwrite the other.",
        form="true or false",
    )  # fmt: skip
    unlisted_members: str = option(
        REJECT, "ingest", "unlisted_members", "INGEST_UNLISTED_MEMBERS",
        description="How to treat a file in the tar that the metadata does not list: `reject` the job, or `skip` the file, "
        "as the original service does. The job then continues without the file, and an event names it.",
        form=f"{REJECT} or {SKIP}", pattern=rf"^({REJECT}|{SKIP})$",
    )  # fmt: skip
    service_connect_timeout: float = option(
        10.0, "ingest", "service_connect_timeout", "INGEST_SERVICE_CONNECT_TIMEOUT",
        description="Seconds to wait for a connection to a service.", form="a number above 0", gt=0,
    )  # fmt: skip
    service_read_timeout: float = option(
        300.0, "ingest", "service_read_timeout", "INGEST_SERVICE_READ_TIMEOUT",
        description="Seconds to wait for data from a service before the stage is tried again.",
        form="a number above 0", gt=0,
    )  # fmt: skip
    uniqueid_url: str = option(
        BUILT_IN, "uniqueid", "url", "UNIQUEID_URL",
        description="The UniqueID service, or `builtin` for IDs from a sequence in the database.",
        form="builtin or an http(s) URL", pattern=SERVICE_URL, repr=False,
    )  # fmt: skip
    policy_ingest_url: str = option(
        BUILT_IN, "policy", "ingest_url", "POLICY_INGEST_URL",
        description="Policy's ingest endpoint, or `builtin` to check only that the metadata is complete.",
        form="builtin or an http(s) URL", pattern=SERVICE_URL, repr=False,
    )  # fmt: skip
    archiveinterface_url: str = option(
        "file:///var/lib/pacifica-ingest/archive", "archiveinterface", "url", "ARCHIVEINTERFACE_URL",
        description="The ArchiveInterface service, or the folder of the built-in archive.",
        form="file:///folder or an http(s) URL", pattern=ARCHIVE_URL, repr=False,
    )  # fmt: skip
    archive_connections: int = option(
        1, "archiveinterface", "connections", "INGEST_ARCHIVE_CONNECTIONS",
        description="How many connections a job opens to ArchiveInterface. Use a value above 1 only if "
        "ArchiveInterface runs as several processes of one thread each, behind a load balancer.",
        form="an integer from 1 to 64", ge=1, le=64,
    )  # fmt: skip
    archive_sent_ahead: int = option(
        4, "archiveinterface", "sent_ahead", "INGEST_ARCHIVE_SENT_AHEAD",
        description="How many files of up to 64 KiB are sent on one connection to ArchiveInterface before the first of them "
        "is answered. Set it to 1 if a proxy in front of ArchiveInterface does not support this (HTTP pipelining).",
        form="an integer from 1 to 16", ge=1, le=16,
    )  # fmt: skip
    check_every_file_id: bool = option(
        False, "archiveinterface", "check_every_id", "INGEST_CHECK_EVERY_FILE_ID",
        description="Whether ArchiveInterface is queried for each new file ID before a file is sent under it. By default, a "
        "sample of each range of IDs is checked. Set it to `true` if other systems store files in this archive under IDs "
        "that are not from the same UniqueID.",
        form="true or false",
    )  # fmt: skip
    metadata_ingest_url: str = option(
        BUILT_IN, "metadata", "ingest_url", "METADATA_INGEST_URL",
        description="The metadata service's ingest endpoint, or `builtin` for a catalog in the database.",
        form="builtin or an http(s) URL", pattern=SERVICE_URL, repr=False,
    )  # fmt: skip
    database_url: Annotated[str, AfterValidator(check_database_url)] = option(
        "postgresql://ingest@127.0.0.1:5432/ingest", "database", "peewee_url", "INGEST_DATABASE_URL", "PEEWEE_URL",
        description="The PostgreSQL database of jobs (the option has the same name as in the original service).",
        form="postgresql://user:password@host:port/database", repr=False,
    )  # fmt: skip
    session_database_url: Annotated[str, AfterValidator(check_database_url)] | None = option(
        None, "database", "session_url", "INGEST_SESSION_DATABASE_URL",
        description="The URL of the same database without a pooler, if the other one leads through a pooler in transaction "
        "mode, such as PgBouncer: for the locks of jobs and for temporary tables. Empty: there is no pooler.",
        form="postgresql://user:password@host:port/database", repr=False,
    )  # fmt: skip
    connect_attempts: int = option(
        10, "database", "connect_attempts", "DATABASE_CONNECT_ATTEMPTS",
        description="How many times to try to connect to the database at start.", form="an integer from 1", ge=1,
    )  # fmt: skip
    connect_wait: float = option(
        20.0, "database", "connect_wait", "DATABASE_CONNECT_WAIT",
        description="Seconds between two of the `connect_attempts`.", form="a number from 0", ge=0,
    )  # fmt: skip
    receipt_key_folder: Path | None = option(
        None, "receipts", "key_folder", "INGEST_RECEIPT_KEY_FOLDER",
        description="The folder of keys that sign receipts (`pacifica-ingest-cmd receipt key`). Hosts of the API share "
        "it, or each has a copy. Empty: there are no receipts.",
        form="a folder",
    )  # fmt: skip
    public_url: str | None = option(
        None, "ingest", "public_url", "INGEST_PUBLIC_URL",
        description="The URL of the API as uploaders see it, such as `https://ingest.example.org`, for links in "
        "notifications. Empty: notifications have no link.",
        form="an http(s) URL", pattern=r"^https?://[^\s?#]+$",
    )  # fmt: skip
    # The sections [webhook:NAME] of the INI file; there are no variables for them.
    webhooks: tuple[Webhook, ...] = ()
    airflow_url: str = option(
        "http://127.0.0.1:8090", "airflow", "url", "INGEST_AIRFLOW_URL",
        description="Airflow's api-server.", form="an http(s) URL", pattern=r"^https?://\S+$", repr=False,
    )  # fmt: skip
    airflow_username: str = option(
        "ingest", "airflow", "username", "INGEST_AIRFLOW_USERNAME",
        description="The Airflow account that changes and deletes runs, and reads the event log (role `user`).",
        form="a name",
    )  # fmt: skip
    airflow_password: str = option(
        "", "airflow", "password", "INGEST_AIRFLOW_PASSWORD",
        description="The password of the account `username`.", form="a text", repr=False,
    )  # fmt: skip
    airflow_timeout: float = option(
        10.0, "airflow", "timeout", "INGEST_AIRFLOW_TIMEOUT",
        description="Seconds to wait for an answer from Airflow.", form="a number above 0", gt=0,
    )  # fmt: skip

    @model_validator(mode="after")
    def check_moves(self) -> Self:
        """Refuse move folders inside the service's own folders, and moves into ArchiveInterface without a staging folder."""
        archive = folder_of(self.archiveinterface_url)
        for own in (self.volume_path, *filter(None, [archive]), *self.move_staging):
            if inside := [folder for folder in self.move_folders if folder.is_relative_to(own)]:
                raise contradiction("move_folders", f"{inside[0]} is in {own}, where this service keeps its own files")
        if archive is None and self.move_folders and not self.move_staging:
            raise contradiction(
                "move_staging",
                "with move_folders and ArchiveInterface it must name folders that only these two services can write to: "
                "ArchiveInterface accesses files by their paths, which others could change "
                "(see docs/explanation/security.md)",
            )
        return self

    @model_validator(mode="after")
    def check_users_are_known(self) -> Self:
        """Refuse to look up users in the built-in catalog, which has none."""
        if self.submitter_check == NETWORK_ID and self.metadata_ingest_url == BUILT_IN:
            raise contradiction(
                "submitter_check", "with `network_id` it needs a real metadata service, which has users"
            )
        return self


class DagSettings(LogSettings):
    """The settings of the DAG files; read from the environment of Airflow's scheduler, dag-processor and workers."""

    retries: int = option(
        8, None, "", "INGEST_RETRIES",
        description="How many times Airflow tries a stage again whose process was killed or that failed unexpectedly. It "
        "does not limit the wait for a service.",
        form="an integer from 0", ge=0,
    )  # fmt: skip
    retry_for: float = option(
        3 * 24 * 3600.0, None, "", "INGEST_RETRY_FOR",
        description="Seconds for which a job waits for a service that is unavailable. Then the job is FAILED, and an admin "
        "retries it.",
        form="a number above 0, up to 315360000", gt=0, le=315360000,
    )  # fmt: skip
    retry_delay: float = option(
        5.0, None, "", "INGEST_RETRY_DELAY",
        description="Seconds before the first retry; each further delay is twice as long.",
        form="a number above 0", gt=0,
    )  # fmt: skip
    max_retry_delay: float = option(
        300.0, None, "", "INGEST_MAX_RETRY_DELAY",
        description="The longest delay between two attempts, in seconds.", form="a number above 0", gt=0,
    )  # fmt: skip
    stage_timeout: float = option(
        7 * 24 * 3600.0, None, "", "INGEST_STAGE_TIMEOUT",
        description="The maximum duration of one attempt of a stage, in seconds.", form="a number above 0", gt=0,
    )  # fmt: skip
    max_active_runs: int = option(
        64, None, "", "INGEST_MAX_ACTIVE_RUNS",
        description="How many jobs of each kind run simultaneously; the others wait in Airflow's queue.",
        form="an integer from 1", ge=1,
    )  # fmt: skip
    archive_slots: int = option(
        4, None, "", "INGEST_ARCHIVE_SLOTS",
        description="How many jobs send files to the archive simultaneously (the size of the pool `archive`, set at "
        "each start).",
        form="an integer from 1", ge=1,
    )  # fmt: skip
