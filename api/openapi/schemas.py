"""The JSON of answers, as types from which the OpenAPI document is generated.

Used by `api.routes.operations` and `api.probes.readiness`. The routes create the other answers themselves; tests compare
them with these types.
"""

from typing import Any, cast

from pydantic import BaseModel, ConfigDict, Field

from ingest.states.job_record import JobStatus


def answer(description: str, example: dict[str, Any], headers: dict[str, Any] | None = None) -> ConfigDict:
    """Return the configuration of a type: declared keys only, with a description and an example in the document.

    `headers` are those of the answer.
    """
    documentation = {"description": description, "example": example, "headers": headers or {}}
    return cast(ConfigDict, {"extra": "forbid", "openapi_extra": documentation})


class Greeting(BaseModel):
    """The service is up."""

    model_config = answer("The service is up.", {"message": "Pacifica Ingest Up and Running"})

    message: str


class Health(BaseModel):
    """The process is alive."""

    model_config = answer("The process is alive.", {"alive": True})

    alive: bool


class Part(BaseModel):
    """The state of one part that the service needs."""

    model_config = ConfigDict(extra="forbid")

    ready: bool
    message: str = Field("", description="What is wrong, in a sentence; empty if nothing is.")


class SpoolPart(Part):
    """The state of the spool, the folder for received bundles."""

    bytes_free: int | None = Field(None, description="Free bytes on the disk.")
    bytes_kept_free: int | None = Field(None, description="Bytes that uploads must leave free.")
    bytes_promised: int | None = Field(None, description="Bytes reserved for uploads in progress.")


class UploadReport(BaseModel):
    """A resumable upload."""

    model_config = answer(
        "The upload.",
        {
            "offset": 10485760,
            "length": 20971520,
            "complete": False,
            "job_id": None,
            "expires": "Mon, 07 Dec 2026 20:20:17 GMT",
        },
    )

    offset: int = Field(description="The number of bytes that are stored.")
    length: int | None = Field(description="The size of the bundle in bytes; null until the client has sent it.")
    complete: bool = Field(description="Whether the upload has become a job.")
    job_id: int | None = Field(description="The job; null until the upload is complete.")
    expires: str = Field(description="When the upload is removed if no further byte arrives.")


class Explanation(BaseModel):
    """A row of the page Errors."""

    model_config = answer(
        "The explanation of the code.",
        {
            "code": "spool_full",
            "explanation": "the spool has no free space, for any user",
            "who_acts": ["facility"],
            "what_to_do": "free some space",
        },
    )

    code: str
    explanation: str = Field(description="What happened.")
    who_acts: list[str] = Field(description="Who must act: `uploader`, `facility`, `admin` or `nobody`.")
    what_to_do: str


READY = {"ready": True, "message": ""}
SPOOL_READY = {**READY, "bytes_free": 52613349376, "bytes_kept_free": 67108864, "bytes_promised": 0}


class Readiness(BaseModel):
    """Whether uploads are accepted, and the state of each part."""

    model_config = answer(
        "Uploads are accepted. Airflow may still be unavailable: uploads run when it is available again.",
        {"ready": True, "database": READY, "spool": SPOOL_READY, "airflow": READY},
    )

    ready: bool = Field(description="Whether the database and the spool are ready.")
    database: Part
    spool: SpoolPart
    airflow: Part = Field(
        description="Whether Airflow is available and can run jobs; `message` names each DAG that is paused, missing or "
        "broken, and each pool that is missing or has no slots."
    )


class JobState(BaseModel):
    """The state of a job."""

    model_config = answer(
        "The state of the job.",
        {
            "job_id": 4,
            "state": JobStatus.OK.value,
            "task": "ingest files",
            "task_percent": "37.5",
            "created": "2026-11-23 20:20:17",
            "updated": "2026-11-23 20:20:19",
            "exception": "",
            "complete": False,
        },
    )

    job_id: int
    state: str = Field(description="`OK` or `FAILED`.")
    task: str = Field(description="The label of the stage, such as `ingest files`.")
    task_percent: str = Field(description="The progress of that stage in percent, such as `37.5`.")
    created: str = Field(description="When the job was received, in UTC.")
    updated: str = Field(description="When the job was last changed, in UTC.")
    exception: str = Field(description="What is wrong, or what the job waits for; empty if nothing is.")
    complete: bool = Field(description="Whether the job has ended.")


class Error(BaseModel):
    """An error of the request or of the service."""

    model_config = ConfigDict(extra="forbid")

    status: str = Field(description="The HTTP status and its name, such as `404 Not Found`.")
    code: str = Field(description="The kind of error. Codes never change.")
    message: str = Field(description="What is wrong and how to fix it.")


class Unready(Error, Readiness):
    """The error `not_ready`, with the state of each part."""

    model_config = answer(
        "`not_ready`: The database or the spool is unavailable; uploads would be refused.",
        {
            "status": "503 Service Unavailable",
            "code": "not_ready",
            "message": "the spool has no free space for uploads",
            "ready": False,
            "database": READY,
            "spool": {
                **SPOOL_READY,
                "ready": False,
                "message": "the spool has no free space for uploads",
                "bytes_free": 4096,
            },
            "airflow": READY,
        },
    )
