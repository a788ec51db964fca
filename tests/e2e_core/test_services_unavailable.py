"""Unavailable services: the job waits with the reason, fails after its tries, and continues when they are back."""

import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from sqlalchemy import Engine, func, update

from ingest.ledger.models import Job
from tests.e2e_core.conftest import SETTINGS, MakeUnavailable
from tests.e2e_core.test_bundles import THREE, assert_complete
from tools.bundles import make_bundle
from tools.pacifica_core.core import Core
from tools.pacifica_core.proxy import Proxy
from tools.pacifica_core.services import ARCHIVE, METADATA, POLICY, UNIQUEID
from tools.stack import Stack, State

# The name of each service in texts, and the label and the task of the stage that needs it.
STAGES = {
    UNIQUEID: ("uniqueid", "load metadata", "load_metadata"),
    POLICY: ("policy", "Policy Validation", "validate_policy"),
    ARCHIVE: ("archive", "ingest files", "ingest_files"),
    METADATA: ("metadata", "ingest metadata", "ingest_metadata"),
}
BEGIN_SECONDS = 0.5
HOW_TO_CLEAR = {POLICY: "REST", ARCHIVE: "retry", METADATA: "REST"}


# With the other services, only the stage that waits is another one.
@pytest.mark.parametrize(
    "service", [ARCHIVE, pytest.param(POLICY, marks=pytest.mark.long), pytest.param(METADATA, marks=pytest.mark.long)]
)
def test_outage_longer_than_all_retries_fails_the_job_and_one_clear_completes_it(
    stack: Stack, core: Core, make_unavailable: MakeUnavailable, proxies: dict[str, Proxy], service: str
):
    called, label, task = STAGES[service]
    with make_unavailable(service):
        job = stack.post(make_bundle(THREE))
        state = stack.wait_for_end(job)
    assert (state["state"], state["task"]) == ("FAILED", label)
    assert f"{called} at {proxies[service].url}" in state["exception"]
    if HOW_TO_CLEAR[service] == "REST":
        stack.clear(job, task)
    else:
        assert stack.command("retry", "--job_id", str(job)).returncode == 0
    stack.wait(job, lambda state: state["complete"] and state["state"] == "OK")
    assert_complete(stack, core, job, THREE)


@pytest.mark.parametrize("service", [POLICY, ARCHIVE, METADATA])
def test_job_completes_when_a_service_is_available_again_before_its_last_retry(
    stack: Stack, core: Core, make_unavailable: MakeUnavailable, proxies: dict[str, Proxy], service: str
):
    called, label, _task = STAGES[service]
    with make_unavailable(service):
        job = stack.post(make_bundle(THREE))
        waiting = stack.wait(job, lambda state: bool(state["exception"]) or state["complete"])
        assert (waiting["state"], waiting["task"], waiting["complete"]) == ("OK", label, False)
        assert f"{called} unavailable at {proxies[service].url}" in waiting["exception"]
    assert_complete(stack, core, job, THREE)


@contextmanager
def wait_without_end(ledger: Engine) -> Iterator[None]:
    """Let the waits of all jobs begin again and again, as if their retries were not limited to seconds."""
    ended = threading.Event()

    def begin_again() -> None:
        since = func.jsonb_build_object("since", func.clock_timestamp())
        waits = update(Job).where(Job.waiting.is_not(None)).values(waiting=Job.waiting.concat(since))
        while not ended.wait(BEGIN_SECONDS):
            with ledger.begin() as connection:
                connection.execute(waits)

    thread = threading.Thread(target=begin_again)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()


def test_jobs_complete_by_themselves_after_an_outage_that_outlasts_all_retries_of_airflow(
    stack: Stack, core: Core, ledger: Engine, make_unavailable: MakeUnavailable
):
    contents = [{f"data/{number}.txt": b"waits"} for number in range(3)]
    retries = int(SETTINGS["INGEST_RETRIES"])
    with wait_without_end(ledger), make_unavailable(ARCHIVE):
        jobs = [stack.post(make_bundle(each)) for each in contents]
        for job in jobs:
            waiting = stack.wait(job, lambda state: attempt_of(state) > 1 + retries or state["complete"])
            assert (waiting["state"], waiting["task"], waiting["complete"]) == ("OK", "ingest files", False)
    for job, each in zip(jobs, contents, strict=True):
        assert_complete(stack, core, job, each)


def attempt_of(state: State) -> int:
    """Return the number of the attempt that a waiting job says has failed."""
    found = re.search(r"attempt (\d+)", state["exception"])
    return int(found[1]) if found else 0


def test_job_waits_when_policy_cannot_reach_metadata(stack: Stack, core: Core, proxies: dict[str, Proxy]):
    with core.without(METADATA):
        job = stack.post(make_bundle(THREE))
        waiting = stack.wait(job, lambda state: bool(state["exception"]) or state["complete"])
        assert (waiting["state"], waiting["task"], waiting["complete"]) == ("OK", "Policy Validation", False)
        assert f"policy unavailable at {proxies[POLICY].url}" in waiting["exception"]
    assert_complete(stack, core, job, THREE)


def test_upload_while_uniqueid_is_unavailable_is_refused_and_nothing_is_kept(
    stack: Stack, make_unavailable: MakeUnavailable
):
    before = set((stack.home / "spool").iterdir())
    with make_unavailable(UNIQUEID):
        answer = stack.send(make_bundle(THREE))
    assert answer.status_code == 503
    assert "uniqueid" in answer.text
    # The bundle of the job before may be removed meanwhile.
    assert set((stack.home / "spool").iterdir()) <= before
