"""Polls are recognized by the head of their requests, in the forms that clients use."""

from collections.abc import Callable

import pytest
from flask import Flask

from api.polling.batched_reads import Batch, BatchedReads
from api.resources import resources_of
from api.serving.poll_queue import ANNOUNCE, Announce

JOB = 880_017
NOT_POLLS = (
    b"GET /get_state?job_id=7x HTTP/1.1\r\n",
    b"GET /get_state?job_id= HTTP/1.1\r\n",
    b"GET /get_state?job_id=7&other=1 HTTP/1.1\r\n",
    b"GET /get_state?job_id=9999999999999999999 HTTP/1.1\r\n",
    b"GET /get_state/7/x HTTP/1.1\r\n",
    b"GET /get_state?job_id=7 HTTP/1.1",
    b"POST /get_state?job_id=7 HTTP/1.1\r\n",
    b"GET /jobs/7 HTTP/1.1\r\n",
    b"\r\nGET /get_state?job_id=7 HTTP/1.1\r\n",
    b"",
)


@pytest.fixture
def app(make_app: Callable[..., Flask]) -> Flask:
    return make_app()


@pytest.fixture
def announce(app: Flask) -> Announce:
    found: Announce = app.extensions[ANNOUNCE]
    return found


def test_each_address_of_a_state_is_recognized_and_joins_the_next_query(app: Flask, announce: Announce) -> None:
    rules = {rule.rule for rule in app.url_map.iter_rules() if rule.endpoint.startswith("state.")}
    assert rules == {"/get_state", "/get_state/<job_id>"}
    for path in (f"/get_state?job_id={JOB}", f"/get_state/{JOB + 1}"):
        for version in ("1.0", "1.1"):
            head = f"GET {path} HTTP/{version}\r\nHost: localhost\r\n\r\n".encode()
            assert isinstance(announce(head), Batch)
    assert resources_of(app).get(BatchedReads).waiting == {JOB, JOB + 1}


@pytest.mark.parametrize("head", NOT_POLLS)
def test_other_requests_are_not_polls(app: Flask, announce: Announce, head: bytes) -> None:
    assert announce(head) is None
    assert not resources_of(app).get(BatchedReads).waiting
