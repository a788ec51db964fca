"""The span of a request: the root of an upload's trace, or below the client's span. Registered by `api.app`.

Requests that only read get none, because polls outnumber uploads by far. HEAD of an upload in parts gets one: it may
complete the upload. The spans of such an upload are below that of its creation.
"""

from contextlib import ExitStack, suppress
from http import HTTPStatus

from flask import Flask, Response, g, request

from api.access.auth import caller
from api.receiving.resumable.errors import UploadUnknown
from api.receiving.resumable.opening import find
from api.resources import get_resources
from ingest.errors.types import DatabaseUnavailable
from ingest.ledger.jobs import is_valid_id
from ingest.system.trace_exporter import current_exporter, is_on
from ingest.system.tracing import JOB, TRACEPARENT, annotate, fail, open_span

READS = frozenset({"GET", "HEAD", "OPTIONS"})

# The parameter of the routes of uploads in parts.
TOKEN = "token"  # noqa: S105 - its name, no secret


def register(app: Flask) -> None:
    """Open a span for each request that changes something; after the caller is admitted."""
    # Where traces are on, the import of OpenTelemetry takes a third of a second, for which no request should wait.
    current_exporter()
    app.before_request(_begin)
    app.after_request(_describe)
    app.teardown_request(_end)


def _begin() -> None:
    if request.url_rule is None or not is_on():
        return
    method, route, values = request.method, request.url_rule.rule, request.view_args or {}
    if method in READS and not (method == "HEAD" and TOKEN in values):
        return
    attributes: dict[str, str | int] = {"http.request.method": method, "http.route": route}
    if (job_id := str(values.get("job_id", ""))).isdecimal() and is_valid_id(int(job_id)):
        attributes[JOB] = int(job_id)
    parents = [request.headers.get(TRACEPARENT), _upload_span(values.get(TOKEN))]
    g.span = ExitStack()
    g.span.enter_context(open_span("SERVER", f"{method} {route}", parents, attributes))


def _upload_span(token: str | None) -> str | None:
    """Return the span of the request that created the upload that this request continues."""
    with suppress(UploadUnknown, DatabaseUnavailable):
        return find(get_resources(), token, caller().user).declared.traceparent if token else None
    return None


def _describe(response: Response) -> Response:
    if "span" in g:
        annotate({"http.response.status_code": response.status_code})
        if response.status_code >= HTTPStatus.BAD_REQUEST:
            _record_error(response)
    return response


def _record_error(response: Response) -> None:
    # HEAD has no body.
    document = response.get_json(silent=True) or {}
    code = document.get("code", str(response.status_code))
    if response.status_code >= HTTPStatus.INTERNAL_SERVER_ERROR:
        fail(code, document.get("message") or document.get("detail", ""))
    else:
        # Not an error of this service.
        annotate({"error.type": code})


def _end(_error: BaseException | None) -> None:
    if "span" in g:
        g.pop("span").close()
