"""Spans reach a real receiver with their parents, links and outcomes; traces that are off or fail harm nothing."""

import os
import subprocess
import sys
import threading
import time
from contextvars import copy_context

import pytest
from opentelemetry import trace

from ingest.errors.types import FenceLost
from ingest.system import opentelemetry_spans, trace_exporter, tracing
from ingest.system.tracing import MAX_CALL_SPANS, open_call, open_span
from tests.otlp_receiver import Receiver, ids_in
from tools.stack import free_port

TRACE, PARENT = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
TRACEPARENT = f"00-{TRACE}-{PARENT}-01"
OTHER = "00-11111111111111111111111111111111-2222222222222222-01"
URL = "http://ada:secret@archive:8080/7?key=secret"
# What a process without spans takes to end, and more than an export may take.
PROCESS_SECONDS = 60


def test_a_call_is_below_its_request_and_both_below_the_callers_span(traces: Receiver) -> None:
    with open_span("SERVER", "POST /ingest", [TRACEPARENT], {tracing.JOB: 7}):
        assert tracing.current_trace_id() == TRACE
        with open_call("archive", "PUT", URL) as call:
            call.status = 201
            sent = call.headers["traceparent"]
    assert tracing.current_trace_id() is None

    called, request = traces.wait_for_name("PUT archive"), traces.wait_for_name("POST /ingest")
    assert (request.trace_id, request.parent, request.kind) == (TRACE, PARENT, "SERVER")
    assert request.attributes == {"ingest.job": 7, "ingest.calls.archive": 1}
    assert (called.trace_id, called.parent, called.kind) == (TRACE, request.span_id, "CLIENT")
    assert called.ids == ids_in(sent)
    assert called.attributes == {
        "peer.service": "archive",
        "http.request.method": "PUT",
        "url.full": "http://archive:8080/7",
        "http.response.status_code": 201,
    }
    assert request.service == "pacifica-ingest"
    assert not request.is_error


@pytest.mark.parametrize(
    "parent", [None, "", "garbage", "00-0-0-01", f"00-{'0' * 32}-{PARENT}-01", TRACEPARENT * 1000, "ÿ" * 55]
)
def test_without_a_valid_parent_a_span_begins_a_trace(traces: Receiver, parent: str | None) -> None:
    with open_span("SERVER", "POST /ingest", [parent]):
        assert (tracing.current_trace_id() or TRACE) != TRACE
    assert traces.wait_for_name("POST /ingest").parent == ""


def test_the_first_valid_parent_wins_and_the_others_are_links(traces: Receiver) -> None:
    with open_span("CONSUMER", "ingest_files", [None, "garbage", TRACEPARENT, OTHER, TRACEPARENT]):
        tracing.link(OTHER.replace("2", "3"))
        tracing.link("garbage")
        tracing.link(None)
    span = traces.wait_for_name("ingest_files")
    assert span.parent == PARENT
    assert span.links == [f"{'1' * 32}-{'2' * 16}", f"{'1' * 32}-{'3' * 16}"]


def test_a_span_is_linked_to_the_open_one_of_airflow(traces: Receiver) -> None:
    for name, flags in (("sampled", trace.TraceFlags.SAMPLED), ("traces of Airflow are off", trace.TraceFlags.DEFAULT)):
        airflow = trace.SpanContext(int(OTHER[3:35], 16), int(OTHER[36:52], 16), False, trace.TraceFlags(flags))
        with trace.use_span(trace.NonRecordingSpan(airflow)), open_span("CONSUMER", name, [TRACEPARENT]):
            pass
    linked, unlinked = traces.wait_for_name("sampled"), traces.wait_for_name("traces of Airflow are off")
    assert (linked.parent, linked.links) == (PARENT, [ids_in(OTHER)])
    assert (unlinked.parent, unlinked.links) == (PARENT, [])


def test_a_callers_decision_not_to_sample_is_kept_and_passed_on(traces: Receiver) -> None:
    unsampled = TRACEPARENT[:-1] + "0"
    with open_span("SERVER", "not sampled", [unsampled]), open_call("archive", "PUT", URL) as call:
        assert call.headers["traceparent"].startswith(f"00-{TRACE}-")
        assert call.headers["traceparent"].endswith("-00")
    with open_span("SERVER", "sampled", [TRACEPARENT]):
        pass
    traces.wait_for_name("sampled")
    assert [span.name for span in traces.spans] == ["sampled"]


def test_an_error_is_the_outcome_with_its_code(traces: Receiver) -> None:
    with pytest.raises(FenceLost), open_span("CONSUMER", "known", []):
        raise FenceLost("a newer process\nworks on job 7")
    with pytest.raises(ZeroDivisionError), open_span("CONSUMER", "unexpected", []):
        _ = 1 // 0
    known, unexpected = traces.wait_for_name("known"), traces.wait_for_name("unexpected")
    assert (known.is_error, known.attributes["error.type"]) == (True, FenceLost.code)
    assert known.text == "a newer process works on job 7"
    assert (unexpected.is_error, unexpected.attributes["error.type"]) == (True, "ZeroDivisionError")


