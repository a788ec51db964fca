"""Log-in to Airflow by OpenID Connect, with a real issuer."""

import pytest

from tests.accounts.airflow_server import SERVICE, SERVICE_PASSWORD, AirflowServer
from tests.accounts.openid_issuer import log_in
from tests.accounts.rights import ADMIN, CACHE_SECONDS, NONE, OPERATOR, VIEWER, actions_of, permitted_actions
from tools.waiting import wait_until


@pytest.mark.parametrize(
    ("person", "role"),
    [
        ("veronica.viewers", VIEWER),
        ("oscar.guests.operators", OPERATOR),
        ("agnes.admins", ADMIN),
        ("nils.guests", NONE),
        ("nina", NONE),
    ],
)
def test_groups_of_a_person_decide_what_it_may_do(with_openid: AirflowServer, person: str, role: str):
    browser = log_in(with_openid, person)
    assert browser.is_logged_in
    assert browser.get("/ui/auth/me").json()["username"] == person.partition(".")[0]
    assert permitted_actions(browser) == actions_of(role)


def test_next_log_in_follows_a_change_of_groups(with_openid: AirflowServer):
    assert permitted_actions(log_in(with_openid, "rita.admins")) == actions_of(ADMIN)
    browser = log_in(with_openid, "rita.viewers")
    wait_until(
        lambda: permitted_actions(browser) == actions_of(VIEWER), CACHE_SECONDS, lambda: str(permitted_actions(browser))
    )


def test_person_with_the_name_of_the_service_account_is_refused(with_openid: AirflowServer):
    assert not log_in(with_openid, f"{SERVICE}.admins").is_logged_in


@pytest.mark.parametrize("path", ["?code=forged&state=forged", "?error=access_denied&state=forged", ""])
def test_answer_that_the_issuer_has_not_given_is_refused(with_openid: AirflowServer, path: str):
    browser = with_openid.browser()
    browser.get("/auth/login/openid")
    browser.get(f"/auth/oauth-authorized/openid{path}")
    assert not browser.is_logged_in


def test_nobody_can_register_by_a_form(with_openid: AirflowServer):
    assert with_openid.browser().get("/auth/register/form").status_code == 404


def test_headers_of_a_proxy_have_no_effect(with_openid: AirflowServer):
    browser = with_openid.browser(X_Http_Authed_User="agnes")
    browser.log_in_by_proxy()
    assert not browser.is_logged_in


def test_service_account_logs_in_with_its_password_and_people_do_not(with_openid: AirflowServer):
    log_in(with_openid, "sven.admins")
    assert with_openid.token(SERVICE, SERVICE_PASSWORD).status_code == 201
    assert with_openid.token("sven", " ").status_code == 401
