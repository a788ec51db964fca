"""Report jobs: `GET /jobs` lists them, `GET /jobs/N` describes one.

The list is made from the ledger alone: a page costs one query, and no request to Airflow. Uploaders see their own jobs.
"""

import hashlib

from flask import Response, jsonify, request

from api.access.auth import caller
from api.access.roles import ALL_ROLES, Role
from api.openapi.job_parameters import JobsQuery
from api.openapi.parameters import JobPath
from api.polling.job_changes import fingerprint
from api.resources import get_resources
from api.routes import job_operations as operations
from api.routes.job_json import detail, list_entry, original_detail
from api.routes.job_waiting import applied_preference, hold_until_changed
from api.routes.paging import answer_page
from api.routes.registration import Routes
from api.routes.state import SeenJob, read_job, read_original
from ingest.errors.types import ReceivedByOriginal
from ingest.ledger import job_details
from ingest.ledger.job_list import JobFilter, read_page

routes = Routes("jobs", __name__)


@routes.call("GET", "/jobs", operations.LIST_JOBS, ALL_ROLES)
def list_jobs(query: JobsQuery) -> Response:
    """Answer a page of the jobs that the caller may see, newest first."""
    if caller().role is Role.UPLOADER and query.user not in (None, caller().user):
        return answer_page("jobs", [], None)
    wanted = JobFilter(
        phase=query.state,
        kind=query.kind,
        user=caller().user if caller().role is Role.UPLOADER else query.user,
        project=query.project,
        instrument=query.instrument,
        code=query.code,
        since=query.since,
        until=query.until,
        search=query.q,
    )
    found = read_page(get_resources().engine, wanted, query.cursor, query.limit + 1)
    page = found[: query.limit]
    cursor = page[-1].place.cursor if len(found) > query.limit else None
    return answer_page("jobs", [list_entry(job) for job in page], cursor)


@routes.call("GET", "/jobs/<job_id>", operations.GET_JOB, ALL_ROLES)
def get_job(path: JobPath) -> Response:
    """Answer everything about a job; 304 if the client has the current answer."""
    try:
        seen = read_job(path.job_id)
    except ReceivedByOriginal:
        return _answer(jsonify(original_detail(read_original(path.job_id))))
    tag = _entity_tag(seen)
    if not seen.state.complete and (not request.if_none_match or request.if_none_match.contains_weak(tag)):
        hold_until_changed(path.job_id, fingerprint(seen.snapshot, seen.run))
    if request.if_none_match.contains_weak(tag):
        return _answer(Response(status=304), tag)
    return _answer(jsonify(detail(seen, job_details.read(get_resources().engine, path.job_id))), tag)


def _answer(response: Response, tag: str | None = None) -> Response:
    if tag is not None:
        response.set_etag(tag, weak=True)
    response.headers["Cache-Control"] = "no-cache"
    response.headers.update(applied_preference())
    return response


def _entity_tag(seen: SeenJob) -> str:
    """Return a tag that changes whenever the job does; it is weak because rate and estimated end change all the time."""
    snapshot = seen.snapshot
    facts = repr((snapshot.updated, snapshot.run_changes, seen.state, seen.run and seen.run.is_working))
    return hashlib.sha256(facts.encode()).hexdigest()[:32]
