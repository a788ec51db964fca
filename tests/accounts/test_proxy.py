"""Log-in to Airflow by the proxy that the API trusts."""

import pytest

from ingest.local.layout import Layout
from tests.accounts.airflow_server import COOKIE, SERVICE, AirflowServer, Browser, run
from tests.accounts.conftest import SECRET
from tests.accounts.rights import ADMIN, CACHE_SECONDS, NONE, OPERATOR, VIEWER, actions_of, permitted_actions
from tests.api.access.callers import FromAddress
from tools.pacifica_core.database import execute
from tools.waiting import wait_until

# The group by which the users in INGEST_ADMINS are admins (accounts.proxy_log_in).
ADMINS = ";users in INGEST_ADMINS"


def proxied(server: AirflowServer, user: str, groups: str = "", **more: str) -> Browser:
    """Return a browser behind the proxy, which names the user and the groups."""
    headers = {"X_Http_Authed_User": user, "X_Http_Authed_Groups": groups, "X_Ingest_Proxy_Secret": SECRET, **more}
    return server.browser(**{name: value for name, value in headers.items() if value})


@pytest.mark.parametrize(
    ("user", "groups", "role"),
    [
        ("vera", "viewers", VIEWER),
        ("olga", "guests; operators", OPERATOR),
        ("adam", "admins;viewers", ADMIN),
        # The settings of the API.
        ("otto", "", OPERATOR),
        ("adele", "", ADMIN),
        ("nora", "guests", NONE),
        ("nestor", f"{ADMINS};;{ADMINS}", NONE),
        ("norbert", "", NONE),
    ],
)
def test_groups_and_settings_of_a_person_decide_what_it_may_do(
    behind_proxy: AirflowServer, user: str, groups: str, role: str
):
    browser = proxied(behind_proxy, user, groups)
    answer = browser.log_in_by_proxy()
    assert (answer.status_code, browser.is_logged_in) == (302, True)
    assert browser.get("/ui/auth/me").json()["username"] == user
    assert permitted_actions(browser) == actions_of(role)


@pytest.mark.parametrize(
    "headers",
    [
        {"X_Ingest_Proxy_Secret": ""},
        {"X_Ingest_Proxy_Secret": SECRET[:-1]},
        {"X_Ingest_Proxy_Secret": f"{SECRET},{SECRET}"},
        {"X_Http_Authed_User": ""},
        {"X_Http_Authed_User": "mallory, adam"},
        {"X_Http_Authed_User": SERVICE},
        {"X_Http_Authed_User": SERVICE.upper()},
        {"X_Http_Authed_Groups": "guests, admins"},
    ],
    ids=(
        "no secret",
        "wrong secret",
        "two secrets",
        "no user",
        "two users",
        "service account",
        "SERVICE ACCOUNT",
        "two lists of groups",
    ),
)
def test_request_that_the_proxy_has_not_authenticated_is_refused(behind_proxy: AirflowServer, headers: dict[str, str]):
    browser = proxied(behind_proxy, "adam", "admins", **headers)
    answer = browser.log_in_by_proxy()
    assert (answer.status_code, browser.is_logged_in) == (403, False)
    assert browser.get("/api/v2/dags").status_code == 401
    assert SECRET not in answer.text
    assert SECRET not in behind_proxy.log.read_text()


def test_header_with_underscores_is_ignored(behind_proxy: AirflowServer):
    browser = proxied(behind_proxy, "nora")
    browser.headers |= {"X_Http_Authed_User": "adam", "X_Http_Authed_Groups": "admins"}
    assert browser.log_in_by_proxy().status_code == 302
    assert browser.get("/ui/auth/me").json()["username"] == "nora"
    assert permitted_actions(browser) == actions_of(NONE)
    del browser.headers["X-Http-Authed-User"]
    assert browser.log_in_by_proxy().status_code == 403


def test_names_that_differ_in_case_do_not_share_an_account(behind_proxy: AirflowServer):
    weak = proxied(behind_proxy, "Walter")
    assert weak.log_in_by_proxy().status_code == 302
    assert proxied(behind_proxy, "walter", "admins").log_in_by_proxy().status_code == 403
    assert permitted_actions(weak) == actions_of(NONE)


