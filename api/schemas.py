"""What the API takes as parameters and what it answers, as types: the OpenAPI document is made from them.

Used by the routes and by `api.operations`. Answers are made by the routes themselves, and tests hold them against these
types.
"""

import re
from typing import Annotated, Any, cast

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

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


class JobQuery(BaseModel):
    """The parameters of `GET /get_state`."""

    job_id: JobId


class JobPath(BaseModel):
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


class JobState(BaseModel):
    """The state of a job."""

    model_config = answer(
        "The state of the job.",
        {
            "job_id": 4,
            "state": "OK",
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
