"""The keys of an issuer: when they are fetched, and which requests wait for them."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from api.access import key_set
from api.access.access_errors import TokenInvalid, TokensUnavailable
from api.access.issuer import Issuer
from tests.api.access.issuer import make_key, public, settings_for, sign
from tests.services.scripted_server import Handler, Script, ScriptedServer, reply, scripted_server
from tools.waiting import wait_until

KEY = make_key("ES256")
OTHER = make_key("ES256")


@pytest.fixture
def server() -> Iterator[ScriptedServer]:
    with scripted_server() as server:
        yield server


@pytest.fixture
def remote(server: ScriptedServer) -> Issuer:
    return Issuer(settings_for(f"{server.url}/keys"))


@pytest.fixture
def no_fetch_interval(monkeypatch: pytest.MonkeyPatch) -> None:
    """Remove the minimum interval between two fetches."""
    monkeypatch.setattr(key_set, "MIN_FETCH_INTERVAL_SECONDS", 0.0)


@pytest.fixture
def expired_keys(monkeypatch: pytest.MonkeyPatch, no_fetch_interval: None) -> None:
    """Make cached keys expire immediately."""
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


@pytest.mark.usefixtures("no_fetch_interval")
def test_new_key_is_found_without_a_restart(remote: Issuer, server: ScriptedServer):
    server.then(reply(document=keys(ONE)), reply(document=keys(ONE, TWO)))
    assert (remote.identify(GOOD).user, remote.identify(NEW).user) == ("ursula", "ursula")
    assert len(server.received) == 2


@pytest.mark.usefixtures("expired_keys")
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


@pytest.mark.usefixtures("expired_keys")
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
    """Yield a factory of answers that arrive when the test is over."""
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


@pytest.mark.usefixtures("expired_keys")
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
