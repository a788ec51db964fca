"""The secret that a proxy proves itself with, beside its address: an address is shared by every account of a machine.

Used by `api.access.header_auth`. The file holds one secret a line. With the old and the new one in it, the proxy can be
changed over without an interruption; the API reads the file when it starts.
"""

import hmac
from pathlib import Path

from ingest.errors.types import ConfigurationError

HEADER = "X-Ingest-Proxy-Secret"
SHORTEST = 32


class ProxySecret:
    """The secrets that are accepted."""

    def __init__(self, path: Path) -> None:
        """Read the file; raises ConfigurationError when it cannot be used."""
        try:
            lines = path.read_bytes().splitlines()
        except OSError as error:
            raise ConfigurationError(f"cannot read the proxy secret file {path}: {error.strerror}") from error
        self._secrets = [line.strip() for line in lines if line.strip()]
        # Without the text: a secret must not reach a log.
        if not self._secrets or min(map(len, self._secrets)) < SHORTEST:
            raise ConfigurationError(
                f"the proxy secret file {path} must hold a secret of at least {SHORTEST} characters in each line "
                "(openssl rand -hex 32 makes one)"
            )

    def is_proven_by(self, value: str) -> bool:
        """Return whether a header's value is one of the secrets; takes equally long for one that is nearly right."""
        sent = value.encode("latin-1", "replace")
        return any(hmac.compare_digest(sent, secret) for secret in self._secrets)
