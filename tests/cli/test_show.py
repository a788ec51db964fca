"""`pacifica-ingest-cmd show`: the history of a job, in order, as text and as JSON."""

import json
import re
from collections.abc import Callable
from datetime import UTC, datetime

import pytest
from sqlalchemy import Engine, insert, text

from ingest.cli.main import main
from ingest.errors.types import FilesRejected
from ingest.ledger import job_runs, jobs, uploads
from ingest.ledger.database import transaction
from ingest.ledger.events import EventKind, add_event
from ingest.ledger.lease import acquire_job
from ingest.ledger.models import Job, OriginalJob
from ingest.orchestrator import obstacles
from ingest.orchestrator.obstacles import Obstacles
from ingest.services import Services
from ingest.settings.loading import Settings
from ingest.spool import Announced
from ingest.stages.run_stage import run_stage
from ingest.states.job_state import failed
from ingest.states.stages import STAGES, Kind, Stage
from ingest.states.waiting import Cause, Waiting
from tests.api.live_server import NOWHERE
from tests.job_fixtures import MakeJob
from tools.bundles import CONTENTS, file_entry, make_bundle
from tools.bundles import transaction as entries_of_the_transaction

Show = Callable[..., tuple[int, str, str]]
ALL = STAGES[Kind.INGEST]
ESCAPES = "\x1b[2Jclear\x1b]0;title\x07 \u202e \r\n \u009b31m"
UNKNOWN = 6_999_999
SIZE = sum(map(len, CONTENTS.values()))


@pytest.fixture
def show(settings_in_environment: None, capsys: pytest.CaptureFixture[str]) -> Show:
    """Return a function that calls the command and returns its exit code, stdout and stderr."""

    def call(job: int, *options: str) -> tuple[int, str, str]:
        code = main(["show", "--job-id", str(job), *options])
        written = capsys.readouterr()
        return code, written.out, written.err

    return call


def document(show: Show, job: int) -> dict[str, object]:
    code, out, err = show(job, "--json")
    assert (code, err) == (0, "")
    read: dict[str, object] = json.loads(out)
    return read


def kinds(read: dict[str, object]) -> list[str]:
    events = read["events"]
    assert isinstance(events, list)
    return [event["kind"] for event in events]


def run_all(job: int) -> None:
    for stage in ALL:
        run_stage(stage, job, 1, last_try=False)


def test_history_of_a_complete_job_is_shown_in_order(show: Show, make_job: MakeJob, database_engine: Engine):
    job = make_job()
    job_runs.mark_triggered(database_engine, job)
    run_all(job)
    assert kinds(document(show, job)) == [
        "received",
        "triggered",
        *["stage_started", "stage_finished"] * (len(ALL) - 1),
        *["stage_started", "cataloguing", "catalogued", "spool_freed", "stage_finished"],
    ]


def test_history_of_a_job_that_was_rejected_after_some_files_were_archived(show: Show, make_job: MakeJob):
    files = [file_entry(path, content) for path, content in CONTENTS.items()]
    files[-1]["hashsum"] = "0" * 40
    job = make_job(make_bundle(metadata=[*entries_of_the_transaction(), *files]))
    for stage in ALL[:3]:
        run_stage(stage, job, 1, last_try=False)
    with pytest.raises(FilesRejected):
        run_stage(Stage.INGEST_FILES, job, 1, last_try=False)
    read = document(show, job)
    assert kinds(read)[-5:] == ["stage_started", "rejecting", "files_removed", "rejected", "stage_failed"]
    rejecting, removed = read["events"][-4:-2]  # type: ignore[index]
    assert rejecting["code"] == "files_rejected"
    assert removed["text"] == f"all that the archive held of {len(CONTENTS)} files with {SIZE} bytes"


def test_json_holds_the_job_its_files_by_state_and_the_time_of_each_event(show: Show, make_job: MakeJob):
    job = make_job()
    run_all(job)
    read = document(show, job)
    held = read["job"]
    assert isinstance(held, dict)
    assert (held["kind"], held["user"], held["outcome"], held["spool_name"]) == ("ingest", "ada", "catalogued", None)
    assert held["tries"] == dict.fromkeys(ALL, 1)
    assert read["files"] == {"archived": {"files": len(CONTENTS), "bytes": SIZE}}
    times = [datetime.fromisoformat(event["at"]) for event in read["events"]]  # type: ignore[attr-defined]
    assert times == sorted(times)


def test_text_output_has_a_line_for_each_fact_and_each_event(show: Show, make_job: MakeJob, database_engine: Engine):
    job = make_job()
    run_stage(Stage.OPEN_TAR, job, 3, last_try=False)
    jobs.override(database_engine, job, failed(Stage.LOAD_METADATA, "Failed by administrator"))
    code, out, _ = show(job)
    lines = out.splitlines()
    assert code == 0
    assert lines[0] == f"job: {job}"
    facts = {"user: ada", "finished: open_tar", "tries: open_tar 1", f"bundle: {job}.tar"}
    assert facts <= set(lines)
    assert "set by an admin: FAILED load metadata: Failed by administrator" in lines
    assert f"files pending: {len(CONTENTS)} with {SIZE} bytes" in lines
    event = re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{3}  (\S+(?: \d+)?) +(\S+)")
    shown = [found.groups() for found in map(event.match, lines) if found]
    assert shown == [
        ("-", "received"),
        ("open_tar 3", "stage_started"),
        ("open_tar 3", "stage_finished"),
        ("-", "override"),
    ]


