"""The built-in catalog: tables in the database of jobs, for a machine that has no Pacifica Metadata.

Created by `ingest.services.make_services`.
"""

import json
from collections.abc import Collection, Iterator, Sequence
from typing import Any, BinaryIO

import ijson
from sqlalchemy import ARRAY, BigInteger, Engine, any_, bindparam, insert, select, text
from sqlalchemy.exc import DataError, IntegrityError
from sqlalchemy.orm import Session

from ingest.errors.types import CatalogHoldsIds, CatalogRejected
from ingest.ledger.compiled_statements import CompiledStatement
from ingest.ledger.database import transaction
from ingest.ledger.models import CatalogFile, CatalogTransaction
from ingest.services.metadata import FileHash
from ingest.system.sanitize import to_one_line

BATCH = 1000
BATCH_BYTES = 1024 * 1024
# One array for each column takes less time than as many rows of parameters.
INSERT_FILES = CompiledStatement(
    text(
        "INSERT INTO catalogue_file (id, transaction_id, entry) SELECT id, :transaction, CAST(entry AS jsonb)"
        " FROM unnest(CAST(:ids AS bigint[]), CAST(:entries AS text[])) AS given(id, entry)"
    )
)
INSERT_ENTRIES = CompiledStatement(
    text(
        "INSERT INTO catalogue_entry (transaction_id, entry) SELECT :transaction, CAST(entry AS jsonb)"
        " FROM unnest(CAST(:entries AS text[])) AS given(entry)"
    )
)
HAS_TRANSACTION = CompiledStatement(
    select(CatalogTransaction.id).where(CatalogTransaction.id == bindparam("transaction_id"))
)
HASHES = CompiledStatement(
    select(CatalogFile.id, CatalogFile.entry["hashtype"].astext, CatalogFile.entry["hashsum"].astext).where(
        CatalogFile.transaction_id == bindparam("transaction_id")
    ),
    rows_per_read=BATCH,
)
INSERT_TRANSACTION = CompiledStatement(insert(CatalogTransaction), ["id"])
HELD = CompiledStatement(
    select(CatalogFile.id).where(CatalogFile.id == any_(bindparam("ids", type_=ARRAY(BigInteger))))
)
REFUSAL = "the catalog does not accept the transaction"


class BuiltInMetadata:
    """A catalog that stores the entries unchanged."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def find(self, transaction_id: int) -> dict[int, FileHash] | None:
        """See `Metadata.find`."""
        with transaction(self._engine) as session:
            if HAS_TRANSACTION.execute(session, transaction_id=transaction_id).first() is None:
                return None
            rows = HASHES.execute(session, transaction_id=transaction_id)
            return {file_id: FileHash(hash_type, hash_sum) for file_id, hash_type, hash_sum in rows}

    def holds_files(self, file_ids: Collection[int]) -> frozenset[int]:
        """See `Metadata.holds_files`."""
        with transaction(self._engine) as session:
            return _held(session, file_ids)

    def user_ids(self, network_id: str) -> frozenset[int]:  # noqa: ARG002
        """See `Metadata.user_ids`; this catalog has no users."""
        return frozenset()

    def max_processing_seconds(self, size: int) -> float:  # noqa: ARG002 - of any size
        """See `Metadata.max_processing_seconds`: a process that is killed leaves nothing that could still be committed."""
        return 0.0

    def ingest(self, transaction_id: int, document: BinaryIO, size: int) -> None:  # noqa: ARG002 - read to its end
        """See `Metadata.ingest`; memory does not grow with the number of entries."""
        try:
            with transaction(self._engine) as session:
                INSERT_TRANSACTION.execute(session, id=transaction_id)
                _insert_entries(session, transaction_id, document)
        except (IntegrityError, DataError) as error:
            raise _rejected(to_one_line(str(error.orig))) from error
        except ijson.JSONError as error:
            raise _rejected("it is not JSON") from error


def _insert_entries(session: Session, transaction_id: int, document: BinaryIO) -> None:
    named = []
    for batch in _batches(document):
        files: list[dict[str, Any]] = []
        others: list[object] = []
        for entry in batch:
            table = entry.get("destinationTable") if isinstance(entry, dict) else None
            if table == "Transactions._id":
                named.append(entry.get("value"))
            (files if table == "Files" else others).append(entry)
        ids = [_file_id(entry) for entry in files]
        _check_free(session, ids)
        INSERT_FILES.execute(session, transaction=transaction_id, ids=ids, entries=_as_json(files))
        INSERT_ENTRIES.execute(session, transaction=transaction_id, entries=_as_json(others))
    if named != [transaction_id]:
        raise _rejected(f"it names the transactions {named}, not {transaction_id}")


def _batches(document: BinaryIO) -> Iterator[list[Any]]:
    """Yield the entries in lists of bounded number and size."""
    batch, begun = [], document.tell()
    for entry in ijson.items(document, "item", use_float=True):
        batch.append(entry)
        if len(batch) == BATCH or document.tell() - begun > BATCH_BYTES:
            yield batch
            batch, begun = [], document.tell()
    if batch:
        yield batch


def _file_id(entry: dict[str, Any]) -> int:
    """Return the id of a `Files` entry, whose form is checked."""
    for key, form in (("_id", int), ("hashtype", str), ("hashsum", str)):
        if type(entry.get(key)) is not form:
            raise _rejected(f"{key} of the file {entry.get('name')!r} is {entry.get(key)!r}")
    return int(entry["_id"])


def _as_json(entries: Sequence[object]) -> list[str]:
    return [json.dumps(entry) for entry in entries]


def _check_free(session: Session, ids: list[int]) -> None:
    if held := _held(session, ids):
        raise CatalogHoldsIds(f"{REFUSAL}: it holds {len(held)} of its file ids, such as {min(held)}", held)


def _held(session: Session, ids: Collection[int]) -> frozenset[int]:
    return frozenset(HELD.execute(session, ids=list(ids)).scalars())


def _rejected(reason: str) -> CatalogRejected:
    return CatalogRejected(f"{REFUSAL}: {reason}")