def test_address_of_the_connection_decides_whatever_the_headers_say(behind_proxy: AirflowServer):
    browser = proxied(behind_proxy, "adam", X_Forwarded_For="10.9.9.9")
    assert browser.log_in_by_proxy().status_code == 302
    browser = proxied(behind_proxy, "adam", X_Forwarded_For="127.0.0.1")
    browser.session.mount("http://", FromAddress("127.0.0.2"))
    assert browser.log_in_by_proxy().status_code == 403


@pytest.mark.parametrize(("scheme", "secure"), [("https", True), ("http", False)])
def test_cookies_of_a_connection_by_https_are_sent_by_https_only(
    behind_proxy: AirflowServer, scheme: str, secure: bool
):
    browser = proxied(behind_proxy, "adam", X_Forwarded_Proto=scheme)
    browser.log_in_by_proxy()
    assert [cookie.secure for cookie in browser.session.cookies if cookie.name == COOKIE] == [secure]


def test_next_log_in_follows_a_change_of_groups_and_of_the_person(behind_proxy: AirflowServer):
    browser = proxied(behind_proxy, "pia", "operators")
    browser.log_in_by_proxy()
    assert permitted_actions(browser) == actions_of(OPERATOR)
    browser.headers["X-Http-Authed-Groups"] = "viewers"
    browser.log_in_by_proxy()
    browser.headers["X-Http-Authed-User"] = "paul"
    browser.log_in_by_proxy()
    assert browser.get("/ui/auth/me").json()["username"] == "paul"
    assert permitted_actions(browser) == actions_of(VIEWER)


def test_account_that_an_admin_has_deactivated_is_refused(behind_proxy: AirflowServer, postgres: Layout):
    browser = proxied(behind_proxy, "dora", "viewers")
    browser.log_in_by_proxy()
    execute(postgres, "airflow", "UPDATE ab_user SET active = false WHERE username = 'dora'")
    answers: list[int] = []

    def refused() -> bool:
        answers.append(browser.get("/api/v2/dags").status_code)
        return answers[-1] in {401, 403}

    wait_until(refused, CACHE_SECONDS, lambda: str(answers))
    assert browser.log_in_by_proxy().status_code == 403


def test_people_have_no_password_in_airflow(behind_proxy: AirflowServer):
    proxied(behind_proxy, "quinn", "admins").log_in_by_proxy()
    for password in (" ", "quinn", SECRET):
        assert behind_proxy.token("quinn", password).status_code == 401
    assert behind_proxy.token("quinn", "").status_code == 400


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"INGEST_PROXY_SECRET_FILE": ""}, "INGEST_PROXY_SECRET_FILE must be set"),
        ({"AIRFLOW_LOG_IN": "password"}, "AIRFLOW_LOG_IN must be one of"),
        ({"AIRFLOW_LOG_IN": "openid"}, "AIRFLOW_OPENID_ISSUER must be set"),
        (
            {
                "AIRFLOW_LOG_IN": "openid",
                "AIRFLOW_OPENID_CLIENT_ID": "airflow",
                "AIRFLOW_OPENID_CLIENT_SECRET": "secret",
                "AIRFLOW_OPENID_ISSUER": "http://login.example.org",
            },
            "AIRFLOW_OPENID_ISSUER must have the form https",
        ),
        ({"AIRFLOW_LOG_IN": "ldap"}, "AIRFLOW_LDAP_SERVER must be set"),
        (
            {"AIRFLOW_LOG_IN": "ldap", "AIRFLOW_LDAP_SERVER": "ldaps://one ldap://two"},
            "AIRFLOW_LDAP_SERVER must have the form",
        ),
        (
            {"AIRFLOW__FAB__CONFIG_FILE": "/missing.py"},
            "AIRFLOW__FAB__CONFIG_FILE must be accounts/webserver_config.py",
        ),
        ({"INGEST_AIRFLOW_PASSWORD": "short"}, "INGEST_AIRFLOW_PASSWORD has less than 32 characters"),
    ],
)
def test_airflow_does_not_start_with_an_incomplete_configuration(
    variables: dict[str, str], change: dict[str, str], named: str
):
    done = run({**variables, **change}, "python", "-m", "accounts.roles")
    assert done.returncode != 0
    assert named in done.stderr
