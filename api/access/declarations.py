"""The access that each route of an application declares, by endpoint.

Written by `api.routes.registration`; read by `api.access.auth` and `api.access.sites` before each request.
"""

from collections.abc import Mapping

from flask.sansio.app import App

from api.access.roles import NOBODY, Access

EXTENSION = "ingest access"


def declare(app: App, endpoint: str, access: Access) -> None:
    """Record who may make the call of an endpoint."""
    app.extensions.setdefault(EXTENSION, {})[endpoint] = access


def declared(app: App) -> Mapping[str, Access]:
    """Return all declarations of an application, by endpoint."""
    declarations: Mapping[str, Access] = app.extensions.get(EXTENSION, {})
    return declarations


def access_of(app: App, endpoint: str | None) -> Access:
    """Return who may make the call of an endpoint: nobody, if its route declares no access."""
    return declared(app).get(endpoint or "", NOBODY)
