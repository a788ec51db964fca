"""The static tokens of the token file, which is read again when it changes.

Used by `api.access.token_auth`. `ingest.access.token_file` defines the form of tokens and of the file.
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

# Modification time, inode and size of a file: every change of the file changes one of them.
Version = tuple[int, int, int]


@dataclass(frozen=True)
class _FileContent:
    version: Version | None
    tokens: Tokens


class StaticTokens:
    """The current tokens of a file; a token that is removed from it is no longer accepted."""

    def __init__(self, path: Path) -> None:
        """Read the file, which need not exist yet; raises ConfigurationError when it is not a token file."""
        self._path = path
        self._last = _read(path)
        self._uses = TokenUses(path)

    def user_of(self, text: str) -> str:
        """Return the user of a token; raises TokenInvalid, TokensUnavailable."""
        found = self._tokens().get(token_file.token_id(text) or "")
        if found is None or not found.is_hash_of(text):
            raise TokenInvalid("it is unknown")
        if found.has_expired():
            raise TokenInvalid("it has expired")
        self._uses.record(found.id)
        return found.user

    def _tokens(self) -> Tokens:
        try:
            last = self._last
            if _version(self._path) != last.version:
                # Replaced as a whole, because other threads read it.
                self._last = last = _read(self._path)
        except ConfigurationError as error:
            logger.error("tokens cannot be checked: %s", error)  # noqa: TRY400 - the traceback adds nothing
            raise TokensUnavailable("tokens cannot be checked now; try again later") from error
        return last.tokens


def _read(path: Path) -> _FileContent:
    # The version first: if the file changes in between, the older version is kept and the file is read again.
    version = _version(path)
    return _FileContent(version, token_file.read(path))


def _version(path: Path) -> Version | None:
    try:
        found = os.stat(path)  # noqa: PTH116 - called for each request
    except FileNotFoundError:
        return None
    except OSError as error:
        raise ConfigurationError(f"cannot read the token file {path}: {error.strerror}") from error
    return found.st_mtime_ns, found.st_ino, found.st_size
