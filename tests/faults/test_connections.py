"""Cut connections, and answers that are lost or wrong: between clients, the API and Airflow."""

import os
import socket
import struct
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from sqlalchemy import Engine

from tests.faults.end_assertions import assert_complete, ids_given_twice, ownerless, wait_until_not_spooled
from tests.faults.points import Points
from tools.bundles import CONTENTS, make_bundle
from tools.pacifica_core.proxy import Fault, Proxy, proxy_to
from tools.stack import Stack, answers, free_port
from tools.stack_contents import events, next_job_id
from tools.waiting import wait_until

AIRFLOW_TIMEOUT = 6
START_SECONDS = 60
# Two requests to Airflow, and a busy machine.
ANSWER_SECONDS = 2 * AIRFLOW_TIMEOUT + 15
TRIGGER = ("POST", "/dagRuns$")
STAGES = 5
# Closing sends RST: the connection is cut, not ended.
CUT = struct.pack("ii", 1, 0)


@dataclass(frozen=True)
class BehindProxy:
    """A second API of the stack, which reaches Airflow through a proxy."""

    stack: Stack
    airflow: Proxy


@pytest.fixture(scope="module")
def behind_proxy(stack: Stack) -> Iterator[BehindProxy]:
    port = free_port()
    command = [str(Path(sys.executable).with_name("pacifica-ingest")), "-a", "127.0.0.1", "-p", str(port)]
    with proxy_to(stack.airflow) as proxy:
        settings = {"INGEST_AIRFLOW_URL": proxy.url, "INGEST_AIRFLOW_TIMEOUT": str(AIRFLOW_TIMEOUT)}
        environment = {**os.environ, **stack.environment, **settings}
        api = subprocess.Popen(command, env=environment, stderr=subprocess.DEVNULL)
        try:
            behind = replace(stack, api=f"http://127.0.0.1:{port}")
            wait_until(lambda: answers(behind.api), START_SECONDS, lambda: "the API does not answer")
            yield BehindProxy(behind, proxy)
        finally:
            api.terminate()
            api.wait(START_SECONDS)


def upload(stack: Stack) -> socket.socket:
    """Send a bundle whole, and read nothing of the answer."""
    body = make_bundle()
    host, port = urlsplit(stack.api).hostname or "", urlsplit(stack.api).port
    connection = socket.create_connection((host, port or 0))
    connection.sendall(
        f"POST /ingest HTTP/1.1\r\nHost: localhost\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body
    )
    return connection


def assert_one_complete_job(stack: Stack, ledger: Engine, job: int) -> None:
    """Assert that the job ends as one that nothing disturbed; there is no other one, and no stage ran twice."""
    assert_complete(stack, ledger, job, CONTENTS)
    wait_until_not_spooled(stack, job)
    assert next_job_id(ledger) == job + 1
    assert events(ledger, job).count("stage_started") == STAGES
    assert ids_given_twice(ledger) == []
    assert ownerless(stack, ledger) == set()


@pytest.mark.parametrize("point", ["receive.committed", "receive.triggered"])
def test_connection_that_is_cut_before_the_answer_leaves_one_whole_job(
    stack: Stack, ledger: Engine, points: Points, point: str
):
    job = next_job_id(ledger)
    points.arm(point, job, "hold")
    with upload(stack) as connection:
        points.wait_until_reached(point, job)
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, CUT)
    points.release(point, job)
    assert_one_complete_job(stack, ledger, job)


def test_client_that_never_reads_its_answer_has_one_whole_job(stack: Stack, ledger: Engine):
    job = next_job_id(ledger)
    with upload(stack):
        wait_until(lambda: "received" in events(ledger, job), START_SECONDS, lambda: "nothing is received")
        assert_one_complete_job(stack, ledger, job)


@pytest.mark.parametrize(
    "fault",
    [
        Fault(*TRIGGER, lose_answer=True),
        Fault(*TRIGGER, never_answer=True),
        Fault(*TRIGGER, answer=(500, b"{}")),
        Fault(*TRIGGER, answer=(500, b"{}"), keep_from_service=True),
        Fault(*TRIGGER, answer=(409, b"{}"), keep_from_service=True),
    ],
    ids=[
        "lost",
        "never",
        "500 of a run that is made",
        "500 of a run that is not made",
        "409 of a run that is not there",
    ],
)
def test_upload_is_answered_and_runs_once_whatever_airflow_answers(
    behind_proxy: BehindProxy, stack: Stack, ledger: Engine, fault: Fault
):
    begun = time.monotonic()
    with behind_proxy.airflow.fault(fault):
        job = behind_proxy.stack.post(make_bundle())
    assert time.monotonic() - begun < ANSWER_SECONDS
    assert fault.seen == 1
    stack.request_airflow("POST", "/dags/housekeeping/dagRuns", {"logical_date": None})
    assert_one_complete_job(stack, ledger, job)
