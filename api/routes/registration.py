"""Register a route, its documentation and who may call it, in one place. Used by each module of `api.routes`."""

from collections.abc import Callable
from typing import Any, TypeVar

from flask_openapi3 import APIBlueprint
from flask_openapi3.models import Parameter

from api.access.access_errors import AUTHENTICATION_ERRORS, CrossSite, NotAllowed
from api.access.declarations import declare
from api.access.roles import ALL_ROLES, Access
from api.access.sites import SAFE_METHODS
from api.openapi.operation import Operation
from ingest.errors.types import IngestError

View = TypeVar("View", bound=Callable[..., Any])


class Routes(APIBlueprint):
    """The routes of one resource."""

    def call(
        self, method: str, rule: str, operation: Operation, access: Access, endpoint: str | None = None
    ) -> Callable[[View], View]:
        """Register a function for a call that the OpenAPI document describes; `endpoint` is by default its name."""
        register = {"GET": self.get, "POST": self.post, "PATCH": self.patch, "DELETE": self.delete}[method]
        options = operation.route_options(_access_errors(method, access), is_public=access.is_public)

        def decorate(view: View) -> View:
            name = endpoint or view.__name__
            self._declare(name, access)
            register(rule, endpoint=name, **options)(view)
            self._document_headers(method, rule, operation)
            return view

        return decorate

    def undocumented(
        self, rule: str, access: Access, endpoint: str | None = None, methods: tuple[str, ...] = ("GET",)
    ) -> Callable[[View], View]:
        """Register a function for a call that the OpenAPI document leaves out."""

        def decorate(view: View) -> View:
            name = endpoint or view.__name__
            self._declare(name, access)
            self.add_url_rule(rule, name, view, methods=methods)
            return view

        return decorate

    def _document_headers(self, method: str, rule: str, operation: Operation) -> None:
        """Add the headers to the parameters of the address, which the library has read from the function."""
        documented = getattr(self.paths[rule.replace("<", "{").replace(">", "}")], method.lower())
        if operation.headers:
            headers = [Parameter(**header) for header in operation.headers]
            documented.parameters = [*(documented.parameters or []), *headers]

    def _declare(self, endpoint: str, access: Access) -> None:
        self.record(lambda state: declare(state.app, f"{state.name}.{endpoint}", access))


def _access_errors(method: str, access: Access) -> tuple[type[IngestError], ...]:
    """Return the types of the errors with which a call is refused before its function runs."""
    return (
        *(() if access.is_public else AUTHENTICATION_ERRORS),
        *(() if method in SAFE_METHODS else (CrossSite,)),
        *(() if access.is_public or access == ALL_ROLES else (NotAllowed,)),
    )
