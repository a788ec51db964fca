"""Whether the service lives and is ready; the whole stack's readiness is in tests/e2e."""

import logging
import socket
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import requests
from flask import Flask
from sqlalchemy import Engine

from api.polling.recent_obstacles import RecentObstacles
from api.probes import readiness
from api.probes.readiness import ReadinessCheck
from ingest.errors.types import ServiceUnavailable
from ingest.ledger import uploads
from ingest.local.environment import database_url as url_in
from ingest.local.layout import Layout
from ingest.orchestrator.client import AirflowApi
from ingest.settings.loading import Settings
from ingest.spool import Announced
from tests.api.live_server import Server
from tests.orchestrator.airflow_documents import documents, with_dag
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
def silent_port() -> Iterator[int]:
    """A port where connections are taken and never answered."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        yield listening.getsockname()[1]


def test_the_server_is_alive(server: Server) -> None:
    answer = requests.get(f"{server.url}/healthz", timeout=30)
    assert (answer.status_code, answer.json()) == (200, {"alive": True})
    assert answer.headers["Cache-Control"] == "no-store"


def test_the_server_is_ready_although_airflow_is_away(server: Server) -> None:
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
    assert "Airflow does not answer" in document["airflow"]["message"]
    assert server.files() == before


def test_alive_does_not_need_the_database_or_the_spool(settings: Settings, make_app: MakeApp) -> None:
    app = make_app(with_settings(settings, database_url=UNREACHABLE, volume_path=Path("/nowhere")))
    assert app.test_client().get("/healthz").status_code == 200


def test_not_ready_without_the_database(settings: Settings, make_app: MakeApp) -> None:
    document = refusal(make_app(with_settings(settings, database_url=UNREACHABLE)))
    assert document["database"] == {"ready": False, "message": readiness.DATABASE_AWAY}
    assert document["spool"]["ready"]
    assert document["message"] == readiness.DATABASE_AWAY


def test_not_ready_while_the_database_has_no_tables(settings: Settings, make_app: MakeApp, postgres: Layout) -> None:
    document = refusal(make_app(with_settings(settings, database_url=url_in(postgres, "airflow"))))
    assert not document["database"]["ready"]


def test_a_database_and_an_airflow_that_are_silent_are_answered_for_in_time(
    settings: Settings, make_app: MakeApp, silent_port: int
) -> None:
    silent = f"127.0.0.1:{silent_port}"
    app = make_app(with_settings(settings, database_url=f"postgresql://{silent}/x", airflow_url=f"http://{silent}"))
    begun = time.monotonic()
    document = refusal(app)
    # A few times as long as it should take, for a busy machine.
    assert time.monotonic() - begun < 4 * readiness.WAIT_SECONDS
    assert [document[part]["ready"] for part in ("database", "spool", "airflow")] == [False, True, False]


@pytest.mark.parametrize("folder", ["/nowhere/at/all", "/dev/null"])
def test_not_ready_when_the_spool_cannot_be_written(settings: Settings, make_app: MakeApp, folder: str) -> None:
    document = refusal(make_app(with_settings(settings, volume_path=Path(folder))))
    assert document["spool"]["message"] == readiness.SPOOL_AWAY
    assert document["spool"]["bytes_free"] is None
    assert document["database"]["ready"]


def test_not_ready_when_the_spool_has_no_room_but_what_is_kept_free(
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
    # A disk that cannot allocate the space of a file ahead shows it as free still.
    monkeypatch.setattr(readiness, "KEPT_SECONDS", 0.0)
    upload = Announced(1, "promised.tar", 15 * MIB)
    with small_disk(tmp_path / "disk", 16 * MIB) as disk:
        client = make_app(with_settings(settings, volume_path=disk, spool_kept_free=MIB)).test_client()
        before = client.get("/readyz").get_json()["spool"]["bytes_promised"]
        uploads.announce(database_engine, disk, upload)
        try:
            spool = client.get("/readyz").get_json()["spool"]
        finally:
            uploads.remove(database_engine, disk, upload.name, "upload_refused")
        assert (spool["ready"], spool["message"]) == (False, readiness.SPOOL_FULL)
        assert spool["bytes_promised"] == before + 15 * MIB
        assert client.get("/readyz").get_json()["spool"]["ready"]


def test_the_answer_names_no_address_and_no_secret_and_the_log_says_why(
    settings: Settings, make_app: MakeApp, caplog: pytest.LogCaptureFixture
) -> None:
    airflow = "http://reader:hunter2@127.0.0.1:1"
    client = make_app(with_settings(settings, database_url=UNREACHABLE, airflow_url=airflow)).test_client()
    with caplog.at_level(logging.WARNING):
        text = client.get("/readyz").get_data(as_text=True)
    assert not any(word in text for word in ("hunter2", "127.0.0.1", "ledger", "reader"))
    assert "Connection refused" in caplog.text
    assert "hunter2" not in caplog.text


class ScriptedAirflow(AirflowApi):
    """Airflow that does what a test wants, and counts how often it was asked."""

    def __init__(self, settings: Settings, answer: Callable[[], None]) -> None:
        super().__init__(settings)
        self.answer = answer
        self.asked = 0
        self.documents = documents()

    def check_health(self, seconds: float) -> None:  # noqa: ARG002
        self.asked += 1
        self.answer()

    def read(self, path: str, seconds: float | None = None, missing: int = 404) -> Any | None:  # noqa: ARG002
        return self.documents[path]


def test_what_was_found_is_kept_for_a_moment_whoever_asks(settings: Settings) -> None:
    airflow = ScriptedAirflow(settings, lambda: None)
    check = ReadinessCheck(settings, airflow, RecentObstacles(airflow))
    callers = [threading.Thread(target=check.report) for _ in range(20)]
    for caller in callers:
        caller.start()
    for caller in callers:
        caller.join()
    assert check.report().ready
    # Twice on a machine so busy that the moment is over in between.
    assert airflow.asked <= 2


def test_what_hangs_is_not_asked_again_before_it_answers(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(readiness, "KEPT_SECONDS", 0.0)
    monkeypatch.setattr(readiness, "WAIT_SECONDS", 0.1)
    goes_on = threading.Event()
    airflow = ScriptedAirflow(settings, lambda: assert_true(goes_on.wait(30)))
    check = ReadinessCheck(settings, airflow, RecentObstacles(airflow))
    assert not check.report().airflow.ready
    wait_until(lambda: airflow.asked == 1, 30, lambda: "Airflow is not asked")
    assert [check.report().airflow.ready for _ in range(3)] == [False] * 3
    assert airflow.asked == 1
    assert caplog.text.count("readiness of Airflow: there is no answer yet") == 1
    goes_on.set()
    monkeypatch.setattr(readiness, "WAIT_SECONDS", 30.0)
    assert check.report().airflow.ready
    assert "readiness of Airflow: it is back" in caplog.text


def assert_true(holds: bool) -> None:
    assert holds


def test_airflow_that_comes_back_is_shown(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(readiness, "KEPT_SECONDS", 0.0)

    def is_away() -> None:
        raise ServiceUnavailable("Airflow", "http://test", "it is away")

    airflow = ScriptedAirflow(settings, is_away)
    check = ReadinessCheck(settings, airflow, RecentObstacles(airflow))
    assert not check.report().airflow.ready
    airflow.answer = lambda: None
    assert check.report().airflow.model_dump() == {"ready": True, "message": ""}


def test_airflow_that_cannot_run_jobs_is_named_with_its_reason_and_uploads_are_taken(settings: Settings) -> None:
    airflow = ScriptedAirflow(settings, lambda: None)
    airflow.documents = with_dag("housekeeping", is_paused=True)
    found = ReadinessCheck(settings, airflow, RecentObstacles(airflow)).report()
    assert found.ready
    assert not found.airflow.ready
    assert found.airflow.message.startswith("the DAG housekeeping is paused in Airflow; unpause it")
