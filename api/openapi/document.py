"""The part of the OpenAPI document that describes the whole API: its purpose, authentication, and the form of errors.

Called by `api.app`. `api.routes.operations` documents the calls.
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
Uploads to a Pacifica archive: post a bundle, get a job, and poll its state until `complete` is true.

- Answers are JSON. Every error has a `status`, a `code` that never changes, and a `message` that says what is wrong and how
  to fix it. With `Accept: application/problem+json`, errors have the form of RFC 9457.
- Times are UTC, `YYYY-MM-DD HH:MM:SS`.
- A `Host` header that is missing or malformed is answered with 400 (`host_invalid`), one that names another host with 421
  (`host_not_allowed`). A page of another site cannot upload: 403 (`cross_site`).
- An unknown address is answered with 404 (`not_found`), an unsupported method with 405 (`method_not_allowed`) and the header
  `Allow`.
- Malformed HTTP is answered with 400 (`bad_request`), an address that is too long with 414 (`address_too_long`), headers
  that are too large with 431 (`headers_too_large`), an unknown `Expect` with 417 (`expectation_unsupported`).
"""
BEARER, BASIC, HEADER = "bearer", "basic", "proxy"
# By the setting `authentication`: the schemes of which a caller must use one. The other values require none.
REQUIRED: dict[str, tuple[str, ...]] = {access.TOKEN: (BEARER, BASIC), access.PROXY: (HEADER,)}


class Document(TypedDict):
    """The arguments of `flask_openapi3.OpenAPI`."""

    info: Info
    security_schemes: SecuritySchemesDict
    openapi_extensions: dict[str, Any]
    validation_error_status: int
    validation_error_model: type[Error]
    validation_error_callback: Any


def document(settings: Settings) -> Document:
    """Return the arguments for an application whose OpenAPI document describes these settings."""
    required: list[dict[str, list[str]]] = [{scheme: []} for scheme in REQUIRED.get(settings.authentication, ())]
    return Document(
        info=Info(title=TITLE, version=version(DISTRIBUTION), description=DESCRIPTION),
        security_schemes={BEARER: _bearer(), BASIC: _basic(), HEADER: _header(settings.auth_header)},
        openapi_extensions={"security": required} if required else {},
        # Every call documents its own 500, so this adds nothing. The default adds a 422 that is never returned.
        validation_error_status=HTTPStatus.INTERNAL_SERVER_ERROR.value,
        validation_error_model=Error,
        validation_error_callback=refuse_parameters,
    )


def _bearer() -> SecurityScheme:
    return SecurityScheme(
        type="http",
        scheme="bearer",
        bearerFormat="JWT",
        description="With `authentication = token`: a JSON Web Token of the configured issuer, or a static token from an "
        "admin. A static token is also accepted as the password of `Basic`.",
    )


def _basic() -> SecurityScheme:
    return SecurityScheme(
        type="http",
        scheme="basic",
        description="With `authentication = token`, for clients that support no other scheme: the user's name, and a token "
        "as the password.",
    )


def _header(header: str) -> SecurityScheme:
    return SecurityScheme(
        type="apiKey",
        name=header,
        **{"in": "header"},
        description="The user's name, set by a proxy in front of the service. With `authentication = proxy`, the header is "
        "accepted from trusted proxies only.",
    )
