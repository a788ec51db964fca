"""Preflight without the API: its memory, a full disk, and its verdicts beside those of a job, with the real Policy."""

import json
import tracemalloc
from collections.abc import Callable, Iterator
from pathlib import Path
from tempfile import TemporaryFile

import pytest

from ingest.errors.types import Rejection, SpoolFull
from ingest.ledger.jobs import Received
from ingest.operations.preflight import Declared, check_document
from ingest.services import Services
from ingest.settings.loading import BUILT_IN, Settings, load_settings
from ingest.states.stages import Kind, Stage
from tests.job_fixtures import MakeJob, RunStage
from tests.small_disk import fill, small_disk
from tools.bundles import CONTENTS, Entry, file_entry, make_bundle, metadata_of, transaction
from tools.pacifica_core.core import Core

MIB = 1024**2
# Smaller than every document below, so that the blocks do not hide what grows.
BLOCK = 64 * 1024
Check = Callable[[list[Entry] | bytes], Declared]


@pytest.fixture
def settings(settings: Settings) -> Settings:
    return settings.model_copy(update={"transfer_size": BLOCK})


@pytest.fixture
def check(settings: Settings, services: Services) -> Check:
    """Return a function that checks the metadata of a bundle of the user ada."""

    def checked(entries: list[Entry] | bytes) -> Declared:
        encoded = entries if isinstance(entries, bytes) else json.dumps(entries).encode()
        with TemporaryFile(buffering=0) as document:
            document.write(encoded)
            return check_document(settings, services, Received(0, Kind.INGEST, "ada", "", len(encoded)), document)

    return checked


def many(files: int) -> list[Entry]:
    values = [{"destinationTable": "FileKeyValue", "path": f"data/{n}", "key": "k", "value": n} for n in range(files)]
    return [*transaction(), *(file_entry(f"data/{number}", b"x") for number in range(files)), *values]


def test_memory_does_not_grow_with_the_number_of_files(settings: Settings, services: Services, check: Check):
    def peak_of(files: int) -> int:
        document = json.dumps(many(files)).encode()
        tracemalloc.start()
        assert check(document) == Declared(files, files)
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        return peak

    few = peak_of(2_000)
    assert peak_of(6_000) < 1.5 * few


class TestSpool:
    @pytest.fixture
    def settings(self, settings: Settings, tmp_path: Path) -> Iterator[Settings]:
        with small_disk(tmp_path / "disk", 4 * MIB) as disk:
            yield settings.model_copy(update={"volume_path": disk})

    def test_full_disk_is_an_outage_and_no_verdict(self, settings: Settings, check: Check):
        fill(settings.volume_path)
        with pytest.raises(SpoolFull, match=str(settings.volume_path)):
            check(metadata_of(CONTENTS))


class TestCore:
    @pytest.fixture
    def settings(self, core: Core, database_url: str, tmp_path: Path) -> Settings:
        (tmp_path / "spool").mkdir()
        # Preflight sends UniqueID no request.
        own = {"UNIQUEID_URL": BUILT_IN, "INGEST_DATABASE_URL": database_url, "VOLUME_PATH": str(tmp_path / "spool")}
        return load_settings({**core.settings(), **own})

    def test_good_metadata_is_acceptable_to_the_real_policy(self, check: Check):
        assert check(metadata_of(CONTENTS)).files == len(CONTENTS)

    @pytest.mark.parametrize(
        ("table", "value"),
        [("submitter", 999), ("project", "nope"), ("instrument", 999), ("instrument", "")],
    )
    def test_the_real_policy_rejects_the_document_with_the_text_of_the_job(
        self, check: Check, make_job: MakeJob, run_stage: RunStage, table: str, value: object
    ):
        entries = metadata_of(CONTENTS)
        for entry in entries:
            if entry["destinationTable"] == f"Transactions.{table}":
                entry["value"] = value
        job = make_job(make_bundle(metadata=entries))
        run_stage(job, Stage.OPEN_TAR)
        run_stage(job, Stage.LOAD_METADATA)
        with pytest.raises(Rejection) as of_job:
            run_stage(job, Stage.VALIDATE_POLICY)
        with pytest.raises(Rejection) as of_preflight:
            check(entries)
        assert (of_preflight.value.code, str(of_preflight.value)) == (of_job.value.code, str(of_job.value))
