"""JSON Web Tokens: which are accepted, and which are refused."""

import base64
import json
import time
from collections.abc import Callable
from pathlib import Path

import jwt
import pytest
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from api.access.access_errors import TokenInvalid
from api.access.identity import Identity
from api.access.issuer import LEEWAY_SECONDS, Issuer
from tests.api.access.issuer import claims, make_key, public, settings_for, sign, write_key_set

KEY = make_key("ES256")
RSA_KEY = make_key("RS256")
OTHER = make_key("ES256")
SECRET = b"a secret that the issuer shares with nobody else"


@pytest.fixture
def issuer(tmp_path: Path) -> Issuer:
    url = write_key_set(
        tmp_path / "keys.json",
        public(KEY, "ES256", "one"),
        public(RSA_KEY, "RS256", "rsa"),
        public(OTHER, "ES256", "for encryption", use="enc"),
        {"kty": "oct", "kid": "shared", "k": base64.urlsafe_b64encode(SECRET).decode().rstrip("="), "alg": "HS256"},
        {"kty": "unheard of", "kid": "new"},
        public(make_key("RS256", bits=1024), "RS256", "short"),
    )
    return Issuer(settings_for(url))


@pytest.mark.parametrize(
    ("claim", "submitter"),
    [(10, "10"), ("10", "10"), (None, None), ("", None), (True, None), ([10], None), (1.5, None)],
)
def test_submitters_id_is_read_from_its_claim_where_the_settings_require_it(
    tmp_path: Path, claim: object, submitter: str | None
):
    url = write_key_set(tmp_path / "keys.json", public(KEY, "ES256", "one"))
    token = sign(KEY, "ES256", "one", person=claim)
    requiring = Issuer(settings_for(url, submitter_check="claim", jwt_submitter_claim="person"))
    assert requiring.identify(token) == Identity("ursula", submitter)
    assert Issuer(settings_for(url)).identify(token) == Identity("ursula", None)


@pytest.mark.parametrize("algorithm", ["RS256", "PS384", "ES256", "ES384", "EdDSA"])
def test_good_token_names_the_user(tmp_path: Path, algorithm: str):
    key = make_key(algorithm)
    url = write_key_set(tmp_path / "keys.json", public(key, algorithm, "one", alg=algorithm))
    assert Issuer(settings_for(url)).identify(sign(key, algorithm, "one", "müller")).user == "müller"


def test_key_without_an_algorithm_has_the_usual_one(issuer: Issuer):
    assert issuer.identify(sign(RSA_KEY, "RS256", "rsa")).user == "ursula"
    assert issuer.identify(sign(KEY, "ES256", "one")).user == "ursula"


def test_another_claim_may_name_the_user(tmp_path: Path):
    url = write_key_set(tmp_path / "keys.json", public(KEY, "ES256", "one"))
    issuer = Issuer(settings_for(url, jwt_user_claim="email"))
    assert issuer.identify(sign(KEY, "ES256", "one", "7f3", email="ada@example.org")).user == "ada@example.org"
    with pytest.raises(TokenInvalid, match="lacks a claim"):
        issuer.identify(sign(KEY, "ES256", "one"))


def test_token_for_several_audiences_is_accepted(issuer: Issuer):
    assert issuer.identify(sign(KEY, "ES256", "one", aud=["other", "pacifica-ingest"])).user == "ursula"


def test_clocks_may_differ_a_little(issuer: Issuer):
    assert issuer.identify(sign(KEY, "ES256", "one", exp=int(time.time()) - LEEWAY_SECONDS + 10)).user == "ursula"
    assert issuer.identify(sign(KEY, "ES256", "one", nbf=int(time.time()) + LEEWAY_SECONDS - 10)).user == "ursula"


NOW = int(time.time())


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        ({"exp": NOW - 3600}, "it has expired"),
        ({"exp": None}, "it lacks a claim"),
        ({"exp": "never"}, "it is not valid"),
        ({"nbf": NOW + 86_400}, "it is not valid yet"),
        ({"iat": NOW + 86_400}, "it is not valid yet"),
        ({"aud": None}, "it lacks a claim"),
        ({"aud": "other"}, "it is for another audience"),
        ({"aud": []}, "it lacks a claim"),
        ({"iss": None}, "it lacks a claim"),
        ({"iss": "https://issuer.example.org"}, "it is from another issuer"),
        ({"iss": "https://evil.example.org/"}, "it is from another issuer"),
        ({"sub": None}, "it lacks a claim"),
        ({"sub": 7}, "it is not valid"),
        ({"sub": ""}, "its user claim is not a valid user name"),
        ({"sub": "ada\nmin"}, "its user claim is not a valid user name"),
        ({"sub": "a" * 300}, "its user claim is not a valid user name"),
    ],
)
def test_token_with_an_invalid_claim_is_refused_with_the_reason(
    issuer: Issuer, changed: dict[str, object], reason: str
):
    with pytest.raises(TokenInvalid) as refused:
        issuer.identify(sign(KEY, "ES256", "one", **changed))
    assert refused.value.text == f"the token is not accepted: {reason}"
    assert refused.value.headers["WWW-Authenticate"] == (
        f'Bearer realm="pacifica-ingest", error="invalid_token", error_description="{reason}"'
    )


