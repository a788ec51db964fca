"""Keys and values of files: they reach the catalog with the id of a file of their own job only."""

import json
from contextlib import closing
from typing import Any

import pytest
import requests
from sqlalchemy import Engine, func, select

from ingest.errors.types import InvalidMetadata
from ingest.ledger.database import transaction as in_transaction
from ingest.ledger.models import CatalogEntry, Event, File, Job
from ingest.services import Services, make_services
from ingest.settings.loading import Settings, load_settings
from ingest.states.stages import STAGES, Kind, Stage
from tests.contracts.transactions import document, ingest
from tests.job_fixtures import MakeJob, RunOnCore, RunStage
from tools.bundles import CONTENTS, Entry, file_entry, make_bundle, metadata_of, transaction
from tools.pacifica_core.core import Core
from tools.pacifica_core.services import METADATA

ONE = "data/a/b/one.txt"
TIMEOUT_SECONDS = 30
# Above the ids that other tests of the session catalog.
FOREIGN = 77_000_001


def value_of(path: str, **changes: Any) -> Entry:
    return {"destinationTable": "FileKeyValue", "path": path, "key": "Sample", "value": f"of {path}"} | changes


def entries_of(engine: Engine, job: int, table: str) -> list[Entry]:
    of_table = CatalogEntry.entry["destinationTable"].astext == table
    query = select(CatalogEntry.entry).where(CatalogEntry.transaction_id == job, of_table)
    with in_transaction(engine) as session:
        return list(session.scalars(query))


def run_all(job: int, run_stage: RunStage, kind: Kind = Kind.INGEST) -> None:
    for stage in STAGES[kind]:
        run_stage(job, stage)


def test_values_get_the_ids_of_their_files_wherever_they_are_in_the_document(
    make_job: MakeJob, run_stage: RunStage, services: Services, database_engine: Engine
):
    values = [value_of(path) for path in CONTENTS]
    job = make_job(make_bundle(metadata=[values[0], *metadata_of(CONTENTS), *values[1:]]))
    run_all(job, run_stage)
    found = entries_of(database_engine, job, "FileKeyValue")
    assert {entry["value"] for entry in found} == {f"of {path}" for path in CONTENTS}
    for entry in found:
        content = b"".join(services.archive.get(entry["file_id"]))
        assert content == CONTENTS[entry["value"].removeprefix("of ")]
        assert set(entry) == {"destinationTable", "key", "value", "file_id"}


def test_value_of_a_file_in_a_folder_that_is_called_data_itself(
    make_job: MakeJob, run_stage: RunStage, database_engine: Engine
):
    inner = {"data/data/x.txt": b"inner"}
    # As the stock client writes the folder: below `data/`. The path of the value is that of the tar.
    entries = [*transaction(), file_entry("data/data/x.txt", b"inner", subdir="data"), value_of("data/data/x.txt")]
    job = make_job(make_bundle(inner, entries))
    run_all(job, run_stage)
    assert len(entries_of(database_engine, job, "FileKeyValue")) == 1


def test_value_of_a_moved_file(
    make_job: MakeJob, run_stage: RunStage, settings: Settings, services: Services, database_engine: Engine
):
    source = settings.move_folders[0] / "source"
    source.write_bytes(b"moved")
    listed = [*transaction(), file_entry("data/run/one", b"moved", source=str(source)), value_of("data/run/one")]
    job = make_job(json.dumps(listed).encode(), Kind.MOVE)
    run_all(job, run_stage, Kind.MOVE)
    [value] = entries_of(database_engine, job, "FileKeyValue")
    assert [value["file_id"]] == list(services.metadata.find(job) or {})


def test_value_of_a_file_that_is_not_listed_is_refused_by_name(make_job: MakeJob, run_stage: RunStage):
    listed = [value_of("data/none"), *metadata_of(CONTENTS), value_of(ONE), value_of("data/a")]
    job = make_job(make_bundle(metadata=listed))
    run_stage(job, Stage.OPEN_TAR)
    with pytest.raises(InvalidMetadata) as raised:
        run_stage(job, Stage.LOAD_METADATA)
    assert raised.value.text == (
        "entry 0 (FileKeyValue): no Files entry lists 'data/none' [path_unlisted]; "
        "entry 9 (FileKeyValue): no Files entry lists 'data/a' [path_unlisted]"
    )


