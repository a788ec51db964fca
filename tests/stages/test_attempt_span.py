"""Each attempt of a stage is a span below the request that the job began with, with its outcome and its calls."""

from collections.abc import Callable, Iterator

import pytest
from sqlalchemy import Engine, update

from ingest.errors.types import PolicyRejected, ServiceUnavailable
from ingest.ledger.models import Job
from ingest.settings.loading import Settings
from ingest.stages import run_stage
from ingest.states.stages import STAGES, Kind, Stage
from tests.job_fixtures import MakeJob
from tests.otlp_receiver import ReceivedSpan, Receiver, ids_in
from tests.services.scripted_server import Handler, ScriptedServer, reply, scripted_server
from tools.bundles import make_bundle
from tools.stack import free_port

TRACE, REQUEST = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
FILES = 120
Use = Callable[..., None]


@pytest.fixture
def server() -> Iterator[ScriptedServer]:
    with scripted_server() as server:
        yield server


@pytest.fixture
def use(settings: Settings, shared_engine: None, monkeypatch: pytest.MonkeyPatch) -> Use:
    """Return a function that changes the settings of the stages."""

    def use(**changes: object) -> None:
        changed = settings.model_copy(update=changes)
        monkeypatch.setattr(run_stage, "load_settings", lambda: changed)

    use()
    return use


@pytest.fixture
def job(make_job: MakeJob, database_engine: Engine) -> int:
    return traced(make_job(), database_engine)


def traced(job: int, engine: Engine) -> int:
    """Give a job the span of its request."""
    with engine.begin() as connection:
        connection.execute(update(Job).where(Job.id == job).values(traceparent=f"00-{TRACE}-{REQUEST}-01"))
    return job


def run_before(job: int, stage: Stage) -> None:
    for each in STAGES[Kind.INGEST][: STAGES[Kind.INGEST].index(stage)]:
        run_stage.run_stage(each, job, 1, last_try=False)


def attempts(traces: Receiver, stage: Stage) -> list[ReceivedSpan]:
    return [span for span in traces.spans if span.name == stage]


def test_all_stages_are_below_the_request(traces: Receiver, use: Use, job: int) -> None:
    for number, stage in enumerate(STAGES[Kind.INGEST], 1):
        run_stage.run_stage(stage, job, number, last_try=False)
        # Sent before the stage ends, because Airflow then ends the process.
        (span,) = attempts(traces, stage)
        assert (span.trace_id, span.parent, span.kind, span.is_error) == (TRACE, REQUEST, "CONSUMER", False)
        assert span.attributes["ingest.job"] == job
        assert span.attributes["ingest.stage"] == stage
        assert span.attributes["ingest.attempt"] == number
        assert span.attributes["ingest.outcome"] == "finished"


def test_a_call_of_a_service_is_below_its_attempt_and_names_it(
    traces: Receiver, use: Use, job: int, server: ScriptedServer
) -> None:
    run_before(job, Stage.VALIDATE_POLICY)
    use(policy_ingest_url=server.url)
    server.then(reply(200, {"status": "success"}))
    run_stage.run_stage(Stage.VALIDATE_POLICY, job, 1, last_try=False)
    (attempt,) = attempts(traces, Stage.VALIDATE_POLICY)
    (call,) = [span for span in traces.spans if span.name == "POST policy"]
    assert (call.trace_id, call.parent) == (TRACE, attempt.span_id)
    assert call.attributes["http.response.status_code"] == 200
    assert ids_in(server.received[0].headers["traceparent"]) == call.ids


def test_attempts_that_wait_and_are_rejected_stay_in_the_trace(
    traces: Receiver, use: Use, job: int, server: ScriptedServer
) -> None:
    run_before(job, Stage.VALIDATE_POLICY)
    use(policy_ingest_url=f"http://127.0.0.1:{free_port()}")
    with pytest.raises(ServiceUnavailable):
        run_stage.run_stage(Stage.VALIDATE_POLICY, job, 1, last_try=False)
    use(policy_ingest_url=server.url)
    server.then(reply(412, {"message": "no access"}))
    with pytest.raises(PolicyRejected):
        run_stage.run_stage(Stage.VALIDATE_POLICY, job, 2, last_try=False)

    waiting, rejected = attempts(traces, Stage.VALIDATE_POLICY)
    assert {waiting.parent, rejected.parent} == {REQUEST}
    assert (waiting.attributes["ingest.outcome"], waiting.attributes["error.type"]) == (
        "waiting",
        "service_unavailable",
    )
    assert (rejected.attributes["ingest.outcome"], rejected.attributes["error.type"]) == ("rejected", "policy_rejected")
    assert waiting.is_error
    assert "no access" in rejected.text
    failed = next(span for span in traces.spans if span.parent == waiting.span_id)
    assert failed.is_error


def test_the_files_of_a_large_job_have_bounded_spans_and_all_are_counted(
    traces: Receiver, use: Use, make_job: MakeJob, database_engine: Engine, server: ScriptedServer
) -> None:
    contents = {f"data/{number}": str(number).encode() for number in range(FILES)}
    job = traced(make_job(make_bundle(contents)), database_engine)
    run_before(job, Stage.INGEST_FILES)
    use(archiveinterface_url=server.url, archive_connections=4)
    server.then(*[answer_as_archive] * 1000)
    run_stage.run_stage(Stage.INGEST_FILES, job, 1, last_try=False)
    (attempt,) = attempts(traces, Stage.INGEST_FILES)
    calls = [span for span in traces.spans if span.parent == attempt.span_id]
    assert len(calls) == 100
    assert attempt.attributes["ingest.calls.archive"] == len(server.received)
    assert {request.headers["traceparent"][3:35] for request in server.received} == {TRACE}


def answer_as_archive(handler: Handler) -> None:
    """Hold nothing before a PUT; report the size that was sent after it."""
    handler.read_body()
    sizes = handler.server.__dict__.setdefault("sizes", {})
    path = handler.path.partition("?")[0]
    if handler.command == "PUT":
        sizes[path] = len(handler.received.body)
        handler.send(201, b"{}", {})
    elif handler.command == "HEAD" and path in sizes:
        handler.send(204, b"", {"X-Content-Length": str(sizes[path])})
    else:
        message = "Can't open posix file with error: [Errno 2]"
        handler.send(500, b"" if handler.command == "HEAD" else missing(message), {})


def missing(message: str) -> bytes:
    traceback = f"Traceback (most recent call last):\\n  File \\nArchiveInterfaceError: {message}"
    return f'{{"message": "{message}", "traceback": "{traceback}"}}'.encode()


def test_a_job_from_before_traces_were_on_has_spans_too(traces: Receiver, use: Use, make_job: MakeJob) -> None:
    run_stage.run_stage(Stage.OPEN_TAR, make_job(), 1, last_try=False)
    (span,) = attempts(traces, Stage.OPEN_TAR)
    assert span.parent == ""
