"""What all pages have in common: their blueprint, their headers, and errors as pages.

The routes of `api.routes.pages` are registered on `routes`.
"""

from collections.abc import Mapping
from http import HTTPStatus

from flask import Response, g, request

from api.access.access_errors import REALM
from api.access.roles import Caller, Role
from api.resources import get_resources
from api.routes.pages.form_token import form_token, keep_secret
from api.routes.registration import Routes
from ingest.errors.advice import advice_on
from ingest.pages.headers import PAGE_HEADERS
from ingest.pages.rendering import render
from ingest.pages.site import NavigationLink, Site, relative_root
from ingest.settings.access import TOKEN

ROOT = "/ui"
HTML, JSON = "text/html", "application/json"
JOBS, UPLOAD = NavigationLink("Jobs", "jobs"), NavigationLink("Upload", "upload")
# A browser then prompts for user name and password.
LOGIN = f'Basic {REALM}, charset="UTF-8"'
# What an error says in headers, and its page must say too.
KEPT_HEADERS = frozenset({"Allow", "Retry-After", "WWW-Authenticate"})

routes = Routes("pages", __name__, url_prefix=ROOT)


def answer_page(template: str, headers: Mapping[str, str] | None = None, **values: object) -> Response:
    """Answer a page to the caller."""
    return answer_html(render(template, site=current_site(), **values), headers)


def answer_html(html: str, headers: Mapping[str, str] | None = None) -> Response:
    """Answer a page that was made for `current_site`."""
    response = Response(html, mimetype=HTML)
    response.headers.update({**PAGE_HEADERS, **(headers or {})})
    keep_secret(response)
    return response


def redirect_to(address: str, status: HTTPStatus = HTTPStatus.FOUND) -> Response:
    """Lead to an address relative to that of the request, because a proxy may publish the service below any path."""
    response = Response(status=status, headers={"Location": address})
    response.autocorrect_location_header = False
    return response


def current_site() -> Site:
    """Return the place of the pages, as the current caller sees it; without a caller for the login page."""
    # The address of the pages may lack the slash at its end; the login page is shown there too.
    root = relative_root(request.path.removeprefix(ROOT)) if request.path != ROOT else f"{ROOT.strip('/')}/"
    caller: Caller | None = g.get("caller")
    if caller is None:
        return Site(root, viewer="", navigation=())
    may_upload = caller.role is not Role.OPERATOR
    return Site(
        root,
        viewer=caller.user,
        may_retry=caller.role is Role.ADMIN,
        may_replace=caller.role is Role.ADMIN,
        may_cancel=may_upload,
        csrf_token=form_token(caller.user),
        navigation=(JOBS, UPLOAD) if may_upload else (JOBS,),
    )


@routes.after_request
def show_errors(response: Response) -> Response:
    """Show an error as a page where a page was requested; a browser without a valid token prompts for it."""
    if response.status_code < HTTPStatus.BAD_REQUEST:
        return response
    is_login = response.status_code == HTTPStatus.UNAUTHORIZED and get_resources().settings.authentication == TOKEN
    if is_login:
        response.headers["WWW-Authenticate"] = LOGIN
    if not _wants_page() or response.mimetype != JSON:
        return response
    return _error_page(response, "login.html" if is_login else "error.html")


def _wants_page() -> bool:
    """Return whether the client is a browser that opens a page: a script or a program sends `*/*`."""
    return any(kind == HTML for kind, _ in request.accept_mimetypes)


def _error_page(response: Response, template: str) -> Response:
    error = response.get_json()
    status = HTTPStatus(response.status_code)
    page = answer_page(template, error=error, heading=status.phrase, what_to_do=advice_on(error["code"]).what_to_do)
    page.status_code = status
    kept = {name: value for name, value in response.headers.items() if name in KEPT_HEADERS}
    page.headers.update(kept)
    return page
