"""The parameters of calls, as types from which the OpenAPI document is generated. Used by the routes."""

import re
from functools import cache
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, Field

INTEGER = re.compile(r"-?[0-9]{1,100}")


def _integer(text: Any) -> int:  # noqa: ANN401 - the client may send anything
    # Stricter than pydantic, which also accepts `+4`, `4.0` and ` 4 `.
    if not INTEGER.fullmatch(str(text)):
        raise ValueError("not an integer")
    return int(text)


JobId = Annotated[
    int,
    BeforeValidator(_integer),
    Field(description="The job id from the answer to the upload.", json_schema_extra={"example": 4}),
]


class Parameters(BaseModel):
    """Parameters of a request. flask-openapi3 reads their schema at each request, so it is cached."""

    @classmethod
    @cache
    def model_json_schema(cls, *arguments: Any, **keywords: Any) -> dict[str, Any]:  # type: ignore[override] # noqa: ANN401
        """Return the schema, which must not be changed."""
        return super().model_json_schema(*arguments, **keywords)


class JobQuery(Parameters):
    """The parameters of `GET /get_state`."""

    job_id: JobId


class JobPath(Parameters):
    """The parameters of `GET /get_state/<job_id>`."""

    job_id: JobId


class CodePath(Parameters):
    """The parameters of `GET /errors/<code>`."""

    code: str = Field(
        description="The code of an error or of a single fault.", json_schema_extra={"example": "spool_full"}
    )


class UploadPath(Parameters):
    """The parameters of the calls on `/uploads/<token>`."""

    token: str = Field(
        description="The end of the upload's address, from the header `Location` of the answer to its creation."
    )
