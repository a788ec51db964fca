"""Records the last use of each static token, as the modification time of an empty file next to the token file.

Written by `api.access.static_tokens`, read by the command `token list`. The uses are not in the token file, because the API
only reads that file, nor in the database, because the command `token` works without it.
"""

import logging
import time
from datetime import UTC, datetime
from pathlib import Path
from threading import Lock

logger = logging.getLogger(__name__)

SUFFIX = ".uses"
PRIVATE_FOLDER = 0o700
# A recorded use may be this much older than the last use.
PRECISION_SECONDS = 60.0


class TokenUses:
    """Records the uses of the tokens in a token file, at most once a minute for each token."""

    def __init__(self, token_file: Path) -> None:
        self._folder = _folder(token_file)
        self._recorded: dict[str, float] = {}
        self._lock = Lock()
        self._has_failed = False

    def record(self, token_id: str) -> None:
        """Record that a token is used now; log a warning once if the folder cannot be written."""
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
    """Return the time of a token's last use, to the minute; None if no use was recorded."""
    try:
        return datetime.fromtimestamp((_folder(token_file) / token_id).stat().st_mtime, UTC)
    except OSError:
        return None


def forget(token_file: Path, token_id: str) -> None:
    """Remove the record of a removed token; raise OSError."""
    (_folder(token_file) / token_id).unlink(missing_ok=True)


def _folder(token_file: Path) -> Path:
    resolved = token_file.resolve()
    return resolved.with_name(resolved.name + SUFFIX)
