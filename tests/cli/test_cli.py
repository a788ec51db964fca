"""The admin's command, on a real PostgreSQL and a scripted Airflow."""

import re
import shlex
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, text

from ingest.cli.job import LABELS
from ingest.cli.main import main
from ingest.ledger import jobs
from ingest.ledger.database import make_engine
from ingest.ledger.jobs import Received
from ingest.ledger.lease import acquire_job
from ingest.ledger.schema import schema_versions, upgrade_schema
from ingest.orchestrator import obstacles
from ingest.orchestrator.obstacles import Obstacles
from ingest.services.archive_marker import MARKER
from ingest.settings.loading import Settings
from ingest.states.job_record import JobState, JobStatus, Outcome
from ingest.states.stages import STAGES, Kind, Stage
from tests.job_creation import create_job
from tests.ledger.test_migrations import fresh_database
from tests.orchestrator.scripted_airflow import TASKS, Airflow, job_run, scripted_airflow, tasks
from tests.services.archive_folders import marked_archive
from tools.bundles import make_bundle

next_id = count(7_200_000)
UNKNOWN = 7_199_999
PROGRAM = "pacifica-ingest-cmd: "
RUNS = "/api/v2/dags/ingest/dagRuns"
CLEAR = "/api/v2/dags/ingest/clearTaskInstances"
OPTIONS = {
    "job": ["--job-id", "--job_id", "--state", "--task", "--task-percent", "--exception"],
    "cancel": ["--job-id", "--job_id"],
    "retry": ["--job-id", "--job_id", "--path", "--username", "--move"],
    "show": ["--job-id", "--job_id", "--json"],
    "reconcile": [
        "--job-id",
        "--job_id",
        "--rehash",
        "--sample-percent",
        "--archive-folder",
        "--delete-dark",
        "--json",
    ],
    "accept-archive": [],
    "token": [],
    "receipt": [],
    "dbsync": [],
    "dbchk": ["--equal"],
}
RIGHT = {"--job-id": "1", "--state": "FAILED", "--task": "ingest files", "--task-percent": "0.0", "--exception": "x"}


class Command:
    """The command, called as a shell does, and its output."""

    def __init__(self, capsys: pytest.CaptureFixture[str]) -> None:
        self._capsys = capsys
        self.out = ""
        self.err = ""

    def __call__(self, line: str) -> int:
        try:
            code = main(shlex.split(line))
        except SystemExit as end:
            code = int(end.code or 0)
        self.out, self.err = self._capsys.readouterr()
        return code

    def is_one_line_on_stderr(self) -> bool:
        return self.out == "" and self.err.count("\n") == 1 and self.err.startswith(PROGRAM)


@pytest.fixture
def airflow() -> Iterator[Airflow]:
    with scripted_airflow() as airflow:
        yield airflow


