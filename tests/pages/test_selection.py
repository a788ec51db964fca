"""Retry and cancel a selection: what the confirmation says, what is done, and what each job's result is."""

import pytest
from sqlalchemy import Engine

from ingest.errors.types import JobFinished, ServiceUnavailable
from ingest.orchestrator.client import AirflowApi
from ingest.pages import selection
from ingest.pages.selection import (
    Action,
    Result,
    SelectedJob,
    act,
    action_on_job,
    read_selection,
    render_confirmation,
    render_results,
)
from ingest.pages.site import Site
from ingest.settings.loading import Settings
from ingest.states.stages import Kind
from tests.pages.job_rows import STATES, add_job
from tests.pages.page_reading import PageReader

KINDS = list(Kind)
JOBS = {state: number for number, state in enumerate(STATES, 1)}


@pytest.fixture
def engine(separate_engine: Engine) -> Engine:
    for state, job in JOBS.items():
        add_job(separate_engine, job, state)
    return separate_engine


def read_all(engine: Engine, action: Action) -> list[SelectedJob]:
    return read_selection(engine, action, list(JOBS.values()), KINDS)


@pytest.mark.parametrize(
    ("action", "obstacles"),
    [
        (Action.RETRY, {"complete": "It is complete.", "canceled": "It was canceled, which is final."}),
        (Action.CANCEL, {"complete": "It is complete.", "canceled": "It is canceled already."}),
    ],
)
def test_obstacles_are_named_before_the_action(engine: Engine, action: Action, obstacles: dict[str, str]):
    found = {each.row.job_id: each.obstacle for each in read_all(engine, action)}
    assert found == {job: obstacles.get(state, "") for state, job in JOBS.items()}


def test_the_confirmation_counts_the_jobs_that_change_and_sends_only_those(site: Site, engine: Engine):
    shown = PageReader(render_confirmation(site, Action.CANCEL, read_all(engine, Action.CANCEL)))
    assert "Cancel 4 jobs?" in shown.text
    assert "This cannot be undone." in shown.text
    assert "Nothing. It is complete." in shown.text
    sent = [attrs["value"] for tag, attrs in shown.elements if tag == "input" and attrs["name"] == "job"]
    assert sorted(map(int, filter(None, sent))) == sorted(
        JOBS[state] for state in ("received", "running", "waiting", "failed")
    )
    assert "a token" in shown.attributes("input", "value")
    assert ("jobs/cancel", "post") in zip(
        shown.attributes("form", "action"), shown.attributes("form", "method"), strict=True
    )


def test_without_a_selection_the_page_says_what_to_do(site: Site, engine: Engine):
    shown = PageReader(render_confirmation(site, Action.RETRY, []))
    assert "No job is selected. Go back and select jobs" in shown.text
    assert "button" not in [tag for tag, _ in shown.elements]


def test_unknown_jobs_and_jobs_of_other_kinds_are_not_selected(engine: Engine):
    add_job(engine, 100, kind="move")
    selected = read_selection(engine, Action.RETRY, [1, 100, 999, -1, 2**63], [Kind.MOVE])
    assert [each.row.job_id for each in selected] == [100]


def test_a_selection_is_bounded(site: Site, engine: Engine, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(selection, "MOST_SELECTED", 2)
    assert len(read_selection(engine, Action.RETRY, list(JOBS.values()), KINDS)) == 2
    shown = PageReader(render_confirmation(site, Action.RETRY, read_all(engine, Action.RETRY)))
    assert "the newest 2 of them" in shown.text


class Actions:
    """Records the jobs that are retried and canceled; raises the errors of a real action."""

    def __init__(self, errors: dict[int, Exception]) -> None:
        self.errors = errors
        self.done: list[tuple[str, int]] = []

    def retry(self, _engine: Engine, _airflow: AirflowApi, job_id: int) -> None:
        self._do("retry", job_id)

    def cancel(self, _settings: Settings, _engine: Engine, _airflow: AirflowApi, job_id: int, *names: str) -> None:
        self._do(" ".join(("cancel", *names)), job_id)

    def _do(self, action: str, job_id: int) -> None:
        if error := self.errors.get(job_id):
            raise error
        self.done.append((action, job_id))


@pytest.fixture
def actions(monkeypatch: pytest.MonkeyPatch) -> Actions:
    actions = Actions({})
    monkeypatch.setattr(selection, "retry_job", actions.retry)
    monkeypatch.setattr(selection, "cancel_job", actions.cancel)
    return actions


def do(engine: Engine, action: Action, jobs: list[int]) -> dict[int, str]:
    settings, airflow = Settings(), AirflowApi(Settings())
    results = act(action_on_job(action, settings, engine, airflow, "ada"), read_selection(engine, action, jobs, KINDS))
    return {result.job_id: result.failure for result in results}


def test_the_action_names_the_account(engine: Engine, actions: Actions):
    assert do(engine, Action.CANCEL, [JOBS["running"]]) == {JOBS["running"]: ""}
    assert actions.done == [("cancel an admin ada", JOBS["running"])]


def test_an_error_of_one_job_does_not_stop_the_others(engine: Engine, actions: Actions):
    actions.errors = {1: JobFinished("job 1 is complete"), 2: ServiceUnavailable("Airflow", "http://x", "refused")}
    found = do(engine, Action.RETRY, [1, 2, 4, JOBS["complete"]])
    assert found[1] == "job 1 is complete"
    assert "refused" in found[2]
    assert (found[4], found[JOBS["complete"]]) == ("", "It is complete.")
    assert actions.done == [("retry", 4)]


def test_jobs_that_are_not_reached_in_time_are_named(engine: Engine, actions: Actions, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(selection, "MOST_SECONDS", -1.0)
    assert "Select it again" in do(engine, Action.RETRY, [1])[1]
    assert actions.done == []


def test_the_results_say_what_was_done(site: Site):
    shown = PageReader(render_results(site, Action.RETRY, [Result(1), Result(2, "<b>no</b>")]))
    assert "Retried 1 of 2 jobs" in shown.text
    assert "Job 2 : not done <b>no</b>" in shown.text
