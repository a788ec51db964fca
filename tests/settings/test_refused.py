"""Refused values and combinations of settings."""

from pathlib import Path

import pytest

from ingest.errors.types import ConfigurationError
from ingest.settings.loading import Settings, load_dag_settings, load_settings, sources
from tests.settings.cases import JWT, REFUSED, REFUSED_FOR_DAGS, REFUSED_IN_INI, VALUES, WithIni, cases


@pytest.mark.parametrize("text", ["relative", "/", "/a:/", "//", "/a/../b", "~/data", "."])
def test_relative_folder_and_the_root_folder_are_refused(text: str):
    with pytest.raises(ConfigurationError, match="INGEST_MOVE_FOLDERS") as raised:
        load_settings({"INGEST_MOVE_FOLDERS": text})
    assert "is not absolute paths of folders" in raised.value.text


@pytest.mark.parametrize(("name", "form", "value"), cases(REFUSED))
def test_wrong_value_is_refused_with_its_name_and_the_valid_form(name: str, form: str, value: str):
    section, option, variable, _, _ = VALUES[name]
    with pytest.raises(ConfigurationError) as raised:
        load_settings({variable: value})
    listed = sources(Settings)[name]["environment"][0]
    shown = "its value" if name == "database_url" else repr(value)
    assert raised.value.text == f"[{section}] {option}, or {listed}: {shown} is not {form}"


@pytest.mark.parametrize("value", ["ingest", "postgresql:geheim", "postgresql://user:geheim@host:port/database"])
def test_wrong_url_of_the_database_without_a_pooler_is_refused_and_not_shown(value: str):
    with pytest.raises(ConfigurationError) as raised:
        load_settings({"INGEST_SESSION_DATABASE_URL": value})
    assert raised.value.text == (
        "[database] session_url, or INGEST_SESSION_DATABASE_URL: its value is not "
        "postgresql://user:password@host:port/database"
    )


def test_without_a_pooler_there_is_one_url_of_the_database():
    assert load_settings({"INGEST_SESSION_DATABASE_URL": ""}).session_database_url is None


@pytest.mark.parametrize(
    ("name", "form", "value"),
    [*cases(REFUSED_IN_INI), *((name, form, "") for name, (form, _) in REFUSED.items())],
)
def test_empty_option_is_refused_where_nothing_is_no_value(with_ini: WithIni, name: str, form: str, value: str):
    section, option, _, _, _ = VALUES[name]
    with pytest.raises(ConfigurationError) as raised:
        load_settings(with_ini(f"[{section}]\n{option} = {value}\n"))
    assert raised.value.text.startswith(f"[{section}] {option}, or ")
    assert raised.value.text.endswith(f" is not {form}")


@pytest.mark.parametrize(("name", "form", "value"), cases(REFUSED_FOR_DAGS))
def test_wrong_value_of_a_dag_setting_is_refused(name: str, form: str, value: str):
    variable = f"INGEST_{name.upper()}"
    with pytest.raises(ConfigurationError) as raised:
        load_dag_settings({variable: value})
    assert raised.value.text == f"{variable}: {value!r} is not {form}"


@pytest.mark.parametrize(("field", "value"), [("transfer_size", 4096), ("transfer_size", 1024**3), ("connect_wait", 0)])
def test_limits_themselves_are_allowed(field: str, value: int):
    assert getattr(load_settings({VALUES[field][2]: str(value)}), field) == value


def test_all_wrong_values_are_named_together():
    with pytest.raises(ConfigurationError, match=r"^\[ingest\] transfer_size.*; \[policy\] ingest_url.* URL$"):
        load_settings({"TRANSFER_SIZE": "0", "POLICY_INGEST_URL": "x", "VOLUME_PATH": "/fine"})


