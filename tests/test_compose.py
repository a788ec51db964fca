"""The files of the facility's deployment: docker-compose.yaml, the Dockerfile and docs/how-to/install.md."""

import copy
import json
import re
import tomllib
from collections.abc import Iterator
from fnmatch import fnmatch
from functools import cache
from importlib.util import find_spec
from ipaddress import ip_network
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml
from airflow_local_settings import STAGE_GRACE_SECONDS

from api.command_line import DEFAULT_PORT
from docs import build
from ingest.ledger.database_roles import URLS, read_databases
from ingest.local.environment import AIRFLOW_TUNING
from ingest.local.executor import CELERY, CELERY_TUNING, CLASSES
from ingest.local.ports import find_ports
from ingest.orchestrator.pools import DESCRIPTION
from ingest.settings.loading import (
    CONFIG_FILE_VARIABLE,
    DagSettings,
    Settings,
    load_dag_settings,
    load_settings,
    sources,
)
from ingest.states.stages import Pool

PROJECT = Path(__file__).parents[1]
TEXT = (PROJECT / "docker-compose.yaml").read_text(encoding="utf-8")
COMPOSE: dict[str, Any] = yaml.load(TEXT, yaml.CSafeLoader)
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
DOCKERFILE = (PROJECT / "Dockerfile").read_text(encoding="utf-8")
INSTALL = (PROJECT / "docs" / "how-to" / "install.md").read_text(encoding="utf-8")
CONFIGURATION = build.PAGE.read_text(encoding="utf-8")

ONE_SHOT = {"databases", "init"}
LONG_RUNNING = sorted(SERVICES.keys() - ONE_SHOT)
OUR_IMAGE = "pacifica-ingest-airflow"
OF_OUR_IMAGE = sorted(name for name, service in SERVICES.items() if service["image"] == OUR_IMAGE)
OF_INGEST = [name for name in OF_OUR_IMAGE if name not in {"api", "databases"}]
SUPERUSER = "pacifica"

# `$$` is a dollar sign of a container's shell. A default may be another variable.
VARIABLE = re.compile(r"(?<!\$)\$\{(\w+)(?:(:?[-?+])((?:\$\{[^}]*\}|[^}])*))?\}")
# Required variables that are not secrets.
GIVEN = {"INGEST_AUTHENTICATION": "proxy"}
SECRET = re.compile(r"PASSWORD|SECRET|_KEY")
PIN = re.compile(r"^([a-z0-9._-]+)(?:\[[^]]*\])?==(\S+)", re.MULTILINE)

INGEST_VARIABLES = {
    variable
    for model in (Settings, DagSettings)
    for source in sources(model).values()
    for variable in source["environment"]
}
# The used options in the get_provider_info.py of the provider, whose import would import Airflow.
CELERY_PROVIDER = "3.26.0"
CELERY_OPTIONS = {
    ("celery", "extra_celery_config"),
    ("celery", "broker_url"),
    ("celery", "result_backend"),
    ("celery", "sync_parallelism"),
    ("celery", "worker_concurrency"),
    ("celery_broker_transport_options", "visibility_timeout"),
}
# Airflow reads this option, but does not list it.
UNLISTED_OPTION = ("scheduler", "num_stuck_in_queued_retries")
ACCOUNTS = {
    "admin": "AIRFLOW_ADMIN_PASSWORD",
    "ingest": "INGEST_AIRFLOW_PASSWORD",
}
# Variables of the images and of the commands in the file.
OTHER_VARIABLES = {
    "AIRFLOW_ADMIN_PASSWORD",
    "NO_PROXY",
    *(f"OTEL_EXPORTER_OTLP_{name}" for name in ("ENDPOINT", "HEADERS", "TIMEOUT")),
    *(f"OTEL_{name}" for name in ("RESOURCE_ATTRIBUTES", "SERVICE_NAME", "TRACES_EXPORTER")),
    *(f"OTEL_TRACES_{name}" for name in ("SAMPLER", "SAMPLER_ARG")),
    "PGHOST",
    "PGPASSWORD",
    "PGUSER",
    "POSTGRES_PASSWORD",
    "POSTGRES_USER",
    "REDISCLI_AUTH",
    "no_proxy",
}


