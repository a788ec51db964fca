"""`/healthz` and `/readyz`; the readiness of the whole stack is tested in tests/e2e."""

import logging
import socket
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import requests
from flask import Flask
from sqlalchemy import Engine, delete
from sqlalchemy.orm import Session

from api.probes import readiness
from ingest.ledger import uploads
from ingest.ledger.events import EventKind
from ingest.ledger.models import Upload
from ingest.local.environment import database_url as url_in
from ingest.local.layout import Layout
from ingest.settings.loading import Settings
from ingest.spool import Announced
from tests.api.live_server import Server
from tests.small_disk import fill, small_disk
from tools.waiting import wait_until

MakeApp = Callable[..., Flask]
MIB = 1024**2
UNREACHABLE = "postgresql://ledger:hunter2@127.0.0.1:1/none"


def with_settings(settings: Settings, **changed: object) -> Settings:
    return settings.model_copy(update=changed)


def refusal(app: Flask) -> dict[str, Any]:
    answer = app.test_client().get("/readyz")
    assert answer.status_code == 503
    document: dict[str, Any] = answer.get_json()
    assert (document["status"], document["code"]) == ("503 Service Unavailable", "not_ready")
    assert document["ready"] is False
    return document


@pytest.fixture
def unresponsive_port() -> Iterator[int]:
    """Yield a port that accepts connections and never answers."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        yield listening.getsockname()[1]


def test_the_server_is_alive(server: Server) -> None:
    answer = requests.get(f"{server.url}/healthz", timeout=30)
    assert (answer.status_code, answer.json()) == (200, {"alive": True})
    assert answer.headers["Cache-Control"] == "no-store"


def test_the_server_is_ready_while_airflow_is_unavailable(server: Server) -> None:
    before = server.files()
    # A connection to the database may be late on a machine as busy as this one.
    wait_until(lambda: requests.get(f"{server.url}/readyz", timeout=30).ok, 30, lambda: "it is not ready")
    answer = requests.get(f"{server.url}/readyz", timeout=30)
    document = answer.json()
    assert (answer.status_code, document["ready"]) == (200, True)
    assert document["database"] == {"ready": True, "message": ""}
    assert document["spool"]["ready"]
    assert document["spool"]["bytes_free"] > document["spool"]["bytes_kept_free"]
    assert not document["airflow"]["ready"]
    assert "Airflow is unavailable" in document["airflow"]["message"]
    assert server.files() == before


def test_alive_does_not_need_the_database_or_the_spool(settings: Settings, make_app: MakeApp) -> None:
    app = make_app(with_settings(settings, database_url=UNREACHABLE, volume_path=Path("/nowhere")))
    assert app.test_client().get("/healthz").status_code == 200


def test_not_ready_without_the_database(settings: Settings, make_app: MakeApp) -> None:
    document = refusal(make_app(with_settings(settings, database_url=UNREACHABLE)))
    assert document["database"] == {"ready": False, "message": readiness.DATABASE_UNAVAILABLE}
    assert document["spool"]["ready"]
    assert document["message"] == readiness.DATABASE_UNAVAILABLE


def test_not_ready_while_the_database_has_no_tables(settings: Settings, make_app: MakeApp, postgres: Layout) -> None:
    document = refusal(make_app(with_settings(settings, database_url=url_in(postgres, "airflow"))))
    assert not document["database"]["ready"]


def test_unresponsive_database_and_airflow_are_reported_in_time(
    settings: Settings, make_app: MakeApp, unresponsive_port: int
) -> None:
    unresponsive = f"127.0.0.1:{unresponsive_port}"
    app = make_app(
        with_settings(settings, database_url=f"postgresql://{unresponsive}/x", airflow_url=f"http://{unresponsive}")
    )
    begun = time.monotonic()
    document = refusal(app)
    # A few times as long as it should take, for a busy machine.
    assert time.monotonic() - begun < 4 * readiness.TOTAL_TIMEOUT_SECONDS
    assert [document[part]["ready"] for part in ("database", "spool", "airflow")] == [False, True, False]


@pytest.mark.parametrize("folder", ["/nowhere/at/all", "/dev/null"])
def test_not_ready_when_the_spool_cannot_be_written(settings: Settings, make_app: MakeApp, folder: str) -> None:
    document = refusal(make_app(with_settings(settings, volume_path=Path(folder))))
    assert document["spool"]["message"] == readiness.SPOOL_UNAVAILABLE
    assert document["spool"]["bytes_free"] is None
    assert document["database"]["ready"]


def test_not_ready_when_only_the_reserve_of_the_spool_is_free(
    settings: Settings, make_app: MakeApp, tmp_path: Path
) -> None:
    with small_disk(tmp_path / "disk", 16 * MIB) as disk:
        client = make_app(with_settings(settings, volume_path=disk, spool_kept_free=MIB)).test_client()
        assert client.get("/readyz").get_json()["spool"]["ready"]
    with small_disk(tmp_path / "full disk", 16 * MIB) as disk:
        fill(disk, leaving=MIB)
        document = refusal(make_app(with_settings(settings, volume_path=disk, spool_kept_free=MIB)))
    assert document["spool"]["message"] == document["message"] == readiness.SPOOL_FULL
    assert document["spool"]["bytes_free"] <= document["spool"]["bytes_kept_free"] == MIB


def test_not_ready_when_the_disk_of_the_spool_is_full(settings: Settings, make_app: MakeApp, tmp_path: Path) -> None:
    with small_disk(tmp_path / "disk", MIB) as disk:
        fill(disk)
        document = refusal(make_app(with_settings(settings, volume_path=disk, spool_kept_free=0)))
    assert document["spool"] == {
        "ready": False,
        "message": readiness.SPOOL_FULL,
        "bytes_free": 0,
        "bytes_kept_free": 0,
        "bytes_promised": document["spool"]["bytes_promised"],
    }


def test_not_ready_while_uploads_have_reserved_all_that_is_free(
    settings: Settings, make_app: MakeApp, database_engine: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # A disk that cannot preallocate files still reports their space as free.
    monkeypatch.setattr(readiness, "RESULT_LIFETIME_SECONDS", 0.0)
    upload = Announced(1, "promised.tar", 15 * MIB)
    with Session(database_engine) as session, session.begin():
        # Those that other tests have left.
        session.execute(delete(Upload))
    with small_disk(tmp_path / "disk", 16 * MIB) as disk:
        client = make_app(with_settings(settings, volume_path=disk, spool_kept_free=MIB)).test_client()
        before = client.get("/readyz").get_json()["spool"]["bytes_promised"]
        uploads.announce(database_engine, disk, upload)
        try:
            spool = client.get("/readyz").get_json()["spool"]
        finally:
            uploads.remove(database_engine, disk, upload.name, EventKind.UPLOAD_REFUSED)
        assert (spool["ready"], spool["message"]) == (False, readiness.SPOOL_FULL)
        assert spool["bytes_promised"] == before + 15 * MIB
        assert client.get("/readyz").get_json()["spool"]["ready"]


def test_the_answer_names_no_address_and_no_secret_and_the_log_has_the_reason(
    settings: Settings, make_app: MakeApp, caplog: pytest.LogCaptureFixture
) -> None:
    airflow = "http://reader:hunter2@127.0.0.1:1"
    client = make_app(with_settings(settings, database_url=UNREACHABLE, airflow_url=airflow)).test_client()
    with caplog.at_level(logging.WARNING):
        text = client.get("/readyz").get_data(as_text=True)
    assert not any(word in text for word in ("hunter2", "127.0.0.1", "ledger", "reader"))
    assert "Connection refused" in caplog.text
    assert "hunter2" not in caplog.text
