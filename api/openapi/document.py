"""What the OpenAPI document says of the API as a whole: what it is, who may call it, what errors look like.

Called by `api.app`. What it says of each call is in `api.routes.operations`.
"""

from http import HTTPStatus
from importlib.metadata import version
from typing import Any, TypedDict

from flask_openapi3 import Info, SecurityScheme
from flask_openapi3.types import SecuritySchemesDict

from api.error_handlers import refuse_parameters
from api.openapi.schemas import Error
from ingest.settings import access
from ingest.settings.loading import Settings

DISTRIBUTION = "pacifica-ingest-airflow"
TITLE = "Pacifica Ingest"
DESCRIPTION = """\
The door to a Pacifica archive: post a bundle, get a job, ask for its state until `complete` is true.

- Bodies of answers are JSON. Every error has a `status`, a `code` that never changes, and a `message` that says what to
  mend; there is no traceback.
- Times are UTC, `YYYY-MM-DD HH:MM:SS`.
- A `Host` header that is missing or malformed is answered with 400 (`host_invalid`), one that names another host with 421
  (`host_not_allowed`). A page of another site cannot upload: 403 (`cross_site`).
- An address that is not here is answered with 404 (`not_found`), a method that is not here with 405
  (`method_not_allowed`) and the header `Allow`. What is no HTTP is answered with 400 (`bad_request`), too much of it with
  414 (`address_too_long`) or 431 (`headers_too_large`), an unknown `Expect` with 417 (`expectation_unsupported`).
"""
BEARER, BASIC, HEADER = "bearer", "basic", "proxy"
# The schemes of which a caller must satisfy one, by the setting `authentication`; none is asked for otherwise.
REQUIRED: dict[str, tuple[str, ...]] = {access.TOKEN: (BEARER, BASIC), access.PROXY: (HEADER,)}


class Document(TypedDict):
    """What `flask_openapi3.OpenAPI` is told, by its names."""

    info: Info
    security_schemes: SecuritySchemesDict
    openapi_extensions: dict[str, Any]
    validation_error_status: int
    validation_error_model: type[Error]
    validation_error_callback: Any


def document(settings: Settings) -> Document:
    """Give what makes an application one with an OpenAPI document, as these settings make it."""
    required: list[dict[str, list[str]]] = [{scheme: []} for scheme in REQUIRED.get(settings.authentication, ())]
    return Document(
        info=Info(title=TITLE, version=version(DISTRIBUTION), description=DESCRIPTION),
        security_schemes={BEARER: _bearer(), BASIC: _basic(), HEADER: _header(settings.auth_header)},
        openapi_extensions={"security": required} if required else {},
        # Adds nothing, for each call lists its own answer to a mistake. The default adds a 422 that is never given.
        validation_error_status=HTTPStatus.INTERNAL_SERVER_ERROR.value,
        validation_error_model=Error,
        validation_error_callback=refuse_parameters,
    )


def _bearer() -> SecurityScheme:
    return SecurityScheme(
        type="http",
        scheme="bearer",
        bearerFormat="JWT",
        description="With `authentication = token`: a JSON Web Token of the issuer that is set, or a token that an admin "
        "has handed out. The latter is also taken as the password of `Basic`.",
    )


def _basic() -> SecurityScheme:
    return SecurityScheme(
        type="http",
        scheme="basic",
        description="With `authentication = token`, for clients that know nothing else: the user's name, and such a token "
        "as the password.",
    )


def _header(header: str) -> SecurityScheme:
    return SecurityScheme(
        type="apiKey",
        name=header,
        **{"in": "header"},
        description="The user's name, set by a proxy in front. With `authentication = proxy` only the proxies that are "
        "trusted are believed.",
    )