@pytest.mark.parametrize(
    ("environment", "expected"),
    [
        ({"INGEST_AUTHENTICATION": "token"}, "[access] token_file, or INGEST_TOKEN_FILE: with authentication `token`"),
        (
            {"INGEST_AUTHENTICATION": "token", "INGEST_TOKEN_FILE": "/t", "INGEST_JWT_ISSUER": "https://issuer/"},
            "[access] jwks_url, or INGEST_JWKS_URL: with jwt_issuer it must be set",
        ),
        (
            {"INGEST_AUTHENTICATION": "token", "INGEST_TOKEN_FILE": "/t", "INGEST_JWKS_URL": "https://issuer/keys"},
            "[access] jwt_issuer, or INGEST_JWT_ISSUER: with jwks_url it must be set",
        ),
        (
            {"INGEST_AUTHENTICATION": "proxy", "INGEST_TRUSTED_PROXIES": ","},
            "[access] trusted_proxies, or INGEST_TRUSTED_PROXIES: must name the proxies",
        ),
        (
            {"INGEST_OPERATORS": "a, b", "INGEST_ADMINS": "b"},
            "[access] operators, or INGEST_OPERATORS: 'b' is also in admins",
        ),
        (
            {"INGEST_SUBMITTER_CHECK": "file", "INGEST_SUBMITTER_FILE": "/people"},
            "[access] submitter_check, or INGEST_SUBMITTER_CHECK: needs authentication `proxy` or `token`",
        ),
        (
            {"INGEST_AUTHENTICATION": "open", "INGEST_SUBMITTER_CHECK": "network_id"},
            "[access] submitter_check, or INGEST_SUBMITTER_CHECK: needs authentication `proxy` or `token`",
        ),
        (
            {"INGEST_AUTHENTICATION": "proxy", "INGEST_SUBMITTER_CHECK": "claim"},
            "[access] submitter_check, or INGEST_SUBMITTER_CHECK: with `claim` needs authentication `token`",
        ),
        (
            {**JWT, "INGEST_SUBMITTER_CHECK": "claim"},
            "[access] jwt_submitter_claim, or INGEST_JWT_SUBMITTER_CLAIM: with submitter_check `claim` it must be set",
        ),
        (
            {"INGEST_AUTHENTICATION": "proxy", "INGEST_SUBMITTER_CHECK": "file"},
            "[access] submitter_file, or INGEST_SUBMITTER_FILE: with submitter_check `file` it must be set",
        ),
        (
            {"INGEST_AUTHENTICATION": "proxy", "INGEST_SUBMITTER_CHECK": "network_id"},
            "[access] submitter_check, or INGEST_SUBMITTER_CHECK: with `network_id` it needs a real metadata service",
        ),
        ({"INGEST_SUBMIT_FOR_OTHERS": "a\x1b[2J"}, "contains a name that contains a character that cannot be printed"),
        ({"INGEST_TRUSTED_PROXIES": "::1, 10.0.0.1/8"}, "names 10.0.0.1/8, which is neither an address nor a network"),
        ({"INGEST_TRUSTED_PROXIES": "proxy.example.org"}, "names proxy.example.org, which is neither"),
        ({"INGEST_TRUSTED_PROXIES": "::1, 0.0.0.0/0"}, "names 0.0.0.0/0, which contains every address"),
        ({"INGEST_TRUSTED_PROXIES": "::/0"}, "names ::/0, which contains every address"),
        ({"INGEST_ALLOWED_HOSTS": "a, b:8066"}, "names b:8066, which is neither a host nor an address"),
        ({"INGEST_ALLOWED_HOSTS": "https://a"}, "names https://a, which is neither a host nor an address"),
        ({"INGEST_ALLOWED_HOSTS": "*.a"}, "names *.a, which is neither a host nor an address"),
        ({"INGEST_ADMINS": "a\x1b[2J"}, "contains a name that contains a character that cannot be printed"),
        ({"INGEST_OPERATORS": "a" * 256}, "contains a name that is longer than 255 characters"),
    ],
)
def test_access_that_does_not_determine_trusted_callers_is_refused(environment: dict[str, str], expected: str):
    with pytest.raises(ConfigurationError) as refused:
        load_settings(environment)
    assert expected in refused.value.text