def located(package: str) -> Path:
    """Return the folder of an installed package without importing it."""
    found = find_spec(package)
    assert found is not None
    assert found.submodule_search_locations
    return Path(found.submodule_search_locations[0])


def schema() -> dict[str, Any]:
    path = located("check_jsonschema") / "builtin_schemas" / "vendor" / "compose-spec.json"
    return dict(json.loads(path.read_text(encoding="utf-8")))


@cache
def airflow_options() -> set[tuple[str, str]]:
    path = located("airflow") / "config_templates" / "config.yml"
    sections = yaml.load(path.read_text(encoding="utf-8"), yaml.CSafeLoader)
    listed = {(section, option) for section, content in sections.items() for option in content["options"]}
    return listed | CELERY_OPTIONS | {UNLISTED_OPTION}


def environment(service: str) -> dict[str, Any]:
    return dict(SERVICES[service].get("environment", {}))


def filled_in(value: str) -> str:
    """Return a value as compose computes it if only the required variables are set."""
    return VARIABLE.sub(
        lambda found: filled_in(found[3]) if found[2] == ":-" else GIVEN.get(found[1], "secret1"), value
    )


def filled_environment(service: str) -> dict[str, str]:
    return {name: filled_in(value) for name, value in environment(service).items() if value is not None}


def variables(text: str) -> Iterator[re.Match[str]]:
    """Yield the variables in a text, and those in their defaults."""
    for found in VARIABLE.finditer(text):
        yield found
        yield from variables(found[3] or "")


def named_variables() -> set[str]:
    """Return the variables that compose puts into values: `${NAME}`."""
    return {found[1] for found in variables(TEXT)}


def passed_on() -> set[str]:
    """Return the variables that compose passes on unchanged: names without a value."""
    return {name for service in SERVICES for name, value in environment(service).items() if value is None}


def taken_from_outside() -> set[str]:
    """Return the variables that compose reads from its environment."""
    return named_variables() | passed_on()


def backquoted(text: str) -> set[str]:
    """Return the names between backquotes in a text."""
    return set(re.findall(r"`([A-Za-z_]+)`", text))


def image_environment() -> dict[str, str]:
    block = re.search(r"^ENV ((?:.*\\\n)*.*)", DOCKERFILE, re.MULTILINE)
    assert block
    return dict(word.split("=", 1) for word in block[1].replace("\\\n", " ").split())


def copied() -> list[str]:
    """Return the paths that the Dockerfile copies from the project."""
    instructions = re.findall(r"^COPY (.+)$", DOCKERFILE, re.MULTILINE)
    return [source for instruction in instructions for source in instruction.split()[:-1]]


def pins(file: str) -> dict[str, str]:
    return dict(PIN.findall((PROJECT / file).read_text(encoding="utf-8")))


def direct(lines: str) -> set[str]:
    """Return the names of the packages in a part of a requirements.in."""
    return set(re.findall(r"^([a-z][a-z0-9-]*)", lines, re.MULTILINE))


def healthcheck_words(service: str) -> Iterator[str]:
    test = SERVICES[service]["healthcheck"]["test"]
    assert test[0] in {"CMD", "CMD-SHELL"}
    yield from test[1:]


def test_the_file_fits_the_compose_schema() -> None:
    jsonschema.validate(COMPOSE, schema())


@pytest.mark.parametrize(
    ("service", "key", "value"),
    [
        ("api", "port", ["8066:8066"]),
        ("api", "restart", True),
        ("api", "healthcheck", {"test": "true", "every": "1s"}),
        ("api", "depends_on", {"init": {"condition": "service_done"}}),
        ("postgres", "image", 18),
        ("airflow-worker", "volumes", {"spool": "/spool"}),
    ],
)
def test_the_schema_refuses_a_broken_file(service: str, key: str, value: object) -> None:
    broken = copy.deepcopy(COMPOSE)
    broken["services"][service][key] = value
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(broken, schema())


