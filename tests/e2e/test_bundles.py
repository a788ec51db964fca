"""Bundles, posted to the real stack: good ones are archived and cataloged, bad ones fail at their stage."""

from pathlib import Path

import pytest
import requests
from sqlalchemy import Engine

from tools.bundles import CONTENTS, file_entry, make_bundle, make_tar, metadata_of, transaction
from tools.stack import Stack
from tools.stack_contents import archived, cataloged, events, in_catalog_form, stored_names

DOCUMENTED = {"job_id", "state", "task", "task_percent", "updated", "created", "exception", "complete"}
WRONG_SUM = "0" * 40
ONE = {"data/one.txt": b"one\n"}
BAD_BUNDLES = {
    "not a tar": (b"this is no tar " * 100, "open tar", "the bundle is not a tar"),
    "a truncated tar": (make_bundle()[:40960], "open tar", "truncated"),
    "no metadata.txt": (make_tar(ONE), "load metadata", "no metadata.txt"),
    "metadata.txt that is no JSON": (make_bundle(ONE, b"[not json"), "load metadata", "the metadata is not valid JSON"),
    "a listed file that is missing": (
        make_bundle(ONE, metadata_of({**ONE, "data/lost.txt": b"lost"})), "load metadata", "'lost.txt'"
    ),
    "a member that is not listed": (
        make_bundle({**ONE, "data/more.txt": b"more"}, metadata_of(ONE)), "load metadata", "'more.txt'"
    ),
    "a wrong size": (
        make_bundle(ONE, [*transaction(), file_entry("data/one.txt", ONE["data/one.txt"], size=5)]),
        "load metadata", "declares 5",
    ),
    "a project that policy does not accept": (
        make_bundle(ONE, metadata_of(ONE)[1:]), "Policy Validation", "submitter"
    ),
    "a wrong hash": (
        make_bundle(ONE, [*transaction(), file_entry("data/one.txt", ONE["data/one.txt"], hashsum=WRONG_SUM)]),
        "ingest files", WRONG_SUM,
    ),
}  # fmt: skip


@pytest.mark.smoke
def test_good_bundle_is_archived_and_cataloged(stack: Stack, ledger: Engine):
    job = stack.post(make_bundle())
    state = stack.wait_for_end(job)
    assert set(state) == DOCUMENTED
    assert {name: state[name] for name in ("job_id", "state", "task", "task_percent", "exception", "complete")} == {
        "job_id": job,
        "state": "OK",
        "task": "ingest metadata",
        "task_percent": "100.0",
        "exception": "",
        "complete": True,
    }
    entries = cataloged(ledger, job)
    assert entries is not None
    assert archived(stack.home, entries) == in_catalog_form(CONTENTS)
    assert {entry["hashsum"] for entry in entries.values()} == {
        entry.get("hashsum") for entry in metadata_of(CONTENTS)[4:]
    }


def test_bundle_leaves_the_spool_when_it_is_cataloged(stack: Stack, ledger: Engine):
    job = stack.post(make_bundle())
    stack.wait_for_end(job)
    stack.wait(job, lambda _state: "spool_freed" in events(ledger, job))
    assert not list((stack.home / "spool").glob(f"{job}-*"))


def test_two_simultaneous_bundles_are_both_cataloged(stack: Stack, ledger: Engine):
    contents = [{f"data/{name}.bin": name.encode() * 1000} for name in ("first", "second")]
    jobs = [stack.post(make_bundle(each)) for each in contents]
    for job, each in zip(jobs, contents, strict=True):
        assert stack.wait_for_end(job)["state"] == "OK"
        entries = cataloged(ledger, job)
        assert entries is not None
        assert archived(stack.home, entries) == in_catalog_form(each)


@pytest.fixture(scope="module")
def bad_jobs(stack: Stack) -> dict[str, int]:
    """Post all bad bundles before any ends, because they need not wait for each other."""
    return {name: stack.post(body) for name, (body, _, _) in BAD_BUNDLES.items()}


@pytest.mark.parametrize("name", BAD_BUNDLES)
def test_bad_bundle_fails_at_its_stage_and_leaves_nothing(
    stack: Stack, ledger: Engine, bad_jobs: dict[str, int], name: str
):
    _, label, text = BAD_BUNDLES[name]
    state = stack.wait_for_end(bad_jobs[name])
    assert (state["state"], state["task"], state["task_percent"]) == ("FAILED", label, "0.0")
    assert text in state["exception"]
    assert cataloged(ledger, bad_jobs[name]) is None


def test_bad_bundles_leave_nothing_in_the_archive(stack: Stack, bad_jobs: dict[str, int]):
    for job in bad_jobs.values():
        stack.wait_for_end(job)
    before = stored_names(stack.home)
    job = stack.post(BAD_BUNDLES["a wrong hash"][0])
    assert stack.wait_for_end(job)["state"] == "FAILED"
    assert stored_names(stack.home) == before


def test_all_faults_of_a_bundle_are_listed(stack: Stack):
    contents = {f"data/{number}.txt": b"content" for number in range(3)}
    entries = [file_entry(path, content, hashsum=WRONG_SUM) for path, content in contents.items()]
    state = stack.wait_for_end(stack.post(make_bundle(contents, [*transaction(), *entries])))
    assert all(f"'{number}.txt'" in state["exception"] for number in range(3))


def test_upload_is_the_same_as_ingest(stack: Stack):
    assert stack.wait_for_end(stack.post(make_bundle(), path="/upload"))["state"] == "OK"


def test_chunked_upload_is_accepted(stack: Stack, tmp_path: Path):
    bundle = make_bundle()
    blocks = (bundle[start : start + 1000] for start in range(0, len(bundle), 1000))
    answer = requests.post(f"{stack.api}/ingest", data=blocks, timeout=30)
    assert stack.wait_for_end(answer.json()["job_id"])["state"] == "OK"
