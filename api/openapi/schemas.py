"""What the API takes as parameters and what it answers, as types: the OpenAPI document is made from them.

Used by the routes and by `api.openapi.operations`. Answers are made by the routes themselves, and tests hold them against
these types.
"""

import re
from functools import cache
from typing import Annotated, Any, cast

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from ingest.states.job_record import JobStatus

INTEGER = re.compile(r"-?[0-9]{1,100}")


def _integer(text: Any) -> int:  # noqa: ANN401 - whatever the client sent
    # Stricter than pydantic, which takes `+4`, `4.0` and ` 4 ` too.
    if not INTEGER.fullmatch(str(text)):
        raise ValueError("no integer")
    return int(text)


JobId = Annotated[
    int,
    BeforeValidator(_integer),
    Field(description="The integer that the upload was answered with.", json_schema_extra={"example": 4}),
]


class Parameters(BaseModel):
    """Parameters of a request; flask-openapi3 asks for their schema at each request, and pydantic would make it anew."""

    @classmethod
    @cache
    def model_json_schema(cls, *arguments: Any, **keywords: Any) -> dict[str, Any]:  # type: ignore[override] # noqa: ANN401
        """Give the schema, which is not to be changed."""
        return super().model_json_schema(*arguments, **keywords)


class JobQuery(Parameters):
    """The parameters of `GET /get_state`."""

    job_id: JobId


class JobPath(Parameters):
    """The parameters of `GET /get_state/<job_id>`."""

    job_id: JobId


def answer(description: str, example: dict[str, Any]) -> ConfigDict:
    """Configure the type of an answer: it has these keys and no other, and is shown with a description and an example."""
    shown = {"description": description, "example": example}
    return cast(ConfigDict, {"extra": "forbid", "openapi_extra": shown})


class Greeting(BaseModel):
    """The service is up."""

    model_config = answer("The service is up.", {"message": "Pacifica Ingest Up and Running"})

    message: str


class Health(BaseModel):
    """The process serves."""

    model_config = answer("The process serves.", {"alive": True})

    alive: bool


class Part(BaseModel):
    """One part that the service needs."""

    model_config = ConfigDict(extra="forbid")

    ready: bool
    message: str = Field("", description="What is wrong, in a sentence; empty when nothing is.")


class SpoolPart(Part):
    """The folder that bundles are received in."""

    bytes_free: int | None = Field(None, description="What is free on the disk.")
    bytes_kept_free: int | None = Field(None, description="What uploads must leave free of it.")
    bytes_promised: int | None = Field(None, description="What is reserved of it for uploads that are under way.")


READY = {"ready": True, "message": ""}
SPOOL_READY = {**READY, "bytes_free": 52613349376, "bytes_kept_free": 67108864, "bytes_promised": 0}


class Readiness(BaseModel):
    """Whether uploads are taken now, and the state of each part."""

    model_config = answer(
        "Uploads are taken. Airflow may be away all the same: they run when it is back.",
        {"ready": True, "database": READY, "spool": SPOOL_READY, "airflow": READY},
    )

    ready: bool = Field(description="Whether the database and the spool are ready.")
    database: Part
    spool: SpoolPart
    airflow: Part = Field(
        description="Whether Airflow answers and can run jobs; `message` names a DAG that is paused, missing or broken, and "
        "a pool that is missing or has no slots."
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
    task_percent: str = Field(description="How far that stage is, such as `37.5`.")
    created: str = Field(description="When the job was received, in UTC.")
    updated: str = Field(description="When the job was last changed, in UTC.")
    exception: str = Field(description="What is wrong, or waited for, in a sentence; empty when nothing is.")
    complete: bool = Field(description="Whether there is nothing more to wait for.")


class Error(BaseModel):
    """What is wrong with a request, or with the service."""

    model_config = ConfigDict(extra="forbid")

    status: str = Field(description="The HTTP status and its name, such as `404 Not Found`.")
    code: str = Field(description="The kind of error; it never changes.")
    message: str = Field(description="What is wrong and what to mend, in a sentence.")


class Unready(Error, Readiness):
    """An error, and the state of each part."""

    model_config = answer(
        "`not_ready`: The database or the spool is of no use now, and uploads would be refused.",
        {
            "status": "503 Service Unavailable",
            "code": "not_ready",
            "message": "the spool has no room for uploads",
            "ready": False,
            "database": READY,
            "spool": {
                **SPOOL_READY,
                "ready": False,
                "message": "the spool has no room for uploads",
                "bytes_free": 4096,
            },
            "airflow": READY,
        },
    )
