"""A file of secrets that other programs send: one in each line, so that one can be replaced without an interruption.

Used by `api.access.proxy_secret` and `api.access.scrape_token`.
"""

import hmac
from pathlib import Path

from ingest.errors.types import ConfigurationError

MIN_LENGTH = 32


class SecretFile:
    """The secrets of a file that are accepted."""

    def __init__(self, path: Path, name: str) -> None:
        """Read the file; raises ConfigurationError, which calls the file by this name, when it cannot be used."""
        try:
            lines = path.read_bytes().splitlines()
        except OSError as error:
            raise ConfigurationError(f"cannot read the {name} {path}: {error.strerror}") from error
        self._secrets = [line.strip() for line in lines if line.strip()]
        # The message quotes no line: a secret must not reach a log.
        if not self._secrets or min(map(len, self._secrets)) < MIN_LENGTH:
            raise ConfigurationError(
                f"the {name} {path} must hold a secret of at least {MIN_LENGTH} characters in each line "
                "(create one with: openssl rand -hex 32)"
            )

    def matches(self, value: str) -> bool:
        """Return whether a header's value is one of the secrets. The time it takes reveals nothing about them."""
        sent = value.encode("latin-1", "replace")
        return any(hmac.compare_digest(sent, secret) for secret in self._secrets)
