"""The settings that bound what the API takes.

Part of `ingest.settings.fields.Settings`; used by the API and the spool.
"""

from pydantic import BaseModel

from ingest.settings.types import Size, option


class LimitSettings(BaseModel):
    """How large, how slow and how many uploads may be, and what they must leave of the disk."""

    receive_timeout: float = option(
        60.0, "ingest", "receive_timeout", "INGEST_RECEIVE_TIMEOUT",
        description="Seconds that an upload may send nothing before it is given up.", form="a number above 0", gt=0,
    )  # fmt: skip
    slowest_upload: Size = option(
        1024, "limits", "slowest_upload", "INGEST_SLOWEST_UPLOAD",
        description="Bytes a second that an upload must bring, on the average of `receive_timeout` seconds; 0: any.",
        form="an integer from 0, or as much with a unit, such as 4 Kb", ge=0,
    )  # fmt: skip
    longest_upload: float = option(
        72 * 3600.0, "limits", "longest_upload", "INGEST_LONGEST_UPLOAD",
        description="Seconds in which an upload of announced size must be able to end: the slowest rate grows with the "
        "size, so that no connection holds much space for long; 0: any time.",
        form="a number from 0", ge=0,
    )  # fmt: skip
    largest_bundle: Size = option(
        16 * 1024**4, "limits", "largest_bundle", "INGEST_LARGEST_BUNDLE",
        description="The largest bundle that is taken, in bytes. (The default is the largest file of ext4.)",
        form="an integer from 1, or as much with a unit, such as 4 Tb", ge=1,
    )  # fmt: skip
    uploads_at_once: int = option(
        32, "limits", "uploads_at_once", "INGEST_UPLOADS_AT_ONCE",
        description="How many uploads one API receives at the same moment; the next one is asked to come again later.",
        form="an integer from 1 to 1000", ge=1, le=1000,
    )  # fmt: skip
    spool_kept_free: Size = option(
        64 * 1024**2, "limits", "spool_kept_free", "INGEST_SPOOL_KEPT_FREE",
        description="What uploads leave free of the spool's disk, in bytes: the stages write their documents there.",
        form="an integer from 0, or as much with a unit, such as 4 Gb", ge=0,
    )  # fmt: skip
    user_upload_share: float = option(
        0.75, "limits", "user_upload_share", "INGEST_USER_UPLOAD_SHARE",
        description="The fraction of `uploads_at_once` that one user may have, of those that other users leave; 1: all.",
        form="a number above 0, up to 1", gt=0, le=1,
    )  # fmt: skip
    user_space_share: float = option(
        0.75, "limits", "user_space_share", "INGEST_USER_SPACE_SHARE",
        description="The fraction of the spool's space that one user's uploads and bundles may take, of what other users "
        "leave; 1: all.",
        form="a number above 0, up to 1", gt=0, le=1,
    )  # fmt: skip
    user_jobs: int = option(
        10_000, "limits", "user_jobs", "INGEST_USER_JOBS",
        description="How many unfinished jobs one user may have, uploads under way included.",
        form="an integer from 1", ge=1,
    )  # fmt: skip
    user_running_jobs: int = option(
        16, "limits", "user_running_jobs", "INGEST_USER_RUNNING_JOBS",
        description="How many jobs of one user are in Airflow simultaneously; the next one starts when one of them ends. At "
        "least as many as stages run simultaneously, or some workers are idle while only one user has jobs.",
        form="an integer from 1", ge=1,
    )  # fmt: skip
