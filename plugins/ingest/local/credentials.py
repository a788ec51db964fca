"""The passwords and keys of an instance: made at its first start, kept in `INGEST_HOME/secrets`. Called at launch."""

import base64
import json
import secrets
from dataclasses import asdict, dataclass, field, fields

from ingest.local.layout import Layout, write_private
from ingest.local.reporting import LaunchFailure

ADMIN = "admin"
INGEST = "ingest"
HOUSEKEEPING = "housekeeping"
KEY_BYTES = 32
# What files of earlier versions do not hold yet; it is added to them.
ADDED = frozenset({"housekeeping_password"})


def _key() -> str:
    return secrets.token_hex(KEY_BYTES)


def _fernet_key() -> str:
    return base64.urlsafe_b64encode(secrets.token_bytes(KEY_BYTES)).decode()


@dataclass(frozen=True)
class Credentials:
    """What must stay the same from start to start, or tokens and stored connections would be void."""

    admin_password: str = field(default_factory=lambda: secrets.token_urlsafe(12), repr=False)
    ingest_password: str = field(default_factory=_key, repr=False)
    housekeeping_password: str = field(default_factory=_key, repr=False)
    jwt_secret: str = field(default_factory=_key, repr=False)
    secret_key: str = field(default_factory=_key, repr=False)
    fernet_key: str = field(default_factory=_fernet_key, repr=False)


def load_credentials(layout: Layout) -> Credentials:
    """Read the credentials, or make them at the first start; writes the passwords file that Airflow reads.

    Raises LaunchFailure when the file is damaged: with new keys, what the old ones encrypted would be lost.
    """
    if layout.secrets.exists():
        credentials = _read(layout)
    else:
        credentials = Credentials()
        _write(layout, credentials)
    passwords = {
        ADMIN: credentials.admin_password,
        INGEST: credentials.ingest_password,
        HOUSEKEEPING: credentials.housekeeping_password,
    }
    write_private(layout.passwords, json.dumps(passwords))
    return credentials


def _read(layout: Layout) -> Credentials:
    try:
        found = json.loads(layout.secrets.read_text(encoding="utf-8"))
        added = [name for name in ADDED if name not in found]
        credentials = Credentials(
            **{each.name: str(found[each.name]) for each in fields(Credentials) if each.name not in added}
        )
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise LaunchFailure(f"cannot read {layout.secrets} ({error!r}); restore it") from error
    if added:
        _write(layout, credentials)
    return credentials


def _write(layout: Layout, credentials: Credentials) -> None:
    write_private(layout.secrets, json.dumps(asdict(credentials), indent=2) + "\n")
