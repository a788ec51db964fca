from datetime import UTC, datetime
from typing import cast

import pytest

from ingest.local.airflow_client import AirflowClient
from ingest.local.credentials import Credentials
from ingest.local.ports import Ports
from ingest.local.readiness import _beats, _has_pool, _usable, say_obstacles, warm_up
from ingest.local.supervision import Supervisor
from ingest.settings.loading import Settings
from tests.api.live_server import NOWHERE
from tests.orchestrator.airflow_documents import with_dag
from tests.services.scripted_server import reply, scripted_server

START = datetime(2026, 11, 23, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("status", "heartbeat", "beats"),
    [
        ("healthy", "2026-11-23T12:00:01Z", True),
        ("healthy", "2026-11-23T11:59:59+00:00", False),
        ("unhealthy", "2026-11-23T12:00:01Z", False),
        ("healthy", None, False),
    ],
)
def test_only_a_heartbeat_since_this_start_counts(status: str, heartbeat: str | None, beats: bool):
    assert _beats({"status": status, "latest": heartbeat}, "latest", START) is beats


@pytest.mark.parametrize(
    ("dag", "usable"),
    [(None, False), ({}, True), ({"is_stale": True}, False), ({"has_import_errors": True}, False)],
)
def test_a_dag_is_usable_when_it_was_parsed_without_error(dag: dict[str, bool] | None, usable: bool):
    assert _usable(dag) is usable


def test_pool_that_was_created_meanwhile_is_requested_again():
    with scripted_server() as server:
        airflow = AirflowClient(Ports(ingest=1, airflow=int(server.url.rpartition(":")[2])), Credentials())
        server.then(reply(404, {}), reply(409, {}), reply(200, {}))
        assert not _has_pool(airflow, {"slots": 4})
        assert _has_pool(airflow, {"slots": 4})
    assert [received.method for received in server.received] == ["PATCH", "POST", "PATCH"]


def test_launch_does_not_wait_for_a_housekeeping_that_is_paused(capsys: pytest.CaptureFixture[str]):
    with scripted_server() as server:
        airflow = AirflowClient(Ports(ingest=1, airflow=int(server.url.rpartition(":")[2])), Credentials())
        server.then(reply(200, {"is_paused": True}))
        warm_up(cast(Supervisor, None), airflow)
    assert [received.method for received in server.received] == ["GET"]
    assert "The DAG 'housekeeping' is paused in Airflow" in capsys.readouterr().out


def test_launch_names_the_obstacles_in_airflow(capsys: pytest.CaptureFixture[str]):
    with scripted_server() as server:
        server.then(
            reply(201, {"access_token": "a token"}),
            *(reply(200, document) for document in with_dag("ingest", is_paused=True).values()),
        )
        say_obstacles(Settings(airflow_url=server.url))
    assert "  Attention: the DAG ingest is paused in Airflow; unpause it" in capsys.readouterr().out


def test_launch_continues_when_the_obstacles_in_airflow_are_unknown(capsys: pytest.CaptureFixture[str]):
    say_obstacles(Settings(airflow_url=NOWHERE))
    assert f"  Attention: Airflow at {NOWHERE} is not available" in capsys.readouterr().out