def test_the_spans_of_calls_are_bounded_for_each_service_and_all_calls_are_counted(traces: Receiver) -> None:
    calls = MAX_CALL_SPANS + 50
    with open_span("CONSUMER", "ingest_files", []):
        for _ in range(calls):
            with open_call("archive", "PUT", URL) as call:
                assert call.headers["traceparent"]
        with open_call("uniqueid", "GET", URL):
            pass
        own = tracing.current_traceparent()
    assert call.headers["traceparent"] == own
    span = traces.wait_for_name("ingest_files")
    assert (span.attributes["ingest.calls.archive"], span.attributes["ingest.calls.uniqueid"]) == (calls, 1)
    names = [each.name for each in traces.spans]
    assert (names.count("PUT archive"), names.count("GET uniqueid")) == (MAX_CALL_SPANS, 1)


def test_threads_that_copy_the_context_share_the_span(traces: Receiver) -> None:
    def call() -> None:
        with open_call("archive", "PUT", URL):
            pass

    with open_span("CONSUMER", "ingest_files", [TRACEPARENT]):
        threads = [threading.Thread(target=copy_context().run, args=(call,)) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    span = traces.wait_for_name("ingest_files")
    assert [each.parent for each in traces.spans if each.name == "PUT archive"] == [span.span_id] * len(threads)


SPAN = """
import sys
from ingest.system import trace_exporter, tracing
with tracing.open_span('SERVER', "from a process", []):
    print(tracing.current_trace_id())
{end}
"""


def run(end: str = "", **environment: str) -> subprocess.CompletedProcess[str]:
    program = [sys.executable, "-c", SPAN.format(end=end)]
    return subprocess.run(
        program, env={**os.environ, **environment}, capture_output=True, text=True, check=True, timeout=PROCESS_SECONDS
    )


def test_a_call_that_begins_while_the_span_ends_harms_nothing(traces: Receiver) -> None:
    others = iter(("uniqueid", "policy", "metadata"))

    class Service(str):
        """The name of a service; when a text with it is made, another thread calls another service."""

        __slots__ = ()

        def __format__(self, spec: str) -> str:
            thread = threading.Thread(target=inside.copy().run, args=(call, next(others)))
            thread.start()
            thread.join(0.2)
            return super().__format__(spec)

    def call(service: str) -> None:
        with open_call(service, "GET", URL):
            pass

    with open_span("CONSUMER", "ingest_files", []):
        inside = copy_context()
        call(Service("archive"))
    assert traces.wait_for_name("ingest_files").attributes["ingest.calls.archive"] == 1


@pytest.mark.parametrize("value", ["", "none", "console"])
def test_nothing_of_opentelemetry_is_imported_when_traces_are_off(value: str) -> None:
    ended = run("print([name for name in sys.modules if 'telemetry' in name])", OTEL_TRACES_EXPORTER=value)
    assert ended.stdout == "None\n[]\n"


def test_the_spans_of_a_process_that_ends_are_sent(traces: Receiver) -> None:
    run(OTEL_SERVICE_NAME="ours", OTEL_BSP_SCHEDULE_DELAY="3600000")
    assert traces.wait_for_name("from a process").service == "ours"


def test_the_spans_of_a_process_that_ends_without_cleaning_up_are_sent_by_flush(traces: Receiver) -> None:
    run("import os; sys.stdout.flush(); trace_exporter.flush(); os._exit(0)", OTEL_BSP_SCHEDULE_DELAY="3600000")
    assert traces.wait_for_name("from a process")


def test_a_fork_sends_its_own_spans(traces: Receiver) -> None:
    fork = """
import os
child = os.fork()
with tracing.open_span('CONSUMER', f"child {child == 0}", []):
    pass
trace_exporter.flush()
if not child:
    os._exit(0)
assert os.waitpid(child, 0)[1] == 0
"""
    run(fork)
    assert traces.wait_for_name("child True")
    assert traces.wait_for_name("child False")


@pytest.mark.parametrize(
    "environment",
    [
        {"OTEL_EXPORTER_OTLP_TIMEOUT": "soon"},
        {"OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT": "many"},
        {"OTEL_TRACES_SAMPLER": "my_own"},
        {"OTEL_EXPORTER_OTLP_ENDPOINT": "not a URL"},
        {"OTEL_EXPORTER_OTLP_ENDPOINT": ""},
        {"OTEL_EXPORTER_OTLP_COMPRESSION": "zip"},
        {"OTEL_SDK_DISABLED": "true"},
    ],
)
def test_an_invalid_variable_fails_nothing(environment: dict[str, str]) -> None:
    ended = run(
        "import os; sys.stdout.flush(); trace_exporter.flush(); os._exit(0)", OTEL_TRACES_EXPORTER="otlp", **environment
    )
    assert ended.stdout
    assert "Traceback" not in ended.stderr


def test_a_collector_that_is_not_running_costs_the_end_of_an_attempt_less_than_a_second(
    monkeypatch: pytest.MonkeyPatch, traces: Receiver
) -> None:
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", f"http://127.0.0.1:{free_port()}")
    with open_span("CONSUMER", "lost", []):
        pass
    assert seconds_of_flush() < opentelemetry_spans.FLUSH_SECONDS


def test_a_collector_that_is_slow_costs_the_end_of_an_attempt_a_second(
    monkeypatch: pytest.MonkeyPatch, traces: Receiver
) -> None:
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_TIMEOUT", "30")
    traces.delay = 10.0
    with open_span("CONSUMER", "late", []):
        pass
    assert seconds_of_flush() < traces.delay / 2


def seconds_of_flush() -> float:
    begun = time.monotonic()
    trace_exporter.flush()
    return time.monotonic() - begun
