"""How people log in to Airflow at a facility: FAB's security manager, restricted to this service's rules.

Named by accounts/webserver_config.py. A password of Airflow's own is accepted from this service's account only; people are
authenticated by the proxy, by the issuer of OpenID Connect or by the LDAP server. None of these can pose as that account.
"""

import logging
from typing import Any

from airflow.providers.fab.auth_manager.models import User
from airflow.providers.fab.auth_manager.security_manager.override import FabAirflowSecurityManagerOverride
from flask import current_app, request
from flask_appbuilder import BaseView
from service_account import is_service_account

from accounts.proxy_log_in import ProxyLogInView, read_proxy_user
from accounts.throttle import Throttle

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
        if _is_reserved(name) or not self._throttle.may_try(name):
            return None
        user = super().auth_user_ldap(name, password, rotate_session_id)
        if user is not None:
            self._throttle.forget(name)
        return user

    def auth_user_oauth(self, userinfo: dict[str, Any], rotate_session_id: bool = True) -> User | None:
        """Return the account of a person whom the issuer has authenticated."""
        return None if _is_reserved(userinfo["username"]) else super().auth_user_oauth(userinfo, rotate_session_id)

    def set_oauth_session(self, provider: str, oauth_response: dict[str, Any]) -> None:
        """Keep no token of the issuer: nothing is requested with it later, and it may be too long for a cookie."""

    def get_oauth_user_info(self, provider: str, resp: dict[str, Any]) -> dict[str, Any]:
        """Return name and groups of a person from the claims of the issuer."""
        claims = self.oauth_remotes[provider].userinfo(token=resp)
        return {
            "username": claims[current_app.config["OPENID_USER_CLAIM"]],
            "first_name": claims.get("given_name", ""),
            "last_name": claims.get("family_name", ""),
            "email": claims.get("email", ""),
            "role_keys": claims.get(current_app.config["OPENID_GROUPS_CLAIM"], []),
        }

    def auth_user_remote_user(self, username: str) -> User | None:  # noqa: ARG002 - FAB's; the header is read here
        """Return the account of the person that a trusted proxy names in the current request, else None."""
        person = read_proxy_user(
            request, current_app.config["PROXY_SETTINGS"], current_app.config["PROXY_GROUPS_HEADER"]
        )
        if person is None or _is_reserved(person.name):
            return None
        return super().auth_user_oauth({"username": person.name, "role_keys": person.groups})


def _is_reserved(name: str) -> bool:
    if is_service_account(name):
        logger.warning("refused the log-in of a person with the name of this service's account")
    return is_service_account(name)