def test_the_catalog_keeps_nothing_that_is_not_the_job_s(
    make_job: MakeJob, run_stage: RunStage, database_engine: Engine
):
    foreign = {"deleted": "2026-01-01", "transaction_id": 1, "transaction": 1, "_id": 5}
    tables = ["Users", "Users", "Transactions", "NothingReally"]
    others = [{"destinationTable": table, "_id": 10, "network_id": "mallory"} for table in tables]
    listed = [*others, *(entry | foreign for entry in metadata_of(CONTENTS)), value_of(ONE) | foreign]
    job = make_job(make_bundle(metadata=listed))
    run_all(job, run_stage)
    with in_transaction(database_engine) as session:
        kept = list(session.scalars(select(CatalogEntry.entry).where(CatalogEntry.transaction_id == job)))
        events = list(session.scalars(select(Event.text).where(Event.job_id == job, Event.kind == "entries_left_out")))
    assert [entry for entry in kept if entry["destinationTable"] not in {"Transactions._id", "FileKeyValue"}] == (
        transaction()
    )
    assert all("_id" not in entry and "deleted" not in entry for entry in kept)
    assert events == [
        "entries for these tables are not passed on: 'Users' (2), 'Transactions' (1), 'NothingReally' (1)"
    ]


# On the real metadata service


def annotations(core: Core, transaction_id: int) -> dict[int, list[Entry]]:
    """Return the keys and values of each file of a transaction in the real service, by file id."""
    answer = requests.get(f"{core.url(METADATA)}/transactioninfo/by_id/{transaction_id}", timeout=TIMEOUT_SECONDS)
    answer.raise_for_status()
    return {int(file_id): list(file["key_values"]) for file_id, file in answer.json()["files"].items()}


def test_the_real_service_annotates_any_file_that_an_entry_names(core: Core, database_engine: Engine):
    """Uploaders must not set a `file_id`, because the service accepts the id of any file."""
    with closing(make_services(load_settings(core.settings()), database_engine)) as made:
        ingest(made.metadata, FOREIGN, document(FOREIGN, [FOREIGN]))
        entry = {"destinationTable": "FileKeyValue", "key": "Verdict", "value": "forged", "file_id": FOREIGN}
        ingest(made.metadata, FOREIGN + 1, [*document(FOREIGN + 1), entry])
    assert annotations(core, FOREIGN) == {FOREIGN: [{"key": "Verdict", "value": "forged"}]}


def test_job_that_names_another_s_file_is_rejected_before_the_real_service_sees_it(
    run_on_core: RunOnCore, core: Core, database_engine: Engine
):
    with closing(make_services(load_settings(core.settings()), database_engine)) as made:
        ingest(made.metadata, FOREIGN + 2, document(FOREIGN + 2, [FOREIGN + 2]))
    forged = {"destinationTable": "FileKeyValue", "key": "Verdict", "value": "forged", "file_id": FOREIGN + 2}
    assert run_on_core(make_bundle(metadata=[*metadata_of(CONTENTS), forged])) is Stage.LOAD_METADATA
    assert annotations(core, FOREIGN + 2) == {FOREIGN + 2: []}


def test_value_of_a_file_reaches_the_real_service_for_that_file(
    run_on_core: RunOnCore, core: Core, database_engine: Engine
):
    listed = [*metadata_of(CONTENTS), *(value_of(path) for path in CONTENTS)]
    assert run_on_core(make_bundle(metadata=listed)) is None
    with in_transaction(database_engine) as session:
        job = session.scalars(select(func.max(Job.id)).where(Job.outcome == "catalogued")).one()
        ids = dict(session.execute(select(File.path, File.file_id).where(File.job_id == job)).all())
    assert annotations(core, job) == {
        ids[path.removeprefix("data/")]: [{"key": "Sample", "value": f"of {path}"}] for path in CONTENTS
    }
