"""The settings that bound what the API takes.

Part of `ingest.configuration.setting_fields.Settings`; used by the API and the spool.
"""

from pydantic import BaseModel

from ingest.configuration.setting_types import Size, option


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
