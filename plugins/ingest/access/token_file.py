"""The file of static bearer tokens, of which it contains only the hashes.

Written by the command `token`, read by `api.access.static_tokens`. A token is `ingest_<id>_<secret>`; with the id an admin
can list and remove tokens without knowing them. The secret is 256 random bits, so a single SHA-256 is enough: slow hashes
with a salt protect passwords that people choose and machines can guess.

Changes are atomic (a partial file is written, synced and renamed), and simultaneous changes wait for each other.
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
# How long a command waits for another one that changes the file.
LOCK_TIMEOUT_SECONDS = 10.0
POLL_SECONDS = 0.02


def _user_name(name: str) -> str:
    if invalid_reason(name):
        raise ValueError("not a valid user name")
    return name


class Token(BaseModel):
    """A token as it is stored: its user, its dates and the hash of its text."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    id: Annotated[str, Field(pattern=r"^[0-9a-f]{8}$")]
    user: Annotated[str, AfterValidator(_user_name)]
    created: datetime
    # None in files of earlier versions, whose tokens did not expire.
    expires: AwareDatetime | None = None
    sha256: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]

    def is_hash_of(self, text: str) -> bool:
        """Return whether a text is this token, compared in constant time."""
        return hmac.compare_digest(self.sha256, _hash(text))

    def has_expired(self) -> bool:
        """Return whether the token has expired."""
        return self.expires is not None and self.expires <= datetime.now(UTC)


Tokens = Mapping[str, Token]
DOCUMENT = TypeAdapter(tuple[Token, ...])


def token_id(text: str) -> str | None:
    """Return the id in a text that has the form of a token, else None."""
    id_part, separator, _ = text.removeprefix(PREFIX).partition("_")
    return id_part if text.startswith(PREFIX) and separator else None


def read(path: Path) -> Tokens:
    """Return the tokens by id; none if the file does not exist. Raise ConfigurationError."""
    try:
        return parse(path, path.read_bytes())
    except FileNotFoundError:
        return {}
    except OSError as error:
        raise ConfigurationError(f"cannot read the token file {path}: {error.strerror}") from error


def parse(path: Path, document: bytes) -> Tokens:
    """Return the tokens in the contents of a file, by id; raise ConfigurationError."""
    try:
        return {token.id: token for token in DOCUMENT.validate_json(document)}
    except ValidationError:
        # Without pydantic's error, which quotes the contents.
        raise ConfigurationError(
            f"the token file {path} was not written by `pacifica-ingest-cmd token`; restore it or remove it"
        ) from None


def add(path: Path, user: str, lifetime: timedelta | None = None) -> str:
    """Create a token for a user and store its hash; return the token, which cannot be recovered later.

    Without a `lifetime` the token does not expire. Raises ConfigurationError, OSError.
    """
    created = datetime.now(UTC).replace(microsecond=0)
    expires = created + lifetime if lifetime is not None else None
    with _changing(path) as tokens:
        new_id = secrets.token_hex(ID_BYTES)
        text = f"{PREFIX}{new_id}_{secrets.token_urlsafe(SECRET_BYTES)}"
        tokens[new_id] = Token(id=new_id, user=user, created=created, expires=expires, sha256=_hash(text))
    return text


def remove(path: Path, matches: Callable[[Token], bool]) -> list[Token]:
    """Remove the matching tokens and return them; raise ConfigurationError, OSError."""
    with _changing(path) as tokens:
        removed = [token for token in tokens.values() if matches(token)]
        for token in removed:
            del tokens[token.id]
    return removed


@contextmanager
def _changing(path: Path) -> Iterator[dict[str, Token]]:
    """Yield the tokens for a change; write them to the disk at the end."""
    # Follows a symbolic link, so that the link stays.
    path = path.resolve()
    with ExitStack() as stack:
        part = _wait_for_lock(stack, path)
        _make_private(part, path)
        tokens = dict(read(path))
        yield tokens
        write_all(part, DOCUMENT.dump_json(tuple(tokens.values()), indent=1) + b"\n")
        os.fsync(part.fileno())
        part_path(path).replace(path)
    sync_folder(path.parent)


def _wait_for_lock(stack: ExitStack, path: Path) -> BinaryIO:
    """Open the partial file of `path` as soon as no other command is writing it."""
    deadline = time.monotonic() + LOCK_TIMEOUT_SECONDS
    while True:
        try:
            return stack.enter_context(writing(path))
        except BlockingIOError:
            if time.monotonic() > deadline:
                raise
            time.sleep(POLL_SECONDS)


def _make_private(part: BinaryIO, path: Path) -> None:
    os.fchmod(part.fileno(), PRIVATE)
    if os.geteuid() == 0 and path.exists():
        # Otherwise the API, which runs under its own account, could no longer read the file.
        owner = path.stat()
        os.fchown(part.fileno(), owner.st_uid, owner.st_gid)


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