@pytest.mark.parametrize("service", LONG_RUNNING)
def test_long_running_services_are_checked_restarted_and_stopped_in_time(service: str) -> None:
    described = SERVICES[service]
    assert described["restart"] == "unless-stopped"
    assert described["init"] is True
    assert described["stop_grace_period"] in {"10s", "30s"}
    assert all(word.strip() for word in healthcheck_words(service))
    assert {"interval", "timeout", "retries", "start_period"} <= described["healthcheck"].keys()


@pytest.mark.parametrize("service", sorted(ONE_SHOT))
def test_one_shot_services_are_not_restarted(service: str) -> None:
    assert SERVICES[service]["restart"] == "no"


@pytest.mark.parametrize("service", LONG_RUNNING)
def test_python_in_a_health_check_compiles(service: str) -> None:
    words = list(healthcheck_words(service))
    if words[0] == "python":
        compile(words[2], service, "exec")


def test_services_start_after_their_dependencies() -> None:
    for name, service in SERVICES.items():
        for needed, how in service.get("depends_on", {}).items():
            once = needed in ONE_SHOT
            assert how["condition"] == ("service_completed_successfully" if once else "service_healthy"), name
    assert "airflow-apiserver" not in SERVICES["api"]["depends_on"], "uploads are received while Airflow is unavailable"


def test_every_secret_must_be_given() -> None:
    secrets = [found for found in variables(TEXT) if SECRET.search(found[1])]
    assert {found[1] for found in secrets} == {
        "POSTGRES_PASSWORD",
        "REDIS_PASSWORD",
        "AIRFLOW_FERNET_KEY",
        "AIRFLOW_SECRET_KEY",
        "AIRFLOW_JWT_SECRET",
        "AIRFLOW_ADMIN_PASSWORD",
        "INGEST_AIRFLOW_PASSWORD",
        "INGEST_DATABASE_PASSWORD",
        "AIRFLOW_DATABASE_PASSWORD",
    }
    for found in secrets:
        # A newer secret falls back to an older one, so that a .env of an earlier version is sufficient.
        instead = VARIABLE.fullmatch(found[3] or "")
        assert found[2] == (":-" if instead else ":?"), f"{found[1]} may be missing or empty"
        assert not instead or SECRET.search(instead[1])
        assert found[3], f"{found[1]}: compose does not say what is missing"


@pytest.mark.parametrize("service", sorted(SERVICES))
def test_no_secret_is_in_the_file(service: str) -> None:
    for name, value in environment(service).items():
        if SECRET.search(name) and not name.endswith(("_FILE", "_FOLDER")):
            assert VARIABLE.fullmatch(str(value)), name
        assert not re.search(r"://[^/@$]*:[^$@/]+@", str(value)), name


@pytest.mark.parametrize("service", sorted(SERVICES))
def test_no_secret_is_on_a_command_line(service: str) -> None:
    """Everyone who can list the machine's processes sees command lines."""
    words = [*SERVICES[service].get("command", []), *SERVICES[service].get("healthcheck", {}).get("test", [])]
    assert not [found[1] for word in words for found in VARIABLE.finditer(str(word)) if SECRET.search(found[1])]


def test_redis_takes_its_password_from_a_file_in_memory() -> None:
    redis = SERVICES["redis"]
    assert redis["command"][-1].splitlines()[1:3] == [
        "umask 077",
        """printf 'requirepass %s\\n' "$$REDISCLI_AUTH" > /run/redis/redis.conf""",
    ]
    assert redis["tmpfs"] == ["/run/redis:uid=999,gid=999,mode=0700"]


def test_every_variable_is_documented() -> None:
    assert named_variables() <= backquoted(INSTALL)
    assert passed_on() <= backquoted(CONFIGURATION)


def test_the_variables_that_cannot_be_set_are_documented() -> None:
    sentence = re.search(r"Compose itself sets\s([^.]*) and does not read\s`PEEWEE_URL`", INSTALL)
    assert sentence
    assert backquoted(sentence[1]) == INGEST_VARIABLES - taken_from_outside() - {"PEEWEE_URL"}


