import json
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import Any

import pytest

from ingest.errors.types import RunChanged, ServiceUnavailable
from ingest.orchestrator.client import RUNS_PER_REQUEST, TASKS_LIMIT, AirflowApi
from ingest.orchestrator.failure_marks import marked_failed_by, runs_marked_lately
from ingest.orchestrator.session import MAX_CONNECTIONS
from ingest.settings.loading import Settings
from ingest.states.airflow import Run, TaskInstance
from ingest.states.stages import STAGES, Kind, Stage
from tests.orchestrator.scripted_airflow import TASKS, Airflow, job_run, scripted_airflow, task, tasks
from tools.waiting import wait_until

RUN = "/api/v2/dags/ingest/dagRuns/job-7"


def instances(state: str | None, try_number: int = 1) -> tuple[TaskInstance, ...]:
    """Return the task instances of `tasks` as the client parses them."""
    return tuple(TaskInstance(each["task_id"], each["state"], each["try_number"]) for each in tasks(state, try_number))


# The logical date of a run, which is its place in the queue.
PLACE = datetime(2026, 11, 30, 9, 30, tzinfo=UTC)
TASK_LIST = {"task_instances": tasks(None, 2)}


@pytest.fixture
def airflow() -> Iterator[Airflow]:
    with scripted_airflow() as airflow:
        yield airflow


def api_of(airflow: Airflow, timeout: float = 10.0) -> AirflowApi:
    return AirflowApi(
        Settings(
            airflow_url=airflow.url,
            airflow_username="ingest",
            airflow_password="secret-word",
            airflow_timeout=timeout,
        )
    )


def test_trigger_makes_a_run_with_the_jobs_id_and_conf(airflow: Airflow) -> None:
    airflow.answer("POST", "/api/v2/dags/ingest/dagRuns", (200, {}))
    api_of(airflow).trigger("ingest", "job-7", {"job_id": 7}, PLACE)
    assert airflow.received[0].body == {"username": "ingest", "password": "secret-word"}
    assert airflow.received[1].body == {"dag_run_id": "job-7", "logical_date": PLACE.isoformat(), "conf": {"job_id": 7}}
    assert airflow.received[1].authorization == "Bearer token-1"


def test_a_trigger_returns_whether_it_created_the_run(airflow: Airflow) -> None:
    airflow.answer("POST", "/api/v2/dags/ingest/dagRuns", (200, {}), (409, {"detail": "exists"}))
    api = api_of(airflow)
    assert api.trigger("ingest", "job-7", {}, PLACE)
    assert not api.trigger("ingest", "job-7", {}, PLACE)


@pytest.mark.parametrize("conf", [{}, None, {"job_id": 8}, {"job_id": "7"}])
def test_a_run_that_names_another_job_or_none_is_foreign(airflow: Airflow, conf: Any) -> None:
    airflow.answer("GET", RUN, (200, {"state": "failed", "conf": conf, "triggering_user_name": "ada"}))
    airflow.answer("POST", TASKS, (200, {"task_instances": tasks("failed")}))
    assert api_of(airflow).foreign_run("ingest", "job-7").startswith("triggered by ada with the configuration ")
    assert api_of(airflow).run("ingest", "job-7") == Run(None)


def test_the_jobs_own_run_is_not_foreign(airflow: Airflow) -> None:
    airflow.answer("GET", RUN, (200, job_run("queued")))
    assert api_of(airflow).foreign_run("ingest", "job-7") == ""


def test_a_run_that_was_deleted_after_the_trigger_found_it_is_a_collision(airflow: Airflow) -> None:
    airflow.answer("GET", RUN, (404, {"detail": "not found"}))
    with pytest.raises(RunChanged):
        api_of(airflow).foreign_run("ingest", "job-7")


@pytest.mark.parametrize("status", [400, 404, 422, 500, 503, 302])
def test_every_other_answer_to_a_trigger_is_a_transient_error(airflow: Airflow, status: int) -> None:
    airflow.answer("POST", "/api/v2/dags/ingest/dagRuns", (status, {"detail": "not parsed yet"}))
    with pytest.raises(ServiceUnavailable, match=f"{status} .*not parsed yet"):
        api_of(airflow).trigger("ingest", "job-7", {}, PLACE)


