"""The state that clients see, for every combination of what ledger and Airflow report about a job."""

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from ingest.states.airflow import ENDED_RUN_STATES, RUNNING_STATES, SCHEDULED_STATES, WAITING_STATES, Run, TaskInstance
from ingest.states.job_record import JobRecord, JobState, JobStatus, Outcome, StageError
from ingest.states.job_state import DONE, job_state, lost_by_airflow, lost_for_good
from ingest.states.stages import STAGES, Kind, Stage
from tests.properties.profile import property_of

# Also states of Airflow that the mapping does not name, and unknown ones.
task_states = st.sampled_from(
    sorted({*RUNNING_STATES, *WAITING_STATES, *SCHEDULED_STATES, *ENDED_RUN_STATES, "skipped", "upstream_failed", "removed"})
) | st.none() | st.text(max_size=5)  # fmt: skip
tasks = st.builds(TaskInstance, st.sampled_from(Stage) | st.text(max_size=5), task_states, st.integers(-1, 9))
missing = st.lists(st.sampled_from(Stage), max_size=5).map(tuple)
runs = st.builds(Run, st.none() | st.sampled_from(["queued", "running", *ENDED_RUN_STATES]) | st.text(max_size=5),
                 st.lists(tasks, max_size=8).map(tuple), missing)  # fmt: skip
# Tasks that do not continue by themselves.
ended_tasks = st.builds(
    TaskInstance, st.sampled_from(Stage), st.none() | st.sampled_from([*ENDED_RUN_STATES, "skipped"])
)
ended_runs = st.builds(
    Run, st.sampled_from(sorted(ENDED_RUN_STATES)), st.lists(ended_tasks, max_size=8).map(tuple), missing
)
broken_runs = st.builds(Run, st.sampled_from(["queued", "running", *ENDED_RUN_STATES]),
                        st.lists(ended_tasks, max_size=8).map(tuple), missing.filter(bool))  # fmt: skip
texts = st.text(max_size=10)
# States that the service stores: one that it answered, or one that an admin set.
percents = st.floats(0, 100)
labels = st.sampled_from(Stage).map(lambda stage: stage.label)
unfinished = st.builds(JobState, st.just(JobStatus.OK), labels, st.just(50.0), texts, complete=st.just(False))
failures = st.builds(JobState, st.just(JobStatus.FAILED), labels, st.just(0.0), texts, complete=st.just(True))


@st.composite
def records(draw: st.DrawFn) -> JobRecord:
    """Return a job as the ledger may hold it, with the stages of its kind."""
    kind = draw(st.sampled_from(Kind))
    stages = st.sampled_from(STAGES[kind])
    return JobRecord(
        kind=kind,
        outcome=draw(st.none() | st.sampled_from(Outcome)),
        override=draw(st.none() | unfinished | failures),
        stage=draw(st.none() | stages),
        percent=draw(percents),
        finished=draw(st.none() | stages),
        error=draw(st.none() | st.builds(StageError, stages, texts, st.booleans())),
        clears=draw(st.integers(0, 9)),
        last=draw(st.none() | unfinished | failures),
    )


@property_of
@given(records(), st.none() | runs)
def test_every_job_has_a_valid_state(job: JobRecord, run: Run | None):
    state = job_state(job, run)
    assert state.state in ("OK", JobStatus.FAILED)
    assert 0 <= state.task_percent <= 100
    assert state.percent_text == f"{float(state.percent_text):.1f}"


@property_of
@given(records(), st.none() | runs)
def test_incomplete_job_never_shows_the_state_at_which_the_stock_client_stops(job: JobRecord, run: Run | None):
    state = job_state(job, run)
    ends_the_client = (state.task, state.percent_text) == (Stage.INGEST_METADATA.label, f"{DONE:.1f}")
    assert state.complete or not ends_the_client


@property_of
@given(records(), st.none() | runs)
def test_job_is_complete_exactly_when_it_is_cataloged_or_failed(job: JobRecord, run: Run | None):
    state = job_state(job, run)
    cataloged = job.outcome is Outcome.CATALOGED
    assert state.complete == (cataloged or state.state == JobStatus.FAILED)


@property_of
@given(records(), ended_runs)
def test_job_of_an_ended_run_is_complete_or_restarted_by_housekeeping(job: JobRecord, run: Run):
    job = replace(job, override=None)
    assert job_state(job, run).complete != lost_by_airflow(job, run)


@property_of
@given(records(), broken_runs)
def test_run_that_lacks_tasks_is_replaced_or_given_up_unless_the_job_has_ended(job: JobRecord, run: Run):
    has_ended = job.is_stopped or job.outcome is Outcome.CATALOGED
    assert has_ended != (lost_by_airflow(job, run) or lost_for_good(job, run))
