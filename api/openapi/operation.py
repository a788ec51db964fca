"""The documentation of one call, as the OpenAPI document shows it. Made by `api.routes.operations`."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, TypedDict

from flask_openapi3.models import Tag
from flask_openapi3.types import ResponseDict

from api.openapi.answers import error_answers
from ingest.errors.types import IngestError


class RouteOptions(TypedDict):
    """The arguments of flask-openapi3's route decorators."""

    operation_id: str
    summary: str
    description: str
    tags: list[Tag]
    responses: ResponseDict
    openapi_extensions: dict[str, Any]


@dataclass(frozen=True)
class Operation:
    """The documentation of a call.

    `errors` are the types of the errors that the call itself raises; those of its access are added when the route is
    registered. `headers` and `body` document the headers and the body of the request: the library never parses them.
    """

    operation_id: str
    summary: str
    description: str
    tag: Tag
    answers: ResponseDict
    errors: tuple[type[IngestError], ...] = ()
    body: Mapping[str, Any] = field(default_factory=dict)
    headers: tuple[dict[str, Any], ...] = ()

    def route_options(self, access_errors: tuple[type[IngestError], ...], *, is_public: bool) -> RouteOptions:
        """Return the arguments for the decorator of the route; a public call needs no authentication."""
        security: dict[str, Any] = {"security": []} if is_public else {}
        return RouteOptions(
            operation_id=self.operation_id,
            summary=self.summary,
            description=self.description,
            tags=[self.tag],
            responses={**self.answers, **error_answers(*access_errors, *self.errors)},
            openapi_extensions={**self.body, **security},
        )
