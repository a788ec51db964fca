"""The token that each form of the pages sends: bound to a cookie and to the user (`ingest.pages.csrf`).

`api.access.sites` refuses requests of other sites, except of those that an admin allows; the token protects users of
browsers that do not name the site.
"""

import secrets

from flask import Response, g, request

from api.access.access_errors import CrossSite
from api.access.auth import caller
from api.resources import get_resources
from ingest.pages.csrf import FIELD, LARGEST_FORM, is_token, make_token

COOKIE = "pacifica_ingest_forms"
SECRET_BYTES = 24


def form_token(user: str) -> str:
    """Return the token of the forms of a user in this browser; `keep_secret` must follow."""
    if "form_secret" not in g:
        g.form_secret = request.cookies.get(COOKIE) or secrets.token_urlsafe(SECRET_BYTES)
    return make_token(g.form_secret, user)


def keep_secret(response: Response) -> None:
    """Set the cookie that the tokens of the answered page are bound to."""
    if "form_secret" in g and request.cookies.get(COOKIE) != g.form_secret:
        is_secure = request.is_secure or (get_resources().settings.public_url or "").startswith("https:")
        # Lax, not Strict: links in notifications lead here from other sites, and must not replace the cookie.
        response.set_cookie(COOKIE, g.form_secret, secure=is_secure, httponly=True, samesite="Lax")


def check_form() -> None:
    """Check that a page of this service sent the form, and for the same user; raises CrossSite, HTTPException."""
    request.max_content_length = LARGEST_FORM
    check_token(request.form.get(FIELD, ""))


def check_token(sent: str) -> None:
    """Check the token of a form, or of a request that a script sends; raises CrossSite."""
    secret = request.cookies.get(COOKIE)
    if not secret or not is_token(sent, make_token(secret, caller().user)):
        raise CrossSite("this form is not of this service, or its login has ended: reload the page and try again")
