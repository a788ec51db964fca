"""The file of static tokens: bearer tokens of which only hashes are kept.

Written by the command `token`, read by `api.access.static_tokens`. A token is `ingest_<id>_<secret>`; the id names it, so
that it can be listed and removed without being known. The secret is 256 random bits, so one SHA-256 is as good as a slow
hash with a salt: those protect what a person chose and a machine can guess.

A change is seen whole or not at all (written beside, synced, renamed), and two at once wait for each other.
"""

import hashlib
import hmac
import os
import secrets
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated, BinaryIO

from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from ingest.access.user_names import invalid_reason
from ingest.errors.types import ConfigurationError
from ingest.system.durable_files import part_path, sync_folder, write_all, writing

PREFIX = "ingest_"
ID_BYTES = 4
SECRET_BYTES = 32
PRIVATE = 0o600
# Seconds that a command waits for another one that changes the file.
PATIENCE = 10.0
PAUSE = 0.02


def _user_name(name: str) -> str:
    if invalid_reason(name):
        raise ValueError("no name of a user")
    return name


class Token(BaseModel):
    """A token as it is kept: whose it is, and by what it is recognised."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    id: Annotated[str, Field(pattern=r"^[0-9a-f]{8}$")]
    user: Annotated[str, AfterValidator(_user_name)]
    created: datetime
    # None in files of earlier versions, whose tokens did not expire.
    expires: AwareDatetime | None = None
    sha256: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]

    def is_hash_of(self, text: str) -> bool:
        """Whether a text is this token; takes as long for a text that is nearly it."""
        return hmac.compare_digest(self.sha256, _hash(text))

    def has_expired(self) -> bool:
        """Return whether the token is past its time."""
        return self.expires is not None and self.expires <= datetime.now(UTC)


Tokens = Mapping[str, Token]
DOCUMENT = TypeAdapter(tuple[Token, ...])


def token_id(text: str) -> str | None:
    """Give the id that a text names, if it has the form of a token."""
    own, separator, _ = text.removeprefix(PREFIX).partition("_")
    return own if text.startswith(PREFIX) and separator else None


def read(path: Path) -> Tokens:
    """Give the tokens by their ids; none while there is no file. Raises ConfigurationError."""
    try:
        return parse(path, path.read_bytes())
    except FileNotFoundError:
        return {}
    except OSError as error:
        raise ConfigurationError(f"cannot read the token file {path}: {error.strerror}") from error


def parse(path: Path, document: bytes) -> Tokens:
    """Give the tokens that the contents of a file hold, by their ids; raises ConfigurationError."""
    try:
        return {token.id: token for token in DOCUMENT.validate_json(document)}
    except ValidationError:
        # Not from pydantic's error, which quotes what it read.
        raise ConfigurationError(f"the token file {path} is not what `pacifica-ingest-cmd token` writes") from None


def add(path: Path, user: str, lifetime: timedelta | None = None) -> str:
    """Make a token for a user and keep its hash; return the token, which cannot be recovered later.

    Without a `lifetime` it does not expire. Raises ConfigurationError, OSError.
    """
    created = datetime.now(UTC).replace(microsecond=0)
    expires = created + lifetime if lifetime is not None else None
    with _changing(path) as tokens:
        own = secrets.token_hex(ID_BYTES)
        text = f"{PREFIX}{own}_{secrets.token_urlsafe(SECRET_BYTES)}"
        tokens[own] = Token(id=own, user=user, created=created, expires=expires, sha256=_hash(text))
    return text


def remove(path: Path, which: Callable[[Token], bool]) -> list[Token]:
    """Remove tokens, and give what was removed; raises ConfigurationError, OSError."""
    with _changing(path) as tokens:
        removed = [token for token in tokens.values() if which(token)]
        for token in removed:
            del tokens[token.id]
    return removed


@contextmanager
def _changing(path: Path) -> Iterator[dict[str, Token]]:
    """Give the tokens to be changed; they are on the disk at the end."""
    # The file itself, where a symbolic link leads to it.
    path = path.resolve()
    with ExitStack() as stack:
        part = _patiently(stack, path)
        _make_private(part, path)
        tokens = dict(read(path))
        yield tokens
        write_all(part, DOCUMENT.dump_json(tuple(tokens.values()), indent=1) + b"\n")
        os.fsync(part.fileno())
        part_path(path).replace(path)
    sync_folder(path.parent)


def _patiently(stack: ExitStack, path: Path) -> BinaryIO:
    """Open the file that is to be renamed to `path`, when no other command has it any more."""
    deadline = time.monotonic() + PATIENCE
    while True:
        try:
            return stack.enter_context(writing(path))
        except BlockingIOError:
            if time.monotonic() > deadline:
                raise
            time.sleep(PAUSE)


def _make_private(part: BinaryIO, path: Path) -> None:
    os.fchmod(part.fileno(), PRIVATE)
    if os.geteuid() == 0 and path.exists():
        # Or the API, which runs under an account of its own, could not read it any more.
        owner = path.stat()
        os.fchown(part.fileno(), owner.st_uid, owner.st_gid)


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
