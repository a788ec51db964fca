"""Policy: accepted metadata, rejections, and failures of the service."""

import io
import json
import tracemalloc
from collections.abc import Iterable

import pytest

from ingest.errors.types import PolicyRejected, ServiceUnavailable
from ingest.services.http_client import HttpClient
from ingest.services.policy import BuiltInPolicy, PacificaPolicy, Policy
from tests.services.scripted_server import ScriptedServer, failure, reply

COMPLETE = {"Transactions.submitter": 10, "Transactions.project": "1234a", "Transactions.instrument": 54}


def entries(values: dict[str, object]) -> list[object]:
    return [{"destinationTable": table, "value": value} for table, value in values.items()]


def check(policy: Policy, document: Iterable[object], user: str = "someone") -> None:
    encoded = json.dumps(list(document)).encode()
    policy.check(io.BytesIO(encoded), len(encoded), user)


def pacifica(client: HttpClient) -> PacificaPolicy:
    return PacificaPolicy(client, "X-Http-Authed-User")


def test_metadata_and_user_are_sent(server: ScriptedServer, client: HttpClient) -> None:
    server.then(reply(200, {"status": "success"}))
    check(pacifica(client), entries({**COMPLETE}), "müller")
    received = server.received[0]
    assert received.method == "POST"
    assert json.loads(received.body) == entries({**COMPLETE})
    assert received.headers["content-type"] == "application/json"
    assert received.headers["x-http-authed-user"].encode("latin-1").decode() == "müller"


@pytest.mark.parametrize("status", [400, 403, 412])
def test_rejection_has_policys_own_reason_in_one_line(server: ScriptedServer, client: HttpClient, status: int) -> None:
    message = "Precondition Failed: Invalid values\nfor project"
    server.then(failure("cherrypy._cperror.HTTPError: (412, 'x')", status, message))
    with pytest.raises(PolicyRejected, match=r"metadata: Precondition Failed: Invalid values for project$"):
        check(pacifica(client), [])


def test_fault_of_policy_itself_is_no_rejection(server: ScriptedServer, client: HttpClient) -> None:
    server.then(failure("requests.exceptions.ConnectionError: metadata is unavailable"))
    with pytest.raises(ServiceUnavailable, match="metadata is unavailable"):
        check(pacifica(client), [])


@pytest.mark.parametrize("document", [{"status": "fine"}, {}, []])
def test_answer_that_does_not_say_success_accepts_nothing(
    server: ScriptedServer, client: HttpClient, document: object
) -> None:
    server.then(reply(200, document))
    with pytest.raises(ServiceUnavailable, match="has no status success"):
        check(pacifica(client), [])


def test_built_in_accepts_complete_metadata() -> None:
    check(BuiltInPolicy(), [*entries({**COMPLETE}), {"destinationTable": "Files", "_id": 1}])


def test_built_in_takes_zero_for_a_value() -> None:
    check(BuiltInPolicy(), entries({**COMPLETE, "Transactions.submitter": 0}))


@pytest.mark.parametrize("value", [None, "", "  "])
def test_built_in_rejects_a_term_without_a_value(value: object) -> None:
    with pytest.raises(PolicyRejected, match=r"complete: project has no value$"):
        check(BuiltInPolicy(), entries({**COMPLETE, "Transactions.project": value}))


def test_built_in_rejects_with_all_faults() -> None:
    document = [*entries({"Transactions.project": "", "Transactions.submitter": 10}), 5, {"value": 3}]
    with pytest.raises(PolicyRejected) as caught:
        check(BuiltInPolicy(), [*document, *entries({"Transactions.submitter": 10})])
    assert str(caught.value).endswith(
        ": submitter is present 2 times; project has no value; instrument is missing; "
        "entries without a destinationTable: 2"
    )


@pytest.mark.parametrize("document", [b"", b"[{]", b"[1, 2", b"\xff\xfe"])
def test_built_in_rejects_a_document_that_is_not_json(document: bytes) -> None:
    with pytest.raises(PolicyRejected, match="not JSON"):
        BuiltInPolicy().check(io.BytesIO(document), len(document), "someone")


def test_built_in_holds_no_list_of_entries() -> None:
    document = io.BytesIO(json.dumps([*entries({**COMPLETE}), *[{"destinationTable": "Files"}] * 50_000]).encode())
    tracemalloc.start()
    try:
        BuiltInPolicy().check(document, len(document.getbuffer()), "someone")
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 1_000_000
