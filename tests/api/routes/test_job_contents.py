"""`GET /jobs/N/files` and `GET /jobs/N/events`: filters, pages and entries."""

from collections.abc import Callable

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import Engine

from api.openapi.job_schemas import EventPage, FilePage
from ingest.ledger import job_pages
from ingest.settings.loading import Settings
from tests.api.routes.job_lists import add_event, add_files, get, make_job, pages
from tests.api.routes.states import change

USER = {"X-Http-Authed-User": "ursula"}


@pytest.fixture
def job(engine: Engine) -> int:
    """Return a job of an uploader with ten files, the first five of which are archived."""
    made = make_job(engine, "ursula")
    add_files(engine, made, 10)
    with engine.begin() as connection:
        archived = "UPDATE file SET state = 'archived' WHERE job_id = %(job)s AND position < 5"
        connection.exec_driver_sql(archived, {"job": made})
    return made


@pytest.fixture
def uploader(make_app: Callable[..., Flask], settings: Settings) -> FlaskClient:
    """Return a client whose role is that of an uploader, if it sends USER."""
    changed = {"authentication": "proxy", "trusted_proxies": ("127.0.0.1",)}
    return make_app(settings.model_copy(update=changed)).test_client()


def paths(client: FlaskClient, job: int, query: str) -> list[list[str]]:
    return [[file["path"] for file in page["files"]] for page in pages(client, f"/jobs/{job}/files?{query}")]


def test_files_have_the_documented_keys(client: FlaskClient, job: int) -> None:
    page = get(client, f"/jobs/{job}/files")
    FilePage.model_validate(page)
    assert (len(page["files"]), page["next"]) == (10, None)
    assert page["files"][0] == {
        "path": "run 0/file 0000", "size": 0, "hash_type": "sha1", "hash": "ab", "source": None, "file_id": None,
        "state": "archived", "fault": None,
    }  # fmt: skip


@pytest.mark.parametrize("limit", [1, 3, 5, 9, 10, 11])
def test_pages_of_files_hold_each_file_once(client: FlaskClient, job: int, limit: int) -> None:
    found = paths(client, job, f"limit={limit}")
    assert [len(page) for page in found] == [limit] * (10 // limit) + [10 % limit] * (10 % limit > 0)
    assert [path for page in found for path in page] == [f"run {number % 2}/file {number:04}" for number in range(10)]


def test_filters_of_files_combine(client: FlaskClient, job: int) -> None:
    assert paths(client, job, "state=archived&path=run+1/") == [["run 1/file 0001", "run 1/file 0003"]]
    assert paths(client, job, "path=%25") == [[]]
    assert paths(client, job, "state=pending&limit=2") == [
        ["run 1/file 0005", "run 0/file 0006"], ["run 1/file 0007", "run 0/file 0008"], ["run 1/file 0009"]
    ]  # fmt: skip


def test_a_filter_examines_a_limited_number_of_files(
    client: FlaskClient, job: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(job_pages, "MAX_EXAMINED", 4)
    assert paths(client, job, "path=0007") == [[], ["run 1/file 0007"], []]
    assert paths(client, job, "path=0009&limit=1") == [[], [], ["run 1/file 0009"]]


def test_a_file_shows_its_fault(client: FlaskClient, job: int, engine: Engine) -> None:
    fault = {"code": "size_differs", "text": "file 'run 1/file 0001' has 5 bytes instead of 1"}
    error = {"stage": "load_metadata", "code": "metadata_invalid", "text": "t", "final": True, "faults": [fault]}
    change(engine, job, error=error)
    found = [file["fault"] for file in get(client, f"/jobs/{job}/files")["files"]]
    assert found == [None, fault, *[None] * 8]


def test_events_are_filtered_and_paged(client: FlaskClient, engine: Engine) -> None:
    job = make_job(engine, "ada")
    for stage in ("open_tar", "load_metadata", "load_metadata"):
        add_event(engine, job, "stage_started", stage=stage, attempt=1)
    add_event(engine, job, "stage_failed", stage="load_metadata", attempt=1, code="metadata_invalid", text="why")
    EventPage.model_validate(get(client, f"/jobs/{job}/events"))
    found = [[event["kind"] for event in page["events"]] for page in pages(client, f"/jobs/{job}/events?limit=2")]
    assert found == [["received", "stage_started"], ["stage_started", "stage_started"], ["stage_failed"]]
    query = "stage=load_metadata&kind=stage_failed&code=metadata_invalid"
    assert [event["text"] for event in get(client, f"/jobs/{job}/events?{query}")["events"]] == ["why"]
    assert get(client, f"/jobs/{job}/events?stage=open_tar&code=x")["events"] == []


def test_uploaders_do_not_see_what_is_for_operators(
    client: FlaskClient, uploader: FlaskClient, job: int, engine: Engine
) -> None:
    for kind in ("sources_refused", "source_not_restored"):
        add_event(engine, job, kind, text="/srv/secret")
    add_event(engine, job, "stage_failed", code="run_marked_failed", text="marked as failed by the account root")
    add_event(engine, job, "canceled", text="by adam")
    seen = uploader.get(f"/jobs/{job}/events", headers=USER).get_json()["events"]
    assert [(event["kind"], event["text"]) for event in seen] == [
        ("received", "10 bytes by ursula"), ("stage_failed", ""), ("canceled", "")
    ]  # fmt: skip
    assert uploader.get(f"/jobs/{job}/events?kind=sources_refused", headers=USER).get_json()["events"] == []
    assert len(get(client, f"/jobs/{job}/events")["events"]) == 5


def test_uploaders_list_only_their_own_jobs(uploader: FlaskClient, job: int, engine: Engine) -> None:
    others = make_job(engine, "otto")
    for query in ("", "?user=ursula", f"?q={job}"):
        found = uploader.get(f"/jobs{query}", headers=USER).get_json()["jobs"]
        assert {each["user"] for each in found} == {"ursula"}
    for query in ("?user=otto", f"?q={others}"):
        assert uploader.get(f"/jobs{query}", headers=USER).get_json() == {"jobs": [], "next": None}


@pytest.mark.parametrize(
    ("path", "faulty"),
    [("files?state=lost&cursor=-1", ["cursor", "state"]), ("events?kind=x&cursor=y", ["cursor", "kind"])],
)
def test_every_faulty_parameter_is_named(client: FlaskClient, job: int, path: str, faulty: list[str]) -> None:
    answer = client.get(f"/jobs/{job}/{path}")
    assert (answer.status_code, answer.get_json()["code"]) == (400, "parameters_invalid")
    assert sorted(part.partition(":")[0] for part in answer.get_json()["message"].split("; ")) == faulty