def test_the_block_of_settings_is_up_to_date() -> None:
    assert build.compose_file(TEXT) == TEXT, "run make docs"
    block = build.COMPOSE_BLOCK.search(TEXT)
    assert block
    assert set(re.findall(r"^  (\w+):$", block[0], re.MULTILINE)) == INGEST_VARIABLES - {"PEEWEE_URL"}


def test_a_setting_without_a_value_is_not_set_in_a_container() -> None:
    # Compose leaves out a variable without a value; `NAME: ${NAME:-}` would set it to an empty text.
    assert all(value != "" for service in SERVICES for value in filled_environment(service).values())
    assert environment("api")["INGEST_ADMINS"] is None


def test_every_documented_variable_of_the_facility_exists() -> None:
    tables = INSTALL[INSTALL.index("## A facility") :]
    documented = re.findall(r"^\| `([A-Za-z_]+)` \|", tables, re.MULTILINE)
    assert set(documented) - SERVICES.keys() <= taken_from_outside()


def test_the_defaults_in_the_page_are_those_of_the_file() -> None:
    in_file = {found[1]: found[3] for found in variables(TEXT) if found[2] == ":-" and not VARIABLE.match(found[3])}
    in_page = dict(re.findall(r"^\| `(\w+)` \| `([^`]*)` \|", INSTALL[INSTALL.index("## A facility") :], re.MULTILINE))
    assert in_page == in_file


@pytest.mark.parametrize(("service", "port"), [("api", 8066), ("airflow-apiserver", 8090)])
def test_the_ports_are_open_to_this_machine_only(service: str, port: int) -> None:
    (published,) = SERVICES[service]["ports"]
    assert filled_in(published) == f"127.0.0.1:{port}:{port}"


def test_the_authentication_must_be_set() -> None:
    assert SERVICES["api"]["command"][:3] == ["pacifica-ingest", "-a", "0.0.0.0"]
    found = VARIABLE.fullmatch(environment("api")["INGEST_AUTHENTICATION"])
    assert found
    assert found[2] == ":?"
    assert "docs/how-to/install.md" in found[3]


def test_only_the_host_is_a_trusted_proxy() -> None:
    (network,) = COMPOSE["networks"]["default"]["ipam"]["config"]
    host = next(ip_network(filled_in(network["subnet"])).hosts())
    assert filled_environment("api")["INGEST_TRUSTED_PROXIES"] == str(host)
    assert not any("networks" in service for service in SERVICES.values())


def test_the_tokens_are_on_a_volume_of_the_api_alone() -> None:
    folder = str(Path(filled_environment("api")["INGEST_TOKEN_FILE"]).parent)
    assert [name for name in SERVICES if f"access:{folder}" in SERVICES[name].get("volumes", [])] == ["api"]


def test_the_ports_are_those_of_one_machine() -> None:
    assert find_ports({}).ingest == DEFAULT_PORT == 8066
    assert find_ports({}).airflow == 8090
    assert environment("airflow-apiserver")["AIRFLOW__API__PORT"] == "8090"
    assert {name for name, service in SERVICES.items() if "ports" in service} == {"api", "airflow-apiserver"}


@pytest.mark.parametrize("service", sorted(SERVICES))
def test_every_variable_of_a_service_means_something(service: str) -> None:
    for name in environment(service) | (image_environment() if service in OF_OUR_IMAGE else {}):
        if name.startswith("AIRFLOW__"):
            _, section, option = name.lower().split("__")
            assert (section, option) in airflow_options(), name
        elif name not in {"AIRFLOW_HOME", "PYTHONPATH", "PYTHONUNBUFFERED"}:
            assert name in INGEST_VARIABLES | OTHER_VARIABLES, name


def test_the_celery_options_are_of_the_pinned_provider() -> None:
    assert pins("requirements-facility.txt")["apache-airflow-providers-celery"] == CELERY_PROVIDER


def test_the_option_that_airflow_does_not_list_is_read() -> None:
    code = (located("airflow") / "jobs" / "scheduler_job_runner.py").read_text(encoding="utf-8")
    section, option = UNLISTED_OPTION
    assert re.search(rf'section="{section}",\s+key="{option}"', code)


