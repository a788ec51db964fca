from configparser import ConfigParser
from pathlib import Path

import pytest

from ingest.local import program
from ingest.local.configuration import ONE_SHOT, SERVICES, configuration
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


def test_postgres_stops_last():
    parser = parsed(Path("/data"))

    assert int(parser["program:postgres"]["priority"]) < int(parser["group:services"]["priority"])


@pytest.mark.parametrize("name", [program.POSTGRES, program.SUPERVISOR, *SERVICES, *ONE_SHOT])
def test_each_program_has_a_command_without_secrets(name: str):
    words = program.command(name, Layout(Path("/data")), {"INGEST_PORT": "1", "AIRFLOW_PORT": "2"})

    assert Path(words[0]).is_absolute()
    assert not any("password" in word.lower() or "secret" in word.lower() for word in words)


def test_postgres_listens_on_no_port():
    words = program.command(program.POSTGRES, Layout(Path("/data")), {})

    assert words[words.index("-h") + 1] == ""
