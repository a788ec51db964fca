"""Log-in by the authenticating proxy that the API trusts, too. Used by `accounts.security_manager`.

The proxy is checked by the code of the API: its address, its secret and the name of the user. Here the secret is required,
because every account of the proxy's machine shares its address.
"""

import logging
from dataclasses import dataclass
from http import HTTPStatus

from flask import Request, Response, g, make_response
from flask_appbuilder import expose
from flask_appbuilder.security import views
from flask_login import login_user

from api.access.access_errors import UserNameInvalid
from api.access.header_auth import ByTrustedHeader
from api.request_errors import RequestError
from ingest.settings.loading import Settings

# The groups of the users in the settings `operators` and `admins`. No group in the header can have a semicolon in its name.
OPERATORS, ADMINS = ";users in INGEST_OPERATORS", ";users in INGEST_ADMINS"
REFUSED = (
    "The proxy in front of Airflow has not authenticated you. Log in there, or ask your admin to check its secret."
)

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class ProxyUser:
    """A person that the proxy has authenticated."""

    name: str
    groups: tuple[str, ...]


def read_proxy_user(request: Request, settings: Settings, groups_header: str) -> ProxyUser | None:
    """Return the person that a trusted proxy names in a request; None if it names nobody, or is not trusted.

    `groups_header` is the header with the person's groups, separated by semicolons; "" if the proxy sends none.
    """
    try:
        name = ByTrustedHeader(settings)(request).user
        groups = _read_groups(request, groups_header) if groups_header else []
    except RequestError as error:
        logger.warning("refused a log-in from %s: %s", request.remote_addr, error)
        return None
    groups += [group for group, names in ((OPERATORS, settings.operators), (ADMINS, settings.admins)) if name in names]
    return ProxyUser(name, tuple(groups))


def _read_groups(request: Request, header: str) -> list[str]:
    value = request.headers.get(header, "")
    # WSGI joins two headers of one name with a comma: a proxy that appends its own header would admit anyone.
    if "," in value:
        raise UserNameInvalid(f"{header} was sent twice, or holds a comma")
    return [group.strip() for group in value.split(";") if group.strip()]


class ProxyLogInView(views.AuthRemoteUserView):  # type: ignore[misc]
    """`/auth/login/`: logs in whom the proxy names now, also if the session is that of another person."""

    @expose("/login/")  # type: ignore[untyped-decorator]
    def login(self) -> Response:
        """Log in and continue; 403 if the proxy names nobody. FAB's own view would redirect without an end."""
        user = self.appbuilder.sm.auth_user_remote_user("")
        if user is None:
            return make_response(REFUSED, HTTPStatus.FORBIDDEN, {"Content-Type": "text/plain; charset=utf-8"})
        login_user(user)
        g.user = user
        return super().login()  # type: ignore[no-any-return]