def test_every_setting_can_be_set() -> None:
    other_name_of_the_database = {"PEEWEE_URL"}
    everywhere = set.intersection(*(set(environment(name)) for name in OF_INGEST))
    assert everywhere >= INGEST_VARIABLES - other_name_of_the_database
    assert CONFIG_FILE_VARIABLE not in everywhere


def test_the_settings_are_good_and_the_built_in_services_the_default() -> None:
    settings = load_settings(filled_environment("airflow-worker"))
    defaults = load_settings({})
    assert settings.uniqueid_url == defaults.uniqueid_url
    assert settings.policy_ingest_url == defaults.policy_ingest_url
    assert settings.metadata_ingest_url == defaults.metadata_ingest_url
    assert settings.archiveinterface_url == defaults.archiveinterface_url
    assert load_settings(filled_environment("api")) == settings
    assert load_dag_settings(filled_environment("airflow-worker")) == load_dag_settings({})


def test_the_tuning_is_that_of_one_machine() -> None:
    of_its_own = {"AIRFLOW__CORE__DAGS_FOLDER", "AIRFLOW__CORE__PARALLELISM"}
    given = environment("airflow-scheduler")
    assert {name: given.get(name) for name in AIRFLOW_TUNING.keys() - of_its_own} == {
        name: value for name, value in AIRFLOW_TUNING.items() if name not in of_its_own
    }


def test_celery_is_that_of_the_tests() -> None:
    given = environment("airflow-scheduler")
    assert {name: given.get(name) for name in CELERY_TUNING} == CELERY_TUNING


def test_a_worker_that_is_stopped_has_time_to_end_its_stages() -> None:
    seconds = int(str(SERVICES["airflow-worker"]["stop_grace_period"]).removesuffix("s"))
    # Then each stage records its end, and Airflow is notified.
    assert seconds >= STAGE_GRACE_SECONDS + 15


@pytest.mark.parametrize("service", OF_INGEST)
def test_all_of_airflow_has_one_environment(service: str) -> None:
    of_its_own = {"AIRFLOW_ADMIN_PASSWORD", "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_PASSWORDS_FILE"}
    assert {name: value for name, value in environment(service).items() if name not in of_its_own} == environment(
        "airflow-worker"
    )


def test_database_urls_name_the_driver_that_is_installed() -> None:
    # SQLAlchemy 2.1 uses psycopg by default, which is not installed.
    for name in ("AIRFLOW__DATABASE__SQL_ALCHEMY_CONN", "AIRFLOW__CELERY__RESULT_BACKEND"):
        assert "postgresql+psycopg2://" in environment("airflow-worker")[name]
    assert "psycopg2-binary" in pins("requirements-facility.txt")


def test_redis_does_not_give_a_long_stage_to_a_second_worker() -> None:
    seconds = int(environment("airflow-worker")["AIRFLOW__CELERY_BROKER_TRANSPORT_OPTIONS__VISIBILITY_TIMEOUT"])
    assert seconds > DagSettings().stage_timeout


def test_workers_can_be_scaled() -> None:
    worker = SERVICES["airflow-worker"]
    assert not {"container_name", "ports", "hostname"} & worker.keys()
    assert filled_in(worker["scale"]) == "1"
    assert worker["command"] == ["airflow", "celery", "worker"]
    assert environment("airflow-worker")["AIRFLOW__CORE__EXECUTOR"] == CLASSES[CELERY]


def test_no_stage_is_queued_that_no_worker_is_free_for() -> None:
    """Otherwise Airflow would consider it lost."""
    given = filled_environment("airflow-scheduler")
    workers = int(filled_in(SERVICES["airflow-worker"]["scale"]))
    assert int(given["AIRFLOW__CORE__PARALLELISM"]) == workers * int(given["AIRFLOW__CELERY__WORKER_CONCURRENCY"])


def test_forks_of_a_worker_die_with_it() -> None:
    local_settings = (PROJECT / "config" / "airflow_local_settings.py").read_text(encoding="utf-8")
    commands = re.search(r"^FORKING_COMMANDS = frozenset\((\{.*\})\)$", local_settings, re.MULTILINE)
    assert commands
    for service in ("airflow-scheduler", "airflow-dag-processor", "airflow-worker"):
        assert f'"{SERVICES[service]["command"][1]}"' in commands[1]
    assert "/opt/pacifica-ingest/config" in image_environment()["PYTHONPATH"].split(":")


