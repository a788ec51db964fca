"""A proxy that authenticates itself with a secret: its address, which all accounts of its machine share, is not enough."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from api.access.authentication import make_authentication
from ingest.errors.types import ConfigurationError
from ingest.settings.loading import Settings
from tests.api.access.callers import (
    ADMIN,
    HEADER,
    TRUSTED,
    UNTRUSTED,
    AccessServer,
    Caller,
    proxy_settings,
    serving,
)

SECRET_HEADER = "X-Ingest-Proxy-Secret"
OLD, NEW = "0123456789abcdef" * 2, "fedcba9876543210" * 2
WARNING = "every account of a machine in trusted_proxies can claim to be any user"


@pytest.fixture(scope="module")
def secret_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("secret") / "proxy-secret"
    path.write_text(f"{OLD}\n\n {NEW}\r\n")
    return path


@pytest.fixture(scope="module")
def server(secret_file: Path, tmp_path_factory: pytest.TempPathFactory, database_url: str) -> Iterator[AccessServer]:
    settings = {**proxy_settings(), "INGEST_PROXY_SECRET_FILE": str(secret_file)}
    with serving(tmp_path_factory.mktemp("proxy"), database_url, settings) as server:
        yield server


@pytest.mark.parametrize(
    ("secret", "address", "status"),
    [
        (OLD, TRUSTED, 404),
        (NEW, TRUSTED, 404),
        (None, TRUSTED, 403),
        ("", TRUSTED, 403),
        (OLD[:-1], TRUSTED, 403),
        (f"{OLD}{NEW}", TRUSTED, 403),
        (f"{OLD}, {NEW}", TRUSTED, 403),
        ("ü" * 32, TRUSTED, 403),
        (OLD, UNTRUSTED, 403),
    ],
)
def test_every_call_behind_a_proxy_with_a_secret(server: AccessServer, secret: str | None, address: str, status: int):
    headers = {HEADER: ADMIN} | ({SECRET_HEADER: secret.encode()} if secret is not None else {})
    for method, path in (("GET", "/get_state/999999999"), ("POST", "/upload"), ("POST", "/move")):
        answer = Caller(headers, address).request(server, method, path, data=b"" if method == "POST" else None)
        if status == 403:
            assert (answer.status_code, answer.json()["code"]) == (403, "caller_not_trusted"), (method, path)
            assert OLD not in answer.text
        else:
            assert answer.status_code not in (401, 403), (method, path)


def test_secret_is_in_no_log(server: AccessServer):
    Caller({HEADER: ADMIN, SECRET_HEADER: OLD}, TRUSTED).request(server, "GET", "/get_state/999999999")
    Caller({HEADER: ADMIN, SECRET_HEADER: f"{OLD}x"}, TRUSTED).request(server, "GET", "/get_state/999999999")
    assert "refused: caller_not_trusted" in server.log_text()
    assert OLD not in server.log_text()


def test_proxy_with_a_secret_causes_no_warning(server: AccessServer):
    assert WARNING not in server.log_text()


def test_proxy_without_a_secret_is_named_at_start(tmp_path: Path, database_url: str):
    with serving(tmp_path, database_url, proxy_settings()) as server:
        Caller({HEADER: ADMIN}, TRUSTED).request(server, "GET", "/get_state/999999999")
        assert WARNING in server.log_text()


@pytest.mark.parametrize("content", [None, b"", b"\n", b"too short\n", f"{OLD}\nshort\n".encode()])
def test_file_that_holds_no_secret_is_refused_at_start(tmp_path: Path, content: bytes | None):
    path = tmp_path / "proxy-secret"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(ConfigurationError, match="proxy secret file") as refused:
        make_authentication(Settings(authentication="proxy", proxy_secret_file=path))
    assert "short" not in refused.value.text
