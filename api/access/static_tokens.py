"""The static tokens of the token file, read again when the file changes.

Used by `api.access.token_auth`. What a token is, and how the file is written, is in `ingest.access.token_file`.
"""

import logging
import os
from dataclasses import dataclass
from pathlib import Path

from api.access.access_errors import TokenInvalid, TokensUnavailable
from ingest.access import token_file
from ingest.access.token_file import Tokens
from ingest.access.token_uses import TokenUses
from ingest.errors.types import ConfigurationError

logger = logging.getLogger(__name__)

# When a file was written, which one it is, and how long: a change of the file changes one of them.
Version = tuple[int, int, int]


@dataclass(frozen=True)
class _Read:
    version: Version | None
    tokens: Tokens


class StaticTokens:
    """The tokens of a file as it is now; one that is removed from it is not taken any more."""

    def __init__(self, path: Path) -> None:
        """Read the file, which need not be there yet; raises ConfigurationError when it is no token file."""
        self._path = path
        self._last = _read(path)
        self._uses = TokenUses(path)

    def user_of(self, text: str) -> str:
        """Give whose a token is; raises TokenInvalid, TokensUnavailable."""
        found = self._tokens().get(token_file.token_id(text) or "")
        if found is None or not found.is_hash_of(text):
            raise TokenInvalid("it is not known")
        if found.has_expired():
            raise TokenInvalid("it has expired")
        self._uses.record(found.id)
        return found.user

    def _tokens(self) -> Tokens:
        try:
            last = self._last
            if _version(self._path) != last.version:
                # Replaced whole, for other threads look at it meanwhile.
                self._last = last = _read(self._path)
        except ConfigurationError as error:
            logger.error("tokens cannot be checked: %s", error)  # noqa: TRY400 - the traceback says nothing more
            raise TokensUnavailable("tokens cannot be checked now; try again later") from error
        return last.tokens


def _read(path: Path) -> _Read:
    # First the version: of a file that changes in between, the older one is kept, and it is read again.
    version = _version(path)
    return _Read(version, token_file.read(path))


def _version(path: Path) -> Version | None:
    try:
        found = os.stat(path)  # noqa: PTH116 - asked for each request
    except FileNotFoundError:
        return None
    except OSError as error:
        raise ConfigurationError(f"cannot look at the token file {path}: {error.strerror}") from error
    return found.st_mtime_ns, found.st_ino, found.st_size
