"""The settings that limit uploads.

Part of `ingest.settings.fields.Settings`; used by the API, retention and `ingest.ledger.user_shares`.
"""

from pydantic import BaseModel

from ingest.settings.types import Size, option


class LimitSettings(BaseModel):
    """The limits of size, rate and number of uploads, and of the space that they use."""

    receive_timeout: float = option(
        60.0, "ingest", "receive_timeout", "INGEST_RECEIVE_TIMEOUT",
        description="Seconds without data after which an upload is aborted.", form="a number above 0", gt=0,
    )  # fmt: skip
    slowest_upload: Size = option(
        1024, "limits", "slowest_upload", "INGEST_SLOWEST_UPLOAD",
        description="The minimum rate of an upload in bytes per second, averaged over `receive_timeout` seconds; 0: no "
        "minimum.",
        form="an integer from 0, or as much with a unit, such as 4 Kb", ge=0,
    )  # fmt: skip
    longest_upload: float = option(
        72 * 3600.0, "limits", "longest_upload", "INGEST_LONGEST_UPLOAD",
        description="The maximum duration of an upload of announced size, in seconds. The larger the upload, the faster it "
        "must arrive, so that no connection reserves much space for long. 0: no maximum.",
        form="a number from 0", ge=0,
    )  # fmt: skip
    largest_bundle: Size = option(
        16 * 1024**4, "limits", "largest_bundle", "INGEST_LARGEST_BUNDLE",
        description="The largest bundle that is accepted, in bytes. (The default is the largest file of ext4.)",
        form="an integer from 1, or as much with a unit, such as 4 Tb", ge=1,
    )  # fmt: skip
    uploads_at_once: int = option(
        32, "limits", "uploads_at_once", "INGEST_UPLOADS_AT_ONCE",
        description="How many uploads one API receives simultaneously. Further uploads get 503 and must be sent again "
        "later.",
        form="an integer from 1 to 1000", ge=1, le=1000,
    )  # fmt: skip
    spool_kept_free: Size = option(
        64 * 1024**2, "limits", "spool_kept_free", "INGEST_SPOOL_KEPT_FREE",
        description="The space on the spool's disk that uploads leave free for the documents of the stages, in bytes.",
        form="an integer from 0, or as much with a unit, such as 4 Gb", ge=0,
    )  # fmt: skip
    user_upload_share: float = option(
        0.75, "limits", "user_upload_share", "INGEST_USER_UPLOAD_SHARE",
        description="The fraction of the upload slots (`uploads_at_once`) left free by other users that one user may have; "
        "1: all.",
        form="a number above 0, up to 1", gt=0, le=1,
    )  # fmt: skip
    user_space_share: float = option(
        0.75, "limits", "user_space_share", "INGEST_USER_SPACE_SHARE",
        description="The fraction of the spool's space left free by other users that one user's uploads and bundles may "
        "fill; 1: all.",
        form="a number above 0, up to 1", gt=0, le=1,
    )  # fmt: skip
    user_jobs: int = option(
        10_000, "limits", "user_jobs", "INGEST_USER_JOBS",
        description="How many unfinished jobs one user may have, including uploads in progress.",
        form="an integer from 1", ge=1,
    )  # fmt: skip
    user_running_jobs: int = option(
        16, "limits", "user_running_jobs", "INGEST_USER_RUNNING_JOBS",
        description="How many jobs of one user are in Airflow simultaneously; the next one starts when one of them ends. "
        "With fewer than the stages that run simultaneously, some workers are idle while only one user has jobs.",
        form="an integer from 1", ge=1,
    )  # fmt: skip
