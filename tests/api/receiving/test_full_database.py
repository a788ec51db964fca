"""A database of jobs whose disk is full: 503, nothing is left behind, and every answered job remains."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests

from ingest.ledger.database import make_engine
from ingest.ledger.schema import upgrade_schema
from ingest.local.layout import Layout
from ingest.settings.loading import Settings
from tests.api.live_server import Server, serving
from tests.small_disk import empty, fill, small_disk
from tools.bundles import make_bundle
from tools.pacifica_core.database import execute

MIB = 1024**2
NAME = "on_a_full_disk"
# The existing pages of the tables have free space for some rows.
TRIES = 1000
# The longest name that is permitted, so that a page is full soon.
USER = {"X-Http-Authed-User": "a" * 255}


@pytest.fixture
def disk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Yield the disk of the tables. PostgreSQL's log is on another disk, because PostgreSQL stops when that is full."""
    with small_disk(tmp_path_factory.mktemp("database") / "disk", 32 * MIB) as mounted:
        yield mounted


@pytest.fixture
def url(postgres: Layout, database_url: str, disk: Path) -> Iterator[str]:
    """Yield the URL of a separate, migrated database on that disk."""
    tables = disk / "tables"
    tables.mkdir()
    owner = postgres.postgres.stat()
    os.chown(tables, owner.st_uid, owner.st_gid)
    execute(postgres, "postgres", f"CREATE TABLESPACE {NAME} LOCATION '{tables}'")
    execute(postgres, "postgres", f"CREATE DATABASE {NAME} OWNER ingest TABLESPACE {NAME}")
    url = database_url.replace("/ingest?", f"/{NAME}?")
    engine = make_engine(Settings(database_url=url))
    upgrade_schema(engine)
    engine.dispose()
    yield url
    execute(postgres, "postgres", f"DROP DATABASE {NAME} WITH (FORCE)")
    execute(postgres, "postgres", f"DROP TABLESPACE {NAME}")


@pytest.fixture
def server(url: str, tmp_path: Path) -> Iterator[Server]:
    (tmp_path / "spool").mkdir()
    with serving(tmp_path / "spool", url) as server:
        yield server


def upload(server: Server) -> requests.Response:
    return requests.post(f"{server.url}/upload", data=make_bundle(), headers=USER, timeout=30)


def test_full_database_refuses_uploads_until_it_has_free_space_and_keeps_every_answered_job(server: Server, disk: Path):
    fill(disk)
    answered = []
    for _ in range(TRIES):
        answer = upload(server)
        if answer.status_code != requests.codes.ok:
            break
        answered.append(answer.json()["job_id"])
    assert answer.status_code == 503
    assert (answer.json()["code"], "No space left on device" in answer.json()["message"]) == (
        "database_unavailable",
        True,
    )
    assert sorted(server.rows()) == answered
    assert server.files() == sorted(row["spool_name"] for row in server.rows().values())
    empty(disk)
    last = upload(server).json()["job_id"]
    assert sorted(server.rows()) == [*answered, last]
