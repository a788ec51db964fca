"""The address of the pages, their static files, and the page for addresses that do not exist."""

from flask import Response, request

from api.access.roles import ALL_ROLES, PUBLIC
from api.request_errors import NotFound
from api.routes.pages.answers import redirect_to, routes
from ingest.pages import static_files


# Browsers send a password to all addresses below the folder of one that required it: that of this one is the whole service.
@routes.undocumented("", ALL_ROLES, endpoint="root")
@routes.undocumented("/", ALL_ROLES, endpoint="start")
def open_list() -> Response:
    """Lead to the list of jobs."""
    return redirect_to("jobs" if request.path.endswith("/") else "ui/jobs")


@routes.undocumented("/static/<name>", PUBLIC, endpoint="static")
def get_static_file(name: str) -> Response:
    """Answer a file."""
    found = static_files.find_static_file(name)
    if found is None:
        raise NotFound("the pages have no such file")
    headers = found.headers(request.args.get(static_files.VERSION))
    response = Response(found.content, content_type=found.content_type, headers=headers)
    response.make_conditional(request)
    return response


@routes.undocumented("/<path:rest>", ALL_ROLES, endpoint="absent")
def answer_absent(rest: str) -> Response:  # noqa: ARG001 - Flask passes it
    """Answer that there is no such page."""
    raise NotFound("there is no such page")
