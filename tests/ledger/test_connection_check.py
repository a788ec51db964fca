"""A connection that PostgreSQL has closed is replaced before it is used, and an open one costs no query."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, suppress
from typing import Any

import psycopg2
import pytest
from sqlalchemy import Engine, text

from ingest.ledger.database import autocommit, make_engine, transaction
from ingest.settings.loading import Settings


@pytest.fixture
def engine(database_url: str) -> Iterator[Engine]:
    engine = make_engine(Settings(database_url=database_url))
    yield engine
    engine.dispose()


@pytest.fixture
def pings(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> list[object]:
    """Return the list to which each query of a connection before its use is added."""
    found: list[object] = []
    ping = engine.dialect.do_ping

    def counted(connection: object) -> bool:
        found.append(connection)
        return ping(connection)  # type: ignore[arg-type]

    monkeypatch.setattr(engine.dialect, "do_ping", counted)
    return found


def backend(engine: Engine) -> int:
    with autocommit(engine) as connection:
        return int(connection.execute(text("SELECT pg_backend_pid()")).scalar_one())


def terminate(database_url: str, process: int) -> None:
    """End a process of PostgreSQL, and wait until it has ended."""
    connection = psycopg2.connect(database_url)
    with connection, connection.cursor() as cursor:
        cursor.execute("SELECT pg_terminate_backend(%s, 30000)", (process,))
    connection.close()


def test_open_connection_is_not_queried_before_its_use(engine: Engine, pings: list[object]) -> None:
    assert backend(engine) == backend(engine)
    assert pings == []


@pytest.mark.parametrize("opened", [autocommit, transaction])
def test_closed_connection_is_replaced(
    engine: Engine, database_url: str, pings: list[object], opened: Callable[[Engine], AbstractContextManager[Any]]
) -> None:
    closed = backend(engine)
    terminate(database_url, closed)
    with opened(engine) as connection:
        assert connection.execute(text("SELECT pg_backend_pid()")).scalar_one() != closed
    assert len(pings) == 1


def test_all_connections_that_were_closed_are_replaced(engine: Engine, database_url: str) -> None:
    with autocommit(engine), autocommit(engine) as second:
        backends = {backend(engine), int(second.execute(text("SELECT pg_backend_pid()")).scalar_one())}
    for process in backends:
        terminate(database_url, process)
    with autocommit(engine) as first, autocommit(engine) as second:
        for connection in (first, second):
            assert connection.execute(text("SELECT pg_backend_pid()")).scalar_one() not in backends


def test_connection_is_no_longer_in_autocommit_when_a_transaction_gets_it(engine: Engine) -> None:
    same = backend(engine)
    with suppress(RuntimeError), transaction(engine) as session:
        assert session.execute(text("SELECT pg_backend_pid()")).scalar_one() == same
        session.execute(text("CREATE TABLE rolled_back (id int)"))
        raise RuntimeError
    with autocommit(engine) as connection:
        assert connection.execute(text("SELECT to_regclass('rolled_back')")).scalar_one() is None