def test_the_spool_is_shared_by_the_api_and_the_workers() -> None:
    folder = filled_environment("api")["VOLUME_PATH"]
    for service in ("api", "airflow-worker"):
        assert f"spool:{folder}" in SERVICES[service]["volumes"]


def test_the_built_in_archive_is_on_a_volume() -> None:
    folder = filled_environment("airflow-worker")["ARCHIVEINTERFACE_URL"].removeprefix("file://")
    assert f"archive:{folder}" in SERVICES["airflow-worker"]["volumes"]


def test_every_volume_is_described_and_used() -> None:
    mounts = [volume.split(":")[0] for service in SERVICES.values() for volume in service.get("volumes", [])]
    assert set(mounts) == set(COMPOSE["volumes"]) == {"database", "queue", "spool", "archive", "access", "airflow-logs"}


@pytest.mark.parametrize("service", OF_OUR_IMAGE)
def test_mounted_folders_belong_to_the_user_of_the_image(service: str) -> None:
    made = re.search(r"install --directory ((?:.*\\\n)*.*)", DOCKERFILE)
    assert made
    # Docker also applies the image's mode to a folder of the host, which must not become readable for other accounts.
    assert "--owner=pacifica --group=pacifica --mode=0700" in made[1]
    for volume in SERVICES[service].get("volumes", []):
        assert volume.split(":")[1] in made[1].split()
    for folder in SERVICES[service]["tmpfs"]:
        assert "uid=10001,gid=10001,mode=0700" in folder
    assert re.search(r"^USER 10001:10001$", DOCKERFILE, re.MULTILINE)


def test_a_checkout_under_any_umask_can_be_read_in_the_image() -> None:
    steps = re.findall(r"^(COPY|RUN chmod -R a\+rX \.)", DOCKERFILE, re.MULTILINE)
    assert steps[-1] == "RUN chmod -R a+rX ."


@pytest.mark.parametrize("service", sorted(SERVICES))
def test_a_container_has_no_rights_that_it_does_not_need(service: str) -> None:
    described = SERVICES[service]
    assert described["cap_drop"] == ["ALL"]
    assert described["security_opt"] == ["no-new-privileges:true"]
    assert described["read_only"] is True
    assert not {"privileged", "cap_add", "pid", "network_mode"} & described.keys()
    # This project's image sets its user; the others start as root by default.
    assert described.get("user") == (None if service in OF_OUR_IMAGE else service)
    assert "uid=0" not in str(described["tmpfs"])


def test_only_the_services_that_create_roles_know_the_superuser() -> None:
    knowing = [name for name in SERVICES if "POSTGRES_PASSWORD" in str(environment(name).values())]
    assert sorted(knowing) == ["databases", "postgres"]
    assert environment("postgres")["POSTGRES_USER"] == environment("databases")["PGUSER"] == SUPERUSER


def test_each_database_has_a_role_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PGUSER", SUPERUSER)
    given = filled_environment("databases")
    for service in OF_INGEST:
        assert {name: filled_environment(service)[name] for name in URLS} == {name: given[name] for name in URLS}
    assert environment("api")["INGEST_DATABASE_URL"] == environment("databases")["INGEST_DATABASE_URL"]
    assert "AIRFLOW" not in str([name for name in environment("api") if name.startswith("AIRFLOW__")])
    backend = environment("airflow-worker")["AIRFLOW__CELERY__RESULT_BACKEND"]
    assert backend == f"db+{environment('airflow-worker')['AIRFLOW__DATABASE__SQL_ALCHEMY_CONN']}"
    databases = read_databases(given)
    assert [(each.name, each.role) for each in databases] == [("ingest", "ingest"), ("airflow", "airflow")]
    for each, variable in zip(databases, URLS.values(), strict=True):
        assert f"{each.role}:${{{variable}:-" in TEXT


