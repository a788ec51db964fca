"""Compare one job at the end of a soak with its upload. Called by `comparison`.

Each function yields one sentence for each fault of the job.
"""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ingest.errors.types import ServiceUnavailable
from ingest.services import Archive
from ingest.states.job_record import JobRecord, Outcome
from ingest.states.stages import Kind
from tools.soak.holdings import CatalogFiles
from tools.soak.journal import Cancellation
from tools.soak.uploads import Mistake, Upload


@dataclass(frozen=True)
class Place:
    """The stack's folder (`home`) and its archive."""

    home: Path
    archive: Archive


def faults_of(
    record: JobRecord, made: Upload, cancellation: Cancellation, found: CatalogFiles | None, place: Place
) -> Iterator[str]:
    """Yield the faults of a job; `found` are its files in the catalog."""
    if record.is_canceled or cancellation is Cancellation.DONE:
        yield from _of_canceled(record, made, cancellation, found, place)
    elif made.mistake is not None:
        yield from _of_rejected(record, made, made.mistake, found, place)
    elif found is None or record.outcome is not Outcome.CATALOGED:
        where = f"finished {record.finished}, outcome {record.outcome}, error {record.error}"
        yield f"upload {made.number} is not complete: {where}"
    else:
        yield from _of_complete(made, found, place)


def faults_of_sources(made: Upload, place: Place) -> Iterator[str]:
    """Yield the faults of the sources of a move that did not happen: they must be unchanged, without other files."""
    if made.kind is not Kind.MOVE:
        return
    known = set()
    for path, content in made.contents():
        source = made.source(path, place.home)
        known.add(source)
        if not source.is_file() or source.read_bytes() != content:
            yield f"source {source} is not as it was"
    if strays := _files_below(made.sources(place.home)) - known:
        yield f"beside the sources lie {_names(strays)}"


def _of_complete(made: Upload, found: CatalogFiles, place: Place) -> Iterator[str]:
    for path, content in made.contents():
        if fault := _of_file(content, found.get(path.removeprefix("data/")), place.archive):
            yield f"{path} {fault}"
    for path in found.keys() - {path.removeprefix("data/") for path, _ in made.files}:
        yield f"{path} is catalogued and was never sent"
    if made.kind is Kind.MOVE and (left := _files_below(made.sources(place.home))):
        yield f"sources are left: {_names(left)}"


def _of_canceled(
    record: JobRecord, made: Upload, cancellation: Cancellation, found: CatalogFiles | None, place: Place
) -> Iterator[str]:
    if cancellation not in (Cancellation.DONE, Cancellation.REQUESTED):
        yield f"is canceled, but its cancellation was {cancellation}"
    if found is not None:
        yield "is catalogued although it was canceled"
    if not (record.is_canceled and record.is_rejected):
        yield f"was canceled, and ended with outcome {record.outcome}, error {record.error}"
    yield from faults_of_sources(made, place)


def _of_rejected(
    record: JobRecord, made: Upload, mistake: Mistake, found: CatalogFiles | None, place: Place
) -> Iterator[str]:
    if found is not None:
        yield f"is catalogued in spite of {mistake}"
    stage = record.error.stage if record.error and record.error.final else None
    if record.outcome is not Outcome.REJECTED or stage is not mistake.stage(made.kind):
        yield f"is not rejected for {mistake}: outcome {record.outcome}, error {record.error}"
    yield from faults_of_sources(made, place)


def _of_file(content: bytes, entry: dict[str, Any] | None, archive: Archive) -> str | None:
    if entry is None:
        return "is not catalogued"
    expected = hashlib.sha1(content).hexdigest()
    if (entry["hashsum"], int(entry["size"])) != (expected, len(content)):
        return f"is catalogued with other contents: {entry}"
    stored = hashlib.sha1()
    try:
        for block in archive.get(int(entry["_id"])):
            stored.update(block)
    except ServiceUnavailable as error:
        return f"cannot be read from the archive: {error.text}"
    return None if stored.hexdigest() == expected else f"has other contents in the archive: file {entry['_id']}"


def _files_below(folder: Path) -> set[Path]:
    return {path for path in folder.rglob("*") if path.is_file()}


def _names(paths: set[Path]) -> str:
    return ", ".join(sorted(path.name for path in paths))