@pytest.fixture
def command(
    database_url: str,
    airflow: Airflow,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> Command:
    for variable in ("INGEST_CONFIG", "PEEWEE_URL"):
        monkeypatch.delenv(variable, raising=False)
    (tmp_path / "spool").mkdir()
    monkeypatch.setenv("VOLUME_PATH", str(tmp_path / "spool"))
    monkeypatch.setenv("ARCHIVEINTERFACE_URL", marked_archive(tmp_path / "archive"))
    monkeypatch.setenv("INGEST_DATABASE_URL", database_url)
    monkeypatch.setenv("DATABASE_CONNECT_ATTEMPTS", "1")
    monkeypatch.setenv("INGEST_AIRFLOW_URL", airflow.url)
    monkeypatch.setattr(obstacles, "find_obstacles", lambda _airflow, _seconds: Obstacles())
    return Command(capsys)


@pytest.fixture
def make_job(database_engine: Engine) -> Callable[..., int]:
    def make(kind: Kind = Kind.INGEST) -> int:
        job = next(next_id)
        create_job(database_engine, Received(job, kind, "ada", f"{job}.tar", 10))
        return job

    return make


@pytest.fixture
def job_id(make_job: Callable[..., int]) -> int:
    return make_job()


@pytest.fixture
def empty(database_url: str, command: Command, monkeypatch: pytest.MonkeyPatch) -> Iterator[Engine]:
    """Create a database without tables, and configure the command to use it."""
    with fresh_database(database_url) as url:
        monkeypatch.setenv("INGEST_DATABASE_URL", url)
        engine = make_engine(Settings(database_url=url))
        yield engine
        engine.dispose()


@pytest.fixture
def migrated(empty: Engine) -> Engine:
    upgrade_schema(empty)
    return empty


def run_path(job_id: int, dag: str = "ingest") -> str:
    return f"/api/v2/dags/{dag}/dagRuns/job-{job_id}"


def override_of(engine: Engine, job_id: int) -> JobState | None:
    return jobs.read(engine, job_id).record.override


def set_version(engine: Engine, version: str) -> None:
    with engine.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = :version"), {"version": version})


# dbsync and dbchk


def test_empty_database_is_not_usable_until_it_is_synchronized(command: Command, empty: Engine):
    assert command("dbchk") == 1
    assert "version None" in command.err
    assert command.err.endswith("run dbsync\n")
    assert command("dbsync") == 0
    assert (command.out, command.err) == ("", "")
    assert command("dbchk") == 0
    assert (command.out, command.err) == ("", "")


def test_empty_database_is_not_of_this_version_until_it_is_synchronized(command: Command, empty: Engine):
    assert command("dbchk --equal") == 1
    assert command("dbsync") == 0
    assert command("dbchk --equal") == 0
    current, wanted = schema_versions(empty)
    assert current == wanted


def test_checking_a_database_makes_nothing_in_it(command: Command, empty: Engine):
    assert command("dbchk") == 1
    with empty.connect() as connection:
        assert connection.execute(text("SELECT count(*) FROM pg_tables WHERE schemaname = 'public'")).scalar() == 0


def test_synchronizing_again_keeps_the_jobs(command: Command, migrated: Engine):
    create_job(migrated, Received(7, Kind.INGEST, "ada", "7.tar", 10))
    assert command("dbsync") == 0
    assert jobs.read(migrated, 7).received.user == "ada"


def test_database_of_another_version_is_usable_but_not_equal(command: Command, migrated: Engine):
    set_version(migrated, "9999")
    assert command("dbchk") == 0
    assert command("dbchk --equal") == 1
    assert "the tables have version 9999, this program needs " in command.err
    assert command.err.count("\n") == 1


def test_synchronizing_a_database_of_a_newer_program_fails_in_one_line(command: Command, migrated: Engine):
    set_version(migrated, "9999")
    assert command("dbsync") == 1
    assert command.is_one_line_on_stderr()
    assert "9999" in command.err


@pytest.mark.parametrize("line", ["dbsync", "dbchk", "retry --job-id 1"])
def test_unavailable_database_is_one_line(command: Command, monkeypatch: pytest.MonkeyPatch, line: str):
    monkeypatch.setenv("INGEST_DATABASE_URL", "postgresql://ingest:geheim@127.0.0.1:1/ingest")
    assert command(line) == 1
    assert command.is_one_line_on_stderr()
    assert "no database after 1 attempts" in command.err
    assert "geheim" not in command.err


def test_wrong_setting_is_one_line(command: Command, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("TRANSFER_SIZE", "0")
    assert command("dbchk") == 1
    assert command.is_one_line_on_stderr()
    assert "TRANSFER_SIZE: '0' is not an integer" in command.err


def test_missing_config_file_is_one_line(command: Command, monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    monkeypatch.setenv("INGEST_CONFIG", str(tmp_path / "missing.ini"))
    assert command("dbchk") == 1
    assert command.is_one_line_on_stderr()


@pytest.mark.parametrize("option", ["-c", "--config"])
def test_config_file_may_be_named_as_in_the_original(
    command: Command, empty: Engine, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, option: str
):
    url = empty.url.render_as_string(hide_password=False).replace("+psycopg2", "")
    (tmp_path / "named.ini").write_text(f"[database]\npeewee_url = {url}\n")
    monkeypatch.delenv("INGEST_DATABASE_URL")
    monkeypatch.setenv("INGEST_CONFIG", str(tmp_path / "missing.ini"))
    assert command(f"{option} {tmp_path}/named.ini dbsync") == 0
    assert schema_versions(empty)[0] is not None


@pytest.mark.parametrize("line", ["job --job-id 1 --state FAILED --task UPLOADING", "retry --job-id 1"])
def test_database_without_tables_is_one_line(command: Command, empty: Engine, line: str):
    assert command(line) == 1
    assert command.is_one_line_on_stderr()


# Wrong usage


def job_line(**changes: str | None) -> str:
    options = RIGHT | {f"--{name.replace('_', '-')}": value for name, value in changes.items()}
    return "job " + " ".join(f"{name}={shlex.quote(value)}" for name, value in options.items() if value is not None)


@pytest.mark.parametrize(
    ("line", "named"),
    [
        ("", "SUBCOMMAND"),
        ("nonsense", "nonsense"),
        (job_line(job_id=None), "--job-id"),
        (job_line(state=None), "--state"),
        (job_line(task=None), "--task"),
        (job_line(job_id="abc"), "--job-id"),
        (job_line(job_id="1.5"), "--job-id"),
        (job_line(job_id=""), "--job-id"),
        (job_line(state="ok"), "--state"),
        (job_line(state="RUNNING"), "--state"),
        (job_line(state=""), "--state"),
        (job_line(task="ingest_files"), "--task"),
        (job_line(task="Ingest files"), "--task"),
        (job_line(task=""), "--task"),
        (job_line(task_percent="-0.1"), "--task-percent"),
        (job_line(task_percent="100.1"), "--task-percent"),
        (job_line(task_percent="nan"), "--task-percent"),
        (job_line(task_percent="inf"), "--task-percent"),
        (job_line(task_percent="half"), "--task-percent"),
        (job_line(task_percent=""), "--task-percent"),
        ("job --job-id 1 --state FAILED --task UPLOADING --exception", "--exception"),
        (job_line(colour="red"), "--colour"),
        (job_line() + " extra", "extra"),
        ("retry", "--job-id"),
        ("cancel", "--job-id"),
        ("cancel --job-id 1 extra", "extra"),
        ("retry --job-id abc", "--job-id"),
        ("retry --job-id 1 --move=yes", "--move"),
        ("retry --job-id 1 --state FAILED", "--state"),
        ("dbsync --equal", "--equal"),
        ("dbchk extra", "extra"),
        ("dbchk --equal=1", "--equal"),
    ],
)
def test_wrong_usage_names_the_option_and_touches_nothing(
    command: Command, airflow: Airflow, monkeypatch: pytest.MonkeyPatch, line: str, named: str
):
    # An unavailable database: it must not be queried.
    monkeypatch.setenv("INGEST_DATABASE_URL", "postgresql://127.0.0.1:1/ingest")
    assert command(line) == 2
    assert named in command.err
    assert command.out == ""
    assert airflow.received == []


@pytest.mark.parametrize("subcommand", OPTIONS)
def test_help_of_a_subcommand_lists_each_option(command: Command, subcommand: str):
    assert command(f"{subcommand} --help") == 0
    assert command.err == ""
    listed = set(re.findall(r"(?<![\w-])--?[a-z][a-z_-]*", command.out))
    assert listed == {"-h", "--help", *OPTIONS[subcommand]}


def test_help_of_job_lists_every_task(command: Command):
    command("job --help")
    listed = " ".join(command.out.split())
    assert ", ".join(LABELS) in listed
    assert "{OK,FAILED}" in listed


def test_help_lists_every_subcommand(command: Command):
    assert command("--help") == 0
    assert all(f"    {subcommand} " in command.out for subcommand in OPTIONS)


# job


def test_documented_call_fails_the_job_and_its_run(
    command: Command, airflow: Airflow, database_engine: Engine, job_id: int
):
    airflow.answer("PATCH", run_path(job_id), (200, {}))
    documented = (
        "job --job-id {} --state FAILED --task 'ingest files' --task-percent 0.0 --exception 'Failed by adminstrator'"
    )
    assert command(documented.format(job_id)) == 0
    assert (command.out, command.err) == ("", "")
    expected = JobState(JobStatus.FAILED, "ingest files", 0.0, "Failed by adminstrator", complete=True)
    assert override_of(database_engine, job_id) == expected
    assert airflow.requests() == [f"PATCH {run_path(job_id)}"]
    assert airflow.received[-1].body == {"state": "failed"}


def test_job_id_may_be_spelled_as_in_the_original(
    command: Command, airflow: Airflow, database_engine: Engine, job_id: int
):
    airflow.answer("PATCH", run_path(job_id), (200, {}))
    assert command(f"job --job_id {job_id} --state FAILED --task UPLOADING") == 0
    assert override_of(database_engine, job_id) == JobState(JobStatus.FAILED, "UPLOADING", 0.0, "", complete=True)


def test_run_of_a_move_is_failed_in_the_dag_of_moves(command: Command, airflow: Airflow, make_job: Callable[..., int]):
    job = make_job(Kind.MOVE)
    airflow.answer("PATCH", run_path(job, "move"), (200, {}))
    assert command(f"job --job-id {job} --state FAILED --task 'move files'") == 0
    assert airflow.requests() == [f"PATCH {run_path(job, 'move')}"]


def test_job_without_a_run_can_be_failed(command: Command, airflow: Airflow, database_engine: Engine, job_id: int):
    airflow.answer("PATCH", run_path(job_id), (404, {"detail": "not found"}))
    assert command(f"job --job-id {job_id} --state FAILED --task UPLOADING") == 0
    assert override_of(database_engine, job_id) is not None


def test_job_stays_failed_when_airflow_is_unavailable(
    command: Command, airflow: Airflow, database_engine: Engine, job_id: int
):
    airflow.answer("PATCH", run_path(job_id), (503, {"detail": "down"}))
    assert command(f"job --job-id {job_id} --state FAILED --task UPLOADING") == 1
    assert command.is_one_line_on_stderr()
    assert "Airflow at " in command.err
    assert override_of(database_engine, job_id) == JobState(JobStatus.FAILED, "UPLOADING", 0.0, "", complete=True)


@pytest.mark.parametrize("task", LABELS)
def test_ok_is_set_for_every_task_and_leaves_the_run_alone(
    command: Command, airflow: Airflow, database_engine: Engine, job_id: int, task: str
):
    assert command(f"job --job-id {job_id} --state OK --task '{task}' --task-percent 50 --exception 'by ada'") == 0
    assert override_of(database_engine, job_id) == JobState(JobStatus.OK, task, 50.0, "by ada", complete=False)
    assert airflow.received == []


def test_ok_by_hand_never_shows_the_job_as_cataloged(command: Command, database_engine: Engine, job_id: int):
    assert command(f"job --job-id {job_id} --state OK --task 'ingest metadata' --task-percent 100") == 0
    assert override_of(database_engine, job_id) == JobState(JobStatus.OK, "ingest metadata", 99.9, "", complete=False)


@pytest.mark.parametrize("given", ["99.95", "99.9999"])
def test_ok_by_hand_is_not_rounded_to_a_hundred(command: Command, database_engine: Engine, job_id: int, given: str):
    assert command(f"job --job-id {job_id} --state OK --task 'ingest metadata' --task-percent {given}") == 0
    state = override_of(database_engine, job_id)
    assert state is not None
    assert state.percent_text == "99.9"


def test_other_tasks_may_be_at_a_hundred_by_hand(command: Command, database_engine: Engine, job_id: int):
    assert command(f"job --job-id {job_id} --state OK --task 'ingest files' --task-percent 100") == 0
    assert override_of(database_engine, job_id) == JobState(JobStatus.OK, "ingest files", 100.0, "", complete=False)


def test_failed_job_may_be_at_any_percent(command: Command, airflow: Airflow, database_engine: Engine, job_id: int):
    airflow.answer("PATCH", run_path(job_id), (200, {}))
    assert command(f"job --job-id {job_id} --state FAILED --task 'ingest metadata' --task-percent 100") == 0
    assert override_of(database_engine, job_id) == JobState(
        JobStatus.FAILED, "ingest metadata", 100.0, "", complete=True
    )


@pytest.mark.parametrize("job", [UNKNOWN, 0, -1, 2**63, 10**30])
@pytest.mark.parametrize(
    "line", ["job --state FAILED --task UPLOADING --job-id={}", "retry --job-id={}", "cancel --job-id={}"]
)
def test_unknown_job_is_one_line(command: Command, airflow: Airflow, line: str, job: int):
    assert command(line.format(job)) == 1
    assert command.is_one_line_on_stderr()
    assert command.err == f"{PROGRAM}job ID {job} does not exist.\n"
    assert airflow.received == []


@pytest.mark.parametrize("line", ["job --state FAILED --task UPLOADING --job-id {}", "retry --job-id {}"])
def test_cataloged_job_is_one_line(command: Command, airflow: Airflow, database_engine: Engine, job_id: int, line: str):
    with acquire_job(database_engine, job_id, Stage.OPEN_TAR, 1) as lease:
        assert lease is not None
        lease.update_job(outcome=Outcome.CATALOGED, holder=None)
    assert command(line.format(job_id)) == 1
    assert command.is_one_line_on_stderr()
    assert "is cataloged" in command.err
    assert airflow.received == []


def test_text_that_is_not_utf_8_is_one_line_or_kept(
    command: Command, airflow: Airflow, database_engine: Engine, job_id: int
):
    # A terminal that is set to Latin-1.
    airflow.answer("PATCH", run_path(job_id), (200, {}))
    code = command(f"job --job-id {job_id} --state FAILED --task UPLOADING --exception 'caf\udce9'")
    assert code == 0 or command.is_one_line_on_stderr()


# cancel


@pytest.mark.parametrize("status", [200, 404, 503])
def test_job_is_canceled_whatever_airflow_answers(
    command: Command, airflow: Airflow, database_engine: Engine, job_id: int, status: int
):
    airflow.answer("PATCH", run_path(job_id), (status, {}))
    for _ in range(2):
        assert command(f"cancel --job-id {job_id}") == 0
        assert command.out == ""
    record = jobs.read(database_engine, job_id).record
    assert record.is_rejected
    assert record.cancellation.startswith("canceled: by an admin at ")


def test_cataloged_job_is_not_canceled(command: Command, airflow: Airflow, database_engine: Engine, job_id: int):
    with acquire_job(database_engine, job_id, Stage.OPEN_TAR, 1) as lease:
        assert lease is not None
        lease.update_job(outcome=Outcome.CATALOGED, holder=None)
    assert command(f"cancel --job-id {job_id}") == 1
    assert command.err == f"{PROGRAM}job {job_id} is complete; it cannot be canceled any more\n"
    assert airflow.received == []


@pytest.mark.parametrize("line", ["retry --job-id {}", "job --state OK --task UPLOADING --job-id {}"])
def test_canceled_job_is_neither_retried_nor_set_by_hand(command: Command, airflow: Airflow, job_id: int, line: str):
    airflow.answer("PATCH", run_path(job_id), (200, {}))
    assert command(f"cancel --job-id {job_id}") == 0
    assert command(line.format(job_id)) == 1
    assert command.is_one_line_on_stderr()
    assert f"job {job_id} cannot be continued; it was canceled: by an admin at " in command.err


def test_bundle_of_a_canceled_job_is_not_replaced(command: Command, airflow: Airflow, job_id: int, tmp_path: Path):
    airflow.answer("PATCH", run_path(job_id), (200, {}))
    assert command(f"cancel --job-id {job_id}") == 0
    make_bundle(path=tmp_path / "new.tar")
    assert command(f"retry --job-id {job_id} --path {tmp_path}/new.tar") == 1
    assert "it was canceled" in command.err
    assert list((tmp_path / "spool").iterdir()) == []


# retry


def body_of(airflow: Airflow, path: str) -> Any:
    """Return the body of the only request that was posted to a path."""
    (body,) = [request.body for request in airflow.received if request.path == path]
    return body


def test_retry_clears_from_the_first_stage_that_the_ledger_lacks(
    command: Command, airflow: Airflow, database_engine: Engine, job_id: int
):
    with acquire_job(database_engine, job_id, Stage.OPEN_TAR, 1) as lease:
        assert lease is not None
        lease.finish_stage()
    jobs.override(database_engine, job_id, JobState(JobStatus.FAILED, "open tar", 0.0, "by hand", complete=True))
    listed = tasks("success", 1, f"job-{job_id}")
    own = job_run("failed", job_id)
    airflow.answer("POST", RUNS, (409, {}))
    # Read to identify its job, to get its state, and again after the clear.
    airflow.answer("GET", run_path(job_id), (200, own), (200, own), (200, job_run("queued", job_id)))
    airflow.answer("POST", TASKS, (200, {"task_instances": listed}))
    airflow.answer("POST", CLEAR, (200, {"task_instances": listed[1:]}))
    assert command(f"retry --job-id {job_id}") == 0
    assert (command.out, command.err) == ("", "")
    assert override_of(database_engine, job_id) is None
    assert body_of(airflow, CLEAR)["task_ids"] == [stage.value for stage in STAGES[Kind.INGEST][1:]]
    assert body_of(airflow, CLEAR)["dag_run_id"] == f"job-{job_id}"


def test_retry_without_effect_is_reported_in_one_line(
    command: Command, airflow: Airflow, database_engine: Engine, job_id: int
):
    listed = tasks("failed", 1, f"job-{job_id}")
    airflow.answer("POST", RUNS, (409, {}))
    airflow.answer("GET", run_path(job_id), (200, job_run("failed", job_id)))
    airflow.answer("POST", TASKS, (200, {"task_instances": listed}))
    airflow.answer("POST", CLEAR, (200, {"task_instances": listed}))
    assert command(f"retry --job-id {job_id}") == 1
    assert command.is_one_line_on_stderr()
    assert f"Airflow accepted the retry, but job-{job_id} is failed" in command.err


def test_retry_triggers_a_run_that_is_not_there(
    command: Command, airflow: Airflow, database_engine: Engine, job_id: int
):
    airflow.answer("POST", TASKS, (200, {"task_instances": tasks(None, 0, f"job-{job_id}")}))
    airflow.answer("POST", RUNS, (200, {}))
    assert command(f"retry --job-id {job_id}") == 0
    body = body_of(airflow, RUNS)
    place = datetime.fromisoformat(body["logical_date"])
    assert datetime.now(UTC) - timedelta(hours=1) < place < datetime.now(UTC)
    assert body == {
        "dag_run_id": f"job-{job_id}",
        "logical_date": place.isoformat(),
        "conf": {"job_id": job_id, "user": "ada", "kind": "ingest", "bytes": 10},
    }
    assert jobs.read(database_engine, job_id).triggered is not None


def test_retry_of_a_job_that_cannot_run_reports_the_reason_in_one_line(
    command: Command, airflow: Airflow, job_id: int, monkeypatch: pytest.MonkeyPatch
):
    paused = Obstacles(dags={"ingest": "the DAG ingest is paused in Airflow"})
    monkeypatch.setattr(obstacles, "find_obstacles", lambda _airflow, _seconds: paused)
    airflow.answer("POST", TASKS, (200, {"task_instances": []}))
    airflow.answer("GET", run_path(job_id), (404, {}))
    airflow.answer("POST", "/api/v2/dags/ingest/dagRuns", (200, {}))
    assert command(f"retry --job-id {job_id}") == 1
    assert command.err == f"{PROGRAM}job {job_id} cannot run: the DAG ingest is paused in Airflow\n"
    assert [each.path for each in airflow.received if each.path.endswith("dagRuns")] != []


def test_retry_while_airflow_is_unavailable_is_one_line(command: Command, airflow: Airflow, job_id: int):
    airflow.answer("POST", RUNS, (503, {"detail": "down"}))
    assert command(f"retry --job-id {job_id}") == 1
    assert command.is_one_line_on_stderr()


def test_local_file_becomes_a_job(command: Command, airflow: Airflow, database_engine: Engine, tmp_path: Path):
    job = next(next_id)
    bundle = make_bundle(path=tmp_path / "local.tar")
    airflow.answer("POST", "/api/v2/dags/ingest/dagRuns", (200, {}))
    assert command(f"retry --job-id {job} --path {tmp_path}/local.tar --username eve") == 0
    received = jobs.read(database_engine, job).received
    assert (received.user, received.kind, received.size) == ("eve", Kind.INGEST, len(bundle))
    assert (tmp_path / "spool" / received.spool_name).read_bytes() == bundle
    assert (tmp_path / "local.tar").read_bytes() == bundle
    assert airflow.requests() == ["POST /api/v2/dags/ingest/dagRuns"]


def test_local_move_document_becomes_a_move_of_the_default_user(
    command: Command, airflow: Airflow, database_engine: Engine, tmp_path: Path
):
    job = next(next_id)
    (tmp_path / "move.json").write_bytes(b"[]")
    airflow.answer("POST", "/api/v2/dags/move/dagRuns", (200, {}))
    assert command(f"retry --job-id {job} --path {tmp_path}/move.json --move") == 0
    received = jobs.read(database_engine, job).received
    assert (received.user, received.kind, received.size) == ("anonymous", Kind.MOVE, 2)


@pytest.mark.parametrize("name", ["missing.tar", ""])
def test_local_file_that_cannot_be_read_is_one_line_and_changes_nothing(
    command: Command, airflow: Airflow, database_engine: Engine, job_id: int, tmp_path: Path, name: str
):
    stopped = JobState(JobStatus.FAILED, "open tar", 0.0, "by hand", complete=True)
    jobs.override(database_engine, job_id, stopped)
    assert command(f"retry --job-id {job_id} --path {tmp_path}/{name}") == 1
    assert command.is_one_line_on_stderr()
    assert override_of(database_engine, job_id) == stopped
    assert list((tmp_path / "spool").iterdir()) == []
    assert airflow.received == []


@pytest.mark.parametrize("job", [-1, 2**63, 10**30])
def test_local_file_cannot_become_a_job_with_an_impossible_id(
    command: Command, airflow: Airflow, migrated: Engine, tmp_path: Path, job: int
):
    make_bundle(path=tmp_path / "local.tar")
    assert command(f"retry --job-id={job} --path {tmp_path}/local.tar") != 0
    assert command.err.strip().count("\n") == 0
    assert list((tmp_path / "spool").iterdir()) == []
    assert airflow.received == []


def test_accept_archive_marks_the_folder(command: Command, tmp_path: Path):
    assert command("accept-archive") == 0
    assert command.out == f"{tmp_path}/archive is the archive\n"
    assert (tmp_path / "archive" / MARKER).is_file()


def test_accept_archive_refuses_an_archive_that_is_a_service(command: Command, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("ARCHIVEINTERFACE_URL", "http://archive:8080")
    assert command("accept-archive") == 1
    assert command.is_one_line_on_stderr()
    assert "is a service" in command.err
