"""How people log in to Airflow at a facility: FAB's security manager, restricted to this service's rules.

Named by accounts/webserver_config.py. A password of Airflow's own is accepted from this service's account only; people are
authenticated by the proxy, by the issuer of OpenID Connect or by the LDAP server. None of these can pose as that account, or
as a person whose name is written in another way.
"""

import logging
import os
from typing import Any

from airflow.providers.fab.auth_manager.models import User
from airflow.providers.fab.auth_manager.security_manager.override import FabAirflowSecurityManagerOverride
from flask import current_app, request
from flask_appbuilder import BaseView
from service_account import ACCOUNT_VARIABLE, is_service_account

from accounts.proxy_log_in import ProxyLogInView, read_proxy_user
from accounts.throttle import Throttle
from ingest.access.user_names import invalid_reason

logger = logging.getLogger(__name__)


class NoRegistration(BaseView):  # type: ignore[misc]
    """In place of FAB's form by which anyone could register: accounts are created by the first log-in only."""

    route_base = "/register"


class FacilitySecurityManager(FabAirflowSecurityManagerOverride):  # type: ignore[misc]
    """Finds or creates the account of a person, and sets its roles, at each log-in."""

    authremoteuserview = ProxyLogInView
    registeruseroauthview = NoRegistration

    def __init__(self, appbuilder: Any) -> None:  # noqa: ANN401 - FAB's
        self._throttle = Throttle()
        super().__init__(appbuilder)

    def auth_user_db(self, username: str, password: str, rotate_session_id: bool = True) -> User | None:
        """Return this service's account if the password is right; None for every other account."""
        if not is_service_account(username):
            return None
        return super().auth_user_db(username, password, rotate_session_id)

    def auth_user_ldap(self, username: str, password: str, rotate_session_id: bool = True) -> User | None:
        """Return a person's account if the LDAP server accepts the password, and there were not too many failures."""
        # LDAP ignores case and surrounding white space, so other spellings are the same person.
        name = " ".join(username.split()).casefold()
        if not self._may_be_person(name):
            return None
        with self._throttle.trying(name) as permitted:
            user = super().auth_user_ldap(name, password, rotate_session_id) if permitted else None
        if user is not None:
            self._throttle.forget(name)
        return user

    def _search_ldap(self, ldap: Any, con: Any, username: str) -> tuple[str | None, dict[str, list[bytes]] | None]:  # noqa: ANN401
        """Return the entry of a person, whose only name is `username`, and its attributes, always with that of the groups.

        A directory also finds an entry by other Unicode characters. FAB would make one account of each spelling. And it
        would leave the roles of a person as they are whose entry has none of the attributes any more.
        """
        entry, attributes = super()._search_ldap(ldap, con, username)
        if entry is None:
            return None, None
        [(_, found)] = con.search_s(entry, ldap.SCOPE_BASE, "(objectClass=*)", [self.auth_ldap_uid_field])
        names = [name.decode().casefold() for values in found.values() for name in values]
        if names != [username]:
            logger.warning("refused a log-in of %r: the names of its entry are %r", username, names)
            return None, None
        return entry, {self.auth_ldap_group_field: [], **attributes}

    def auth_user_oauth(self, userinfo: dict[str, Any], rotate_session_id: bool = True) -> User | None:
        """Return the account of a person whom the issuer or the proxy has authenticated."""
        return (
            super().auth_user_oauth(userinfo, rotate_session_id) if self._may_be_person(userinfo["username"]) else None
        )

    def set_oauth_session(self, provider: str, oauth_response: dict[str, Any]) -> None:
        """Keep no token of the issuer: nothing is requested with it later, and it may be too long for a cookie."""

    def get_oauth_user_info(self, provider: str, resp: dict[str, Any]) -> dict[str, Any]:
        """Return name and groups of a person from the claims of the issuer; no name if they are not as they must be."""
        claims = self.oauth_remotes[provider].userinfo(token=resp)
        groups = claims.get(current_app.config["OPENID_GROUPS_CLAIM"], [])
        # OpenID Connect Core 1.0, section 5.3.2: the answer may be about another person than the ID token.
        is_valid = claims["sub"] == resp.get("userinfo", {}).get("sub") and isinstance(groups, list)
        return {
            "username": claims[current_app.config["OPENID_USER_CLAIM"]] if is_valid else "",
            "first_name": claims.get("given_name", ""),
            "last_name": claims.get("family_name", ""),
            "role_keys": groups,
        }

    def auth_user_remote_user(self, username: str) -> User | None:  # noqa: ARG002 - FAB's; the header is read here
        """Return the account of the person that a trusted proxy names in the current request, else None."""
        person = read_proxy_user(
            request, current_app.config["PROXY_SETTINGS"], current_app.config["PROXY_GROUPS_HEADER"]
        )
        return self.auth_user_oauth({"username": person.name, "role_keys": person.groups}) if person else None

    def add_user(self, username: str, first_name: str, last_name: str, email: str, *more: Any, **named: Any) -> User:  # noqa: ANN401, ARG002
        """Create an account without the e-mail address: no two accounts may share one, and people can change theirs."""
        return super().add_user(username, first_name, last_name, f"{username}@email.notfound", *more, **named)

    def _may_be_person(self, name: Any) -> bool:  # noqa: ANN401 - a claim may be anything
        """Return whether a person may have this name; log why not."""
        if not isinstance(name, str) or invalid_reason(name):
            logger.warning("refused a log-in: a user's name cannot be %.80r", name)
            return False
        if name.casefold() == os.environ[ACCOUNT_VARIABLE].casefold():
            logger.warning("refused the log-in of a person with the name of this service's account")
            return False
        # FAB ignores case: two people would share one account, and the roles of the one who has logged in last.
        if (account := self.find_user(username=name)) and account.username != name:
            logger.warning("refused a log-in of %r: the account of that name is %r", name, account.username)
            return False
        return True
