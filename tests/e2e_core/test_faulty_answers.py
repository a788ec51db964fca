"""Lost, wrong or misleading answers of services, whether or not the service did the work."""

import json

import requests
from sqlalchemy import Engine

from tests.e2e_core.test_bundles import THREE, assert_complete
from tools.bundles import file_entry, make_bundle, transaction
from tools.pacifica_core.contents import cataloged, fetch, stored
from tools.pacifica_core.core import Core
from tools.pacifica_core.proxy import Fault, Proxy
from tools.pacifica_core.services import ARCHIVE, METADATA, UNIQUEID
from tools.stack import Stack
from tools.stack_contents import events, file_ids

FOREIGN = b"another owner's"
TIMEOUT_SECONDS = 30


def given_ids(first: int, count: int) -> bytes:
    """Return the answer of UniqueID that allocates these ids."""
    return json.dumps({"startIndex": first, "endIndex": first + count - 1}).encode()


def store_foreign(core: Core, file_id: int) -> None:
    """Store a file in the archive that belongs to no job."""
    headers = {"Content-Type": "application/octet-stream"}
    url = f"{core.url(ARCHIVE)}/{file_id}"
    assert requests.put(url, data=FOREIGN, headers=headers, timeout=TIMEOUT_SECONDS).status_code == 201


def catalogue_foreign(core: Core, transaction_id: int, ids: range) -> None:
    """Catalog a transaction that belongs to no job."""
    files = [file_entry(f"{file_id}.txt", FOREIGN, _id=file_id) for file_id in ids]
    document = [*transaction(), *files, {"destinationTable": "Transactions._id", "value": transaction_id}]
    answer = requests.put(f"{core.url(METADATA)}/ingest", json=document, timeout=TIMEOUT_SECONDS)
    assert answer.status_code == 200, answer.text


def test_lost_answer_of_metadata_is_requested_again(
    stack: Stack, core: Core, ledger: Engine, proxies: dict[str, Proxy]
):
    with proxies[METADATA].fault(Fault("PUT", "/ingest", lose_answer=True)) as fault:
        job = stack.post(make_bundle(THREE))
        assert_complete(stack, core, job, THREE)
    assert fault.seen == 1
    assert "stage_will_be_tried_again" not in events(ledger, job)


def test_500_of_metadata_that_the_document_did_not_cause_is_retried(
    stack: Stack, core: Core, ledger: Engine, proxies: dict[str, Proxy]
):
    traceback = 'Traceback (most recent call last):\n  File "x.py", line 1, in y\npeewee.OperationalError: gone away'
    answer = json.dumps({"status": "500 Internal Server Error", "message": "", "traceback": traceback}).encode()
    with proxies[METADATA].fault(Fault("PUT", "/ingest", answer=(500, answer), keep_from_service=True)) as fault:
        job = stack.post(make_bundle(THREE))
        assert_complete(stack, core, job, THREE)
    assert fault.seen == 1
    assert "stage_will_be_tried_again" in events(ledger, job)


def test_archive_that_stored_fewer_bytes_is_detected_and_the_file_is_sent_again(
    stack: Stack, core: Core, ledger: Engine, proxies: dict[str, Proxy]
):
    contents = {"data/big.bin": bytes(range(256)) * 1000}
    with proxies[ARCHIVE].fault(Fault("PUT", "", shorten_to=1000)) as fault:
        job = stack.post(make_bundle(contents))
        assert_complete(stack, core, job, contents)
    assert fault.seen == 1
    assert "stage_will_be_tried_again" in events(ledger, job)


def test_lost_answer_of_the_archive_leaves_nothing_behind(stack: Stack, core: Core, proxies: dict[str, Proxy]):
    before = stored(core)
    with proxies[ARCHIVE].fault(Fault("PUT", "", lose_answer=True)) as fault:
        job = stack.post(make_bundle(THREE))
        assert_complete(stack, core, job, THREE)
    assert fault.seen == 1
    assert len(stored(core) - before) == len(THREE)


def test_lost_answer_to_a_deletion_leaves_nothing_of_a_rejected_job(
    stack: Stack, core: Core, ledger: Engine, proxies: dict[str, Proxy]
):
    before = stored(core)
    entries = [file_entry(path, content) for path, content in THREE.items()]
    entries[-1]["hashsum"] = "0" * 40
    with proxies[ARCHIVE].fault(Fault("DELETE", "", lose_answer=True)) as fault:
        job = stack.post(make_bundle(THREE, [*transaction(), *entries]))
        assert stack.wait_for_end(job)["state"] == "FAILED"
    assert fault.seen == 1
    assert stored(core) == before
    assert events(ledger, job)[-3:] == ["files_removed", "rejected", "stage_failed"]
    assert "file_ids_replaced" in events(ledger, job)


def test_ids_of_an_earlier_job_are_not_used_again(stack: Stack, core: Core, ledger: Engine, proxies: dict[str, Proxy]):
    earlier = stack.post(make_bundle(THREE))
    assert_complete(stack, core, earlier, THREE)
    taken = min(file_id or 0 for file_id in file_ids(ledger, earlier))
    contents = {path: content + b" of the later job" for path, content in THREE.items()}
    with proxies[UNIQUEID].fault(Fault("GET", "mode=file", answer=(200, given_ids(taken, len(THREE))))) as fault:
        job = stack.post(make_bundle(contents))
        assert_complete(stack, core, job, contents)
    assert fault.seen == 1
    assert_complete(stack, core, earlier, THREE)


def test_ids_of_foreign_files_in_the_archive_are_not_used(
    stack: Stack, core: Core, ledger: Engine, proxies: dict[str, Proxy]
):
    taken = range(1_900_000, 1_900_000 + len(THREE))
    for file_id in taken:
        store_foreign(core, file_id)
    with proxies[UNIQUEID].fault(Fault("GET", "mode=file", answer=(200, given_ids(taken[0], len(taken))))) as fault:
        job = stack.post(make_bundle(THREE))
        assert_complete(stack, core, job, THREE)
    assert fault.seen == 1
    assert [fetch(core, file_id) for file_id in taken] == [FOREIGN] * len(taken)
    assert "file_ids_replaced" in events(ledger, job)


def test_ids_of_foreign_files_in_the_catalog_are_not_used(
    stack: Stack, core: Core, ledger: Engine, proxies: dict[str, Proxy]
):
    taken = range(1_950_000, 1_950_000 + len(THREE))
    catalogue_foreign(core, 1_950_000, taken)
    before = stored(core)
    with proxies[UNIQUEID].fault(Fault("GET", "mode=file", answer=(200, given_ids(taken[0], len(taken))))) as fault:
        job = stack.post(make_bundle(THREE))
        assert_complete(stack, core, job, THREE)
    assert fault.seen == 1
    assert len(cataloged(core, 1_950_000) or {}) == len(taken)
    assert not set(file_ids(ledger, job)) & set(taken)
    assert len(stored(core) - before) == len(THREE)
