"""The form of logs. Part of `DagSettings`; the API reads it alone, before all other settings, whose warnings it logs."""

from pydantic import BaseModel, ConfigDict

from ingest.settings.types import option

TEXT, JSON = "text", "json"


class LogSettings(BaseModel):
    """The settings of logs, read from the environment."""

    model_config = ConfigDict(frozen=True, allow_inf_nan=False)

    log_format: str = option(
        TEXT, None, "", "INGEST_LOG_FORMAT",
        description="The form of the API's log: `text`, or `json` for one JSON object in each line. With `json`, the lines "
        "in the logs of tasks name job, stage and attempt, too.",
        form=f"{TEXT} or {JSON}", pattern=rf"^({TEXT}|{JSON})$",
    )  # fmt: skip
