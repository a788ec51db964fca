"""JSON Web Tokens: which are accepted, and when the issuer's keys are fetched."""

import base64
import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from api.access import key_set
from api.access.access_errors import TokenInvalid, TokensUnavailable
from api.access.identity import Identity
from api.access.issuer import LEEWAY_SECONDS, Issuer
from ingest.settings.loading import Settings
from tests.api.access.issuer import NAME, claims, make_key, public, sign, write_key_set
from tests.services.scripted_server import Handler, Script, ScriptedServer, reply, scripted_server
from tools.waiting import wait_until

KEY = make_key("ES256")
RSA_KEY = make_key("RS256")
OTHER = make_key("ES256")
SECRET = b"a secret that the issuer shares with nobody, I hope"


def settings_for(url: str, **changed: object) -> Settings:
    return Settings(authentication="token", jwt_issuer=NAME, jwks_url=url, **changed)


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
    """The oldest trick: the public key, which everybody has, taken for a shared secret."""
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


# The key set


@pytest.fixture
def server() -> Iterator[ScriptedServer]:
    with scripted_server() as server:
        yield server


@pytest.fixture
def remote(server: ScriptedServer) -> Issuer:
    return Issuer(settings_for(f"{server.url}/keys"))


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Keys may be fetched at any time."""
    monkeypatch.setattr(key_set, "MIN_FETCH_INTERVAL_SECONDS", 0.0)


@pytest.fixture
def forgetful(monkeypatch: pytest.MonkeyPatch, impatient: None) -> None:
    """Keys expire immediately."""
    monkeypatch.setattr(key_set, "KEY_LIFETIME_SECONDS", 0.0)


def keys(*entries: dict[str, Any]) -> dict[str, Any]:
    return {"keys": list(entries)}


ONE = public(KEY, "ES256", "one")
TWO = public(OTHER, "ES256", "two")
GOOD = sign(KEY, "ES256", "one")
NEW = sign(OTHER, "ES256", "two")


def test_keys_are_fetched_once(remote: Issuer, server: ScriptedServer):
    server.then(reply(document=keys(ONE)))
    assert [remote.identify(GOOD).user for _ in range(5)] == ["ursula"] * 5
    assert [(each.method, each.path) for each in server.received] == [("GET", "/keys")]


def test_tokens_of_unknown_keys_do_not_cause_repeated_fetches(remote: Issuer, server: ScriptedServer):
    server.then(reply(document=keys(ONE)))
    for number in range(50):
        with pytest.raises(TokenInvalid, match="not signed with a key of the issuer"):
            remote.identify(sign(OTHER, "ES256", f"unknown {number}"))
    assert len(server.received) == 1


@pytest.mark.usefixtures("impatient")
def test_new_key_is_found_without_a_restart(remote: Issuer, server: ScriptedServer):
    server.then(reply(document=keys(ONE)), reply(document=keys(ONE, TWO)))
    assert (remote.identify(GOOD).user, remote.identify(NEW).user) == ("ursula", "ursula")
    assert len(server.received) == 2


@pytest.mark.usefixtures("forgetful")
def test_withdrawn_key_is_no_longer_accepted(remote: Issuer, server: ScriptedServer):
    server.then(reply(document=keys(ONE)), reply(document=keys(TWO)))
    assert remote.identify(GOOD).user == "ursula"
    with pytest.raises(TokenInvalid):
        remote.identify(GOOD)


UNAVAILABLE = {
    "500": reply(500, {"message": "down"}),
    "no JSON": reply(body=b"<html>"),
    "no keys": reply(document={"keys": []}),
    "no usable key": reply(document=keys({"kty": "unheard of"})),
    "led elsewhere": reply(302, {}, Location="https://evil.example.org/"),
}


@pytest.mark.usefixtures("forgetful")
@pytest.mark.parametrize("failure", UNAVAILABLE.values(), ids=UNAVAILABLE)
def test_known_keys_remain_valid_while_the_issuer_is_unavailable_and_unknown_ones_answer_503(
    remote: Issuer, server: ScriptedServer, failure: Any
):
    server.then(reply(document=keys(ONE)), failure, failure)
    assert remote.identify(GOOD).user == "ursula"
    assert remote.identify(GOOD).user == "ursula"
    with pytest.raises(TokensUnavailable) as refused:
        remote.identify(NEW)
    assert refused.value.headers["Retry-After"] == "10"
    assert "http" not in refused.value.text


def test_unavailable_issuer_is_not_queried_by_every_request(remote: Issuer, server: ScriptedServer):
    server.then(reply(503, {}))
    for _ in range(5):
        with pytest.raises(TokensUnavailable):
            remote.identify(GOOD)
    assert len(server.received) == 1


def test_unresponsive_issuer_times_out(remote: Issuer, server: ScriptedServer, monkeypatch: pytest.MonkeyPatch):
    def hang(_handler: Handler) -> None:
        server.ended.wait(30)

    monkeypatch.setattr(key_set, "FETCH_TIMEOUT_SECONDS", 0.2)
    server.then(hang)
    with pytest.raises(TokensUnavailable):
        remote.identify(GOOD)


@pytest.fixture
def slow(server: ScriptedServer) -> Iterator[Callable[[], Script]]:
    """Returns answers that arrive when the test is over."""
    over = threading.Event()

    def make() -> Script:
        def wait(handler: Handler) -> None:
            over.wait(30)
            reply(document=keys(ONE))(handler)

        return wait

    yield make
    over.set()


@contextmanager
def another_request_fetching(remote: Issuer, server: ScriptedServer) -> Iterator[None]:
    """Let another request wait for the issuer during the `with` block."""
    before = len(server.received)
    thread = threading.Thread(target=remote.identify, args=(GOOD,), daemon=True)
    thread.start()
    wait_until(lambda: len(server.received) > before, 30, lambda: "the issuer is not queried")
    yield


@pytest.mark.usefixtures("forgetful")
def test_known_key_does_not_wait_for_another_request_that_fetches(
    remote: Issuer, server: ScriptedServer, slow: Callable[[], Script]
):
    server.then(reply(document=keys(ONE)), slow())
    assert remote.identify(GOOD).user == "ursula"
    with another_request_fetching(remote, server):
        assert remote.identify(GOOD).user == "ursula"


def test_unknown_key_waits_briefly_for_another_request_that_fetches_and_answers_503(
    remote: Issuer, server: ScriptedServer, slow: Callable[[], Script], monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(key_set, "LOCK_TIMEOUT_SECONDS", 0.1)
    server.then(slow())
    with another_request_fetching(remote, server), pytest.raises(TokensUnavailable):
        remote.identify(NEW)


def test_missing_file_of_keys_is_an_unavailable_issuer(tmp_path: Path):
    with pytest.raises(TokensUnavailable):
        Issuer(settings_for((tmp_path / "none.json").as_uri())).identify(GOOD)
