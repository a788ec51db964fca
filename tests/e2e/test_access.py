"""Authentication on the real stack: from the token of an upload to the catalog."""

from pathlib import Path

import requests
from sqlalchemy import Engine

from ingest.ledger import jobs
from tests.e2e.authenticated_api import authenticated_api, new_token
from tools.bundles import make_bundle
from tools.stack import JOB_SECONDS, TIMEOUT_SECONDS, Stack
from tools.stack_contents import cataloged
from tools.waiting import wait_until


def test_job_belongs_to_the_user_of_the_token_and_another_user_does_not_see_it(
    stack: Stack, ledger: Engine, tmp_path: Path
):
    def get_state(headers: dict[str, str]) -> requests.Response:
        return requests.get(f"{seen.api}/get_state", {"job_id": job}, headers=headers, timeout=TIMEOUT_SECONDS)

    with authenticated_api(stack, tmp_path) as seen:
        ursula, otto = ({"Authorization": f"Bearer {new_token(seen, user)}"} for user in ("ursula", "otto"))
        assert seen.send(make_bundle()).status_code == 401
        answer = requests.post(f"{seen.api}/upload", make_bundle(), headers=ursula, timeout=TIMEOUT_SECONDS)
        job = answer.json()["job_id"]
        wait_until(lambda: bool(get_state(ursula).json()["complete"]), JOB_SECONDS, lambda: get_state(ursula).text)
        assert (get_state(ursula).json()["state"], get_state(otto).status_code, get_state({}).status_code) == (
            "OK",
            404,
            401,
        )
    assert jobs.read(ledger, job).received.user == "ursula"
    assert cataloged(ledger, job) is not None
