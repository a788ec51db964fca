"""Fair share: many bundles of one user do not delay another user's next job."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest
import requests
from sqlalchemy import Engine, func, select
from sqlalchemy.orm import Session

from ingest.ledger.models import Job
from ingest.states.job_record import Outcome
from tests.e2e.authenticated_api import authenticated_api, new_token
from tools.bundles import make_bundle
from tools.stack import JOB_SECONDS, TIMEOUT_SECONDS, Stack
from tools.waiting import wait_until

MANY = 36
RUNNING = 16
# All jobs are in Airflow, so that only the order of the tasks matters.
UNLIMITED = 1000


def post(stack: Stack, token: str) -> int:
    headers = {"Authorization": f"Bearer {token}"}
    answer = requests.post(f"{stack.api}/upload", make_bundle(), headers=headers, timeout=TIMEOUT_SECONDS)
    assert answer.status_code == 200, answer.text
    return int(answer.json()["job_id"])


def count(ledger: Engine, jobs: list[int], *conditions: object) -> int:
    with Session(ledger) as session:
        return session.scalar(select(func.count()).where(Job.id.in_(jobs), *conditions)) or 0  # type: ignore[arg-type]


def completed(ledger: Engine, jobs: list[int]) -> int:
    return count(ledger, jobs, Job.outcome == Outcome.CATALOGED)


def started(ledger: Engine, jobs: list[int]) -> int:
    return count(ledger, jobs, Job.triggered.is_not(None))


@pytest.mark.parametrize("running", [RUNNING, UNLIMITED])
def test_a_users_single_job_completes_before_most_of_the_many_earlier_jobs_of_another_user(
    stack: Stack, ledger: Engine, tmp_path: Path, running: int
):
    limited = replace(stack, environment={**stack.environment, "INGEST_USER_RUNNING_JOBS": str(running)})
    with authenticated_api(limited, tmp_path) as seen:
        ada, bob = (new_token(seen, user) for user in ("ada", "bob"))
        with ThreadPoolExecutor(4) as senders:
            many = list(senders.map(lambda _: post(seen, ada), range(MANY)))
        one = post(seen, bob)
        before = completed(ledger, many)
        assert started(ledger, many) <= completed(ledger, many) + running
        wait_until(lambda: completed(ledger, [one]) == 1, 3 * JOB_SECONDS, lambda: "the job does not complete")
        after = completed(ledger, many)
    # Each job that ends starts the next; housekeeping would start them only once a minute.
    wait_until(lambda: completed(ledger, many) == MANY, 5 * JOB_SECONDS, lambda: f"{completed(ledger, many)} completed")
    print(f"{before} of {MANY} jobs were complete before the one, {after} after it")  # noqa: T201
    assert after - before < (MANY - before) / 2, f"{after - before} of {MANY - before} jobs were completed first"
