"""The public keys of an issuer (a JSON Web Key Set, RFC 7517), fetched when needed and cached.

Used by `api.access.issuer`; docs/decisions/0013 explains why PyJWT's own client is not used. A process fetches the keys at
most once in `MIN_FETCH_INTERVAL_SECONDS`, however many tokens name unknown keys. While the issuer is unavailable, the
cached keys remain in use.
"""

import json
import logging
import math
import threading
import time
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path
from urllib.parse import unquote, urlsplit

import jwt

from api.access.access_errors import TokenInvalid, TokensUnavailable
from ingest.errors.types import ServiceUnavailable
from ingest.services.http_client import HttpClient

logger = logging.getLogger(__name__)

# Keys are fetched again after this time, so that a key that the issuer has withdrawn is no longer accepted.
KEY_LIFETIME_SECONDS = 300.0
MIN_FETCH_INTERVAL_SECONDS = 10.0
# For the connection to the issuer, and for each part of its answer.
FETCH_TIMEOUT_SECONDS = 5.0
# How long a request waits while another request fetches the keys.
LOCK_TIMEOUT_SECONDS = 1.0
BLOCK = 64 * 1024
# Signatures by a private key of the issuer (RFC 7518, RFC 8037).
ALGORITHMS = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA")

Keys = Mapping[str | None, jwt.PyJWK]


class KeySet:
    """The keys behind a URL (http, https or file), by their ids."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._keys: Keys = {}
        self._requested = self._fetched = -math.inf
        self._is_unavailable = False
        self._fetching = threading.Lock()

    def find(self, key_id: str | None) -> jwt.PyJWK:
        """Return the key of an id; without an id, the only key. Raises TokenInvalid, TokensUnavailable."""
        key = self._keys.get(key_id)
        if key is not None and time.monotonic() - self._fetched < KEY_LIFETIME_SECONDS:
            return key
        # A request with a cached key does not wait for another thread that fetches; one without waits briefly.
        is_current = self._fetch_if_due(lock_timeout=0.0 if key else LOCK_TIMEOUT_SECONDS)
        key = self._keys.get(key_id)
        if key is not None:
            return key
        if self._is_unavailable or not is_current:
            raise TokensUnavailable("the issuer's keys are unavailable; try again later")
        raise TokenInvalid("it is not signed with a key of the issuer")

    def _fetch_if_due(self, lock_timeout: float) -> bool:
        """Fetch the keys if enough time has passed; return False if another thread is still fetching them."""
        if not self._fetching.acquire(timeout=lock_timeout):
            return False
        try:
            if time.monotonic() - self._requested > MIN_FETCH_INTERVAL_SECONDS:
                self._requested = time.monotonic()
                self._keys = _signing_keys(_fetch(self._url))
                self._fetched, self._is_unavailable = time.monotonic(), False
        except (ServiceUnavailable, OSError, ValueError, jwt.PyJWTError) as error:
            self._is_unavailable = True
            logger.warning("cannot fetch the issuer's keys: %s", error)
        finally:
            self._fetching.release()
        return True


def _fetch(url: str) -> object:
    """Return the document at a URL; raises ServiceUnavailable, OSError, ValueError."""
    parts = urlsplit(url)
    if parts.scheme == "file":
        return json.loads(Path(unquote(parts.path)).read_bytes())
    timeout = FETCH_TIMEOUT_SECONDS
    with closing(HttpClient("the issuer", url, timeout, timeout, BLOCK)) as client, client.request("GET") as answer:
        return answer.json_object()


def _signing_keys(document: object) -> Keys:
    """Return the keys of a key set that may sign; raises PyJWTError when the document is not a key set."""
    found = jwt.PyJWKSet.from_dict(document if isinstance(document, dict) else {})
    # A key without an algorithm signs with the usual one for its type: RS256 for RSA.
    signing = [key for key in found if key.public_key_use in (None, "sig") and key.algorithm_name in ALGORITHMS]
    by_id: dict[str | None, jwt.PyJWK] = {key.key_id: key for key in signing}
    return {None: signing[0], **by_id} if len(signing) == 1 else by_id
