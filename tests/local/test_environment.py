import json
import shlex
from contextlib import nullcontext
from pathlib import Path

import pytest

from ingest.local.credentials import Credentials, load_credentials
from ingest.local.environment import check_move_folders, own_environment, whole_environment, write_environment
from ingest.local.layout import Layout, make_folders
from ingest.local.ports import Ports
from ingest.local.reporting import LaunchFailure

PORTS = Ports(ingest=1, airflow=2)


def environment(layout: Layout, **user: str) -> dict[str, str]:
    return own_environment(user, layout, PORTS, Credentials())


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    made = Layout(tmp_path / "home")
    make_folders(made)
    return made


@pytest.fixture
def redis(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Put a program that looks like Redis into the search path."""
    (tmp_path / "redis-server").write_text("")
    (tmp_path / "redis-server").chmod(0o700)
    monkeypatch.setenv("PATH", str(tmp_path))


def test_tasks_run_in_the_scheduler_s_own_processes_by_default(layout: Layout):
    own = environment(layout, AIRFLOW__CORE__EXECUTOR="CeleryExecutor")

    assert own["AIRFLOW__CORE__EXECUTOR"] == "ingest_local_executor.IngestLocalExecutor"
    assert not [name for name in own if "CELERY" in name]


@pytest.mark.usefixtures("redis")
def test_celery_is_chosen_by_a_variable(layout: Layout):
    own = environment(layout, INGEST_EXECUTOR="CeleryExecutor")

    assert own["AIRFLOW__CORE__EXECUTOR"] == "ingest_celery_executor.IngestCeleryExecutor"
    assert own["AIRFLOW__CELERY__BROKER_URL"] == f"redis+socket://{layout.sockets}/redis.sock"
    assert own["AIRFLOW__CELERY__RESULT_BACKEND"] == f"db+{own['AIRFLOW__DATABASE__SQL_ALCHEMY_CONN']}"
    # Read again by the program of each service.
    assert own["INGEST_EXECUTOR"] == "CeleryExecutor"


@pytest.mark.parametrize(("executor", "reason"), [("Celery", "neither"), ("CeleryExecutor", "install Redis")])
def test_executor_that_cannot_run_is_refused_at_start(
    layout: Layout, monkeypatch: pytest.MonkeyPatch, executor: str, reason: str
):
    monkeypatch.setenv("PATH", "")
    with pytest.raises(LaunchFailure, match=reason):
        environment(layout, INGEST_EXECUTOR=executor)


def test_everything_stays_in_the_folder_of_the_instance(layout: Layout):
    own = environment(layout)

    assert own["VOLUME_PATH"] == str(layout.home / "spool")
    assert own["ARCHIVEINTERFACE_URL"] == f"file://{layout.home}/archive"
    assert own["AIRFLOW_HOME"] == str(layout.airflow)


def test_the_superuser_s_url_of_an_earlier_version_is_replaced_and_any_other_kept(layout: Layout):
    today = environment(layout)["INGEST_DATABASE_URL"]
    former = today.replace("//ingest@", "//postgres@")
    assert former != today
    assert environment(layout, INGEST_DATABASE_URL=former)["INGEST_DATABASE_URL"] == today
    elsewhere = "postgresql://postgres@db/jobs"
    assert environment(layout, INGEST_DATABASE_URL=elsewhere)["INGEST_DATABASE_URL"] == elsewhere


def test_airflow_logs_in_the_same_form_as_the_api(layout: Layout):
    assert "AIRFLOW__LOGGING__JSON_LOGS" not in environment(layout)
    assert environment(layout, INGEST_LOG_FORMAT="json")["AIRFLOW__LOGGING__JSON_LOGS"] == "True"


def test_settings_select_the_real_services(layout: Layout):
    own = environment(layout, ARCHIVEINTERFACE_URL="http://archive:8080", PEEWEE_URL="postgresql://db/jobs")

    assert own["ARCHIVEINTERFACE_URL"] == "http://archive:8080"
    assert own["PEEWEE_URL"] == "postgresql://db/jobs"
    assert "INGEST_DATABASE_URL" not in own


def test_admins_shell_uses_the_services_of_the_stack(layout: Layout):
    own = environment(layout, METADATA_INGEST_URL="http://metadata:8121/ingest", INGEST_MOVE_FOLDERS="/data")
    write_environment(layout, own)

    lines = (layout.home / "environment").read_text().splitlines()
    assert "export METADATA_INGEST_URL=http://metadata:8121/ingest" in lines
    assert "export INGEST_MOVE_FOLDERS=/data" in lines


def test_folder_for_moves_that_is_missing_is_refused_at_start(layout: Layout):
    check_move_folders(environment(layout))
    with pytest.raises(LaunchFailure, match="/nowhere is not a folder"):
        check_move_folders(environment(layout, INGEST_MOVE_FOLDERS=f"{layout.home}:/nowhere"))


def test_moves_into_archiveinterface_use_a_staging_folder_of_the_instance(layout: Layout):
    own = environment(layout, ARCHIVEINTERFACE_URL="http://archive:8080", INGEST_MOVE_FOLDERS=str(layout.home / "move"))

    assert own["INGEST_MOVE_STAGING"] == str(layout.home / "staging")
    check_move_folders(own)


def test_staging_folder_that_others_can_write_to_is_refused_at_start(layout: Layout, tmp_path: Path):
    (tmp_path / "shared").mkdir()
    (tmp_path / "shared").chmod(0o777)
    for url, is_refused in (("http://archive:8080", True), (f"file://{layout.home}/archive", False)):
        own = environment(layout, ARCHIVEINTERFACE_URL=url, INGEST_MOVE_STAGING=str(tmp_path / "shared"))
        with pytest.raises(LaunchFailure, match=r"INGEST_MOVE_STAGING.*can write") if is_refused else nullcontext():
            check_move_folders(own)


def test_the_ini_file_counts_as_a_setting_of_the_users(layout: Layout, tmp_path: Path):
    (tmp_path / "ingest.ini").write_text("[archiveinterface]\nurl = http://archive:8080\n")

    assert "ARCHIVEINTERFACE_URL" not in environment(layout, INGEST_CONFIG=str(tmp_path / "ingest.ini"))


def test_another_airflows_settings_cannot_lead_to_its_database(layout: Layout):
    user = {
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": "postgresql://production/airflow",
        "AIRFLOW_CONFIG": "/etc/airflow.cfg",
        "AIRFLOW__CORE__PARALLELISM": "2",
    }

    whole = whole_environment(user, own_environment(user, layout, PORTS, Credentials()))

    assert "production" not in whole["AIRFLOW__DATABASE__SQL_ALCHEMY_CONN"]
    assert "AIRFLOW_CONFIG" not in whole
    assert whole["AIRFLOW__CORE__PARALLELISM"] == "2"


def test_no_proxy_is_used_for_this_machine(layout: Layout):
    assert environment(layout, NO_PROXY="pnnl.gov")["NO_PROXY"] == "pnnl.gov,127.0.0.1,localhost"


def test_an_admin_can_source_the_file(layout: Layout):
    write_environment(layout, {"A": "with space and 'quote'"})

    file = layout.home / "environment"

    assert shlex.split(file.read_text().splitlines()[0]) == ["export", "A=with space and 'quote'"]
    assert file.stat().st_mode & 0o777 == 0o600


def test_credentials_are_made_once(layout: Layout):
    first = load_credentials(layout)

    assert load_credentials(layout) == first
    assert layout.secrets.stat().st_mode & 0o777 == 0o600
    assert json.loads(layout.passwords.read_text()) == {"admin": first.admin_password, "ingest": first.ingest_password}


def test_secrets_are_not_shown(layout: Layout):
    assert load_credentials(layout).jwt_secret not in repr(load_credentials(layout))


@pytest.mark.parametrize("text", ["", "{}", "[1]", "not json"])
def test_damaged_credentials_are_not_replaced(layout: Layout, text: str):
    layout.secrets.write_text(text)

    with pytest.raises(LaunchFailure, match="restore it"):
        load_credentials(layout)

    assert layout.secrets.read_text() == text
