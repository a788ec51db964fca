"""`dbsync` imports the jobs of the real original service, reports the result, and does not change its tables."""

from pathlib import Path

import pytest
from flask.testing import FlaskClient
from sqlalchemy import Engine

from ingest.cli.dbsync import built_in_services
from ingest.errors.types import ConfigurationError
from ingest.ledger import legacy_jobs
from ingest.services.uniqueid import BuiltInUniqueID
from ingest.settings.loading import Settings
from tests.ledger.test_migrations import describe, rows
from tests.upgrade.conftest import REAL_SERVICES, Call
from tests.upgrade.original import Original, State
from tools.bundles import make_bundle

CATALOGED: State = (11, "OK", "ingest metadata", 100, "")
RUNNING: State = (12, "OK", "ingest files", 0, "")
FAILED: State = (15, "FAILED", "open tar", 0, "Failed to open tarfile.")
NOT_ENDED = "; run each again with retry --path, or wait until its workers have finished them and run dbsync again\n"
EVERYTHING = "SELECT *, xmin::text FROM ingeststate"


@pytest.fixture
def jobs(original: Original) -> Original:
    """Return the original service with received jobs."""
    original.update_states([CATALOGED, RUNNING, FAILED])
    return original


def task_of(client: FlaskClient, job_id: int) -> str:
    task: str = client.get(f"/get_state/{job_id}").get_json()["task"]
    return task


def test_rows_are_counted_and_jobs_that_had_not_ended_are_named(jobs: Original, call: Call):
    assert call("dbsync") == (
        0,
        f"3 jobs of the original service imported\n1 job of the original service had not ended: 12{NOT_ENDED}",
        "",
    )


def test_at_most_twenty_jobs_that_had_not_ended_are_named_and_all_are_counted(original: Original, call: Call):
    original.update_states([(number, "OK", "UPLOADING", 0, "") for number in range(1, 23)])
    listed = ", ".join(map(str, range(1, 21)))
    assert f"\n22 jobs of the original service had not ended: {listed}, ...{NOT_ENDED}" in call("dbsync")[1]


def test_a_database_without_the_original_tables_has_nothing_to_import(engine: Engine, call: Call):
    assert call("dbsync") == (0, "", "")
    assert legacy_jobs.import_jobs(engine) is None


def test_an_original_service_without_jobs_has_nothing_to_import(original: Original, call: Call):
    assert call("dbsync") == (0, "0 jobs of the original service imported\n", "")


def test_the_original_tables_are_unchanged(jobs: Original, engine: Engine, call: Call):
    with engine.connect() as connection:
        before = rows(connection, EVERYTHING)
    described = describe(engine)
    call("dbsync")
    call("dbsync")
    with engine.connect() as connection:
        assert rows(connection, EVERYTHING) == before
    for part, found in described.items():
        assert set(found) <= set(describe(engine)[part])


def test_a_second_call_imports_nothing(jobs: Original, call: Call):
    call("dbsync")
    assert call("dbsync")[1].startswith("0 jobs of the original service imported\n")


def test_a_later_call_imports_jobs_that_are_new_or_have_changed(jobs: Original, call: Call, client: FlaskClient):
    call("dbsync")
    new: State = (16, "OK", "UPLOADING", 0, "")
    jobs.update_states([(12, "OK", "ingest metadata", 100, ""), new])
    _, out, _ = call("dbsync")
    assert out.startswith("2 jobs of the original service imported\n1 job of the original service had not ended: 16;")
    assert (task_of(client, 12), task_of(client, 16)) == ("ingest metadata", "UPLOADING")


def test_the_original_service_can_continue_on_the_same_database(jobs: Original, call: Call, client: FlaskClient):
    call("dbsync")
    jobs.dbsync()
    with jobs.serving():
        jobs.update_states([(17, "OK", "UPLOADING", 0, "")])
    assert call("dbsync")[1].startswith("1 job of the original service imported\n")


def test_a_job_that_the_original_service_is_writing_is_not_waited_for(jobs: Original, engine: Engine, call: Call):
    with engine.begin() as writing:
        writing.exec_driver_sql("UPDATE ingeststate SET task = 'ingest metadata' WHERE id = 12")
        assert call("dbsync")[1].startswith("3 jobs")


