"""Regression tests for the faults of pacifica-ingest 0.4.1, one test for each fault, named after it.

They are listed in docs/how-to/upgrade.md. Faults whose tests need no real core are tested with their modules.
"""

import io
import json
import tarfile
from datetime import timedelta
from pathlib import Path

from sqlalchemy import Engine, func, update

from ingest.ledger.models import Event
from tests.e2e_core.conftest import MakeUnavailable
from tests.e2e_core.test_bundles import ONE, THREE, assert_complete
from tools.bundles import file_entry, make_bundle, metadata_of, transaction
from tools.pacifica_core.contents import stored
from tools.pacifica_core.core import Core
from tools.pacifica_core.proxy import Fault, Proxy
from tools.pacifica_core.services import ARCHIVE, METADATA
from tools.stack import JOB_SECONDS, Stack
from tools.stack_contents import events, file_ids
from tools.waiting import wait_until


def assert_failed(stack: Stack, job: int, label: str, *words: str) -> None:
    state = stack.wait_for_end(job)
    assert (state["state"], state["task"]) == ("FAILED", label), state
    for word in words:
        assert word in state["exception"]


def test_original_fault_short_write_to_the_archive_ends_as_ok(
    stack: Stack, core: Core, ledger: Engine, proxies: dict[str, Proxy]
):
    contents = {"data/big.bin": bytes(range(256)) * 1000}
    with proxies[ARCHIVE].fault(Fault("PUT", "", times=100, shorten_to=1000)):
        job = stack.post(make_bundle(contents))
        assert_failed(stack, job, "ingest files", "it stored 1000 of the 256000 bytes")
    assert stack.command("retry", "--job_id", str(job)).returncode == 0
    stack.wait(job, lambda state: state["complete"] and state["state"] == "OK")
    assert_complete(stack, core, job, contents)


def test_original_fault_move_never_checks_hashes(stack: Stack, core: Core):
    source = stack.home / "move" / "hashed.raw"
    source.write_bytes(b"what lies there")
    before = stored(core)
    document = [*transaction(), file_entry("data/hashed.raw", b"what is declared", size=15, source=str(source))]
    job = stack.post(json.dumps(document).encode(), "/move", "application/json")
    assert_failed(stack, job, "move files", "hashed.raw", "sha1")
    assert stored(core) == before
    assert source.read_bytes() == b"what lies there"


def test_original_fault_move_takes_any_path_on_the_server(stack: Stack, tmp_path: Path):
    source = tmp_path / "passwords"
    source.write_bytes(b"secret")
    document = [*transaction(), file_entry("data/passwords", b"secret", source=str(source))]
    job = stack.post(json.dumps(document).encode(), "/move", "application/json")
    assert_failed(stack, job, "move files", "none of the folders")
    assert source.read_bytes() == b"secret"


def test_original_fault_bad_json_in_a_move_hangs_the_job_for_ever(stack: Stack):
    answer = stack.send(b"[{not json", "/move", "application/json")
    assert answer.status_code == 400
    assert "JSON" in answer.json()["message"]


def test_original_fault_tar_members_that_the_metadata_does_not_list_are_dropped_silently(stack: Stack, core: Core):
    before = stored(core)
    job = stack.post(make_bundle(THREE, metadata_of(ONE | {"data/a/c/日本.txt": b""})))
    assert_failed(stack, job, "load metadata", "'a/b/one.txt' is not listed", "'one.txt' is listed")
    assert stored(core) == before


def test_original_fault_directories_in_the_tar_are_counted_as_files(stack: Stack, core: Core):
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        for folder in ("data", "data/a", "data/a/b", "data/empty"):
            member = tarfile.TarInfo(folder)
            member.type = tarfile.DIRTYPE
            tar.addfile(member)
        for name, content in {**THREE, "metadata.txt": json.dumps(metadata_of(THREE)).encode()}.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))
    assert_complete(stack, core, stack.post(buffer.getvalue()), THREE)


def test_original_fault_retry_allocates_new_file_ids_and_orphans_the_earlier_uploads(
    stack: Stack, core: Core, ledger: Engine, make_unavailable: MakeUnavailable
):
    before = stored(core)
    with make_unavailable(METADATA):
        job = stack.post(make_bundle(THREE))
        assert_failed(stack, job, "ingest metadata")
        # Airflow may have tries left, but none follows.
        run = f"/dags/ingest/dagRuns/job-{job}"
        wait_until(
            lambda: stack.request_airflow("GET", run)["state"] == "failed", JOB_SECONDS, lambda: "the run goes on"
        )
        assert [kind for kind in events(ledger, job) if kind in ("stage_started", "stage_failed")][-1] == "stage_failed"
    ids, sent = file_ids(ledger, job), stored(core) - before
    assert len(sent) == len(THREE)
    assert stack.command("retry", "--job_id", str(job)).returncode == 0
    stack.wait(job, lambda state: state["complete"] and state["state"] == "OK")
    assert_complete(stack, core, job, THREE)
    assert file_ids(ledger, job) == ids
    assert stored(core) - before == sent


def test_original_fault_tracebacks_go_to_clients(stack: Stack):
    job = stack.post(b"this is no tar " * 100)
    state = stack.wait_for_end(job)
    for answer in (json.dumps(state), stack.send(b"{", "/move", "text/plain").text, stack.send(b"").text):
        assert "Traceback" not in answer
        assert 'File \\"' not in answer
    assert state["exception"].startswith("bundle_invalid: ")


def test_original_fault_metadata_that_is_sent_again_is_refused_as_a_duplicate(
    stack: Stack, core: Core, ledger: Engine, proxies: dict[str, Proxy]
):
    with proxies[METADATA].fault(Fault("PUT", "/ingest", times=2, lose_answer=True)) as fault:
        job = stack.post(make_bundle(THREE))
        assert_complete(stack, core, job, THREE)
    assert fault.seen == 1
    assert "stage_failed" not in events(ledger, job)


def test_original_fault_empty_upload_becomes_a_job(stack: Stack):
    before = set((stack.home / "spool").iterdir())
    answer = stack.send(b"")
    assert answer.status_code == 400
    assert set((stack.home / "spool").iterdir()) <= before


def test_original_fault_failed_bundle_stays_on_the_disk_for_ever(stack: Stack, ledger: Engine):
    job = stack.post(b"this is no tar " * 100)
    failed = stack.wait_for_end(job)
    [bundle] = (stack.home / "spool").glob(f"{job}-*")
    with ledger.begin() as connection:
        connection.execute(update(Event).where(Event.job_id == job).values(at=func.now() - timedelta(days=31)))
    stack.request_airflow("POST", "/dags/retention/dagRuns", {"logical_date": None})
    wait_until(lambda: not bundle.exists(), 60, lambda: f"{bundle} stays")
    wait_until(lambda: "bundle_removed" in events(ledger, job), 10, lambda: "no event records it")
    # An API process that did not see the end of the run trusts its last answer for a moment.
    state = stack.wait_for_end(job)
    assert (state["state"], state["task"], state["exception"]) == ("FAILED", "open tar", failed["exception"])
