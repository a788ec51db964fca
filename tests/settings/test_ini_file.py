"""The INI file: unknown options, unreadable files, the home folder, percent signs."""

import logging
from pathlib import Path

import pytest

from ingest.errors.types import ConfigurationError
from ingest.settings.loading import Settings, load_settings
from tests.settings.cases import (
    DOCUMENTED_INI,
    DOCUMENTED_URL,
    OTHER_DATABASE,
    POSTGRES,
    WithIni,
    home_file,
    set_fields,
)


def test_documented_example_is_refused_for_its_database_alone(with_ini: WithIni):
    with pytest.raises(ConfigurationError) as raised:
        load_settings(with_ini(DOCUMENTED_INI))
    assert raised.value.text == OTHER_DATABASE.format("SQLite")


@pytest.mark.parametrize("way", ["file", "variable"])
def test_documented_example_loads_with_another_database(with_ini: WithIni, way: str):
    if way == "file":
        environment = with_ini(DOCUMENTED_INI.replace(DOCUMENTED_URL, f"peewee_url = {POSTGRES}"))
    else:
        environment = {**with_ini(DOCUMENTED_INI), "PEEWEE_URL": POSTGRES}
    assert set_fields(environment) == {
        "volume_path": Path("/tmp"),
        "uniqueid_url": "http://127.0.0.1:8051",
        "policy_ingest_url": "http://127.0.0.1:8181/ingest",
        "archiveinterface_url": "http://127.0.0.1:8080",
        "metadata_ingest_url": "http://127.0.0.1:8121/ingest",
        "database_url": POSTGRES,
        "connect_attempts": 10,
        "connect_wait": 20.0,
    }


def warnings(caplog: pytest.LogCaptureFixture) -> list[str]:
    assert {record.levelno for record in caplog.records} <= {logging.WARNING}
    return [record.getMessage() for record in caplog.records]


def test_celery_section_is_ignored_with_one_warning(with_ini: WithIni, caplog: pytest.LogCaptureFixture):
    ini = with_ini(DOCUMENTED_INI.replace(DOCUMENTED_URL, ""))
    load_settings(ini)
    load_settings(ini)
    assert warnings(caplog) == [
        f"{ini['INGEST_CONFIG']}: [celery] is not used: Airflow replaces Celery; remove the section"
    ]


def test_broker_and_backend_of_celery_are_ignored_without_a_warning(caplog: pytest.LogCaptureFixture):
    assert load_settings({"BROKER_URL": "pyamqp://", "BACKEND_URL": "rpc://"}) == Settings()
    assert caplog.records == []


def test_all_unknown_options_are_named_in_one_warning_without_values(
    with_ini: WithIni, caplog: pytest.LogCaptureFixture
):
    ini = with_ini("[DEFAULT]\nhost = h\n[ingest]\nvolume_path = /a\nvolumepath = geheim\n[Policy]\ningest_url = x\n")
    load_settings(ini)
    load_settings(ini)
    assert warnings(caplog) == [f"{ini['INGEST_CONFIG']}: unknown and not used: [Policy], [ingest] volumepath"]


def test_variable_that_contradicts_the_file_causes_a_warning_without_values(
    with_ini: WithIni, caplog: pytest.LogCaptureFixture
):
    ini = with_ini(f"[ingest]\nvolume_path = /a\n[database]\npeewee_url = {POSTGRES}\n")
    for _ in range(2):
        load_settings({**ini, "VOLUME_PATH": "/a", "PEEWEE_URL": "postgresql://ingest:anders@db:5432/jobs"})
    assert warnings(caplog) == [
        "[database] peewee_url of the INI file is not used: PEEWEE_URL has a different value and takes precedence"
    ]


def test_same_url_in_another_spelling_is_no_contradiction(with_ini: WithIni, caplog: pytest.LogCaptureFixture):
    ini = with_ini(f"[database]\npeewee_url = {POSTGRES}\n")
    load_settings({**ini, "PEEWEE_URL": POSTGRES.replace("postgresql", "postgres+pool")})
    assert warnings(caplog) == []


def test_file_whose_sections_are_all_used_causes_no_warning(with_ini: WithIni, caplog: pytest.LogCaptureFixture):
    load_settings(with_ini("[ingest]\nvolume_path = /a\n"))
    assert caplog.records == []


