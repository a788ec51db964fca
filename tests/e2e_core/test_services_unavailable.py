"""Unavailable services: the job waits with the reason, fails after its tries, and continues when they are back."""

import pytest

from tests.e2e_core.conftest import MakeUnavailable
from tests.e2e_core.test_bundles import THREE, assert_complete
from tools.bundles import make_bundle
from tools.pacifica_core.core import Core
from tools.pacifica_core.proxy import Proxy
from tools.pacifica_core.services import ARCHIVE, METADATA, POLICY, UNIQUEID
from tools.stack import Stack

# The name of each service in texts, and the label and the task of the stage that needs it.
STAGES = {
    UNIQUEID: ("uniqueid", "load metadata", "load_metadata"),
    POLICY: ("policy", "Policy Validation", "validate_policy"),
    ARCHIVE: ("archive", "ingest files", "ingest_files"),
    METADATA: ("metadata", "ingest metadata", "ingest_metadata"),
}
HOW_TO_CLEAR = {POLICY: "REST", ARCHIVE: "retry", METADATA: "REST"}


@pytest.mark.parametrize("service", HOW_TO_CLEAR)
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
