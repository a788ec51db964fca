"""Jobs for the tests of the calls on `/jobs`, each with a user of its own, so that a list holds only those of the test."""

from collections.abc import Iterator
from typing import Any
from urllib.parse import urlencode

from flask.testing import FlaskClient
from sqlalchemy import Engine, insert, select

from ingest.ledger.jobs import Received
from ingest.ledger.models import JOB_IDS, Event, File
from ingest.states.stages import Kind
from tests.api.routes.states import change
from tests.job_creation import create_job


def new_id(engine: Engine) -> int:
    with engine.begin() as connection:
        return int(connection.execute(select(JOB_IDS.next_value())).scalar_one())


def make_job(engine: Engine, user: str, kind: Kind = Kind.INGEST, **values: object) -> int:
    """Commit a job and change its columns."""
    job = new_id(engine)
    create_job(engine, Received(job, kind, user, f"{job}.tar", 10))
    if values:
        change(engine, job, **values)
    return job


def add_files(engine: Engine, job: int, count: int, state: str = "pending") -> None:
    paths = [f"run {number % 2}/file {number:04}" for number in range(count)]
    declared = {"job_id": job, "hash_type": "sha1", "hash_sum": "ab", "state": state}
    rows = [{**declared, "path": path, "position": number, "size": number} for number, path in enumerate(paths)]
    with engine.begin() as connection:
        connection.execute(insert(File), rows)


def add_event(engine: Engine, job: int, kind: str, **values: object) -> None:
    with engine.begin() as connection:
        connection.execute(insert(Event).values(job_id=job, kind=kind, **values))


def get(client: FlaskClient, path: str, **parameters: object) -> dict[str, Any]:
    """Request an address, which must be answered with 200."""
    answer = client.get(f"{path}?{urlencode(parameters)}" if parameters else path)
    assert answer.status_code == 200, answer.text
    document: dict[str, Any] = answer.get_json()
    return document


def ids(client: FlaskClient, **parameters: object) -> list[int]:
    """Return the ids of a list's first page."""
    return [job["job_id"] for job in get(client, "/jobs", **parameters)["jobs"]]


def pages(client: FlaskClient, path: str) -> Iterator[dict[str, Any]]:
    """Yield all pages, each by the address in the header of the page before."""
    address: str | None = path
    while address is not None:
        answer = client.get(address)
        assert answer.status_code == 200, answer.text
        yield answer.get_json()
        address = answer.get_json()["next"]
        assert answer.headers.get("Link") == (None if address is None else f'<{address}>; rel="next"')
