"""One upload is one trace: from the client's span through the request and all stages to the calls of the real services."""

from collections import Counter

import requests

from ingest.errors.types import ServiceUnavailable
from ingest.states.stages import STAGES, Kind, Stage
from tests.e2e_core.conftest import MakeUnavailable
from tests.otlp_receiver import ReceivedSpan, Receiver
from tools.bundles import make_bundle
from tools.pacifica_core.services import POLICY
from tools.stack import Stack

CLIENT_SPAN = "b7ad6b7169203331"
FILES = {"data/one.txt": b"one", "data/two.txt": b"two"}
# What each stage calls at least.
CALLS = {
    Stage.LOAD_METADATA: {"GET uniqueid"},
    Stage.INGEST_FILES: {"PUT archive", "HEAD archive"},
    Stage.VALIDATE_POLICY: {"POST policy"},
    Stage.INGEST_METADATA: {"PUT metadata"},
}


def post(stack: Stack, trace: str) -> int:
    """Post a bundle as a client that has a trace of its own; return the job."""
    headers = {"traceparent": f"00-{trace}-{CLIENT_SPAN}-01"}
    answer = requests.post(f"{stack.api}/upload", data=make_bundle(FILES), headers=headers, timeout=60)
    assert answer.status_code == 200, answer.text
    return int(answer.json()["job_id"])


def attempts(collector: Receiver, trace: str) -> list[ReceivedSpan]:
    return [span for span in collector.of_trace(trace) if span.kind == "CONSUMER"]


def wait_for_last_stage(collector: Receiver, trace: str) -> None:
    collector.wait_for(
        lambda span: (
            (span.trace_id, span.name) == (trace, Stage.INGEST_METADATA)
            and span.attributes["ingest.outcome"] == "finished"
        )
    )


def test_an_upload_is_one_trace_with_a_parent_for_each_span(stack: Stack, collector: Receiver) -> None:
    trace = "10000000000000000000000000000001"
    job = post(stack, trace)
    assert stack.wait_for_end(job)["state"] == "OK"
    wait_for_last_stage(collector, trace)
    request = collector.wait_for(lambda span: (span.trace_id, span.kind) == (trace, "SERVER"))
    assert (request.name, request.parent, request.attributes["ingest.job"]) == ("POST /upload", CLIENT_SPAN, job)

    stages = {span.name: span for span in attempts(collector, trace)}
    assert set(stages) == {str(stage) for stage in STAGES[Kind.INGEST]}
    assert {span.parent for span in stages.values()} == {request.span_id}
    assert {span.attributes["ingest.job"] for span in stages.values()} == {job}
    # Traces of Airflow are off.
    assert [span.links for span in stages.values() if span.links] == []
    calls = [span for span in collector.of_trace(trace) if span.kind == "CLIENT"]
    for stage, expected in CALLS.items():
        assert expected <= {span.name for span in calls if span.parent == stages[stage].span_id}
    assert {"GET uniqueid", "POST airflow"} <= {span.name for span in calls if span.parent == request.span_id}
    assert {span.parent for span in calls} <= {request.span_id, *(span.span_id for span in stages.values())}
    conf = stack.request_airflow("GET", f"/dags/ingest/dagRuns/job-{job}")["conf"]
    assert conf["airflow/dagrun_parent_trace_context"].split("-")[1:3] == [trace, request.span_id]


def test_every_attempt_of_a_job_that_waited_is_in_its_trace(
    stack: Stack, collector: Receiver, make_unavailable: MakeUnavailable
) -> None:
    trace = "20000000000000000000000000000002"
    with make_unavailable(POLICY):
        job = post(stack, trace)
        collector.wait_for(lambda span: (span.trace_id, span.name) == (trace, Stage.VALIDATE_POLICY))
    stack.command("retry", "--job_id", str(job))
    assert stack.wait_for_end(job)["state"] == "OK"
    wait_for_last_stage(collector, trace)
    request = collector.wait_for(lambda span: (span.trace_id, span.kind) == (trace, "SERVER"))
    validations = [span for span in attempts(collector, trace) if span.name == Stage.VALIDATE_POLICY]
    outcomes = Counter(span.attributes["ingest.outcome"] for span in validations)
    # The job continues by itself while it is retried, so the stage may run twice.
    assert outcomes["finished"] > 0
    assert outcomes["waiting"] > 0
    assert validations[0].attributes["error.type"] == ServiceUnavailable.code
    assert {span.parent for span in validations} == {request.span_id}
