"""`get_state` of an imported job returns the same answer as the original server."""

from typing import Any

import pytest
from flask.testing import FlaskClient
from sqlalchemy import Engine

from tests.upgrade.conftest import Call
from tests.upgrade.original import Original, State, answer_of

TRACEBACK = """\
Traceback (most recent call last):
  File "/srv/pacifica/ingest/tasks.py", line 97, in ingest_files
    ingest_obj.ingest()
pacifica.ingest.tarutils.HashValidationException: File 12 日本\\u00e9 "é" failed to validate.

File 12 日本 failed to validate.
"""
CATALOGED, RECEIVED, RUNNING, DECIMALS, FAILED, ROUNDED, BY_HAND = range(101, 108)
STATES: list[State] = [
    (CATALOGED, "OK", "ingest metadata", 100, ""),
    (RECEIVED, "OK", "UPLOADING", 0, ""),
    (RUNNING, "OK", "ingest files", 0, ""),
    (DECIMALS, "OK", "ingest files", 41.26, ""),
    (FAILED, "FAILED", "ingest files", 0, TRACEBACK),
    (ROUNDED, "OK", "move files", 33.333335, ""),
    (BY_HAND, "FAILED", "Policy Validation", 99.99999, "Failed by adminstrator"),
]
# Times without a fraction.
WHOLE_SECONDS = "UPDATE ingeststate SET created = date_trunc('second', created) WHERE id = %s"
TO_1_0 = """
ALTER TABLE ingeststate DROP COLUMN complete;
UPDATE ingeststatesystem SET value = CASE part WHEN 'major' THEN 1 ELSE 0 END;
"""


@pytest.fixture
def jobs(original: Original, engine: Engine) -> Original:
    """Return the original service with received jobs."""
    original.update_states(STATES)
    execute(engine, WHOLE_SECONDS, RECEIVED)
    return original


def execute(engine: Engine, statement: str, *values: object) -> None:
    with engine.begin() as connection:
        connection.exec_driver_sql(statement, values or None)


def originals_answers(original: Original) -> list[dict[str, Any]]:
    with original.serving() as url:
        return [answer_of(url, state[0]) for state in STATES]


def our_answers(client: FlaskClient) -> list[dict[str, Any]]:
    return [client.get(f"/get_state?job_id={state[0]}").get_json() for state in STATES]


def test_every_key_and_value_of_a_job_is_that_of_the_original_service(jobs: Original, call: Call, client: FlaskClient):
    expected = originals_answers(jobs)
    assert call("dbsync")[0] == 0
    assert our_answers(client) == expected
    # The compared answers are not all equal.
    assert [answer["task_percent"] for answer in expected[:4]] == ["100.00000", "0.00000", "0.00000", "41.26000"]
    assert [answer["complete"] for answer in expected] == [True, False, False, False, True, False, True]
    assert expected[4]["exception"] == TRACEBACK
    assert "." not in expected[1]["created"]


def test_the_other_form_of_the_address_answers_the_same(jobs: Original, call: Call, client: FlaskClient):
    call("dbsync")
    by_path = client.get(f"/get_state/{FAILED}")
    assert by_path.status_code == 200
    assert by_path.get_json() == client.get(f"/get_state?job_id={FAILED}").get_json()


def test_jobs_of_schema_1_0_are_answered_as_2_0_would_have(
    jobs: Original, engine: Engine, call: Call, client: FlaskClient
):
    expected = originals_answers(jobs)
    execute(engine, TO_1_0)
    assert call("dbsync")[0] == 0
    assert our_answers(client) == expected


def test_jobs_that_the_original_service_migrated_to_2_0_are_not_complete_as_there(
    jobs: Original, engine: Engine, call: Call, client: FlaskClient
):
    execute(engine, TO_1_0)
    jobs.dbsync()
    expected = originals_answers(jobs)
    assert not any(answer["complete"] for answer in expected)
    _, out, _ = call("dbsync")
    assert our_answers(client) == expected
    # Cataloged and failed jobs have ended.
    assert out.splitlines()[1].startswith(
        f"4 jobs of the original service had not ended: {RECEIVED}, {RUNNING}, {DECIMALS}, "
    )


def test_a_job_that_neither_service_received_is_unknown(jobs: Original, call: Call, client: FlaskClient):
    call("dbsync")
    answer = client.get("/get_state?job_id=999")
    assert (answer.status_code, answer.get_json()["message"]) == (404, "job ID 999 does not exist.")


def test_old_jobs_are_unknown_before_dbsync_has_imported_them(
    jobs: Original, call: Call, engine: Engine, client: FlaskClient
):
    execute(engine, "ALTER TABLE ingeststate RENAME TO elsewhere")
    assert call("dbsync") == (0, "", "")
    assert client.get(f"/get_state?job_id={CATALOGED}").status_code == 404