def test_a_database_from_before_the_versions_is_one_of_1_0(jobs: Original, engine: Engine, call: Call):
    with engine.begin() as connection:
        connection.exec_driver_sql("ALTER TABLE ingeststate DROP COLUMN complete")
        connection.exec_driver_sql("DROP TABLE ingeststatesystem")
    assert call("dbsync")[1].startswith(
        "3 jobs of the original service imported\n1 job of the original service had not ended: 12;"
    )


def test_a_table_that_cannot_be_read_is_one_line(jobs: Original, engine: Engine, call: Call):
    with engine.begin() as connection:
        connection.exec_driver_sql("ALTER TABLE ingeststate DROP COLUMN complete")
    code, out, err = call("dbsync")
    assert (code, out, err.count("\n")) == (1, "", 1)
    assert err.startswith(
        "pacifica-ingest-cmd: table ingeststate of pacifica-ingest 0.4.1: column ingeststate.complete does not"
    )
    with pytest.raises(ConfigurationError):
        legacy_jobs.import_jobs(engine)


def test_services_that_are_still_built_in_are_named_in_a_warning(
    jobs: Original, call: Call, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.delenv("UNIQUEID_URL")
    monkeypatch.setenv("ARCHIVEINTERFACE_URL", "file:///srv/archive")
    code, _, err = call("dbsync")
    assert (code, err.count("\n")) == (0, 1)
    assert (
        "warning: these services are built in: UniqueID (UNIQUEID_URL), ArchiveInterface (ARCHIVEINTERFACE_URL); "
        in err
    )
    # One warning only, because a facility may intend it.
    assert call("dbsync")[2] == ""


@pytest.mark.parametrize("variable", REAL_SERVICES)
def test_every_service_that_is_built_in_is_warned_of(
    jobs: Original, call: Call, monkeypatch: pytest.MonkeyPatch, variable: str
):
    monkeypatch.delenv(variable)
    assert f"({variable});" in call("dbsync")[2]


# Ids, and running an old job again


def test_built_in_ids_begin_above_those_of_the_original_service(jobs: Original, engine: Engine, call: Call):
    call("dbsync")
    assert BuiltInUniqueID(engine).allocate("upload_job", 2) == range(16, 18)


def test_an_upload_that_gets_the_id_of_an_old_job_gets_another(
    jobs: Original, call: Call, client: FlaskClient, monkeypatch: pytest.MonkeyPatch
):
    call("dbsync")
    given = iter([12, 15, 40])
    monkeypatch.setattr(BuiltInUniqueID, "allocate", lambda *_: [next(given)])
    answer = client.post("/upload", data=make_bundle(), content_type="application/octet-stream")
    assert answer.get_json()["job_id"] == 40
    assert task_of(client, 15) == "open tar"


@pytest.mark.parametrize("line", ["retry --job_id 15", "job --job-id 15 --state FAILED --task 'open tar'"])
def test_an_old_job_cannot_be_changed_and_the_error_says_how_to_run_it_again(jobs: Original, call: Call, line: str):
    call("dbsync")
    assert call(line) == (
        1,
        "",
        "pacifica-ingest-cmd: job 15 was received by the original service; to run it again, send its file: retry "
        "--path <volume_path>/15.tar --username NAME --job_id 15 (a move: 15.json and --move)\n",
    )


def test_an_old_job_is_run_again_from_its_file_and_then_answered_as_ours(
    jobs: Original, call: Call, client: FlaskClient, tmp_path: Path
):
    call("dbsync")
    bundle = make_bundle(path=tmp_path / "15.tar")
    # The job is created; housekeeping triggers its run, because no Airflow answers here.
    call(f"retry --path {tmp_path}/15.tar --username ada --job_id 15")
    assert task_of(client, 15) == "UPLOADING"
    assert [file.read_bytes() for file in (tmp_path / "spool").iterdir()] == [bundle]
    # Later states of the original service are ignored.
    jobs.update_states([(15, "OK", "ingest files", 0, "")])
    assert "15" not in call("dbsync")[1].partition("not ended")[2]
    assert task_of(client, 15) == "UPLOADING"


def test_without_settings_all_four_services_are_built_in():
    assert [name for _, name in built_in_services(Settings())] == ["UniqueID", "Policy", "ArchiveInterface", "Metadata"]