def test_the_token_is_requested_once(airflow: Airflow) -> None:
    airflow.answer("PATCH", RUN, (200, {}))
    api = api_of(airflow)
    api.fail("ingest", "job-7")
    api.fail("ingest", "job-7")
    assert airflow.tokens == 1


@pytest.mark.parametrize("status", [401, 403])
def test_a_refused_token_is_renewed_and_the_request_repeated(airflow: Airflow, status: int) -> None:
    airflow.answer("PATCH", RUN, (200, {}), (status, {}), (200, {}))
    api = api_of(airflow)
    api.fail("ingest", "job-7")
    api.fail("ingest", "job-7")
    used = [each.authorization for each in airflow.received if each.path == RUN]
    assert used == ["Bearer token-1", "Bearer token-1", "Bearer token-2"]


@pytest.mark.parametrize("status", [401, 403])
def test_a_token_that_is_refused_again_is_not_renewed_again(airflow: Airflow, status: int) -> None:
    airflow.answer("PATCH", RUN, (status, {}))
    with pytest.raises(ServiceUnavailable, match=str(status)):
        api_of(airflow).fail("ingest", "job-7")
    assert airflow.tokens == 2


def test_threads_whose_token_is_refused_together_log_in_once(airflow: Airflow) -> None:
    airflow.answer("PATCH", RUN, (200, {}))
    api = api_of(airflow)
    api.fail("ingest", "job-7")
    airflow.refused_token = "Bearer token-1"
    threads = [threading.Thread(target=api.fail, args=("ingest", "job-7")) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    used = [each.authorization for each in airflow.received if each.path == RUN]
    assert used.count("Bearer token-2") == 8
    assert airflow.tokens == 2


@pytest.mark.parametrize("status", [401, 422])
def test_a_refused_log_in_never_shows_the_password(airflow: Airflow, status: int) -> None:
    airflow.answer("POST", "/auth/token", (status, {"detail": [{"input": {"password": "secret-word"}}]}))
    with pytest.raises(ServiceUnavailable, match=f"log-in returned {status}") as raised:
        api_of(airflow).fail("ingest", "job-7")
    assert "secret-word" not in raised.value.text


def test_a_run_has_its_state_and_its_tasks(airflow: Airflow) -> None:
    airflow.answer("GET", RUN, (200, job_run("running")))
    airflow.answer("POST", TASKS, (200, TASK_LIST))
    assert api_of(airflow).run("ingest", "job-7") == Run("running", instances(None, 2))


@pytest.mark.parametrize("state", ["running", "restarting", "up_for_retry", "deferred", "scheduled", "queued"])
def test_a_run_with_a_task_that_runs_or_waits_has_not_ended_and_is_not_requested(airflow: Airflow, state: str) -> None:
    airflow.answer("POST", TASKS, (200, {"task_instances": tasks(state)}))
    assert api_of(airflow).run("ingest", "job-7") == Run("running", instances(state))
    assert airflow.requests() == [f"POST {TASKS}"]


def test_a_run_whose_tasks_were_never_tried_is_in_progress_and_not_requested(airflow: Airflow) -> None:
    airflow.answer("POST", TASKS, (200, {"task_instances": tasks(None, 0)}))
    assert api_of(airflow).run("ingest", "job-7") == Run("running", instances(None, 0))
    assert airflow.requests() == [f"POST {TASKS}"]


@pytest.mark.parametrize("state", [None, "running"])
@pytest.mark.parametrize("missing", [Stage.OPEN_TAR, Stage.INGEST_METADATA])
def test_the_state_of_a_run_without_some_of_its_tasks_is_requested(
    airflow: Airflow, state: str | None, missing: Stage
) -> None:
    listed = [each for each in tasks(state, 0) if each["task_id"] != missing]
    airflow.answer("POST", TASKS, (200, {"task_instances": listed}))
    airflow.answer("GET", RUN, (200, job_run("failed")))
    run = api_of(airflow).run("ingest", "job-7")
    assert (run.state, run.missing, len(run.tasks)) == ("failed", (missing,), 4)


def test_a_run_without_any_task_lacks_all_of_them(airflow: Airflow) -> None:
    airflow.answer("POST", TASKS, (200, {"task_instances": []}))
    airflow.answer("GET", "/api/v2/dags/move/dagRuns/job-7", (200, job_run("success")))
    assert api_of(airflow).run("move", "job-7") == Run("success", (), STAGES[Kind.MOVE])


def test_an_unknown_run_has_no_state(airflow: Airflow) -> None:
    airflow.answer("POST", TASKS, (200, {"task_instances": []}))
    airflow.answer("GET", RUN, (404, {"detail": "not found"}))
    assert api_of(airflow).run("ingest", "job-7") == Run(None)


def test_several_runs_are_read_in_one_request(airflow: Airflow) -> None:
    listed = [*tasks("running"), *tasks("success", 1, "job-8", Kind.MOVE), *tasks(None, 0, "job-9")]
    airflow.answer("POST", TASKS, (200, {"task_instances": listed}))
    airflow.answer("GET", "/api/v2/dags/move/dagRuns/job-8", (200, job_run("success", 8)))
    runs = api_of(airflow).runs({"job-7": "ingest", "job-8": "move", "job-9": "ingest"})
    assert {run_id: run.state for run_id, run in runs.items()} == {
        "job-7": "running",
        "job-8": "success",
        "job-9": "running",
    }
    assert airflow.received[1].body == {
        "dag_ids": ["ingest", "move"],
        "dag_run_ids": ["job-7", "job-8", "job-9"],
        "page_limit": 100,
    }


def test_a_run_of_another_dag_with_the_same_id_is_not_mixed_in(airflow: Airflow) -> None:
    listed = [*tasks("running", kind=Kind.MOVE), *tasks("success"), *tasks("running", 1, "job-8", Kind.MOVE)]
    airflow.answer("POST", TASKS, (200, {"task_instances": listed}))
    airflow.answer("GET", RUN, (200, job_run("failed")))
    runs = api_of(airflow).runs({"job-7": "ingest", "job-8": "move"})
    assert runs["job-7"] == Run("failed", instances("success"))


def test_runs_that_a_cut_list_may_lack_are_requested_again(airflow: Airflow) -> None:
    ids = range(7, 7 + RUNS_PER_REQUEST)
    removed = [task("removed", 1, f"job-{ids[0]}", f"earlier_{number}") for number in range(2)]
    whole = [each for job_id in ids for each in tasks("running", 1, f"job-{job_id}")]
    last = f"job-{ids[-1]}"
    airflow.answer(
        "POST",
        TASKS,
        (200, {"task_instances": [*removed, *whole][:TASKS_LIMIT]}),
        (200, {"task_instances": tasks("running", 1, last)}),
    )
    airflow.answer("GET", f"/api/v2/dags/ingest/dagRuns/{last}", (200, job_run("running", ids[-1])))
    runs = api_of(airflow).runs({f"job-{job_id}": "ingest" for job_id in ids})
    assert [run_id for run_id, run in runs.items() if run.missing] == []
    assert airflow.received[-1].body["dag_run_ids"] == [last]


def test_a_run_that_is_deleted_between_the_two_requests_has_no_state(airflow: Airflow) -> None:
    airflow.answer("POST", TASKS, (200, TASK_LIST))
    airflow.answer("GET", RUN, (404, {"detail": "not found"}))
    assert api_of(airflow).run("ingest", "job-7").state is None


@pytest.mark.parametrize("answer", [b"<html>proxy</html>", {}, [], b'"text"'])
def test_an_answer_that_is_not_airflows_is_unavailability(airflow: Airflow, answer: object) -> None:
    airflow.answer("GET", RUN, (200, job_run("running")))
    airflow.answer("POST", TASKS, (200, TASK_LIST))
    for method, path in (("GET", RUN), ("POST", TASKS)):
        airflow.answer(method, path, (200, answer))
        with pytest.raises(ServiceUnavailable):
            api_of(airflow).run("ingest", "job-7")
        airflow.answer("POST", TASKS, (200, TASK_LIST))


def test_a_log_in_without_a_token_is_unavailability(airflow: Airflow) -> None:
    airflow.answer("POST", "/auth/token", (201, {"detail": "?"}))
    with pytest.raises(ServiceUnavailable, match="returned no token"):
        api_of(airflow).run("ingest", "job-7")


def test_an_unresponsive_server_is_unavailable_after_the_timeout(airflow: Airflow) -> None:
    airflow.answer("POST", TASKS, (200, None))
    with pytest.raises(ServiceUnavailable, match="timed out"):
        api_of(airflow, timeout=0.1).run("ingest", "job-7")


def test_caller_with_less_time_waits_for_less(airflow: Airflow) -> None:
    airflow.answer("POST", TASKS, (200, None))
    with pytest.raises(ServiceUnavailable, match="timed out"):
        api_of(airflow, timeout=60).run("ingest", "job-7", seconds=0.1)


def test_an_unresponsive_log_in_delays_no_request_beyond_its_timeout(airflow: Airflow) -> None:
    airflow.answer("POST", "/auth/token", (201, None))
    api = api_of(airflow, timeout=60)
    with ThreadPoolExecutor(4) as pool:
        waiting = [pool.submit(api.run, "ingest", "job-7", 0.1) for _ in range(4)]
        assert all(isinstance(each.exception(30), ServiceUnavailable) for each in waiting)


def test_a_request_without_a_free_connection_fails_in_time(airflow: Airflow) -> None:
    airflow.answer("POST", TASKS, (200, None))
    api = api_of(airflow, timeout=60)
    waiting = [threading.Thread(target=request_in_vain, args=(api,)) for _ in range(MAX_CONNECTIONS)]
    for thread in waiting:
        thread.start()
    wait_until(
        lambda: airflow.requests().count(f"POST {TASKS}") == MAX_CONNECTIONS,
        30,
        lambda: "requests are missing",
    )
    with pytest.raises(ServiceUnavailable, match=r"no free connection to Airflow for 0\.1 s \(6 in use\)"):
        api.run("ingest", "job-7", seconds=0.1)
    airflow.unresponsive.set()
    for thread in waiting:
        thread.join()
    airflow.answer("POST", TASKS, (200, {"task_instances": tasks("running")}))
    assert api.run("ingest", "job-7", seconds=10).state == "running"


def request_in_vain(api: AirflowApi) -> None:
    with pytest.raises(ServiceUnavailable):
        api.run("ingest", "job-7")


def test_a_closed_port_is_unavailability(airflow: Airflow) -> None:
    with pytest.raises(ServiceUnavailable, match=r"Airflow at http://127\.0\.0\.1:1 is not available"):
        AirflowApi(Settings(airflow_url="http://127.0.0.1:1")).trigger("ingest", "job-7", {}, PLACE)


def test_clear_names_the_tasks_and_nothing_else(airflow: Airflow) -> None:
    cleared = {"task_instances": [task(None, task_id="ingest_metadata")]}
    airflow.answer("POST", "/api/v2/dags/move/clearTaskInstances", (200, cleared))
    assert api_of(airflow).clear("move", "job-7", ("move_files", "ingest_metadata")) == {"ingest_metadata"}
    assert airflow.received[-1].body == {
        "dry_run": False,
        "dag_run_id": "job-7",
        "task_ids": ["move_files", "ingest_metadata"],
        "only_failed": False,
        "include_downstream": False,
        "reset_dag_runs": True,
    }


@pytest.mark.parametrize("status", [404, 409, 500])
def test_a_clear_during_another_request_is_a_collision(airflow: Airflow, status: int) -> None:
    airflow.answer("POST", "/api/v2/dags/move/clearTaskInstances", (status, {"detail": "Unique constraint violation"}))
    with pytest.raises(RunChanged, match="Unique constraint violation"):
        api_of(airflow).clear("move", "job-7", ("move_files",))


def test_a_clear_that_airflow_cannot_do_now_is_no_collision(airflow: Airflow) -> None:
    airflow.answer("POST", "/api/v2/dags/move/clearTaskInstances", (503, {}))
    with pytest.raises(ServiceUnavailable) as raised:
        api_of(airflow).clear("move", "job-7", ("move_files",))
    assert not isinstance(raised.value, RunChanged)


@pytest.mark.parametrize("answer", [{}, {"task_instances": [{}]}, []])
def test_an_answer_to_a_clear_that_is_not_airflows_is_unavailability(airflow: Airflow, answer: object) -> None:
    airflow.answer("POST", "/api/v2/dags/move/clearTaskInstances", (200, answer))
    with pytest.raises(ServiceUnavailable):
        api_of(airflow).clear("move", "job-7", ("move_files",))


@pytest.mark.parametrize("status", [204, 404])
def test_a_run_is_deleted_and_a_missing_run_is_no_error(airflow: Airflow, status: int) -> None:
    airflow.answer("DELETE", RUN, (status, {}))
    api_of(airflow).delete("ingest", "job-7")
    assert airflow.requests() == [f"DELETE {RUN}"]


def test_a_deletion_of_a_run_that_runs_again_is_a_collision(airflow: Airflow) -> None:
    airflow.answer("DELETE", RUN, (409, {"detail": "cannot be deleted in running state"}))
    with pytest.raises(RunChanged, match="running state"):
        api_of(airflow).delete("ingest", "job-7")


def test_fail_sets_the_runs_state(airflow: Airflow) -> None:
    airflow.answer("PATCH", RUN, (200, {}))
    api_of(airflow).fail("ingest", "job-7")
    assert airflow.received[-1].body == {"state": "failed"}


def test_failing_a_missing_run_is_no_error(airflow: Airflow) -> None:
    airflow.answer("PATCH", RUN, (404, {"detail": "not found"}))
    api_of(airflow).fail("ingest", "job-7")
    assert airflow.requests() == [f"PATCH {RUN}"]


HEALTH = "/api/v2/monitor/health"
HEALTHY = {"metadatabase": {"status": "healthy"}, "scheduler": {"status": "healthy"}, "triggerer": {"status": None}}


def test_health_is_requested_without_a_log_in(airflow: Airflow) -> None:
    airflow.answer("GET", HEALTH, (200, HEALTHY))
    api_of(airflow).check_health(30)
    assert [(each.path, each.authorization) for each in airflow.received] == [(HEALTH, None)]


@pytest.mark.parametrize("part", ["metadatabase", "scheduler"])
def test_airflow_that_can_run_nothing_is_not_healthy(airflow: Airflow, part: str) -> None:
    airflow.answer("GET", HEALTH, (200, {**HEALTHY, part: {"status": "unhealthy"}}))
    with pytest.raises(ServiceUnavailable, match=f"not healthy: {part}"):
        api_of(airflow).check_health(30)


@pytest.mark.parametrize("answer", [(500, {}), (200, b"no JSON"), (200, {}), (200, [])])
def test_a_response_that_is_no_health_document_is_unavailability(airflow: Airflow, answer: tuple[int, Any]) -> None:
    airflow.answer("GET", HEALTH, answer)
    with pytest.raises(ServiceUnavailable):
        api_of(airflow).check_health(30)


def test_the_health_check_has_its_own_timeout(airflow: Airflow) -> None:
    airflow.answer("GET", HEALTH, (200, None))
    with pytest.raises(ServiceUnavailable, match="timed out"):
        api_of(airflow, timeout=300).check_health(0.1)


def entry(number: int, event: str, owner: str = "ada", **body: Any) -> dict[str, Any]:
    """Return an entry of Airflow's event log."""
    return {"event_log_id": number, "event": event, "owner": owner, "extra": json.dumps(body)}


def log_of(airflow: Airflow, of_run: list[dict[str, Any]], of_several: list[dict[str, Any]]) -> None:
    """Script the event log: entries that name the run, and entries of several runs whose body may name it."""
    for path, entries in ((MARKS_OF_RUN, of_run), (MARKS_OF_SEVERAL, of_several)):
        airflow.answer("GET", path, (200, {"event_logs": entries}))


MARKS_OF_RUN = (
    "/api/v2/eventLogs?dag_id=ingest&run_id=job-7&included_events=clear_dag_run&included_events=patch_dag_run"
    "&included_events=patch_task_group_instances&included_events=patch_task_instance"
    "&included_events=post_clear_task_instances&included_events=trigger_dag_run&order_by=-event_log_id&limit=100"
)
MARKS_OF_SEVERAL = (
    "/api/v2/eventLogs?included_events=bulk_dag_runs&included_events=clear_dag_runs&order_by=-event_log_id&limit=100"
)
NEWEST_MARKS = (
    "/api/v2/eventLogs?included_events=bulk_dag_runs&included_events=patch_dag_run"
    "&included_events=patch_task_group_instances&included_events=patch_task_instance&order_by=-event_log_id&limit=100"
)
FAILED: dict[str, Any] = {"state": "failed"}
BOTH_FAILED: dict[str, Any] = {
    "actions": [{"entities": [{"dag_run_id": "job-6", **FAILED}, {"dag_run_id": "job-7", **FAILED}]}]
}
ANOTHER_FAILED: dict[str, Any] = {
    "actions": [{"entities": [{"dag_run_id": "job-6", **FAILED}, {"dag_run_id": "job-7", "note": ""}]}]
}


@pytest.mark.parametrize(
    ("of_run", "of_several", "who"),
    [
        ([], [], None),
        ([entry(2, "patch_dag_run", **FAILED), entry(1, "trigger_dag_run")], [], "ada"),
        ([entry(2, "patch_task_instance", new_state="failed")], [], "ada"),
        ([entry(2, "trigger_dag_run")], [entry(3, "bulk_dag_runs", **BOTH_FAILED)], "ada"),
        ([entry(2, "trigger_dag_run")], [entry(3, "bulk_dag_runs", **ANOTHER_FAILED)], None),
        ([entry(2, "patch_dag_run", "ingest", **FAILED)], [], None),
        ([entry(3, "patch_dag_run", note="why"), entry(2, "patch_dag_run", **FAILED)], [], "ada"),
        ([entry(3, "patch_dag_run", state="queued"), entry(2, "patch_dag_run", **FAILED)], [], None),
        ([entry(3, "post_clear_task_instances"), entry(2, "patch_dag_run", **FAILED)], [], None),
        ([entry(2, "patch_dag_run", **FAILED)], [entry(3, "clear_dag_runs", dag_runs=[{"dag_run_id": "job-7"}])], None),
        (
            [entry(2, "patch_dag_run", **FAILED)],
            [entry(3, "clear_dag_runs", dag_runs=[{"dag_run_id": "job-6"}])],
            "ada",
        ),
        ([{**entry(2, "patch_dag_run"), "extra": "no JSON"}, {**entry(1, "patch_dag_run"), "extra": None}], [], None),
    ],
)
def test_who_marked_a_run_as_failed_is_in_the_event_log(
    airflow: Airflow, of_run: list[dict[str, Any]], of_several: list[dict[str, Any]], who: str | None
) -> None:
    log_of(airflow, of_run, of_several)
    assert marked_failed_by(api_of(airflow), "ingest", "job-7") == who


def test_an_unreadable_event_log_names_no_account(airflow: Airflow) -> None:
    airflow.answer("GET", MARKS_OF_RUN, (403, {}))
    airflow.answer("GET", MARKS_OF_SEVERAL, (403, {}))
    assert marked_failed_by(api_of(airflow), "ingest", "job-7") is None


def test_marked_runs_are_named_by_the_newest_marks_of_others(airflow: Airflow) -> None:
    entries = [
        {**entry(4, "patch_dag_run", "ingest", **FAILED), "run_id": "job-5"},
        {**entry(3, "patch_task_instance", new_state="failed"), "run_id": "job-8"},
        {**entry(2, "bulk_dag_runs", **BOTH_FAILED), "run_id": None},
    ]
    airflow.answer("GET", NEWEST_MARKS, (200, {"event_logs": entries}))
    assert runs_marked_lately(api_of(airflow)) == {"job-6", "job-7", "job-8"}


def test_an_event_log_that_does_not_answer_is_unavailability(airflow: Airflow) -> None:
    airflow.answer("GET", MARKS_OF_RUN, (503, {}))
    with pytest.raises(ServiceUnavailable):
        marked_failed_by(api_of(airflow), "ingest", "job-7")
