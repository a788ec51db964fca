"""A process of the API is killed between any two writes: no byte is lost that was answered, and the bundle is one job."""

import os
import signal
import time

import pytest
import requests

from tests.api.live_server import Server, execute
from tests.api.receiving.resumable.conftest import MIB
from tests.api.receiving.resumable.tus_client import TUS, TusUpload, create, send_part
from tests.faults.points import Points
from tools.waiting import wait_until

LONG = 1024 * MIB


def next_job(server: Server) -> int:
    """Return the job id of the next upload."""
    last, is_given = execute(server.database_url, "SELECT last_value, is_called FROM job_id_seq")[0]
    return int(last) + bool(is_given)


def killed_at(
    server: Server, points: Points, point: str, upload: TusUpload, data: bytes, offset: int, job: int
) -> None:
    """Send a part whose receiver is killed at a point, and wait until the API serves again."""
    points.arm(point, job)
    with pytest.raises(requests.ConnectionError):
        upload.patch(data, offset)
    assert not points.is_armed(point, job)
    wait_until(lambda: serves(server), 60, lambda: "the API does not serve again")


def serves(server: Server) -> bool:
    return len(server.workers()) == 2 and requests.get(server.url, timeout=30).ok


def resume(upload: TusUpload, bundle: bytes) -> None:
    """Continue an upload as a client does, until it is complete."""
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        answer = upload.head()
        assert answer.status_code == 200, answer.status_code
        offset = int(answer.headers["Upload-Offset"])
        if "Link" in answer.headers:
            return
        upload.patch(bundle[offset : offset + MIB], offset)
    raise AssertionError("the upload does not become complete")


@pytest.mark.parametrize("point", ["append.writing", "append.synced"])
def test_in_the_middle(server: Server, points: Points, bundle: bytes, point: str) -> None:
    job = next_job(server)
    upload = create(server, len(bundle), bundle[:MIB])
    killed_at(server, points, point, upload, bundle[MIB : 2 * MIB], MIB, job)
    assert upload.offset() == MIB
    resume(upload, bundle)
    assert upload.file().read_bytes() == bundle


@pytest.mark.parametrize("point", ["append.synced", "append.complete", "append.renamed", "upload.committed"])
def test_at_the_last_byte(server: Server, points: Points, bundle: bytes, point: str) -> None:
    job = next_job(server)
    upload = create(server, len(bundle), bundle[:MIB])
    before = set(server.rows())
    killed_at(server, points, point, upload, bundle[MIB:], MIB, job)
    resume(upload, bundle)
    assert set(server.rows()) - before == {job} == {upload.job()}
    assert upload.file().read_bytes() == bundle


def test_in_the_middle_of_a_long_part(server: Server) -> None:
    """The offset is recorded every second, also before the part ends."""
    upload = create(server, LONG)
    recorded = 0

    def sends_until_recorded() -> bool:
        nonlocal recorded
        connection.sendall(b"x" * (MIB // 8))
        recorded = int(upload.get().json()["offset"])
        return recorded > 0

    with server.connect() as connection:
        send_part(connection, upload, 0, LONG)
        wait_until(sends_until_recorded, 60, lambda: "no offset is recorded")
        for worker in server.workers():
            os.kill(worker, signal.SIGKILL)
    wait_until(lambda: serves(server), 60, lambda: "the API does not serve again")
    assert recorded <= upload.offset() < LONG
    assert upload.holds(b"x" * recorded)


def test_at_the_creation(server: Server, points: Points, bundle: bytes) -> None:
    job = next_job(server)
    points.arm("upload.created", job)
    with pytest.raises(requests.ConnectionError):
        requests.post(f"{server.url}/uploads", headers={**TUS, "Upload-Length": "5"}, timeout=60)
    wait_until(lambda: serves(server), 60, lambda: "the API does not serve again")
    assert create(server, len(bundle), bundle).job() > job


def test_at_the_creation_with_a_key(server: Server, points: Points, bundle: bytes) -> None:
    job = next_job(server)
    points.arm("upload.created", job)
    headers = {**TUS, "Upload-Length": str(len(bundle)), "Idempotency-Key": '"killed at the creation"'}
    with pytest.raises(requests.ConnectionError):
        requests.post(f"{server.url}/uploads", headers=headers, timeout=60)
    wait_until(lambda: serves(server), 60, lambda: "the API does not serve again")
    again = requests.post(f"{server.url}/uploads", headers=headers, timeout=60)
    assert again.status_code == 201, again.text
    upload = TusUpload(server, server.url + again.headers["Location"])
    assert upload.patch(bundle, 0).status_code == 204
    assert upload.job() == job
