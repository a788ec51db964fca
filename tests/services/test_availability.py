"""Whether a service answers: HTTP services with a real server, the built-in archive, and parts that cannot be checked."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from sqlalchemy import Engine

from ingest.services import Services, make_services
from ingest.services.availability import DATABASE, answers, with_short_timeouts
from ingest.services.http_client import HttpClient
from ingest.settings.loading import Settings
from tests.services.archive_folders import marked_archive
from tests.services.scripted_server import Script, ScriptedServer, hang_up, reply

Make = Callable[..., Services]


@pytest.fixture
def make(database_url: str, database_engine: Engine, folder: Path) -> Make:
    """Return a function that makes services with some settings."""

    def make(**settings: str) -> Services:
        given = {"archiveinterface_url": folder.as_uri(), **settings}
        return make_services(with_short_timeouts(Settings(database_url=database_url, **given)), database_engine)

    return make


@pytest.mark.parametrize("status", [200, 404, 405, 500])
def test_service_that_answers_anything_answers(server: ScriptedServer, client: HttpClient, status: int):
    server.then(reply(status))
    assert client.answers()
    assert server.received[0].method == "GET"


@pytest.mark.parametrize("script", [reply(502), reply(503), reply(504), hang_up])
def test_service_behind_a_proxy_that_does_not_reach_it_does_not_answer(
    server: ScriptedServer, client: HttpClient, script: Script
):
    server.then(script)
    assert not client.answers()


@pytest.mark.parametrize(
    ("name", "setting"),
    [
        ("uniqueid", "uniqueid_url"),
        ("policy", "policy_ingest_url"),
        ("archive", "archiveinterface_url"),
        ("metadata", "metadata_ingest_url"),
    ],
)
def test_each_service_is_checked_at_its_own_url(make: Make, server: ScriptedServer, name: str, setting: str):
    server.then(reply(404))
    assert answers(make(**{setting: server.url}), name)
    assert len(server.received) == 1
    assert answers(make(**{setting: "http://127.0.0.1:1"}), name) is False


def test_built_in_archive_answers_unless_its_folder_cannot_be_read(make: Make, folder: Path):
    folder.rmdir()
    marked_archive(folder)
    assert answers(make(), "archive")
    shutil.rmtree(folder)
    folder.write_text("not a folder")
    assert answers(make(), "archive") is False


def test_database_answers_because_the_jobs_were_read_there(make: Make):
    assert answers(make(), DATABASE)


@pytest.mark.parametrize("name", ["spool", "move folder", "catalog", "metadata"])
def test_other_parts_cannot_be_checked(make: Make, name: str):
    assert answers(make(), name) is None
