"""The token with which Prometheus reads the metrics, instead of the account of a user. Used by `api.access.auth`."""

from flask import Request

from api.access.secret_file import SecretFile
from ingest.settings.loading import Settings


class ScrapeToken:
    """The tokens in the file of the settings, which the API reads at start."""

    def __init__(self, settings: Settings) -> None:
        """Read the file, if there is one; raises ConfigurationError when it cannot be used."""
        path = settings.metrics_token_file
        self._secrets = None if path is None else SecretFile(path, "metrics token file")

    def is_sent(self, request: Request) -> bool:
        """Return whether a request has one of the tokens."""
        sent = request.authorization
        if self._secrets is None or sent is None or sent.type != "bearer" or sent.token is None:
            return False
        return self._secrets.matches(sent.token)
