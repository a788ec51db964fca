"""Processes are killed during resumable uploads: tuspy, the stock client, resumes; its bundle is one whole job.

The upload of each failpoint runs alone, because its job id is predicted; then all jobs run simultaneously.
"""

import os
import signal
from dataclasses import dataclass
from pathlib import Path

import pytest
import requests
from requests.adapters import HTTPAdapter
from sqlalchemy import Engine, select, text
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Session
from urllib3.util import Retry

from ingest.ledger.models import Job
from tests.cutting_proxy import LostAnswer, Stall, cutting_proxy
from tests.faults.end_assertions import assert_complete, ids_given_twice, ownerless
from tests.faults.points import Points
from tests.tus_clients.clients import TUSPY
from tools.bundles import make_bundle
from tools.process_table import is_alive
from tools.stack import TIMEOUT_SECONDS, Stack, answers
from tools.stack_contents import next_job_id
from tools.stack_processes import Processes, Role
from tools.waiting import wait_until

CONTENTS = {"data/noise.bin": os.urandom(16_000_000), "data/small.txt": b"small\n"}
CHUNK = 5_000_000
ANSWER_SECONDS = 60
END_SECONDS = 240
# For each case: the point, and how often the process passes it before it is killed there.
POINTS = {
    "first block written": ("append.writing", 0),
    "in the middle of a chunk": ("append.writing", 3),
    "chunk synced": ("append.synced", 0),
    "last chunk recorded": ("append.complete", 0),
    "renamed": ("append.renamed", 0),
    "job committed": ("upload.committed", 0),
}


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("bundle") / "bundle.tar"
    make_bundle(CONTENTS, path=path)
    return path


@dataclass(frozen=True)
class Uploaded:
    """Whether a receiver was killed, the job that the upload names, and all jobs that were made."""

    was_killed: bool
    job: int
    made: list[int]


@pytest.fixture(scope="module")
def uploads(stack: Stack, ledger: Engine, points: Points, bundle: Path) -> dict[str, Uploaded]:
    """Upload the bundle once for each point, at which its receiver is killed."""
    return {name: kill_at(stack, ledger, points, bundle, point, passes) for name, (point, passes) in POINTS.items()}


def kill_at(stack: Stack, ledger: Engine, points: Points, bundle: Path, point: str, passes: int) -> Uploaded:
    job = next_job_id(ledger)
    points.arm(point, job, passes=passes)
    url = TUSPY.upload(f"{stack.api}/uploads", bundle, chunk_size=CHUNK).url
    return Uploaded(not points.is_armed(point, job), job_of(url), jobs_since(ledger, job))


def job_of(url: str) -> int:
    """Return the job of a complete upload; ask again while the killed processes are unavailable."""
    with requests.Session() as session:
        session.mount("http://", HTTPAdapter(max_retries=Retry(8, status_forcelist=[503], backoff_factor=0.5)))
        document = session.get(url, timeout=TIMEOUT_SECONDS).json()
    assert document["complete"], document
    return int(document["job_id"])


def jobs_since(ledger: Engine, first: int) -> list[int]:
    with Session(ledger) as session:
        return list(session.scalars(select(Job.id).where(Job.id >= first)))


def offset_of(ledger: Engine, job: int) -> int | None:
    """Return the recorded offset of the upload that becomes a job; None while the database does not answer."""
    statement = text("SELECT position FROM resumable_upload WHERE job_id = :job")
    try:
        with ledger.connect() as connection:
            return int(connection.execute(statement, {"job": job}).scalar_one())
    except OperationalError:
        return None


def assert_offset_is_stored(stack: Stack, ledger: Engine, bundle: Path, job: int) -> None:
    """Assert that the spool has all bytes before the recorded offset, which is at least a chunk."""
    offset: int | None = None

    def is_known() -> bool:
        nonlocal offset
        offset = offset_of(ledger, job)
        return offset is not None

    wait_until(is_known, ANSWER_SECONDS, lambda: "the database does not answer")
    assert offset is not None
    assert offset >= CHUNK
    (partial,) = (stack.home / "spool").glob(f"{job}-*.part")
    with partial.open("rb") as stored, bundle.open("rb") as sent:
        assert stored.read(offset) == sent.read(offset)


def kill(processes: Processes, role: Role) -> None:
    """Kill a process that has a role, and wait for its end; of the API every worker, because any may be the receiver."""
    workers = processes.find(role) if role is Role.API_WORKER else []
    for worker in workers:
        os.kill(worker, signal.SIGKILL)
    killed = workers or [processes.kill(role)]
    wait_until(lambda: not any(map(is_alive, killed)), ANSWER_SECONDS, lambda: f"{role} lives on")


@pytest.mark.parametrize("case", POINTS)
def test_upload_whose_receiver_is_killed_is_one_whole_job(
    stack: Stack, ledger: Engine, uploads: dict[str, Uploaded], case: str
):
    uploaded = uploads[case]
    assert uploaded.was_killed
    assert uploaded.made == [uploaded.job]
    assert_complete(stack, ledger, uploaded.job, CONTENTS, END_SECONDS)


def test_upload_whose_creation_was_killed_is_created_again(stack: Stack, ledger: Engine, points: Points, bundle: Path):
    lost = next_job_id(ledger)
    points.arm("upload.created", lost)
    with TUSPY.running(f"{stack.api}/uploads", bundle) as first:
        assert "TusCommunicationError" in first.wait_for_error()
    assert not points.is_armed("upload.created", lost)
    wait_until(lambda: answers(stack.api), ANSWER_SECONDS, lambda: "the API does not serve again")
    job = job_of(TUSPY.upload(f"{stack.api}/uploads", bundle).url)
    assert jobs_since(ledger, lost) == [job]
    assert_complete(stack, ledger, job, CONTENTS, END_SECONDS)


@pytest.mark.parametrize("role", [Role.API_WORKER, Role.API_MASTER, Role.BACKEND, Role.POSTMASTER])
def test_upload_resumes_after_processes_are_killed_during_a_chunk(
    stack: Stack, ledger: Engine, bundle: Path, role: Role
):
    job, stall = next_job_id(ledger), Stall(after=3_000_000)
    with (
        # The first chunk is recorded before the second one stalls.
        cutting_proxy(stack.api, [LostAnswer(after=CHUNK), stall]) as proxy,
        TUSPY.running(f"{proxy.url}/uploads", bundle, chunk_size=CHUNK) as running,
    ):
        proxy.wait_until_happened(stall)
        kill(Processes(stack), role)
        assert_offset_is_stored(stack, ledger, bundle, job)
        proxy.release()
        url = running.wait().url
        assert job_of(url) == job
    assert jobs_since(ledger, job) == [job]
    assert_complete(stack, ledger, job, CONTENTS, END_SECONDS)
    assert not ownerless(stack, ledger)
    assert not ids_given_twice(ledger)
