from configparser import ConfigParser
from pathlib import Path

import pytest
from airflow_local_settings import STAGE_GRACE_SECONDS

from ingest.local import program
from ingest.local.configuration import ONE_SHOT, SERVICES, configuration, services_of
from ingest.local.executor import CELERY, LOCAL
from ingest.local.layout import Layout


def parsed(home: Path) -> ConfigParser:
    parser = ConfigParser(interpolation=None, inline_comment_prefixes=(";", " #"))
    parser.read_string(configuration(Layout(home)))
    return parser


def test_no_path_of_the_users_is_in_the_configuration():
    assert "strange" not in configuration(Layout(Path("/a/strange %(here)s ; place")))


@pytest.mark.parametrize("name", SERVICES)
def test_a_service_is_restarted_and_ends_within_seconds(name: str):
    section = parsed(Path("/data"))[f"program:{name}"]

    assert section["autorestart"] == "true"
    assert (section["stopsignal"], section["stopwaitsecs"]) == ("TERM", "5")
    assert (section["stopasgroup"], section["killasgroup"]) == ("true", "true")


@pytest.mark.parametrize("name", program.WORKERS)
def test_a_worker_ends_its_stages_itself(name: str):
    section = parsed(Path("/data"))[f"program:{name}"]

    assert int(section["stopwaitsecs"]) > STAGE_GRACE_SECONDS
    # Otherwise its stages would get the signal, too.
    assert "stopasgroup" not in section


def test_programs_stop_before_those_that_they_use():
    parser = parsed(Path("/data"))
    priorities = [int(parser[name]["priority"]) for name in ("program:postgres", "program:redis", "group:services")]

    assert priorities == sorted(set(priorities))


def test_celery_needs_redis_and_workers_and_everything_else():
    assert set(services_of(CELERY)) - set(services_of(LOCAL)) == {program.REDIS, *program.WORKERS}


@pytest.mark.parametrize("name", [program.POSTGRES, program.SUPERVISOR, *SERVICES, *program.WORKERS, *ONE_SHOT])
def test_each_program_has_a_command_without_secrets(name: str):
    words = program.command(name, Layout(Path("/data")), {"INGEST_PORT": "1", "AIRFLOW_PORT": "2"})

    assert Path(words[0]).is_absolute()
    assert not any("password" in word.lower() or "secret" in word.lower() for word in words)


def test_postgres_and_redis_listen_on_no_port():
    postgres, redis = (program.command(name, Layout(Path("/data")), {}) for name in (program.POSTGRES, program.REDIS))

    assert postgres[postgres.index("-h") + 1] == ""
    assert redis[redis.index("--port") + 1] == "0"
