"""Protects forms against requests that another site makes a browser send (CSRF).

Called by both places that serve pages, before each change: a form sends a token that only a page of the same login holds,
and the browser must not say that the request comes from another site.
"""

import hashlib
import hmac
from collections.abc import Mapping
from urllib.parse import urlsplit

FIELD = "csrf_token"
# Names the token of a request that a script sends.
TOKEN_HEADER = "X-CSRF-Token"  # noqa: S105 - not a secret but the name of a header
# In bytes: a form holds the ids of at most a few hundred jobs.
LARGEST_FORM = 64 * 1024
# "none": the user has typed the address.
TRUSTED_FETCH_SITES = frozenset({"same-origin", "none"})


def make_token(secret: str, login: str) -> str:
    """Return the token of a login: the name of its account, or anything else that only this login has."""
    return hmac.new(secret.encode(), f"pages:{login}".encode(), hashlib.sha256).hexdigest()


def is_genuine(headers: Mapping[str, str], token: str, expected: str) -> bool:
    """Return whether a form was sent by one of the pages; `headers` ignores case."""
    return _is_same_site(headers) and is_token(token, expected)


def is_token(token: str, expected: str) -> bool:
    """Return whether a form has the expected token; the time that this takes does not depend on the token."""
    return hmac.compare_digest(token.encode(), expected.encode())


def _is_same_site(headers: Mapping[str, str]) -> bool:
    if site := headers.get("Sec-Fetch-Site"):
        return site in TRUSTED_FETCH_SITES
    # Browsers that do not send it name the origin of a form. Behind a proxy, only the host is known for certain.
    origin = headers.get("Origin")
    return origin is None or urlsplit(origin).netloc == headers.get("Host")
