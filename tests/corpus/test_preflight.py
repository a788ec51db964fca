"""Preflight finds the faults of every document of the corpus that its job would find in the document alone."""

import os
import tarfile
from pathlib import Path

import pytest
from sqlalchemy import Engine

from ingest.bundles.bundle import METADATA_NAME
from ingest.errors.fault_codes import FaultCode
from ingest.errors.types import InvalidMetadata
from ingest.ledger.jobs import Received
from ingest.operations.preflight import check_document
from ingest.services import make_services
from ingest.settings.loading import load_settings
from ingest.states.stages import Kind, Stage
from tests.corpus.case import Refused
from tests.corpus.cases import CASES

BEGINNING = 64 * 1024**2
# Faults of the bundle, which preflight does not have.
OF_THE_BUNDLE = {
    FaultCode.METADATA_MISSING,
    FaultCode.MEMBER_UNLISTED,
    FaultCode.MEMBER_OF_MACOS,
    FaultCode.FILE_LACKING,
    FaultCode.SIZE_DIFFERS,
}
# Correct if `subdir` is read as the stock client writes it; only the members of the bundle decide against it.
CORRECT_IN_ANOTHER_BUNDLE = "metadata: file twice in other words"
FAULTY = [
    case
    for case in CASES
    if isinstance(case, Refused)
    and case.stage is Stage.LOAD_METADATA
    and not OF_THE_BUNDLE.issuperset(case.faults)
    and case.name != CORRECT_IN_ANOTHER_BUNDLE
]


def write_document(case: Refused, folder: Path) -> Path:
    """Build the upload of a case, and return the path of its document alone."""
    path = folder / "upload"
    case.build(path)
    if case.kind is Kind.MOVE:
        return path
    with tarfile.open(path, errorlevel=0) as tar, path.open("rb") as upload:
        member = next(member for member in tar if member.name.removeprefix("./") == METADATA_NAME)
        upload.seek(member.offset_data)
        document = folder / "document"
        document.write_bytes(upload.read(min(member.size, BEGINNING)))
    # The rest of a larger document is a hole in the file.
    os.truncate(document, member.size)
    return document


@pytest.mark.parametrize("case", FAULTY, ids=lambda case: case.name)
def test_preflight_finds_the_faults_of_the_document(
    case: Refused, tmp_path: Path, database_url: str, database_engine: Engine
):
    spool = tmp_path / "spool"
    spool.mkdir()
    path = write_document(case, spool)
    settings = load_settings({**environment_of(tmp_path, database_url), **case.environment})
    received = Received(0, case.kind, "ada", "", path.stat().st_size)
    services = make_services(settings, database_engine)
    with path.open("rb", buffering=0) as document, pytest.raises(InvalidMetadata) as caught:
        check_document(settings, services, received, document)
    assert {fault.code for fault in caught.value.faults} == set(case.faults) - OF_THE_BUNDLE


def environment_of(folder: Path, database_url: str) -> dict[str, str]:
    return {
        "VOLUME_PATH": str(folder / "spool"),
        "INGEST_DATABASE_URL": database_url,
        "ARCHIVEINTERFACE_URL": (folder / "archive").as_uri(),
    }