def test_option_of_another_section_is_not_used(with_ini: WithIni):
    assert set_fields(with_ini("[policy]\nurl = http://wrong\n[uniqueid]\ningest_url = http://wrong\n")) == {}


def test_percent_signs_and_option_names_in_capitals_are_accepted(with_ini: WithIni):
    assert set_fields(with_ini("[ingest]\nVolume_Path: /srv/100%/%(x)s\n")) == {"volume_path": Path("/srv/100%/%(x)s")}


def test_file_is_utf_8(with_ini: WithIni):
    assert set_fields(with_ini("[ingest]\nvolume_path = /srv/日本\n")) == {"volume_path": Path("/srv/日本")}


def test_empty_file_means_the_defaults(with_ini: WithIni):
    assert load_settings(with_ini("")) == Settings()


def test_missing_file_is_refused_by_name(tmp_path: Path):
    missing = tmp_path / "missing.ini"
    with pytest.raises(ConfigurationError, match=r"^INGEST_CONFIG: cannot read .*missing\.ini: .*No such file"):
        load_settings({"INGEST_CONFIG": str(missing)})


def test_folder_is_no_file(tmp_path: Path):
    with pytest.raises(ConfigurationError, match=r"^INGEST_CONFIG: cannot read .*directory"):
        load_settings({"INGEST_CONFIG": str(tmp_path)})


BROKEN = {
    "no section": "volume_path = /srv\n",
    "no value": "[ingest]\nvolume_path\n",
    "twice": "[ingest]\nvolume_path = /a\nvolume_path = /b\n",
    "section twice": "[ingest]\n[ingest]\n",
    "latin-1": "[ingest]\nvolume_path = /é\n".encode("latin-1"),
    "utf-16": "[ingest]\nvolume_path = /a\n".encode("utf-16"),
}


@pytest.mark.parametrize("text", BROKEN.values(), ids=BROKEN)
def test_broken_file_is_refused_by_name(with_ini: WithIni, text: str | bytes):
    with pytest.raises(ConfigurationError, match=r"^INGEST_CONFIG: cannot read .*ingest\.ini: "):
        load_settings(with_ini(text))


@pytest.mark.parametrize("text", BROKEN.values(), ids=BROKEN)
def test_broken_file_is_refused_in_one_line(with_ini: WithIni, text: str | bytes):
    with pytest.raises(ConfigurationError) as raised:
        load_settings(with_ini(text))
    assert "\n" not in raised.value.text


def test_file_in_the_home_folder_is_read_when_none_is_named(tmp_path: Path):
    home_file(tmp_path).write_text("[ingest]\nvolume_path = /of/the/home\n")
    assert set_fields({"HOME": str(tmp_path)}) == {"volume_path": Path("/of/the/home")}


def test_file_that_is_named_is_read_instead_of_the_one_in_the_home_folder(with_ini: WithIni, tmp_path: Path):
    home_file(tmp_path).write_text("[ingest]\nvolume_path = /of/the/home\n")
    named = with_ini("[ingest]\ndefault_user = named\n")
    assert set_fields({**named, "HOME": str(tmp_path)}) == {"default_user": "named"}


def test_empty_name_means_no_file(tmp_path: Path):
    home_file(tmp_path).write_text("[ingest]\nvolume_path = /of/the/home\n")
    assert set_fields({"HOME": str(tmp_path), "INGEST_CONFIG": ""}) == {}


@pytest.mark.parametrize("home", ["", "/nowhere", "/dev/null", "/proc/1/root/x"])
def test_home_folder_without_the_file_means_the_defaults(home: str):
    assert set_fields({"HOME": home}) == {}


def test_percent_signs_are_read_as_the_original_reads_them(with_ini: WithIni):
    ini = with_ini("[DEFAULT]\nhost = db\n[ingest]\nvolume_path = /100%%\n[uniqueid]\nurl = http://%(host)s\n")
    assert set_fields(ini) == {"volume_path": Path("/100%"), "uniqueid_url": "http://db"}


def test_password_of_airflow_is_used_literally(with_ini: WithIni):
    assert set_fields(with_ini("[airflow]\npassword = a%%b\n")) == {"airflow_password": "a%%b"}
