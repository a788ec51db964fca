"""The CSV files of jobs and of a job's files: all rows of all pages, as the filters select them."""

import csv
import io
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from threading import BoundedSemaphore

import pytest
from sqlalchemy import Engine, func, insert

from ingest.errors.types import DatabaseUnavailable, UnknownJob
from ingest.ledger.database import make_engine
from ingest.ledger.models import Event, File
from ingest.pages import export
from ingest.pages.export import export_files, export_jobs
from ingest.pages.filters import read_query
from ingest.settings.loading import Settings
from ingest.states.stages import Kind
from tests.pages.job_rows import STATES, add_job
from tools.stack import free_port
from tools.waiting import wait_until

Rows = list[dict[str, str]]


@pytest.fixture(autouse=True)
def short_pages(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(export, "ROWS", 2)


def rows(parts: list[bytes]) -> Rows:
    return list(csv.DictReader(io.StringIO(b"".join(parts).decode("utf-8-sig"), newline="")))


def jobs(engine: Engine, *kinds: Kind, **filters: str) -> Rows:
    return rows(list(export_jobs(engine, read_query(filters).of_kinds(kinds or tuple(Kind)))))


def add_files(engine: Engine, job: int, *paths: str, **columns: object) -> None:
    with engine.begin() as connection:
        for position, path in enumerate(paths):
            values = {"job_id": job, "path": path, "position": position, "size": 10, **columns}
            connection.execute(insert(File).values(values))


def test_all_jobs_of_all_pages_are_in_the_file(separate_engine: Engine):
    for job in range(1, 6):
        add_job(separate_engine, job, age=timedelta(minutes=job))
    parts = list(export_jobs(separate_engine, read_query({"cursor": "1-1"})))
    assert [row["job"] for row in rows(parts)] == ["1", "2", "3", "4", "5"]
    assert len(parts) == 3


def test_a_job_has_the_values_of_the_list(separate_engine: Engine):
    for job, state in enumerate(STATES, 1):
        add_job(separate_engine, job, state)
    found = {row["job"]: row for row in jobs(separate_engine)}
    states = [found[str(job)]["state"] for job in range(1, len(STATES) + 1)]
    assert states == ["waiting", "running", "waiting", "failed", "canceled", "complete"]
    failed, complete = found["4"], found["6"]
    assert (failed["code"], failed["cause"], failed["uploader"]) == ("bundle_invalid", "the bundle is not a tar", "ada")
    assert (complete["project"], complete["files"], complete["bytes"]) == ("1234a", "3", "12000000")
    assert (complete["duration_seconds"], found["1"]["ended"]) == ("1800", "")


def test_the_filters_select(separate_engine: Engine):
    for job, state in enumerate(STATES, 1):
        add_job(separate_engine, job, state, kind="move" if state == "failed" else "ingest")
    assert {row["state"] for row in jobs(separate_engine, state="failed")} == {"failed", "canceled"}
    assert {row["kind"] for row in jobs(separate_engine, Kind.MOVE)} == {"move"}
    assert jobs(separate_engine, user="nobody") == []


def test_names_that_are_formulas_are_text(separate_engine: Engine):
    add_job(separate_engine, 1, user="=cmd|' /C calc'!A0", project="@x")
    [row] = jobs(separate_engine)
    assert (row["uploader"], row["project"]) == ("'=cmd|' /C calc'!A0", "'@x")


def test_a_failed_job_ended_when_it_failed_not_when_its_bundle_was_removed(separate_engine: Engine):
    job = add_job(separate_engine, 1, "failed", age=timedelta(hours=2))
    failed = func.now() - timedelta(hours=2) + timedelta(seconds=90)
    with separate_engine.begin() as connection:
        connection.execute(insert(Event).values(job_id=job, kind="stage_failed", at=failed))
        connection.execute(insert(Event).values(job_id=job, kind="bundle_removed"))
    [row] = jobs(separate_engine)
    assert row["duration_seconds"] == "90"


def test_all_files_of_all_pages_are_in_the_file(separate_engine: Engine):
    text = "the sha1 of 'data/b' differs"
    faults = [{"code": "hash_differs", "text": text}]
    error = {"stage": "ingest_files", "code": "files_rejected", "text": text, "final": True, "faults": faults}
    job = add_job(separate_engine, 1, "failed", error=error)
    add_files(separate_engine, job, "data/a", "data/b", "=data/c", hash_type="sha1", hash_sum="ab", file_id=None)
    found = rows(list(export_files(separate_engine, job, {})))
    assert [(row["path"], row["fault"]) for row in found] == [("data/a", ""), ("data/b", text), ("'=data/c", "")]
    assert (found[0]["bytes"], found[0]["hash_type"], found[0]["hash"]) == ("10", "sha1", "ab")
    [row] = rows(list(export_files(separate_engine, job, {"path": "/b", "state": "pending"})))
    assert row["path"] == "data/b"


def test_a_job_without_files_has_the_names_of_the_columns(separate_engine: Engine):
    job = add_job(separate_engine, 1)
    content = b"".join(export_files(separate_engine, job, {}))
    assert content.decode("utf-8-sig") == "path,bytes,state,hash_type,hash,archive_id,fault\r\n"


def test_errors_are_raised_before_anything_is_sent(separate_engine: Engine):
    with pytest.raises(UnknownJob):
        export_files(separate_engine, 17, {})
    nowhere = make_engine(Settings(database_url=f"postgresql://x@127.0.0.1:{free_port()}/x"))
    with pytest.raises(DatabaseUnavailable):
        export_jobs(nowhere, read_query({}))


def test_only_a_few_exports_wait_for_their_turn(separate_engine: Engine, monkeypatch: pytest.MonkeyPatch):
    waiting_exports = BoundedSemaphore(1)
    monkeypatch.setattr(export, "_waiting", waiting_exports)
    with ThreadPoolExecutor() as threads:
        with export._reading:
            waiting = threads.submit(jobs, separate_engine)
            wait_until(lambda: not waiting_exports._value, 30, lambda: "no export waits")
            with pytest.raises(DatabaseUnavailable, match="other files are being exported; try again later"):
                jobs(separate_engine)
        assert waiting.result() == []