def test_job_that_waits_is_shown_with_what_it_waits_for(show: Show, make_job: MakeJob, database_engine: Engine):
    job = make_job()
    waiting = Waiting.begin(Cause("archive", "http://archive", "service_unavailable", "refused"), datetime.now(UTC))
    with acquire_job(database_engine, job, Stage.OPEN_TAR, 1) as lease:
        assert lease is not None
        lease.fail_stage("service_unavailable", "refused", final=False, waiting=waiting)
    assert f"waits: {waiting.sentence}" in show(job)[1].splitlines()
    assert document(show, job)["job"]["waiting"] == waiting.as_json()  # type: ignore[index]


def test_the_trace_of_a_job_is_shown(show: Show, make_job: MakeJob, database_engine: Engine):
    job = make_job()
    assert "\ntrace: -\n" in show(job)[1]
    with transaction(database_engine) as session:
        session.get_one(Job, job).traceparent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    assert "\ntrace: 0af7651916cd43dd8448eb211c80319c\n" in show(job)[1]
    assert document(show, job)["job"]["trace_id"] == "0af7651916cd43dd8448eb211c80319c"  # type: ignore[index]


def test_job_that_cannot_run_in_airflow_is_shown_with_the_reason(
    show: Show, make_job: MakeJob, database_engine: Engine, monkeypatch: pytest.MonkeyPatch
):
    job = make_job()
    job_runs.mark_triggered(database_engine, job)
    found = Obstacles(dags={"ingest": "the DAG ingest is paused", "move": "the DAG move is paused"})
    monkeypatch.setattr(obstacles, "find_obstacles", lambda _airflow, _seconds: found)
    assert "cannot run in Airflow: the DAG ingest is paused" in show(job)[1].splitlines()
    assert document(show, job)["job"]["obstacles"] == ["the DAG ingest is paused"]  # type: ignore[index]


def test_obstacles_are_unknown_while_airflow_is_unavailable(
    show: Show, make_job: MakeJob, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("INGEST_AIRFLOW_URL", NOWHERE)
    code, out, err = show(make_job())
    assert (code, err) == (0, "")
    assert f"cannot run in Airflow: unknown: Airflow at {NOWHERE} is not available: " in out


def test_terminal_escapes_are_not_printed(show: Show, make_job: MakeJob, database_engine: Engine):
    job = make_job()
    with transaction(database_engine) as session:
        add_event(session, job, EventKind.STAGE_FAILED, Stage.OPEN_TAR, 1, "bundle_invalid", ESCAPES)
        session.execute(text("UPDATE job SET submitted_by = :user WHERE id = :id"), {"user": ESCAPES, "id": job})
    _, out, _ = show(job)
    assert [letter for letter in out.replace("\n", "") if not letter.isprintable()] == []
    assert out.count("\\x1b[2Jclear") == 2
    _, out, _ = show(job, "--json")
    assert out.isascii()
    assert json.loads(out)["job"]["user"] == ESCAPES


def test_upload_that_never_became_a_job_has_its_events(
    show: Show, settings: Settings, services: Services, database_engine: Engine
):
    job = services.uniqueid.allocate("upload_job", 1)[0]
    name = f"{job}.tar"
    uploads.announce(database_engine, settings.volume_path, Announced(job, name, 10))
    assert f"upload {name}: since " in show(job)[1]
    uploads.remove(database_engine, settings.volume_path, name, EventKind.UPLOAD_REFUSED, "body_incomplete", "cut")
    code, out, _ = show(job)
    assert code == 0
    assert out.splitlines()[0] == f"job: {job}"
    assert out.splitlines()[-1].endswith("upload_refused             body_incomplete: cut")
    assert document(show, job)["job"] is None


def test_job_of_the_original_service_is_shown_as_it_was_imported(
    show: Show, services: Services, database_engine: Engine
):
    job = services.uniqueid.allocate("upload_job", 1)[0]
    columns = {"state": "OK", "task": "ingest metadata", "task_percent": 100, "exception": "", "complete": True}
    now = datetime(2020, 1, 1)
    with transaction(database_engine) as session:
        session.execute(insert(OriginalJob).values(id=job, created=now, updated=now, **columns))
    assert "received by the original service: OK ingest metadata 100%" in show(job)[1]
    assert document(show, job)["original"]["state"] == "OK"  # type: ignore[index]


@pytest.mark.parametrize("job", [UNKNOWN, -1, 2**64])
def test_unknown_job_is_reported_in_one_line(show: Show, job: int):
    assert show(job) == (1, "", f"pacifica-ingest-cmd: job ID {job} does not exist.\n")
