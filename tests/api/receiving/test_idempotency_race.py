"""Two processes receive simultaneous requests with one `Idempotency-Key`: there is one job, each of a thousand times."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest
import requests

from tests.api.live_server import Server, execute, serving

ROUNDS = 1000
USER = {"X-Http-Authed-User": "racing"}
BODY = b"bundle" * 1000
SECONDS = 60


@pytest.fixture(scope="module")
def servers(database_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Server, Server]]:
    """Run two servers that share their spool and database, as on two hosts."""
    spool = tmp_path_factory.mktemp("race") / "spool"
    spool.mkdir()
    # The jobs are never processed.
    limits = {"INGEST_USER_JOBS": 10 * ROUNDS}
    with serving(spool, database_url, **limits) as one, serving(spool, database_url, **limits) as other:
        yield one, other


def test_two_simultaneous_requests_make_one_job(servers: tuple[Server, Server]) -> None:
    start = Barrier(len(servers))

    def send_each(server: Server) -> list[requests.Response]:
        """Send one request for each key, each at the same moment as the other thread."""
        answers = []
        with requests.Session() as session:
            for number in range(ROUNDS):
                start.wait(SECONDS)
                headers = {**USER, "Idempotency-Key": f'"race {number}"'}
                answers.append(session.post(f"{server.url}/ingest", data=BODY, headers=headers, timeout=SECONDS))
        return answers

    with ThreadPoolExecutor(len(servers)) as pool:
        rounds = list(zip(*pool.map(send_each, servers), strict=True))

    for answers in rounds:
        assert {answer.status_code for answer in answers} <= {200, 409}, [answer.text for answer in answers]
        jobs = {answer.json()["job_id"] for answer in answers if answer.ok}
        assert len(jobs) == 1, [answer.text for answer in answers]
    counted = execute(servers[0].database_url, "SELECT count(*) FROM job WHERE submitted_by = 'racing'")
    assert counted[0][0] == ROUNDS
    refused = sum(answer.status_code == 409 for answers in rounds for answer in answers)
    replayed = sum("Idempotency-Replayed" in answer.headers for answers in rounds for answer in answers)
    # Both outcomes are tested only if the requests do overlap.
    assert refused + replayed == ROUNDS
