"""A job is canceled while the real archive receives a file of it: archive and catalog hold nothing of it afterwards."""

import requests
from sqlalchemy import Engine

from ingest.ledger import jobs
from tests.e2e_core.test_services_killed import LARGE, READING
from tests.faults.points import Points
from tools.bundles import make_bundle
from tools.pacifica_core.contents import cataloged, stored
from tools.pacifica_core.core import Core
from tools.pacifica_core.proxy import Fault, Proxy
from tools.pacifica_core.services import ARCHIVE
from tools.stack import Stack
from tools.stack_contents import events
from tools.waiting import wait_until

SECONDS = 120


def cancel(stack: Stack, job: int) -> None:
    answer = requests.post(f"{stack.api}/jobs/{job}/cancel", timeout=30)
    assert (answer.status_code, answer.json()["state"]) == (200, "FAILED"), answer.text
    assert answer.json()["exception"].startswith("canceled: ")


def wait_until_removed(stack: Stack, ledger: Engine, job: int) -> None:
    wait_until(lambda: jobs.read(ledger, job).record.is_rejected, SECONDS, lambda: f"{events(ledger, job)}")
    assert stack.state(job)["exception"].startswith("canceled: ")


def test_job_that_is_canceled_in_the_middle_of_a_put_leaves_nothing(
    stack: Stack, core: Core, ledger: Engine, points: Points
):
    before = stored(core)
    job = stack.post(make_bundle(LARGE))
    points.arm(READING, job, "hold", passes=3)
    points.wait_until_reached(READING, job)
    wait_until(lambda: stored(core) != before, SECONDS, lambda: "the archive received nothing")
    cancel(stack, job)
    wait_until_removed(stack, ledger, job)
    assert stored(core) == before
    assert cataloged(core, job) is None


def test_job_that_waits_for_an_answer_of_the_archive_is_canceled(
    stack: Stack, core: Core, ledger: Engine, proxies: dict[str, Proxy]
):
    before = stored(core)
    with proxies[ARCHIVE].fault(Fault("PUT", "", never_answer=True)) as fault:
        job = stack.post(make_bundle(LARGE))
        wait_until(lambda: bool(fault.seen), SECONDS, lambda: f"{stack.state(job)}")
        cancel(stack, job)
    wait_until_removed(stack, ledger, job)
    assert stored(core) == before
    assert cataloged(core, job) is None
