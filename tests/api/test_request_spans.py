"""Requests that change something are spans, and the first one is where the trace of its job begins."""

from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest
import requests

from tests.api.live_server import Server, environment_of, execute, serving
from tests.api.receiving.resumable.tus_client import TUS, create
from tests.api.server_process import server_process
from tests.otlp_receiver import ReceivedSpan, Receiver, ids_in, run_receiver
from tests.services.scripted_server import reply, scripted_server

TRACE, PARENT = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
TRACEPARENT = {"traceparent": f"00-{TRACE}-{PARENT}-01"}
BUNDLE = b"0123456789"
FIRST_JOB = 8_000_000


@pytest.fixture(scope="module")
def collector() -> Iterator[Receiver]:
    with run_receiver() as receiver:
        yield receiver


@pytest.fixture(scope="module")
def server(collector: Receiver, database_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    spool = tmp_path_factory.mktemp("traced") / "spool"
    spool.mkdir()
    with serving(spool, database_url, **collector.environment) as server:
        yield server
        server.forget_uploads()


def post(server: Server, body: bytes = BUNDLE, headers: Mapping[str, str] | None = None) -> requests.Response:
    return requests.post(f"{server.url}/upload", data=body, headers=headers, timeout=60)


def span_of(collector: Receiver, job: int, name: str = "POST /upload") -> ReceivedSpan:
    return collector.wait_for(lambda span: span.name == name and span.attributes.get("ingest.job") == job)


def stored(server: Server, job: int) -> str:
    """Return the ids of the span that a job's row names."""
    return ids_in(execute(server.database_url, f"SELECT traceparent FROM job WHERE id = {job}")[0][0])


def test_the_span_of_an_upload_is_below_the_clients_and_kept_with_the_job(server: Server, collector: Receiver) -> None:
    job = post(server, headers=TRACEPARENT).json()["job_id"]
    span = span_of(collector, job)
    assert (span.trace_id, span.parent, span.kind) == (TRACE, PARENT, "SERVER")
    assert span.attributes["http.route"] == "/upload"
    assert span.attributes["http.response.status_code"] == 200
    assert stored(server, job) == span.ids
    # Airflow is not running here.
    failed = collector.wait_for(lambda each: each.parent == span.span_id and each.name == "POST airflow")
    assert failed.is_error


@pytest.mark.parametrize("header", ["", "garbage", "00-0-0-00", "\xff" * 55, "0" * 4000])
def test_an_upload_without_a_valid_traceparent_begins_a_trace(server: Server, collector: Receiver, header: str) -> None:
    job = post(server, headers={"traceparent": header}).json()["job_id"]
    span = span_of(collector, job)
    assert span.parent == ""
    assert stored(server, job) == span.ids


def test_ids_from_uniqueid_are_requested_within_the_trace(
    collector: Receiver, database_url: str, tmp_path: Path
) -> None:
    (tmp_path / "spool").mkdir()
    with scripted_server() as uniqueid:
        uniqueid.then(reply(200, {"startIndex": FIRST_JOB, "endIndex": FIRST_JOB}))
        variables = {**collector.environment, "UNIQUEID_URL": uniqueid.url}
        with serving(tmp_path / "spool", database_url, **variables) as server:
            assert post(server).json()["job_id"] == FIRST_JOB
        span = span_of(collector, FIRST_JOB)
        call = collector.wait_for(lambda each: each.name == "GET uniqueid")
        assert (call.trace_id, call.parent) == (span.trace_id, span.span_id)
        assert ids_in(uniqueid.received[0].headers["traceparent"]) == call.ids


def test_parts_of_an_upload_are_below_its_creation(server: Server, collector: Receiver) -> None:
    upload = create(server, len(BUNDLE))
    upload.patch(BUNDLE[:4], 0)
    upload.head()
    upload.patch(BUNDLE[4:], 4, **TRACEPARENT)
    job = upload.job()

    last = span_of(collector, job, "PATCH /uploads/<token>")
    created = collector.wait_for(lambda span: stored(server, job) == span.ids)
    assert created.name == "POST /uploads"
    parts = [span for span in collector.spans if span.parent == created.span_id]
    assert [span.name for span in parts] == ["PATCH /uploads/<token>", "HEAD /uploads/<token>"]
    # The client's own trace takes precedence, with a link to the upload's.
    assert (last.trace_id, last.parent) == (TRACE, PARENT)
    assert last.links == [created.ids]


def test_an_upload_that_is_sent_again_is_linked_to_the_first_trace(server: Server, collector: Receiver) -> None:
    key = {"Idempotency-Key": '"traced"'}
    job = post(server, headers=key).json()["job_id"]
    assert post(server, headers=key).headers["Idempotency-Replayed"] == "true"
    first = span_of(collector, job)
    assert collector.wait_for(lambda span: span.links == [first.ids]).name == "POST /upload"


@pytest.mark.parametrize("action", ["retry", "cancel"])
def test_an_action_on_a_job_is_linked_to_its_trace(server: Server, collector: Receiver, action: str) -> None:
    job = post(server).json()["job_id"]
    requests.post(f"{server.url}/jobs/{job}/{action}", timeout=60)
    span = span_of(collector, job, f"POST /jobs/<job_id>/{action}")
    first = span_of(collector, job)
    assert span.trace_id != first.trace_id
    assert span.links == [first.ids]


def test_a_refused_request_has_its_code_and_an_error_of_the_service_is_one(server: Server, collector: Receiver) -> None:
    assert post(server, b"").status_code == 400
    refused = collector.wait_for(lambda span: span.attributes.get("http.response.status_code") == 400)
    assert (refused.attributes["error.type"], refused.is_error) == ("body_incomplete", False)
    job = post(server).json()["job_id"]
    answer = requests.post(f"{server.url}/jobs/{job}/retry", timeout=60)
    assert answer.status_code == 503
    failed = span_of(collector, job, "POST /jobs/<job_id>/retry")
    assert (failed.attributes["error.type"], failed.is_error) == (answer.json()["code"], True)
    assert failed.text == answer.json()["message"]


def test_a_job_id_that_no_job_can_have_loses_no_span(server: Server, collector: Receiver) -> None:
    for job in ("9" * 30, "nonsense", "٣"):
        requests.post(f"{server.url}/jobs/{job}/retry", headers=TRACEPARENT, timeout=60)
    last = post(server).json()["job_id"]
    span_of(collector, last)
    assert len([span for span in collector.spans if span.name.endswith("retry") and span.trace_id == TRACE]) == 3


def test_requests_that_only_read_have_no_spans(server: Server, collector: Receiver) -> None:
    job = post(server).json()["job_id"]
    for path in (f"/get_state?job_id={job}", f"/jobs/{job}", "/jobs", "/healthz", "/readyz"):
        requests.get(server.url + path, headers=TRACEPARENT, timeout=60)
    requests.head(f"{server.url}/healthz", timeout=60)
    requests.options(f"{server.url}/uploads", headers=TUS, timeout=60)
    requests.get(f"{server.url}/nothing", timeout=60)
    last = post(server).json()["job_id"]
    span_of(collector, last)
    assert {span.name.split()[0] for span in collector.spans if span.kind == "SERVER"} <= {"POST", "PATCH", "HEAD"}


def test_a_server_that_stops_sends_its_last_spans(collector: Receiver, database_url: str, tmp_path: Path) -> None:
    (tmp_path / "spool").mkdir()
    variables = {**collector.environment, "OTEL_BSP_SCHEDULE_DELAY": "3600000"}
    environment = environment_of(tmp_path / "spool", database_url) | variables
    # As users start it: a fork of the tests would end without the handlers of `atexit`.
    with server_process(tmp_path, environment, new_interpreter=True) as process:
        answer = requests.post(f"http://127.0.0.1:{process.port}/upload", data=BUNDLE, timeout=60)
    assert span_of(collector, answer.json()["job_id"])


def test_a_collector_that_is_unavailable_fails_no_upload(database_url: str, tmp_path: Path) -> None:
    (tmp_path / "spool").mkdir()
    variables = {"OTEL_TRACES_EXPORTER": "otlp", "OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:1"}
    with serving(tmp_path / "spool", database_url, **variables) as server:
        assert [post(server).status_code for _ in range(3)] == [200] * 3
        server.forget_uploads()
