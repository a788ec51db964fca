"""Assertions about the end of a job, which must be that of an uninterrupted job."""

import json
from collections.abc import Iterable, Mapping
from typing import Any

from sqlalchemy import Engine, select
from sqlalchemy.orm import Session

from ingest.ledger.models import CatalogEntry, CatalogFile, File
from tools.bundles import Entry, metadata_of
from tools.stack import JOB_SECONDS, Stack
from tools.stack_contents import archived, cataloged, file_ids, in_catalog_form, stored_names
from tools.waiting import wait_until

GIVEN_BY_US = ("_id",)
COMPLETE = {"state": "OK", "task": "ingest metadata", "task_percent": "100.0", "exception": "", "complete": True}


def assert_complete(
    stack: Stack, ledger: Engine, job_id: int, contents: Mapping[str, bytes], seconds: float = JOB_SECONDS
) -> None:
    """Wait for a job's end; assert that archive, catalog and spool are as after an uninterrupted run."""
    state = stack.wait_for_end(job_id, seconds)
    assert {name: state[name] for name in COMPLETE} == COMPLETE
    entries = cataloged(ledger, job_id)
    assert entries is not None
    assert archived(stack.home, entries) == in_catalog_form(dict(contents))
    assert sorted(int(str(entry["_id"])) for entry in entries.values()) == sorted(
        file_id or 0 for file_id in file_ids(ledger, job_id)
    )
    assert_entries(ledger, job_id, metadata_of(contents))


def assert_entries(ledger: Engine, job_id: int, metadata: Iterable[Entry]) -> None:
    """Assert that the catalog holds each entry of the metadata once, and the transaction's id."""
    entries = (cataloged(ledger, job_id) or {}).values()
    expected = list(metadata)
    files = [entry for entry in expected if entry["destinationTable"] == "Files"]
    others = [entry for entry in expected if entry["destinationTable"] != "Files"]
    assert _without_ids(entries) == _without_ids(files)
    assert _other_entries(ledger, job_id) == _sorted([*others, _transaction_id(job_id)])


def spooled(stack: Stack, job_id: int) -> list[str]:
    """Return the names of a job's files in the spool."""
    return sorted(path.name for path in (stack.home / "spool").iterdir() if path.name.startswith(f"{job_id}-"))


def wait_until_not_spooled(stack: Stack, *jobs: int) -> None:
    """Wait until the spool holds no file of jobs, which a stage removes after they are complete."""
    wait_until(
        lambda: not any(spooled(stack, job) for job in jobs), JOB_SECONDS, lambda: f"the spool keeps some of {jobs}"
    )


def ownerless(stack: Stack, ledger: Engine) -> set[str]:
    """Return the names of files in the archive that are not cataloged, including partial files."""
    with Session(ledger) as session:
        known = {str(file_id) for file_id in session.scalars(select(CatalogFile.id))}
    return {name for name in stored_names(stack.home) if name.rpartition("/")[2] not in known}


def ids_given_twice(ledger: Engine) -> list[int]:
    """Return the file ids that the ledger contains more than once."""
    with Session(ledger) as session:
        ids = [file_id for file_id in session.scalars(select(File.file_id)) if file_id is not None]
    return sorted(file_id for file_id in set(ids) if ids.count(file_id) > 1)


def _transaction_id(job_id: int) -> dict[str, Any]:
    return {"destinationTable": "Transactions._id", "value": job_id}


def _other_entries(ledger: Engine, job_id: int) -> list[dict[str, Any]]:
    with Session(ledger) as session:
        return _sorted(session.scalars(select(CatalogEntry.entry).where(CatalogEntry.transaction_id == job_id)))


def _without_ids(entries: Any) -> list[dict[str, Any]]:
    kept = [{name: value for name, value in entry.items() if name not in GIVEN_BY_US} for entry in entries]
    return _sorted([{**entry, "subdir": entry["subdir"].removeprefix("data").lstrip("/")} for entry in kept])


def _sorted(entries: Any) -> list[dict[str, Any]]:
    return sorted(entries, key=lambda entry: json.dumps(entry, sort_keys=True))
