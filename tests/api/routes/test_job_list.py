"""`GET /jobs`: filters, pages and entries."""

from typing import Any

import pytest
from flask.testing import FlaskClient
from sqlalchemy import Engine, func

from api.openapi.job_schemas import JobPage
from ingest.states.stages import Kind
from tests.api.routes.job_lists import get, ids, make_job, pages
from tests.api.routes.states import NO_TAR, change

FAILED = {**NO_TAR, "final": True}
RETRIED = {**NO_TAR, "final": False, "code": "service_unavailable"}
PHASES: dict[str, dict[str, Any]] = {
    "waiting": {"error": RETRIED},
    "running": {"holder": "host:1:1", "stage": "open_tar", "triggered": func.now()},
    "failed": {"error": FAILED},
    "complete": {"outcome": "catalogued", "finished": "ingest_metadata"},
}


@pytest.fixture
def jobs(engine: Engine, request: pytest.FixtureRequest) -> dict[str, int]:
    """Return a job in each phase; their user is the name of the test."""
    return {phase: make_job(engine, request.node.name, **values) for phase, values in PHASES.items()}


def test_the_newest_job_is_first(client: FlaskClient, jobs: dict[str, int], request: pytest.FixtureRequest) -> None:
    assert ids(client, user=request.node.name) == list(reversed(jobs.values()))


@pytest.mark.parametrize("phase", PHASES)
def test_state_selects_a_phase(
    client: FlaskClient, jobs: dict[str, int], request: pytest.FixtureRequest, phase: str
) -> None:
    (entry,) = get(client, "/jobs", user=request.node.name, state=phase)["jobs"]
    assert (entry["job_id"], entry["phase"]) == (jobs[phase], phase)
    assert entry["state"] == ("FAILED" if phase == "failed" else "OK")


def test_an_entry_has_the_documented_keys_and_names_the_error(
    client: FlaskClient, jobs: dict[str, int], request: pytest.FixtureRequest, engine: Engine
) -> None:
    change(engine, jobs["failed"], project="1234a", instrument="54", files=3, bytes=30)
    page = get(client, "/jobs", user=request.node.name)
    JobPage.model_validate(page)
    entry = next(each for each in page["jobs"] if each["job_id"] == jobs["failed"])
    assert (entry["task"], entry["error"]) == ("open tar", {"code": "no_tar", "message": "why"})
    assert [entry[key] for key in ("project", "instrument", "files", "bytes", "size")] == ["1234a", "54", 3, 30, 10]


def test_a_long_message_is_shortened(client: FlaskClient, engine: Engine) -> None:
    make_job(engine, "long", error={**FAILED, "text": "x" * 5000})
    (entry,) = get(client, "/jobs", user="long")["jobs"]
    assert entry["error"]["message"] == "x" * 300 + "..."


def test_filters_combine(client: FlaskClient, engine: Engine) -> None:
    wanted = make_job(engine, "fay", Kind.MOVE, project="p1", instrument="i1", error=FAILED)
    for values in ({"project": "p2"}, {"instrument": "i2"}, {"error": RETRIED}):
        make_job(engine, "fay", Kind.MOVE, **{"project": "p1", "instrument": "i1", "error": FAILED, **values})
    make_job(engine, "fay", Kind.INGEST, project="p1", instrument="i1", error=FAILED)
    found = ids(client, user="fay", kind="move", project="p1", instrument="i1", state="failed", code="no_tar")
    assert found == [wanted]


def test_code_selects_jobs_that_an_admin_has_failed(client: FlaskClient, engine: Engine) -> None:
    state = {"state": "FAILED", "task": "open tar", "task_percent": 0.0, "exception": "by hand", "complete": True}
    job = make_job(engine, "oda", error=RETRIED, override=state)
    (entry,) = get(client, "/jobs", user="oda", code="job_overridden")["jobs"]
    assert (entry["job_id"], entry["error"]) == (job, {"code": "job_overridden", "message": "by hand"})


def test_since_and_until_limit_the_time_of_receipt(client: FlaskClient, engine: Engine) -> None:
    jobs = [make_job(engine, "tim", created=f"2020-01-0{day} 12:00:00+00") for day in (1, 2, 3)]
    assert ids(client, user="tim", since="2020-01-02T12:00:00Z") == [jobs[2], jobs[1]]
    assert ids(client, user="tim", until="2020-01-02 12:00:00") == [jobs[0]]
    assert ids(client, user="tim", since="2020-01-02", until="2020-01-03") == [jobs[1]]
    assert ids(client, user="tim", since="2020-01-02T14:00:00+02:00") == [jobs[2], jobs[1]]


def test_q_finds_an_id_and_the_beginning_of_names(client: FlaskClient, engine: Engine) -> None:
    by_user = make_job(engine, "qu%een of hearts")
    by_project = make_job(engine, "kim", project="qu%een's project")
    by_instrument = make_job(engine, "kim", instrument="qu%e")
    make_job(engine, "a qu%een", project="queen")
    assert ids(client, q="qu%e") == [by_instrument, by_project, by_user]
    assert ids(client, q=str(by_user)) == [by_user]
    assert ids(client, q="9" * 30) == []


def test_pages_neither_skip_nor_repeat_while_jobs_arrive(client: FlaskClient, engine: Engine) -> None:
    # All were received in the same microsecond: only their ids distinguish them.
    made = [make_job(engine, "pia", created="2021-01-01 00:00:00+00") for _ in range(7)]
    found: list[int] = []
    for page in pages(client, "/jobs?user=pia&limit=2"):
        found += [job["job_id"] for job in page["jobs"]]
        make_job(engine, "pia")
    assert found == made[::-1]


def test_the_last_page_names_no_next_one(client: FlaskClient, engine: Engine) -> None:
    make_job(engine, "lea"), make_job(engine, "lea")
    assert [len(page["jobs"]) for page in pages(client, "/jobs?user=lea&limit=2")] == [2]
    assert [len(page["jobs"]) for page in pages(client, "/jobs?user=nobody+has+this+name")] == [0]


def test_a_job_that_a_client_saw_as_failed_is_listed_as_failed_until_it_continues(
    client: FlaskClient, engine: Engine
) -> None:
    state = {"state": "FAILED", "task": "open tar", "task_percent": 0.0, "exception": "skipped", "complete": True}
    job = make_job(engine, "sky", last_state=state)
    assert ids(client, user="sky", state="failed") == [job]
    change(engine, job, last_state=None)
    assert ids(client, user="sky", state="failed") == []


@pytest.mark.parametrize(
    ("query", "faulty"),
    [
        ("state=lost&kind=x&since=noon&limit=0&cursor=abc", ["limit", "state", "kind", "since", "cursor"]),
        ("limit=201", ["limit"]),
        ("user=", ["user"]),
        ("q=%00", ["q"]),
        ("until=99999-01-01", ["until"]),
        ("since=0001-01-01T00:00:00%2B14:00", ["since"]),
        ("stat=failed", ["stat"]),
        ("job_id=1", ["job_id"]),
    ],
)
def test_every_faulty_parameter_is_named(client: FlaskClient, query: str, faulty: list[str]) -> None:
    answer = client.get(f"/jobs?{query}")
    assert (answer.status_code, answer.get_json()["code"]) == (400, "parameters_invalid")
    assert [part.partition(":")[0] for part in answer.get_json()["message"].split("; ")] == faulty
