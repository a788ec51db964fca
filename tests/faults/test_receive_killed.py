"""The API is killed while it receives: an unanswered upload is no job, or one whole job."""

import socket
from urllib.parse import urlsplit

import pytest
import requests
from sqlalchemy import Engine, select, text
from sqlalchemy.orm import Session

from ingest.ledger.models import Event, Upload
from tests.faults.end_assertions import assert_complete, spooled
from tests.faults.points import Points
from tools.bundles import make_bundle
from tools.stack import Stack, answers
from tools.waiting import wait_until

CONTENTS = {"data/large.bin": bytes(range(256)) * 20_000, "data/small.txt": b"small\n"}
BUNDLE = make_bundle(CONTENTS)
SERVES_AGAIN_SECONDS = 15
RETENTION_SECONDS = 120
# For each case: the point, and how often the process passes it before it is killed there.
BEFORE_THE_COMMIT = {
    "nothing written": ("receive.allocated", 0),
    "the first block written": ("receive.reading", 0),
    "in the middle": ("receive.reading", 3),
    "all written": ("receive.synced", 0),
    "renamed": ("receive.renamed", 0),
}
# Suffixes of the files in the spool after such a kill.
LEFT = {"nothing written": [], "renamed": ["tar"]}


def next_job(ledger: Engine) -> int:
    """Return the job id of the next upload."""
    with ledger.connect() as connection:
        last, is_given = connection.execute(text("SELECT last_value, is_called FROM job_id_seq")).one()
    return int(last) + bool(is_given)


def announced(ledger: Engine) -> list[int]:
    with Session(ledger) as session:
        return list(session.scalars(select(Upload.job_id).order_by(Upload.job_id)))


def event_codes(ledger: Engine, job: int) -> list[tuple[str, str | None]]:
    with Session(ledger) as session:
        rows = session.execute(select(Event.kind, Event.code).where(Event.job_id == job).order_by(Event.id))
        return [(kind, code) for kind, code in rows]


def killed_at(stack: Stack, ledger: Engine, points: Points, point: str, passes: int = 0) -> int:
    """Send a bundle whose receiver is killed at a point; return the job id that was allocated for it."""
    job = next_job(ledger)
    points.arm(point, job, passes=passes)
    with pytest.raises(requests.ConnectionError):
        stack.send(BUNDLE)
    assert not points.is_armed(point, job)
    wait_until(lambda: answers(stack.api), SERVES_AGAIN_SECONDS, lambda: "the API does not serve again")
    return job


def run_retention(stack: Stack) -> None:
    run = stack.request_airflow("POST", "/dags/retention/dagRuns", {"logical_date": None})["dag_run_id"]
    path = f"/dags/retention/dagRuns/{run}"
    wait_until(
        lambda: stack.request_airflow("GET", path)["state"] == "success",
        RETENTION_SECONDS,
        lambda: f"{run} does not end",
    )


def is_removed(stack: Stack, ledger: Engine, *jobs: int) -> bool:
    """Run retention, which keeps recent uploads; return whether these uploads were removed."""
    run_retention(stack)
    return set(jobs).isdisjoint(announced(ledger))


@pytest.fixture(scope="module")
def killed_before_commit(stack: Stack, ledger: Engine, points: Points) -> dict[str, tuple[int, list[str]]]:
    """Kill an upload at each point, then run retention; return the job ids and the files in the spool before retention."""
    killed = {}
    for name, (point, passes) in BEFORE_THE_COMMIT.items():
        job = killed_at(stack, ledger, points, point, passes)
        assert job in announced(ledger)
        killed[name] = job, spooled(stack, job)
    jobs = {job for job, _ in killed.values()}
    wait_until(lambda: is_removed(stack, ledger, *jobs), RETENTION_SECONDS, lambda: f"{announced(ledger)} stay")
    return killed


@pytest.mark.parametrize("case", BEFORE_THE_COMMIT)
def test_upload_that_was_killed_before_its_commit_leaves_nothing(
    stack: Stack, ledger: Engine, killed_before_commit: dict[str, tuple[int, list[str]]], case: str
):
    job, left = killed_before_commit[case]
    assert [name.partition(".")[2] for name in left] == LEFT.get(case, ["tar.part"])
    assert spooled(stack, job) == []
    assert event_codes(ledger, job) == [("upload_abandoned", None)]
    assert requests.get(f"{stack.api}/get_state/{job}", timeout=30).status_code == 404


def test_move_document_whose_receiver_was_killed_leaves_nothing(stack: Stack, ledger: Engine, points: Points):
    job = next_job(ledger)
    points.arm("receive.reading", job)
    with pytest.raises(requests.ConnectionError):
        stack.send(b"[]", "/move", "application/json")
    assert not points.is_armed("receive.reading", job)
    wait_until(lambda: answers(stack.api), SERVES_AGAIN_SECONDS, lambda: "the API does not serve again")
    wait_until(lambda: is_removed(stack, ledger, job), RETENTION_SECONDS, lambda: f"{spooled(stack, job)} stays")
    assert spooled(stack, job) == []
    assert event_codes(ledger, job) == [("upload_abandoned", None)]


@pytest.mark.parametrize("point", ["receive.committed", "receive.triggered"])
def test_upload_that_was_killed_after_its_commit_is_one_whole_job(
    stack: Stack, ledger: Engine, points: Points, point: str
):
    job = killed_at(stack, ledger, points, point)
    assert announced(ledger) == []
    assert_complete(stack, ledger, job, CONTENTS, seconds=180)
    wait_until(lambda: spooled(stack, job) == [], 30, lambda: f"{spooled(stack, job)} stays")


def test_connection_that_is_cut_half_way_leaves_nothing(stack: Stack, ledger: Engine):
    job = next_job(ledger)
    address = urlsplit(stack.api)
    with socket.create_connection((address.hostname or "", address.port or 0), timeout=30) as connection:
        head = f"POST /ingest HTTP/1.1\r\nHost: localhost\r\nContent-Length: {len(BUNDLE)}\r\n\r\n"
        connection.sendall(head.encode() + BUNDLE[: len(BUNDLE) // 2])
        wait_until(lambda: announced(ledger) == [job], 30, lambda: "the upload is never announced")
    wait_until(lambda: announced(ledger) == [], 30, lambda: f"{spooled(stack, job)} stays")
    assert spooled(stack, job) == []
    assert event_codes(ledger, job) == [("upload_refused", "body_incomplete")]