@pytest.mark.parametrize(
    "environment",
    [
        {"INGEST_TOKEN_FILE": "/t"},
        {"INGEST_JWT_ISSUER": "https://issuer/", "INGEST_JWKS_URL": "file:///keys.json"},
    ],
)
def test_one_kind_of_token_is_enough(environment: dict[str, str]):
    assert load_settings({"INGEST_AUTHENTICATION": "token", **environment}).authentication == "token"


@pytest.mark.parametrize("folder", ["/srv/spool", "/srv/spool/a", "/srv/archive/b", "/srv/staging"])
def test_move_folder_among_our_own_files_is_refused(folder: str):
    environment = {
        "VOLUME_PATH": "/srv/spool",
        "ARCHIVEINTERFACE_URL": "file:///srv/archive",
        "INGEST_MOVE_STAGING": "/srv/staging",
    }
    load_settings({**environment, "INGEST_MOVE_FOLDERS": "/srv"})
    with pytest.raises(ConfigurationError, match=rf"INGEST_MOVE_FOLDERS: {folder} is in /srv/\w+, where this service"):
        load_settings({**environment, "INGEST_MOVE_FOLDERS": f"/data:{folder}"})


def test_moves_into_archiveinterface_need_a_staging_folder():
    environment = {"ARCHIVEINTERFACE_URL": "http://archive:8080", "INGEST_MOVE_FOLDERS": "/data"}
    with pytest.raises(ConfigurationError, match="INGEST_MOVE_STAGING: with move_folders and ArchiveInterface it must"):
        load_settings(environment)
    assert load_settings({**environment, "INGEST_MOVE_STAGING": "/staging"}).move_staging == (Path("/staging"),)


@pytest.mark.parametrize(
    ("rules", "expected"),
    [
        ("ursula", "'ursula' is not a rule `WHO: FOLDER`"),
        ("ursula: srv/a", "is not a rule"),
        (": /srv/a", "is not a rule"),
        (",: /srv/a", "names no user"),
        ("@: /srv/a", "names no user, or an invalid user name"),
        ("a\x1b[2J: /srv/a", "or an invalid user name"),
        ("*: /", "names no folder below `/`"),
        ("*: /srv/../etc", "names no folder below `/`"),
        ("*: /srv/a*", "has a `*` in the name of a folder"),
        ("*: /srv/{group}", "has braces around a word other than `user`"),
        ("*: /srv/{user", "has braces around a word other than `user`"),
        ("@ms: /srv/a", "names the group 'ms', which move_groups does not define"),
        ("*: /elsewhere/{user}", "/elsewhere/{user} is in none of move_folders"),
    ],
)
def test_invalid_rule_of_moves_is_refused(rules: str, expected: str):
    environment = {"INGEST_MOVE_FOLDERS": "/srv/a:/srv/b", "INGEST_MOVE_GROUPS": "nmr: ursula"}
    with pytest.raises(ConfigurationError, match=r"^\[access\] move_rules, or INGEST_MOVE_RULES: ") as refused:
        load_settings({**environment, "INGEST_MOVE_RULES": rules})
    assert expected in refused.value.text
    assert refused.value.text.isprintable()


@pytest.mark.parametrize("groups", ["nmr", "nmr:", ": ursula", "a b: ursula", "@nmr: ursula", "nmr: ur\x85sula"])
def test_invalid_group_of_moves_is_refused(groups: str):
    with pytest.raises(ConfigurationError, match="INGEST_MOVE_GROUPS: "):
        load_settings({"INGEST_MOVE_GROUPS": groups})


def test_rules_of_moves_may_be_on_separate_lines(with_ini: WithIni):
    ini = with_ini("[access]\nmove_rules =\n  *: /srv/{user}\n  ada: /srv/b;\n")
    assert [rule.pattern for rule in load_settings(ini).move_rules] == ["/srv/{user}", "/srv/b"]


def test_wrong_option_is_covered_by_a_right_variable(with_ini: WithIni):
    ini = with_ini("[ingest]\ntransfer_size = nonsense\n")
    assert load_settings({**ini, "TRANSFER_SIZE": "4096"}).transfer_size == 4096
