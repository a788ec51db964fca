"""The comparison at the end of a soak finds each kind of violation."""

from pathlib import Path

import pytest
from sqlalchemy import delete
from sqlalchemy.orm import Session

from ingest.ledger.cancellation import cancel
from ingest.ledger.models import CatalogFile, Job
from ingest.states.stages import Kind
from tests.job_fixtures import MakeJob
from tests.tools.soak.conftest import Jobs, first_upload
from tools.soak.comparison import Comparison
from tools.soak.journal import Cancellation, Violation
from tools.soak.uploads import Mistake, body


def found(comparison: Comparison) -> list[Violation]:
    comparison.compare()
    return comparison.journal.violations


def archived_file(comparison: Comparison, job_id: int) -> Path:
    """Return a file of a job in the archive that is not empty."""
    entries = (comparison.holdings.cataloged(job_id) or {}).values()
    ids = {str(entry["_id"]) for entry in entries if entry["size"]}
    return next(path for path in (comparison.home / "archive").rglob("*") if path.name in ids)


def the_only(violations: list[Violation]) -> Violation:
    assert len(violations) == 1, violations
    return violations[0]


def test_jobs_as_they_were_sent_have_no_violation(comparison: Comparison, jobs: Jobs):
    assert found(comparison) == []


@pytest.mark.parametrize("name", ["bundle", "move"])
def test_archived_file_that_is_gone_is_found(comparison: Comparison, jobs: Jobs, name: str):
    archived_file(comparison, jobs[name]).unlink()
    violation = the_only(found(comparison))
    assert violation.job_id == jobs[name]
    assert "cannot be read from the archive" in violation.what


def test_byte_that_was_changed_in_the_archive_is_found(comparison: Comparison, jobs: Jobs):
    path = archived_file(comparison, jobs["bundle"])
    path.chmod(0o600)
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)
    violation = the_only(found(comparison))
    assert violation.job_id == jobs["bundle"]
    assert "has other contents in the archive" in violation.what


@pytest.mark.parametrize("name", ["987654321", ".987654321.part"])
def test_stray_file_in_the_archive_is_found(comparison: Comparison, jobs: Jobs, name: str):
    archived_file(comparison, jobs["bundle"]).with_name(name).write_bytes(b"stray")
    assert name in the_only(found(comparison)).what


def test_file_that_the_catalog_lacks_is_found(comparison: Comparison, jobs: Jobs):
    path = archived_file(comparison, jobs["bundle"])
    with Session(comparison.engine) as session, session.begin():
        session.execute(delete(CatalogFile).where(CatalogFile.id == int(path.name)))
    of_file, of_archive = found(comparison)
    assert (of_file.job_id, of_archive.job_id) == (jobs["bundle"], jobs["bundle"])
    assert "is not catalogued" in of_file.what
    assert f"{path.name} lies in the archive" in of_archive.what


def test_job_that_the_ledger_lost_is_found(comparison: Comparison, jobs: Jobs):
    with Session(comparison.engine) as session, session.begin():
        session.execute(delete(Job).where(Job.id == jobs["rejected"]))
    violation = the_only(found(comparison))
    assert violation.job_id == jobs["rejected"]
    assert "the ledger has no such job" in violation.what


@pytest.mark.parametrize(
    ("mistake", "what"), [(None, "is not complete"), (Mistake.WRONG_HASH, "is not rejected for a wrong hash")]
)
def test_job_that_has_not_ended_is_found(comparison: Comparison, make_job: MakeJob, mistake: Mistake | None, what: str):
    made = first_upload(Kind.INGEST, mistake)
    job_id = make_job(body(made, comparison.home))
    comparison.journal.record_answer(made, job_id)
    violation = the_only(found(comparison))
    assert violation.job_id == job_id
    assert what in violation.what


def test_second_job_of_one_upload_is_found(comparison: Comparison, jobs: Jobs, make_job: MakeJob):
    made = first_upload(Kind.INGEST, None)
    again = make_job(body(made, comparison.home))
    comparison.journal.record_answer(made, again)
    assert the_only(found(comparison)) == Violation(again, f"upload {made.number} has another job already")


def test_job_of_no_upload_is_found(comparison: Comparison, jobs: Jobs, make_job: MakeJob):
    stray = make_job(b"of nobody")
    violation = the_only(found(comparison))
    assert violation.job_id == stray
    assert "is no upload's" in violation.what


def test_upload_that_was_not_answered_may_be_one_whole_job(comparison: Comparison, jobs: Jobs):
    answered = comparison.journal.answered.pop(jobs["bundle"])
    comparison.journal.unanswered.add(answered.number)
    assert found(comparison) == []


def test_upload_that_was_cut_must_not_be_a_job(comparison: Comparison, jobs: Jobs):
    answered = comparison.journal.answered.pop(jobs["bundle"])
    comparison.journal.cut.add(answered.number)
    assert "was cut" in found(comparison)[0].what


def test_source_of_a_move_that_is_left_is_found(comparison: Comparison, jobs: Jobs):
    made = first_upload(Kind.MOVE, None)
    stray = made.sources(comparison.home) / "stray"
    stray.write_bytes(b"")
    assert "sources are left: stray" in the_only(found(comparison)).what


def test_source_of_a_move_that_did_not_happen_and_is_gone_is_found(comparison: Comparison):
    made = first_upload(Kind.MOVE, None)
    body(made, comparison.home)
    comparison.journal.unanswered.add(made.number)
    assert found(comparison) == []
    missing = made.source(made.files[0][0], comparison.home)
    missing.unlink()
    assert str(missing) in the_only(found(comparison)).what


@pytest.fixture
def canceled(comparison: Comparison, make_job: MakeJob) -> int:
    """Return a job that was canceled before its first stage."""
    made = first_upload(Kind.INGEST, None)
    job_id = make_job(body(made, comparison.home))
    comparison.journal.record_answer(made, job_id)
    cancel(comparison.engine, job_id, "an admin", "admin")
    return job_id


@pytest.mark.parametrize("cancellation", [Cancellation.DONE, Cancellation.REQUESTED])
def test_canceled_job_leaves_nothing(comparison: Comparison, canceled: int, cancellation: Cancellation):
    comparison.journal.answered[canceled].cancellation = cancellation
    assert found(comparison) == []


@pytest.mark.parametrize("cancellation", [Cancellation.NONE, Cancellation.REFUSED])
def test_job_that_is_canceled_although_nobody_did_is_found(
    comparison: Comparison, canceled: int, cancellation: Cancellation
):
    comparison.journal.answered[canceled].cancellation = cancellation
    assert "is canceled, but its cancellation was" in the_only(found(comparison)).what


def test_job_that_completed_although_it_was_canceled_is_found(comparison: Comparison, jobs: Jobs):
    comparison.journal.answered[jobs["bundle"]].cancellation = Cancellation.DONE
    violations = found(comparison)
    assert {violation.job_id for violation in violations} == {jobs["bundle"]}
    first, second = (violation.what for violation in violations)
    assert first == "is catalogued although it was canceled"
    assert second.startswith("was canceled, and ended with outcome catalogued")
