"""The API is killed at each step of an upload with an `Idempotency-Key`; sent again, there is one job with every byte."""

from collections.abc import Iterator

import pytest
import requests

from ingest.system.failpoints import VARIABLE
from tests.api.live_server import Server, execute, serving_alone
from tests.faults.points import Points
from tools.waiting import wait_until

BODY = bytes(range(256)) * 20_000
OTHER_DIGEST = "sha-256=:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=:"
BEFORE_THE_COMMIT = {
    "announced": ("receive.allocated", 0),
    "the first block written": ("receive.reading", 0),
    "in the middle": ("receive.reading", 3),
    "all written": ("receive.synced", 0),
    "renamed": ("receive.renamed", 0),
}


@pytest.fixture(scope="module")
def points(tmp_path_factory: pytest.TempPathFactory) -> Points:
    return Points(tmp_path_factory.mktemp("failpoints"))


@pytest.fixture(scope="module")
def server(database_url: str, points: Points, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("killed")
    with serving_alone(folder, database_url, **{VARIABLE: points.folder}) as server:
        # The first id may have to be above those of other tests; from then on, the next one is known.
        assert send(server, "the first").status_code == 200
        yield server


def send(server: Server, key: str, digest: str | None = None) -> requests.Response:
    headers = {"Idempotency-Key": f'"{key}"', **({} if digest is None else {"Repr-Digest": digest})}
    return requests.post(f"{server.url}/ingest", data=BODY, headers=headers, timeout=60)


def killed_at(server: Server, points: Points, point: str, key: str, passes: int = 0, digest: str | None = None) -> None:
    """Send an upload whose receiver is killed at a point."""
    last, is_given = execute(server.database_url, "SELECT last_value, is_called FROM job_id_seq")[0]
    job = last + bool(is_given)
    points.arm(point, job, passes=passes)
    with pytest.raises(requests.ConnectionError):
        send(server, key, digest)
    assert not points.is_armed(point, job)


def sent_again(server: Server, key: str) -> requests.Response:
    """Send the upload again until it is accepted, a minute later."""
    execute(server.database_url, "UPDATE upload SET started = started - interval '1 minute' RETURNING 1")
    answers: list[requests.Response] = []

    def is_accepted() -> bool:
        try:
            answers.append(send(server, key))
        except requests.ConnectionError:
            # No worker has replaced the killed one yet.
            return False
        return answers[-1].status_code == 200

    wait_until(is_accepted, 60, lambda: answers[-1].text if answers else "the API does not serve again")
    return answers[-1]


def assert_one_job(server: Server, key: str, answer: requests.Response, before: set[int]) -> None:
    job = answer.json()["job_id"]
    assert set(server.rows()) - before == {job}
    assert (server.spool / server.rows()[job]["spool_name"]).read_bytes() == BODY
    again = send(server, key)
    assert (again.json(), again.headers["Idempotency-Replayed"]) == (answer.json(), "true")


@pytest.mark.parametrize("case", BEFORE_THE_COMMIT)
def test_upload_that_was_killed_before_its_commit_is_received_again(server: Server, points: Points, case: str) -> None:
    before = set(server.rows())
    killed_at(server, points, BEFORE_THE_COMMIT[case][0], case, BEFORE_THE_COMMIT[case][1])
    assert set(server.rows()) == before
    answer = sent_again(server, case)
    assert "Idempotency-Replayed" not in answer.headers
    assert_one_job(server, case, answer, before)


@pytest.mark.parametrize("point", ["receive.committed", "receive.triggered"])
def test_upload_that_was_killed_after_its_commit_is_answered_with_its_job(
    server: Server, points: Points, point: str
) -> None:
    before = set(server.rows())
    killed_at(server, points, point, point)
    (job,) = set(server.rows()) - before
    answer = sent_again(server, point)
    assert (answer.json()["job_id"], answer.headers["Idempotency-Replayed"]) == (job, "true")
    assert_one_job(server, point, answer, before)


def test_refused_upload_whose_removal_was_killed_is_received_again(server: Server, points: Points) -> None:
    before, key = set(server.rows()), "refused"
    killed_at(server, points, "upload.removed", key, digest=OTHER_DIGEST)
    answer = sent_again(server, key)
    assert "Idempotency-Replayed" not in answer.headers
    assert_one_job(server, key, answer, before)
