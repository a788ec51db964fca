"""The secret with which a proxy authenticates itself, because all accounts of a machine share its address.

Used by `api.access.header_auth`. The file holds one secret per line: with the old and the new one in it, the proxy can be
reconfigured without an interruption. The API reads the file at start.
"""

from pathlib import Path

from api.access.secret_file import SecretFile

HEADER = "X-Ingest-Proxy-Secret"


class ProxySecret(SecretFile):
    """The secrets that are accepted."""

    def __init__(self, path: Path) -> None:
        """Read the file; raises ConfigurationError when it cannot be used."""
        super().__init__(path, "proxy secret file")