def test_init_prepares_all_other_services() -> None:
    assert SERVICES["databases"]["command"] == ["python", "-m", "ingest.ledger.database_roles"]
    lines = [line.split(" ") for line in SERVICES["init"]["command"][-1].splitlines()]
    assert lines[:3] == [["set", "-eu"], ["airflow", "db", "migrate"], ["pacifica-ingest-cmd", "dbsync"]]
    assert lines[3][:5] == ["airflow", "pools", "set", Pool.ARCHIVE, '"$$INGEST_ARCHIVE_SLOTS"']
    assert " ".join(lines[3][5:]) == f'"{DESCRIPTION}"'


def test_the_accounts_of_airflow_have_their_passwords() -> None:
    accounts = environment("airflow-apiserver")["AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_USERS"].split(",")
    assert dict(account.split(":") for account in accounts) == {"admin": "admin", "ingest": "user"}
    command = SERVICES["airflow-apiserver"]["command"][-1]
    assert environment("airflow-apiserver")["AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_PASSWORDS_FILE"] in command
    for account, variable in ACCOUNTS.items():
        assert f'"{account}": "{variable}"' in command
    assert environment("api")["INGEST_AIRFLOW_USERNAME"] == "ingest"


@pytest.mark.parametrize("service", sorted(SERVICES))
def test_every_other_image_is_pinned(service: str) -> None:
    if service not in OF_OUR_IMAGE:
        assert re.fullmatch(r"(postgres|redis):\d+\.\d+-bookworm", SERVICES[service]["image"])


def test_the_image_is_built_from_pinned_dependencies() -> None:
    (base,) = re.findall(r"^FROM (.*)$", DOCKERFILE, re.MULTILINE)
    assert re.fullmatch(r"python:3\.12\.\d+-slim-bookworm", base)
    dependencies, package = re.findall(r"^RUN pip install (.*)$", DOCKERFILE, re.MULTILINE)
    assert "--require-hashes --requirement requirements-facility.txt" in dependencies
    assert "--no-deps" in package


def test_the_sources_of_the_image_exist() -> None:
    # Every service that builds gets its own image, and the next `up` recreates all but one.
    assert {name: service["build"] for name, service in SERVICES.items() if "build" in service} == {"init": "."}
    assert {"requirements-facility.txt", "config", "dags", "plugins", "api"} <= set(copied())
    for source in copied():
        assert (PROJECT / source).exists(), source
    project = tomllib.loads((PROJECT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert {"pyproject.toml", project["readme"], *project["license-files"]} <= set(copied())
    assert {SERVICES["api"]["command"][0], "pacifica-ingest-cmd"} <= project["scripts"].keys()


def test_only_copied_files_are_sent_to_the_engine() -> None:
    rules = (PROJECT / ".dockerignore").read_text(encoding="utf-8").splitlines()
    rules = [rule for rule in rules if rule and not rule.startswith("#")]
    assert rules[0] == "*", "a list of what is let in, so that no .env and no var/ ever is"
    assert sorted(rule[1:] for rule in rules if rule.startswith("!")) == sorted(copied())
    ignored_again = [rule for rule in rules[1:] if not rule.startswith("!")]
    assert not any(fnmatch(source, rule.removeprefix("**/")) for source in copied() for rule in ignored_again)


def test_the_image_has_the_versions_that_were_tested() -> None:
    """After `make lock`, compile requirements-facility.txt as requirements-facility.in describes."""
    tested, of_the_image = pins("requirements.txt"), pins("requirements-facility.txt")
    both = tested.keys() & of_the_image.keys()
    assert "apache-airflow" in both
    assert {name: of_the_image[name] for name in both} == {name: tested[name] for name in both}


def test_the_image_has_every_package_of_the_service() -> None:
    on_one_machine = (PROJECT / "requirements.in").read_text(encoding="utf-8")
    of_the_service = direct(on_one_machine.split("# the service")[1].split("\n\n")[0])
    assert "flask" in of_the_service
    in_facility = direct((PROJECT / "requirements-facility.in").read_text(encoding="utf-8"))
    assert of_the_service <= in_facility
    assert in_facility <= pins("requirements-facility.txt").keys()
