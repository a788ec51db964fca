"""The secret with which a proxy authenticates itself, because all accounts of a machine share its address.

Used by `api.access.header_auth`. The file holds one secret per line: with the old and the new one in it, the proxy can be
reconfigured without an interruption. The API reads the file at start.
"""

import hmac
from pathlib import Path

from ingest.errors.types import ConfigurationError

HEADER = "X-Ingest-Proxy-Secret"
MIN_LENGTH = 32


class ProxySecret:
    """The secrets that are accepted."""

    def __init__(self, path: Path) -> None:
        """Read the file; raises ConfigurationError when it cannot be used."""
        try:
            lines = path.read_bytes().splitlines()
        except OSError as error:
            raise ConfigurationError(f"cannot read the proxy secret file {path}: {error.strerror}") from error
        self._secrets = [line.strip() for line in lines if line.strip()]
        # The message quotes no line: a secret must not reach a log.
        if not self._secrets or min(map(len, self._secrets)) < MIN_LENGTH:
            raise ConfigurationError(
                f"the proxy secret file {path} must hold a secret of at least {MIN_LENGTH} characters in each line "
                "(create one with: openssl rand -hex 32)"
            )

    def matches(self, value: str) -> bool:
        """Return whether a header's value is one of the secrets. The time it takes reveals nothing about them."""
        sent = value.encode("latin-1", "replace")
        return any(hmac.compare_digest(sent, secret) for secret in self._secrets)
