"""Unresponsive services, which do the work and never answer: the stage is retried, and nothing exists twice."""

import pytest
from sqlalchemy import Engine

from tests.e2e_core.test_bundles import THREE, assert_complete
from tools.bundles import make_bundle
from tools.pacifica_core.contents import stored
from tools.pacifica_core.core import Core
from tools.pacifica_core.proxy import Fault, Proxy
from tools.pacifica_core.services import ARCHIVE, METADATA, POLICY, UNIQUEID
from tools.stack import Stack
from tools.stack_contents import events, file_ids

# A request to each service that a bundle needs.
REQUESTS = {
    UNIQUEID: ("GET", "mode=file"),
    POLICY: ("POST", "/ingest"),
    ARCHIVE: ("PUT", ""),
    METADATA: ("PUT", "/ingest"),
}


@pytest.mark.parametrize("service", [UNIQUEID, POLICY, ARCHIVE])
def test_request_without_an_answer_is_repeated(
    stack: Stack, core: Core, ledger: Engine, proxies: dict[str, Proxy], service: str
):
    before = stored(core)
    with proxies[service].fault(Fault(*REQUESTS[service], never_answer=True)) as fault:
        job = stack.post(make_bundle(THREE))
        waiting = stack.wait(job, lambda state: bool(state["exception"]) or state["complete"])
        assert "no answer for 10 seconds or longer" in waiting["exception"]
        assert_complete(stack, core, job, THREE)
    assert fault.seen == 1
    assert events(ledger, job).count("stage_will_be_tried_again") == 1
    assert len(stored(core) - before) == len(set(file_ids(ledger, job))) == len(THREE)


def test_transaction_that_metadata_stored_without_answering_is_not_sent_again(
    stack: Stack, core: Core, ledger: Engine, proxies: dict[str, Proxy]
):
    with proxies[METADATA].fault(Fault(*REQUESTS[METADATA], times=2, never_answer=True)) as fault:
        job = stack.post(make_bundle(THREE))
        assert_complete(stack, core, job, THREE)
    assert fault.seen == 1
    assert "stage_will_be_tried_again" not in events(ledger, job)