def encoded(document: object) -> str:
    return base64.urlsafe_b64encode(json.dumps(document).encode()).decode().rstrip("=")


def unsigned(algorithm: str) -> str:
    return f"{encoded({'alg': algorithm, 'kid': 'one'})}.{encoded(claims())}."


def tampered() -> str:
    head, _, signature = sign(KEY, "ES256", "one").split(".")
    return f"{head}.{encoded(claims('admin'))}.{signature}"


def signed_with_the_public_key_as_a_secret() -> str:
    """Return a token that is signed with the public key as an HMAC secret."""
    pem = RSA_KEY.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    signing_input = f"{encoded({'alg': 'HS256', 'kid': 'rsa'})}.{encoded(claims())}"
    hmac = jwt.algorithms.HMACAlgorithm(jwt.algorithms.HMACAlgorithm.SHA256)
    signature = base64.urlsafe_b64encode(hmac.sign(signing_input.encode(), pem)).decode().rstrip("=")
    return f"{signing_input}.{signature}"


FORGED: dict[str, Callable[[], str]] = {
    "not signed": lambda: unsigned("none"),
    "not signed, spelled another way": lambda: unsigned("NoNe"),
    "without a signature": lambda: unsigned("ES256"),
    "changed after it was signed": tampered,
    "signed by somebody else": lambda: sign(OTHER, "ES256", "one"),
    "signed with a key that is for encryption": lambda: sign(OTHER, "ES256", "for encryption"),
    "signed with the public key as a secret": signed_with_the_public_key_as_a_secret,
    "signed with a shared secret": lambda: sign(SECRET, "HS256", "shared"),
    "signed with another algorithm than the key's": lambda: sign(RSA_KEY, "PS256", "rsa"),
    "signed with a key that it brings along": lambda: jwt.encode(
        claims(), OTHER, "ES256", {"kid": "mine", "jwk": public(OTHER, "ES256", "mine")}
    ),
    "signed with a key from elsewhere": lambda: jwt.encode(
        claims(), OTHER, "ES256", {"kid": "mine", "jku": "https://evil.example.org/keys"}
    ),
    "of a key id that leads elsewhere": lambda: sign(OTHER, "ES256", "../../etc/passwd"),
    "without a key id, where there are several keys": lambda: sign(KEY, "ES256", None),
    "with a critical extension": lambda: jwt.encode(claims(), KEY, "ES256", {"kid": "one", "crit": ["x"], "x": 1}),
    "of a key id that is no text": lambda: f"{encoded({'alg': 'ES256', 'kid': 7})}.{encoded(claims())}.AA",
    "no token": lambda: "geheim",
    "three dots": lambda: "...",
    "not ASCII": lambda: "é.é.é",
    "empty": lambda: "",
    "of a head that is deeply nested": lambda: f"{'W1tb' * 1500}.{encoded(claims())}.AA",
    "of claims that are deeply nested": lambda: f"{encoded({'alg': 'ES256', 'kid': 'one'})}.{'W1tb' * 1500}.AA",
}


@pytest.mark.parametrize("token", FORGED.values(), ids=FORGED)
def test_forged_token_is_refused_and_not_quoted(issuer: Issuer, token: Callable[[], str]):
    text = token()
    with pytest.raises(TokenInvalid) as refused:
        issuer.identify(text)
    assert not text or text not in refused.value.text


@pytest.mark.filterwarnings("ignore::jwt.InsecureKeyLengthWarning")
def test_short_key_is_not_accepted(tmp_path: Path):
    key = make_key("RS256", bits=1024)
    url = write_key_set(tmp_path / "keys.json", public(key, "RS256", "short"))
    with pytest.raises(TokenInvalid):
        Issuer(settings_for(url)).identify(sign(key, "RS256", "short"))


def test_key_id_is_not_needed_where_there_is_one_key(tmp_path: Path):
    url = write_key_set(tmp_path / "keys.json", public(KEY, "ES256", None))
    assert Issuer(settings_for(url)).identify(sign(KEY, "ES256", None)).user == "ursula"
