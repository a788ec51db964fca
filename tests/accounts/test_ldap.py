"""Log-in to Airflow by LDAP, with a real slapd, and the limit of failed log-ins."""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest
import requests

from tests.accounts.airflow_server import COOKIE, SERVICE, SERVICE_PASSWORD, AirflowServer, Browser
from tests.accounts.ldap_server import PASSWORD, LdapServer
from tests.accounts.rights import ADMIN, CACHE_SECONDS, NONE, OPERATOR, VIEWER, actions_of, permitted_actions
from tools.waiting import wait_until

MAX_TRIES = 5
# The window of a minute, on a busy machine.
FORGOTTEN_SECONDS = 180


def logged_in(server: AirflowServer, person: str, password: str = PASSWORD) -> Browser:
    """Return a browser with the cookie of a person."""
    answer = server.token(person, password)
    assert answer.status_code == 201, answer.text
    browser = server.browser()
    browser.session.cookies[COOKIE] = answer.json()["access_token"]
    return browser


@contextmanager
def suspended(directory: LdapServer) -> Iterator[None]:
    directory.suspend()
    try:
        yield
    finally:
        directory.resume()


@pytest.mark.parametrize(
    ("person", "role"), [("vera", VIEWER), ("olga", OPERATOR), ("adam", ADMIN), ("nobody", NONE), (" Adam ", ADMIN)]
)
def test_groups_of_a_person_decide_what_it_may_do(with_ldap: AirflowServer, person: str, role: str):
    browser = logged_in(with_ldap, person)
    assert browser.get("/ui/auth/me").json()["username"] == person.strip().casefold()
    assert permitted_actions(browser) == actions_of(role)


def test_form_logs_in_with_the_right_password_only(with_ldap: AirflowServer):
    browser = with_ldap.browser()
    browser.log_in_by_form("olga", "wrong")
    assert not browser.is_logged_in
    browser.log_in_by_form("olga", PASSWORD)
    assert browser.is_logged_in
    assert permitted_actions(browser) == actions_of(OPERATOR)


def test_person_without_any_attribute_loses_a_role_with_the_group(with_ldap: AirflowServer, directory: LdapServer):
    assert permitted_actions(logged_in(with_ldap, "bare")) == actions_of(ADMIN)
    directory.leave("bare", "admins")
    directory.leave("bare", "viewers")
    wait_until(
        lambda: permitted_actions(logged_in(with_ldap, "bare")) == actions_of(NONE),
        CACHE_SECONDS,
        lambda: "the role has stayed",
    )


@pytest.mark.parametrize("name", ["\uff41dam", "\U0001d41adam", "\u24d0dam", "double", "second", "a" * 300])
def test_other_name_of_an_entry_is_refused(with_ldap: AirflowServer, name: str):
    assert with_ldap.token(name, PASSWORD).status_code == 401


@pytest.mark.parametrize(
    ("person", "password"),
    [("adam", "wrong"), ("unknown", PASSWORD), ("*", PASSWORD), ("ad*", PASSWORD), ("adam)(uid=*", PASSWORD)],
)
def test_wrong_names_and_passwords_are_refused(with_ldap: AirflowServer, person: str, password: str):
    assert with_ldap.token(person, password).status_code == 401


def test_person_with_the_name_of_the_service_account_is_refused(with_ldap: AirflowServer):
    assert with_ldap.token(SERVICE, PASSWORD).status_code == 401
    assert with_ldap.token(SERVICE.upper(), PASSWORD).status_code == 401
    assert with_ldap.token(SERVICE, SERVICE_PASSWORD).status_code == 201


def test_failed_log_ins_are_throttled_for_their_name_only(with_ldap: AirflowServer):
    for number in range(MAX_TRIES):
        # Other spellings are the same person.
        assert with_ldap.token(("gus", "GUS", " gus")[number % 3], f"guess {number}").status_code == 401
    assert with_ldap.token("gus", PASSWORD).status_code == 401
    assert "refused a log-in of 'gus'" in with_ldap.log.read_text()
    browser = with_ldap.browser()
    browser.log_in_by_form("gus", PASSWORD)
    assert not browser.is_logged_in
    assert with_ldap.token("vera", PASSWORD).status_code == 201
    assert with_ldap.token(SERVICE, SERVICE_PASSWORD).status_code == 201
    # Tries that were refused do not count, so the right password is accepted a minute later.
    answers: list[requests.Response] = []

    def accepted() -> bool:
        answers.append(with_ldap.token("gus", PASSWORD))
        return answers[-1].status_code == 201

    wait_until(accepted, FORGOTTEN_SECONDS, lambda: answers[-1].text)


def test_form_has_a_limit_for_all_people_together(with_ldap: AirflowServer):
    browser = with_ldap.browser()
    statuses = [browser.log_in_by_form(f"guess{number}", "wrong").status_code for number in range(MAX_TRIES + 1)]
    assert statuses[-1] == 429


def test_unresponsive_directory_delays_only_people(with_ldap: AirflowServer, directory: LdapServer):
    with suspended(directory):
        assert with_ldap.token(SERVICE, SERVICE_PASSWORD).status_code == 201
        # Within the timeout of the test's request.
        assert with_ldap.token("vera", PASSWORD).status_code == 401
    assert with_ldap.token("vera", PASSWORD).status_code == 201
