"""`GET /jobs/N`: its keys, the stages, the progress, the error, and `ETag`."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import Engine, func

from api.openapi.job_schemas import JobDetail
from ingest.errors.advice import advice_on
from ingest.ledger.database import transaction
from ingest.ledger.models import OriginalJob
from ingest.states.airflow import Run, TaskInstance
from ingest.states.waiting import Cause, Waiting
from tests.api.routes.job_lists import add_event, add_files, get, make_job, new_id
from tests.api.routes.scripted_airflow import ScriptedAirflow
from tests.api.routes.states import FAILED_RUN, NO_TAR, change, state, wait_for_state

BUNDLE_INVALID = {
    **NO_TAR,
    "code": "bundle_invalid",
    "text": "the uploader must fix this: two faults",
    "final": True,
    "faults": [{"code": "member_is_link", "text": "member 'data/a' is a symbolic link"}],
    "more_faults": 7,
}


def test_it_has_the_keys_of_the_state_and_the_documented_ones(client: FlaskClient, job_id: int) -> None:
    document = get(client, f"/jobs/{job_id}")
    JobDetail.model_validate(document)
    assert document.items() >= state(client, job_id).items()
    assert document["links"]["files"] == f"/jobs/{job_id}/files"


def test_a_received_job_waits_and_all_its_stages_are_pending(client: FlaskClient, engine: Engine) -> None:
    document = get(client, f"/jobs/{make_job(engine, 'ada')}")
    assert (document["phase"], document["transaction"], document["error"]) == ("waiting", None, None)
    assert [stage["state"] for stage in document["stages"]] == ["pending"] * 5
    assert [stage["attempt"] for stage in document["stages"]] == [0] * 5


def test_stages_show_their_attempts(client: FlaskClient, engine: Engine) -> None:
    job = make_job(engine, "ada", triggered=func.now(), finished="open_tar", stage="load_metadata", holder="host:1:2")
    for attempt, kind in ((1, "stage_started"), (1, "stage_finished")):
        add_event(engine, job, kind, stage="open_tar", attempt=attempt)
    for attempt, kind in ((1, "stage_started"), (1, "stage_will_be_tried_again"), (2, "stage_started")):
        add_event(engine, job, kind, stage="load_metadata", attempt=attempt)
    first, second, *others = get(client, f"/jobs/{job}")["stages"]
    assert (first["state"], first["attempt"], first["task"]) == ("complete", 1, "open tar")
    assert None not in (first["started"], first["ended"])
    assert (second["state"], second["attempt"], second["ended"]) == ("running", 2, None)
    assert {stage["state"] for stage in others} == {"pending"}


def test_a_stage_that_is_tried_again_says_what_it_waits_for(
    client: FlaskClient, engine: Engine, airflow: ScriptedAirflow
) -> None:
    error = {**NO_TAR, "code": "service_unavailable", "text": "archive is not available", "final": False}
    job = make_job(engine, "ada", triggered=func.now(), error=error, stage="open_tar")
    airflow.answer = Run("running", (TaskInstance("open_tar", "up_for_retry", 1),))
    document = get(client, f"/jobs/{job}")
    assert (document["phase"], document["stages"][0]["state"]) == ("waiting", "waiting")
    assert "archive is not available" in document["waiting_for"]
    assert document["stages"][0]["waiting_for"] == document["waiting_for"]
    assert document["error"]["who_acts"] == ["facility"]


def test_a_job_that_waits_for_a_service_says_until_when(client: FlaskClient, engine: Engine) -> None:
    following, end = datetime(2026, 11, 30, 14, 5, tzinfo=UTC), datetime(2026, 12, 3, 13, 10, tzinfo=UTC)
    cause = Cause("archive", "http://archive", "service_unavailable", "refused")
    waiting = Waiting.begin(cause, following).until(following, end)
    error = {**NO_TAR, "code": "service_unavailable", "text": "archive is not available", "final": False}
    job = make_job(engine, "ada", triggered=func.now(), error=error, stage="open_tar", waiting=waiting.as_json())
    document = get(client, f"/jobs/{job}")
    JobDetail.model_validate(document)
    assert (document["next_attempt_at"], document["retry_until"]) == ("2026-11-30 14:05:00", "2026-12-03 13:10:00")
    assert document["waiting_for"].endswith("; gives up at 2026-12-03 13:10 UTC")


def test_files_and_bytes_and_rate_while_files_are_sent(client: FlaskClient, engine: Engine) -> None:
    values: dict[str, Any] = {
        "stage": "ingest_files",
        "finished": "validate_policy",
        "percent": 50.0,
        "holder": "host:1:1",
    }
    job = make_job(engine, "ada", triggered=func.now(), files=6, bytes=1000, updated=func.now(), **values)
    add_files(engine, job, 3, "archived")
    started = datetime.now(UTC) - timedelta(seconds=100)
    add_event(engine, job, "stage_started", stage="ingest_files", attempt=1, at=started)
    document = get(client, f"/jobs/{job}")
    assert [document[key] for key in ("files", "files_done", "bytes", "bytes_done")] == [6, 3, 1000, 500]
    assert document["phase"] == "running"
    assert document["rate"] in (3, 4, 5)
    assert document["estimated_end"] > document["updated"]


def test_time_in_which_no_attempt_ran_does_not_lower_the_rate(client: FlaskClient, engine: Engine) -> None:
    values: dict[str, Any] = {
        "stage": "ingest_files",
        "finished": "validate_policy",
        "percent": 50.0,
        "holder": "host:1:1",
    }
    job = make_job(engine, "ada", triggered=func.now(), files=1, bytes=2000, **values)
    now = datetime.now(UTC)
    for kind, age in (("stage_started", 9000), ("stage_will_be_tried_again", 8950), ("stage_started", 50)):
        add_event(engine, job, kind, stage="ingest_files", attempt=1, at=now - timedelta(seconds=age))
    assert get(client, f"/jobs/{job}")["rate"] in range(8, 11)


def test_a_failed_job_explains_its_error_and_every_fault(
    client: FlaskClient, job_id: int, engine: Engine, airflow: ScriptedAirflow
) -> None:
    airflow.answer = FAILED_RUN
    change(engine, job_id, error=BUNDLE_INVALID)
    wait_for_state(client, job_id, lambda found: found["state"] == "FAILED")
    document = get(client, f"/jobs/{job_id}")
    JobDetail.model_validate(document)
    error, advice = document["error"], advice_on("bundle_invalid")
    assert document["phase"] == "failed"
    assert (error["code"], error["message"]) == ("bundle_invalid", BUNDLE_INVALID["text"])
    assert (error["who_acts"], error["what_to_do"]) == (["uploader"], advice.what_to_do)
    assert error["faults"] == [
        {**BUNDLE_INVALID["faults"][0], "what_to_do": advice_on("member_is_link").what_to_do}  # type: ignore[index]
    ]
    assert error["more_faults"] == 7


def test_a_canceled_job_whose_files_cannot_be_removed_yet_says_only_that_it_was_canceled(
    client: FlaskClient, engine: Engine
) -> None:
    waiting = Waiting.begin(Cause("archive", "", "rejection_unfinished", "refused"), datetime.now(UTC))
    rejection = {"code": "canceled", "text": "by ada"}
    error = {**NO_TAR, "code": "rejection_unfinished", "text": "the archive does not answer", "final": False}
    job = make_job(
        engine, "canceling", triggered=func.now(), outcome="rejecting", rejection=rejection, error=error,
        waiting=waiting.as_json(),
    )  # fmt: skip
    document = get(client, f"/jobs/{job}")
    (listed,) = get(client, "/jobs", user="canceling")["jobs"]
    for shown in (document, listed):
        assert (shown["state"], shown["phase"]) == ("FAILED", "failed")
        assert (shown["error"]["code"], shown["error"]["message"]) == ("canceled", "by ada")
    assert (document["waiting_for"], document["next_attempt_at"]) == (None, None)


def test_a_complete_job_names_its_transaction(client: FlaskClient, engine: Engine) -> None:
    job = make_job(engine, "ada", outcome="catalogued", finished="ingest_metadata", files=2, bytes=20)
    document = get(client, f"/jobs/{job}")
    assert (document["phase"], document["transaction"], document["files_done"], document["bytes_done"]) == (
        "complete", job, 2, 20
    )  # fmt: skip
    assert {stage["state"] for stage in document["stages"]} == {"complete"}


def test_a_job_of_the_original_service(client: FlaskClient, engine: Engine) -> None:
    job, day = new_id(engine), datetime(2019, 1, 2, tzinfo=UTC).replace(tzinfo=None)
    row = OriginalJob(
        id=job, state="OK", task="ingest metadata", task_percent=Decimal(100), exception="", complete=True,
        created=day, updated=day,
    )  # fmt: skip
    with transaction(engine) as session:
        session.add(row)
    document = get(client, f"/jobs/{job}")
    JobDetail.model_validate(document)
    assert document.items() >= state(client, job).items()
    assert (document["original"], document["phase"], document["user"]) == (True, "complete", None)
    assert get(client, f"/jobs/{job}/files") == {"files": [], "next": None}
    assert get(client, f"/jobs/{job}/events") == {"events": [], "next": None}


def test_an_unchanged_job_is_answered_with_304(client: FlaskClient, app: Flask, engine: Engine) -> None:
    job = make_job(engine, "ada")
    tag = client.get(f"/jobs/{job}").headers["ETag"]
    headers = {"If-None-Match": f'"another", {tag}'}
    answer = client.get(f"/jobs/{job}", headers=headers)
    assert (answer.status_code, answer.data, answer.headers["ETag"]) == (304, b"", tag)
    change(engine, job, updated=func.now() + timedelta(seconds=1))
    assert client.get(f"/jobs/{job}", headers=headers).status_code == 200


@pytest.mark.parametrize("job_id", [999999999999, 2**63, 10**90, -1])
@pytest.mark.parametrize("part", ["", "/files", "/events"])
def test_an_unknown_job(client: FlaskClient, job_id: int, part: str) -> None:
    answer = client.get(f"/jobs/{job_id}{part}")
    assert (answer.status_code, answer.get_json()["code"]) == (404, "job_unknown")
