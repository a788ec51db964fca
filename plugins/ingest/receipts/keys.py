"""The folder of the Ed25519 keys that sign receipts.

Read by the API; `pacifica-ingest-cmd receipt key` and `make run` create keys. Each file `*.pem` holds one key. The last
private key, by the name of its file, signs. A key that was replaced stays as a public key, so that its receipts can still be
verified. Each change is one file that is renamed into place: API hosts may share the folder and see old keys or new ones.
"""

import base64
import hashlib
import json
import os
import stat
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
    load_pem_public_key,
)
from jwt.algorithms import OKPAlgorithm

from ingest.errors.types import ConfigurationError
from ingest.receipts.receipt import ALGORITHM
from ingest.system.durable_files import make_folder, part_path, sync_folder, write_all, writing

PRIVATE, PUBLIC = 0o600, 0o644
NAME_FORMAT = "%Y%m%dT%H%M%S.%fZ"
BEGIN_PRIVATE = b"-----BEGIN PRIVATE KEY-----"


@dataclass(frozen=True)
class SigningKey:
    """The key that signs, and its id."""

    private: Ed25519PrivateKey
    kid: str


@dataclass(frozen=True)
class KeyRing:
    """The keys of a folder: the one that signs, if there is one, and the set of all public keys (RFC 7517)."""

    signing: SigningKey | None
    public: Mapping[str, Any]


def read_keys(folder: Path) -> KeyRing:
    """Return the keys in a folder, none if it does not exist; raises ConfigurationError."""
    keys = [_read(path) for path in _files(folder)]
    private = [key for key in keys if isinstance(key, Ed25519PrivateKey)]
    signing = SigningKey(private[-1], _jwk(private[-1])["kid"]) if private else None
    # A key whose replacement was interrupted may be there twice.
    distinct = {jwk["kid"]: jwk for jwk in map(_jwk, keys)}
    return KeyRing(signing, {"keys": list(distinct.values())})


def create_key(folder: Path) -> str:
    """Create a key that signs from now on, keep only the public part of the others, and return the id of the new one.

    May be repeated after a kill: of several private keys the newest signs. Raises ConfigurationError, OSError.
    """
    make_folder(folder)
    folder.chmod(folder.stat().st_mode & ~0o022)
    former = [(path, key) for path in _files(folder) if isinstance(key := _read(path), Ed25519PrivateKey)]
    key = Ed25519PrivateKey.generate()
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    _write(folder, _new_name(folder), pem, PRIVATE)
    for path, old in former:
        _write(
            folder, path.name, old.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo), PUBLIC
        )
    return str(_jwk(key)["kid"])


def _files(folder: Path) -> list[Path]:
    try:
        return sorted(each for each in folder.iterdir() if each.suffix == ".pem" and not each.name.startswith("."))
    except FileNotFoundError:
        return []
    except OSError as error:
        raise ConfigurationError(f"cannot read the folder of receipt keys {folder}: {error.strerror}") from error


def _new_name(folder: Path) -> str:
    """Return a name after all others, also when the clock is behind."""
    name = f"{datetime.now(UTC).strftime(NAME_FORMAT)}.pem"
    last = max((path.name for path in _files(folder)), default="")
    return name if name > last else f"{last.removesuffix('.pem')}_next.pem"


def _read(path: Path) -> Ed25519PrivateKey | Ed25519PublicKey:
    try:
        with path.open("rb") as file:
            pem, mode = file.read(), os.fstat(file.fileno()).st_mode
    except OSError as error:
        raise ConfigurationError(f"cannot read the receipt key {path}: {error.strerror}") from error
    key = _parse(pem)
    if key is None:
        # Without the library's error, which may quote the contents.
        raise ConfigurationError(f"{path} holds no Ed25519 key in PEM form without a password; restore it or remove it")
    if isinstance(key, Ed25519PrivateKey) and stat.S_IMODE(mode) & 0o077:
        raise ConfigurationError(f"other accounts can read or change the private key {path}; run: chmod 600 {path}")
    return key


def _parse(pem: bytes) -> Ed25519PrivateKey | Ed25519PublicKey | None:
    try:
        key = load_pem_private_key(pem, None) if BEGIN_PRIVATE in pem else load_pem_public_key(pem)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        return None
    return key if isinstance(key, Ed25519PrivateKey | Ed25519PublicKey) else None


def _write(folder: Path, name: str, pem: bytes, mode: int) -> None:
    path = folder / name
    with writing(path) as part:
        os.fchmod(part.fileno(), mode)
        if os.geteuid() == 0:
            # Otherwise the API, which runs under its own account, could not read the key.
            owner = folder.stat()
            os.fchown(part.fileno(), owner.st_uid, owner.st_gid)
        write_all(part, pem)
        os.fsync(part.fileno())
        part_path(path).replace(path)
    sync_folder(folder)


def _jwk(key: Ed25519PrivateKey | Ed25519PublicKey) -> dict[str, Any]:
    """Return the public part of a key as a JSON Web Key; its id is the thumbprint of RFC 7638."""
    public = key.public_key() if isinstance(key, Ed25519PrivateKey) else key
    jwk = OKPAlgorithm.to_jwk(public, as_dict=True)
    canonical = json.dumps(jwk, sort_keys=True, separators=(",", ":")).encode()
    kid = base64.urlsafe_b64encode(hashlib.sha256(canonical).digest()).rstrip(b"=").decode()
    return {**jwk, "kid": kid, "use": "sig", "alg": ALGORITHM}
