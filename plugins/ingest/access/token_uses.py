"""When each static token was last used: the modification time of an empty file in a folder beside the token file.

Recorded by `api.access.static_tokens`, shown by the command `token list`. Files rather than the token file itself, which
the API only reads, and rather than the database, which the command `token` does not need.
"""

import logging
import time
from datetime import UTC, datetime
from pathlib import Path
from threading import Lock

logger = logging.getLogger(__name__)

SUFFIX = ".uses"
PRIVATE_FOLDER = 0o700
# A recorded use may be this much older than the last one.
PRECISION_SECONDS = 60.0


class TokenUses:
    """Records the uses of the tokens in a token file, at most once a minute for each token."""

    def __init__(self, token_file: Path) -> None:
        self._folder = _folder(token_file)
        self._recorded: dict[str, float] = {}
        self._lock = Lock()
        self._has_failed = False

    def record(self, token_id: str) -> None:
        """Record that a token is used now; logs once when the folder cannot be written, and goes on without."""
        now = time.monotonic()
        with self._lock:
            if now - self._recorded.get(token_id, -PRECISION_SECONDS) < PRECISION_SECONDS:
                return
            self._recorded[token_id] = now
        try:
            self._folder.mkdir(mode=PRIVATE_FOLDER, exist_ok=True)
            (self._folder / token_id).touch()
        except OSError as error:
            if not self._has_failed:
                logger.warning("the last use of tokens is not recorded: %s: %s", self._folder, error.strerror)
            self._has_failed = True


def last_use(token_file: Path, token_id: str) -> datetime | None:
    """Return when a token was last used, to the minute; None if it never was, or that was not recorded."""
    try:
        return datetime.fromtimestamp((_folder(token_file) / token_id).stat().st_mtime, UTC)
    except OSError:
        return None


def forget(token_file: Path, token_id: str) -> None:
    """Remove the record of a token that was removed; raises OSError."""
    (_folder(token_file) / token_id).unlink(missing_ok=True)


def _folder(token_file: Path) -> Path:
    resolved = token_file.resolve()
    return resolved.with_name(resolved.name + SUFFIX)
