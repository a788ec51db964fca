"""The passwords and keys of an instance, which are created at its first start. Called at launch.

They are kept in `INGEST_HOME/secrets`, those of receipts in `INGEST_HOME/receipt-keys`.
"""

import base64
import json
import secrets
from dataclasses import asdict, dataclass, field, fields

from ingest.local.layout import Layout, write_private
from ingest.local.reporting import LaunchFailure
from ingest.receipts.keys import create_key, read_keys

ADMIN = "admin"
INGEST = "ingest"
KEY_BYTES = 32


def _key() -> str:
    return secrets.token_hex(KEY_BYTES)


def _fernet_key() -> str:
    return base64.urlsafe_b64encode(secrets.token_bytes(KEY_BYTES)).decode()


@dataclass(frozen=True)
class Credentials:
    """Secrets that must stay the same from start to start, or tokens and stored connections become invalid."""

    admin_password: str = field(default_factory=lambda: secrets.token_urlsafe(12), repr=False)
    ingest_password: str = field(default_factory=_key, repr=False)
    jwt_secret: str = field(default_factory=_key, repr=False)
    secret_key: str = field(default_factory=_key, repr=False)
    fernet_key: str = field(default_factory=_fernet_key, repr=False)


def load_credentials(layout: Layout) -> Credentials:
    """Read the credentials, or create them at the first start, and write the passwords file that Airflow reads.

    Raises LaunchFailure when the file is damaged: new keys could not decrypt what the old ones encrypted.
    """
    if layout.secrets.exists():
        credentials = _read(layout)
    else:
        credentials = Credentials()
        write_private(layout.secrets, json.dumps(asdict(credentials), indent=2) + "\n")
    passwords = {ADMIN: credentials.admin_password, INGEST: credentials.ingest_password}
    write_private(layout.passwords, json.dumps(passwords))
    return credentials


def ensure_receipt_key(layout: Layout) -> None:
    """Create the key that signs receipts, if there is none; raises ConfigurationError."""
    if read_keys(layout.receipt_keys).signing is None:
        create_key(layout.receipt_keys)


def _read(layout: Layout) -> Credentials:
    try:
        found = json.loads(layout.secrets.read_text(encoding="utf-8"))
        return Credentials(**{each.name: str(found[each.name]) for each in fields(Credentials)})
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise LaunchFailure(f"cannot read {layout.secrets} ({error!r}); restore it from a backup") from error
