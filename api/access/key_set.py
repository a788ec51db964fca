"""The public keys of an issuer (a JSON Web Key Set, RFC 7517), fetched when they are needed and kept.

Used by `api.access.issuer`; docs/decisions/0013 says why not PyJWT's own client. However many tokens come with keys that
nobody knows, the issuer is asked at most once in `PAUSE` seconds by a process; and while it does not answer, the keys
that are known go on.
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

# Seconds after which keys are fetched again, so that one that the issuer has withdrawn is not taken any more.
LIFETIME = 300.0
# Seconds between two fetches at the least.
PAUSE = 10.0
# Seconds that the issuer may take for a connection, and be silent.
TIMEOUT = 5.0
# Seconds that a request waits for another one that is fetching.
PATIENCE = 1.0
BLOCK = 64 * 1024
# Signatures by a key that only the issuer has (RFC 7518, RFC 8037).
ALGORITHMS = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA")

Keys = Mapping[str | None, jwt.PyJWK]


class KeySet:
    """The keys behind a URL (http, https or file), by their ids."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._keys: Keys = {}
        self._asked = self._fetched = -math.inf
        self._away = False
        self._fetching = threading.Lock()

    def find(self, key_id: str | None) -> jwt.PyJWK:
        """Give the key of an id; without one, the only key there is. Raises TokenInvalid, TokensUnavailable."""
        key = self._keys.get(key_id)
        if key is not None and time.monotonic() - self._fetched < LIFETIME:
            return key
        # Whoever has a key need not wait for a thread that is fetching already, and nobody long.
        looked = self._fetch_again(patience=0.0 if key else PATIENCE)
        key = self._keys.get(key_id)
        if key is not None:
            return key
        if self._away or not looked:
            raise TokensUnavailable("the issuer's keys cannot be fetched now; try again later")
        raise TokenInvalid("it is not signed with a key of the issuer's")

    def _fetch_again(self, patience: float) -> bool:
        """Fetch the keys if it is time to; give whether they are as new as they may be."""
        if not self._fetching.acquire(timeout=patience):
            return False
        try:
            if time.monotonic() - self._asked > PAUSE:
                self._asked = time.monotonic()
                self._keys = _usable(_fetch(self._url))
                self._fetched, self._away = time.monotonic(), False
        except (ServiceUnavailable, OSError, ValueError, jwt.PyJWTError) as error:
            self._away = True
            logger.warning("the keys of the issuer cannot be fetched: %s", error)
        finally:
            self._fetching.release()
        return True


def _fetch(url: str) -> object:
    """Give the document behind a URL; raises ServiceUnavailable, OSError, ValueError."""
    parts = urlsplit(url)
    if parts.scheme == "file":
        return json.loads(Path(unquote(parts.path)).read_bytes())
    with closing(HttpClient("the issuer", url, TIMEOUT, TIMEOUT, BLOCK)) as client, client.request("GET") as answer:
        return answer.json_object()


def _usable(document: object) -> Keys:
    """Give the keys of a key set that may sign; raises PyJWTError when it is none."""
    found = jwt.PyJWKSet.from_dict(document if isinstance(document, dict) else {})
    # A key that does not say so signs with what is usual for its type: RS256 for RSA.
    signing = [key for key in found if key.public_key_use in (None, "sig") and key.algorithm_name in ALGORITHMS]
    by_id: dict[str | None, jwt.PyJWK] = {key.key_id: key for key in signing}
    return {None: signing[0], **by_id} if len(signing) == 1 else by_id
