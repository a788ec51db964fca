"""An issuer of JSON Web Tokens for the tests: its keys, its key set, and the tokens that it signs."""

import json
import time
from pathlib import Path
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from jwt.algorithms import get_default_algorithms

from ingest.settings.loading import Settings

NAME = "https://issuer.example.org/"
AUDIENCE = "pacifica-ingest"


def make_key(algorithm: str, bits: int = 2048) -> Any:
    if algorithm.startswith("ES"):
        return ec.generate_private_key({"ES256": ec.SECP256R1, "ES384": ec.SECP384R1}[algorithm]())
    if algorithm == "EdDSA":
        return ed25519.Ed25519PrivateKey.generate()
    return rsa.generate_private_key(65537, bits)


def public(key: Any, algorithm: str, key_id: str | None, **members: str) -> dict[str, Any]:
    """Return a public key as an entry of a key set."""
    entry = get_default_algorithms()[algorithm].to_jwk(key.public_key(), as_dict=True)
    named = {} if key_id is None else {"kid": key_id}
    return {**entry, **named, **members}


def settings_for(url: str, **changed: object) -> Settings:
    """Return settings that trust this issuer, with its key set at a URL."""
    return Settings(authentication="token", jwt_issuer=NAME, jwks_url=url, **changed)


def write_key_set(path: Path, *entries: dict[str, Any]) -> str:
    """Write a key set and return its URL."""
    path.write_text(json.dumps({"keys": entries}))
    return path.as_uri()


def claims(user: object = "ursula", **changed: object) -> dict[str, Any]:
    """Return the claims of a valid token; a claim that is None is left out."""
    now = int(time.time())
    good = {"iss": NAME, "aud": AUDIENCE, "sub": user, "iat": now, "exp": now + 86_400}
    return {name: value for name, value in {**good, **changed}.items() if value is not None}


def sign(key: Any, algorithm: str, key_id: str | None, user: object = "ursula", **changed: object) -> str:
    headers = None if key_id is None else {"kid": key_id}
    return jwt.encode(claims(user, **changed), key, algorithm, headers)
