"""Notes of runs: the sentence of the error while a job has failed, none when it is complete."""

from dataclasses import dataclass, field
from datetime import timedelta

import pytest
from sqlalchemy import Engine, insert

from ingest.errors.types import ServiceUnavailable
from ingest.ledger.models import Event
from ingest.orchestrator import run_notes
from ingest.orchestrator.run_notes import LONGEST_NOTE, note_end, write_recent_notes
from tests.pages.job_rows import add_job

SENTENCE = "bundle_invalid: the bundle is not a tar"


@dataclass
class Notes:
    """An Airflow that only holds notes; `notes` are the changes, and every run begins with the note `first`."""

    notes: list[tuple[str, str, str | None]] = field(default_factory=list)
    is_available: bool = True
    first: str | None = "an old note"

    def note(self, dag_id: str, run_id: str) -> str | None:
        if not self.is_available:
            raise ServiceUnavailable("Airflow", "http://airflow", "refused")
        return next((note for dag, run, note in reversed(self.notes) if (dag, run) == (dag_id, run_id)), self.first)

    def set_note(self, dag_id: str, run_id: str, note: str | None) -> None:
        self.notes.append((dag_id, run_id, note))


@pytest.fixture
def airflow() -> Notes:
    return Notes()


def end(engine: Engine, airflow: Notes, job_id: int) -> list[tuple[str, str, str | None]]:
    note_end(engine, lambda: airflow, job_id)  # type: ignore[arg-type, return-value]
    return airflow.notes


def test_a_failed_job_gets_its_sentence(separate_engine: Engine, airflow: Notes):
    assert end(separate_engine, airflow, add_job(separate_engine, 7, "failed")) == [("ingest", "job-7", SENTENCE)]


def test_a_note_that_is_there_already_is_not_written_again(separate_engine: Engine, airflow: Notes):
    job = add_job(separate_engine, 7, "failed")
    end(separate_engine, airflow, job)
    assert end(separate_engine, airflow, job) == [("ingest", "job-7", SENTENCE)]


def test_a_canceled_job_gets_who_canceled_it(separate_engine: Engine, airflow: Notes):
    notes = end(separate_engine, airflow, add_job(separate_engine, 7, "canceled"))
    assert notes == [("ingest", "job-7", "canceled: canceled by an admin")]


@pytest.mark.parametrize("state", ["received", "running", "waiting", "complete"])
def test_any_other_job_costs_no_request(separate_engine: Engine, airflow: Notes, state: str):
    assert end(separate_engine, airflow, add_job(separate_engine, 7, state)) == []


def test_the_note_of_a_job_that_completes_after_a_failure_is_removed(separate_engine: Engine, airflow: Notes):
    job = add_job(separate_engine, 7, "complete")
    with separate_engine.begin() as connection:
        connection.execute(insert(Event).values(job_id=job, kind="stage_failed", stage="open_tar"))
    assert end(separate_engine, airflow, job) == [("ingest", "job-7", None)]


def test_a_long_sentence_is_shortened(separate_engine: Engine, airflow: Notes):
    error = {"stage": "open_tar", "code": "bundle_invalid", "text": "x" * 5000, "final": True}
    ((_, _, note),) = end(separate_engine, airflow, add_job(separate_engine, 7, "failed", error=error))
    assert note
    assert (len(note), note[-4:]) == (LONGEST_NOTE, "x...")


def test_without_airflow_and_for_an_unknown_job_nothing_happens(separate_engine: Engine, airflow: Notes):
    airflow.is_available = False
    assert end(separate_engine, airflow, add_job(separate_engine, 7, "failed")) == []
    assert end(separate_engine, airflow, 8) == []
    write_recent_notes(separate_engine, airflow)  # type: ignore[arg-type]


def test_housekeeping_writes_the_notes_of_jobs_that_failed_lately(
    separate_engine: Engine, airflow: Notes, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(run_notes, "MOST_NOTES", 2)
    for job in (1, 2, 3):
        add_job(separate_engine, job, "failed", age=timedelta(minutes=job))
    # Failed long ago; without a run; not failed.
    add_job(separate_engine, 4, "failed", age=timedelta(hours=2))
    add_job(separate_engine, 5, "failed", age=timedelta(seconds=1), triggered=None)
    add_job(separate_engine, 6, "complete", age=timedelta(seconds=1))
    write_recent_notes(separate_engine, airflow)  # type: ignore[arg-type]
    assert airflow.notes == [("ingest", "job-1", SENTENCE), ("ingest", "job-2", SENTENCE)]
