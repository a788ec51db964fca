"""The built-in catalog: a transaction is stored completely or not at all, and only once."""

import io
import json
from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy import Engine, create_engine, delete, select

from ingest.errors.types import CatalogHoldsIds, CatalogRejected, DatabaseUnavailable, FenceLost
from ingest.ledger.database import transaction
from ingest.ledger.models import CatalogEntry, CatalogFile, CatalogTransaction
from ingest.services.metadata import FileHash
from ingest.services.metadata_catalog import BuiltInMetadata
from tests.services.bodies import FailingBody


@pytest.fixture
def catalog(database_engine: Engine) -> BuiltInMetadata:
    """Return an empty catalog; other tests share the database."""
    with transaction(database_engine) as session:
        for table in (CatalogFile, CatalogEntry, CatalogTransaction):
            session.execute(delete(table))
    return BuiltInMetadata(database_engine)


def document(transaction_id: object, file_ids: range | list[int] = range(0), **changes: object) -> list[object]:
    return [
        {"destinationTable": "Transactions._id", "value": transaction_id},
        {"destinationTable": "Transactions.submitter", "value": 10, "weight": 0.25},
        *({**file(file_id), **changes} for file_id in file_ids),
    ]


def file(file_id: int) -> dict[str, object]:
    return {"destinationTable": "Files", "_id": file_id, "name": "é", "hashtype": "sha1", "hashsum": f"{file_id:040x}"}


def ingest(catalog: BuiltInMetadata, transaction_id: int, entries: object) -> None:
    encoded = json.dumps(entries).encode()
    catalog.ingest(transaction_id, io.BytesIO(encoded), len(encoded))


def test_transaction_is_found_with_its_hashes(catalog: BuiltInMetadata) -> None:
    ingest(catalog, 7, document(7, range(100, 3600)))
    assert catalog.find(7) == {number: FileHash("sha1", f"{number:040x}") for number in range(100, 3600)}


def test_transaction_without_files_is_found_empty(catalog: BuiltInMetadata) -> None:
    ingest(catalog, 7, document(7))
    assert catalog.find(7) == {}


def test_transaction_that_is_not_there_is_none(catalog: BuiltInMetadata) -> None:
    ingest(catalog, 7, document(7, [100]))
    assert catalog.find(8) is None


def test_entries_are_kept_as_they_were_sent(catalog: BuiltInMetadata, database_engine: Engine) -> None:
    ingest(catalog, 7, document(7, [100]))
    with transaction(database_engine) as session:
        entries = session.scalars(select(CatalogEntry.entry).order_by(CatalogEntry.id)).all()
        files = session.scalars(select(CatalogFile.entry)).all()
    assert [*entries, *files] == document(7, [100])


def test_transaction_that_is_there_is_rejected(catalog: BuiltInMetadata) -> None:
    ingest(catalog, 7, document(7, [100]))
    with pytest.raises(CatalogRejected, match=r"Key \(id\)=\(7\) already exists"):
        ingest(catalog, 7, document(7, [101]))
    assert catalog.find(7) == {100: FileHash("sha1", f"{100:040x}")}


def test_file_that_is_there_is_rejected_and_nothing_of_its_transaction_stays(
    catalog: BuiltInMetadata, database_engine: Engine
) -> None:
    ingest(catalog, 7, document(7, [5000]))
    with pytest.raises(CatalogHoldsIds, match="it holds 1 of its file ids, such as 5000") as caught:
        ingest(catalog, 8, document(8, range(3000, 5001)))
    assert caught.value.ids == {5000}
    assert catalog.find(8) is None
    with transaction(database_engine) as session:
        assert session.scalars(select(CatalogFile.id)).all() == [5000]


def test_file_that_is_listed_twice_is_rejected(catalog: BuiltInMetadata) -> None:
    with pytest.raises(CatalogRejected, match="already exists"):
        ingest(catalog, 7, document(7, [100, 100]))
    assert catalog.find(7) is None


@pytest.mark.parametrize(
    "entries",
    [
        document(8),
        document("7"),
        [*document(7), *document(7)],
        [],
        {"destinationTable": "Transactions._id", "value": 7},
        document(7, [100], _id="100"),
        document(7, [100], _id=None),
        document(7, [10**15], _id=2**62 * 2),
        document(7, [100], hashsum=None),
        document(7, [100], hashtype=1),
        document(7, [100], name="a\0b"),
    ],
)
def test_document_that_cannot_be_cataloged_is_rejected(catalog: BuiltInMetadata, entries: object) -> None:
    with pytest.raises(CatalogRejected):
        ingest(catalog, 7, entries)
    assert catalog.find(7) is None


def test_document_that_is_no_json_is_rejected(catalog: BuiltInMetadata) -> None:
    cut = json.dumps(document(7, range(3000))).encode()[:-10]
    with pytest.raises(CatalogRejected, match="not JSON"):
        catalog.ingest(7, io.BytesIO(cut), len(cut))
    assert catalog.find(7) is None


def test_error_of_the_document_is_raised_unchanged(catalog: BuiltInMetadata) -> None:
    error = FenceLost("a newer process")
    with pytest.raises(FenceLost) as caught:
        catalog.ingest(7, FailingBody(0, error), 10)
    assert caught.value is error


def test_transaction_that_is_sent_many_times_simultaneously_is_held_once(catalog: BuiltInMetadata) -> None:
    def outcome(_: int) -> str:
        try:
            ingest(catalog, 7, document(7, range(100, 1200)))
        except CatalogRejected:
            return "rejected"
        return "held"

    with ThreadPoolExecutor(4) as pool:
        outcomes = sorted(pool.map(outcome, range(4)))
    assert outcomes == ["held", "rejected", "rejected", "rejected"]
    assert len(catalog.find(7) or {}) == 1100


def test_unavailable_database_is_not_a_rejection() -> None:
    unavailable = create_engine("postgresql+psycopg2://nobody@127.0.0.1:1/nothing")
    with pytest.raises(DatabaseUnavailable):
        ingest(BuiltInMetadata(unavailable), 7, document(7))
