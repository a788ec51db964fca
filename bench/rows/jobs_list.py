"""`GET /jobs` and `GET /jobs/N/files` on a million jobs and ten million files: the time of one answer, by its filters.

Each figure is the slowest of the first three pages. The application runs in this
process, so that a figure is the time of the query and of the JSON, without the network.
"""

import time
from collections.abc import Iterator
from http import HTTPStatus

from flask.testing import FlaskClient

from api.app import create_app
from api.resources import resources_of
from bench.measurements import THIS_SERVICE, Line
from bench.million_jobs import LARGE_JOB, million_jobs
from bench.testbed import Testbed

NAME = "jobs_list"
TITLE = "GET /jobs on 1 million jobs and 10 million files"
LIMIT_LABEL = ""
ROUNDS = 5
PAGES = 3
FILTERS = {
    "no filter": "",
    "no filter, in the middle": "cursor=1672531200000000-500000",
    "one user": "user=user17",
    "a user with a fifth of all jobs": "user=user0",
    "failed": "state=failed",
    "waiting": "state=waiting",
    "complete": "state=complete",
    "failed of one user": "user=user7&state=failed",
    "failed of a user without any": "user=user0&state=failed",
    "moves": "kind=move",
    "a project": "project=project7",
    "a project and an instrument": "project=project7&instrument=instrument7",
    "a project and an instrument that never occur together": "project=project7&instrument=instrument8",
    "a code": "code=policy_rejected",
    "a day in the past": "since=2022-03-01&until=2022-03-02",
    "failed on a day in the past": "since=2022-03-01&until=2022-03-02&state=failed",
    "q: the beginning of a name": "q=project49",
    "q: nothing begins so": "q=nothing",
    "q: a job id": "q=123456",
}
OTHERS = {
    "the largest page: 200 jobs": "/jobs?limit=200",
    "files of a job": "/jobs/1234/files?limit=100",
    "files of a job of a million": f"/jobs/{LARGE_JOB}/files?limit=100",
    "the largest page of its files: 1,000": f"/jobs/{LARGE_JOB}/files?limit=1000",
    "files of it by a path that none has": f"/jobs/{LARGE_JOB}/files?path=nothing",
    "a job": "/jobs/1234",
}


def measure(testbed: Testbed) -> Iterator[Line]:
    """Measure each filter."""
    with million_jobs(testbed.folder / "million jobs") as settings:
        app = create_app(settings)
        client = app.test_client()
        for what, query in FILTERS.items():
            seconds = [_slowest_page(client, f"/jobs?limit=100&{query}") for _ in range(testbed.rounds(ROUNDS))]
            yield Line(what, "ms", {THIS_SERVICE: seconds})
        for what, path in OTHERS.items():
            yield Line(what, "ms", {THIS_SERVICE: [_slowest_page(client, path) for _ in range(testbed.rounds(ROUNDS))]})
        resources_of(app).engine.dispose()


def _slowest_page(client: FlaskClient, address: str | None) -> float:
    """Return the milliseconds of the slowest of the first pages."""
    slowest = 0.0
    for _ in range(PAGES):
        if address is None:
            break
        begun = time.perf_counter()
        answer = client.get(address)
        slowest = max(slowest, time.perf_counter() - begun)
        assert answer.status_code == HTTPStatus.OK, answer.text
        address = answer.get_json().get("next")
    return slowest * 1000
