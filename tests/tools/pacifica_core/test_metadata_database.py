"""The real metadata service when its database is or becomes unavailable: the error is transient, and nothing remains."""

import io
import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from functools import partial
from typing import Any

import psycopg2
import pytest

from ingest.errors.types import ServiceUnavailable
from ingest.local.layout import Layout
from ingest.services import Services
from ingest.services.metadata import Metadata
from tests.contracts.transactions import document, hashes, ingest
from tools.waiting import wait_until

WAIT_SECONDS = 20
WAITING = "SELECT pid FROM pg_stat_activity WHERE datname = 'metadata' AND wait_event_type = 'Lock'"


@contextmanager
def administration(postgres: Layout, database: str = "postgres") -> Iterator[Any]:
    """Return a cursor of the database's owner."""
    with closing(psycopg2.connect(host=str(postgres.sockets), user="postgres", dbname=database)) as connection:
        connection.autocommit = database == "postgres"
        with connection.cursor() as cursor:
            yield cursor


@contextmanager
def closed_database(postgres: Layout) -> Iterator[None]:
    """Refuse connections to metadata's database inside the block."""
    with administration(postgres) as cursor:
        cursor.execute("ALTER DATABASE metadata ALLOW_CONNECTIONS false")
        try:
            yield
        finally:
            cursor.execute("ALTER DATABASE metadata ALLOW_CONNECTIONS true")


def test_unavailable_database_is_tried_again(metadata: Metadata, postgres: Layout, transaction_id: int):
    with closed_database(postgres):
        with pytest.raises(ServiceUnavailable, match=r"OperationalError: .* not currently accepting connections"):
            ingest(metadata, transaction_id, document(transaction_id))
        with pytest.raises(ServiceUnavailable, match=r"OperationalError: .* not currently accepting connections"):
            metadata.find(transaction_id)
    assert metadata.find(transaction_id) is None
    ingest(metadata, transaction_id, document(transaction_id))
    assert metadata.find(transaction_id) == {}


def test_policy_whose_metadata_has_no_database_rejects_nothing(services: Services, postgres: Layout):
    encoded = json.dumps(document(1)).encode()
    with closed_database(postgres), pytest.raises(ServiceUnavailable, match="it answered 500"):
        services.policy.check(io.BytesIO(encoded), len(encoded), "ada")
    services.policy.check(io.BytesIO(encoded), len(encoded), "ada")


def test_connection_that_the_database_cuts_in_the_middle_is_tried_again(
    metadata: Metadata, postgres: Layout, transaction_id: int
):
    send = partial(ingest, metadata, transaction_id, document(transaction_id, [transaction_id]))
    with (
        administration(postgres) as cursor,
        ThreadPoolExecutor(1) as pool,
        administration(postgres, "metadata") as lock,
    ):
        lock.execute("LOCK TABLE files IN ACCESS EXCLUSIVE MODE")
        sent = pool.submit(send)
        cut(cursor)
        with pytest.raises(ServiceUnavailable, match="InterfaceError: connection already closed"):
            sent.result(WAIT_SECONDS)
    assert metadata.find(transaction_id) is None
    send()
    assert metadata.find(transaction_id) == hashes([transaction_id])


def cut(cursor: Any) -> None:
    """End the connection of the request that waits for a lock."""
    waiting: list[tuple[int]] = []

    def found() -> bool:
        cursor.execute(WAITING)
        waiting.extend(cursor.fetchall())
        return bool(waiting)

    wait_until(found, WAIT_SECONDS, lambda: "metadata does not wait for its table")
    cursor.execute("SELECT pg_terminate_backend(%s)", waiting[0])
