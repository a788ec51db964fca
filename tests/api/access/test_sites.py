"""Pages of other sites and foreign host names are refused; clients other than browsers are unaffected."""

import socket
from collections.abc import Iterator

import pytest

from tests.api.clients import answered, refused
from tests.api.live_server import Server, serving_alone

CONTINUE = b"HTTP/1.1 100 Continue"
BODY = b"Content-Length: 1\r\n\r\nx"
LISTED_HOST = "ingest.example.org"


@pytest.fixture(scope="module")
def listing(database_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """Yield a server with a list of its host names, as behind a proxy."""
    settings = {"INGEST_AUTHENTICATION": "open", "INGEST_ALLOWED_HOSTS": f"{LISTED_HOST}, 10.1.2.3, portal.example.org"}
    with serving_alone(tmp_path_factory.mktemp("listing"), database_url, **settings) as server:
        yield server


@pytest.fixture(scope="module")
def unlisted(database_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """Yield a server with authentication, or open without it, and no list of host names."""
    settings = {"INGEST_AUTHENTICATION": "open"}
    with serving_alone(tmp_path_factory.mktemp("unlisted"), database_url, **settings) as server:
        yield server


@pytest.fixture(scope="module")
def unchecked(database_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with serving_alone(tmp_path_factory.mktemp("unchecked"), database_url, INGEST_ALLOWED_HOSTS="*") as server:
        yield server


def head(*lines: str) -> bytes:
    return "\r\n".join((*lines, "")).encode("latin-1")


def post(*headers: str, host: str = "localhost:8066", path: str = "upload") -> bytes:
    return head(f"POST /{path} HTTP/1.1", f"Host: {host}", "Content-Type: application/json", *headers)


def get(host: str, path: str = "/") -> bytes:
    return head(f"GET {path} HTTP/1.1", f"Host: {host}") + b"\r\n"


def status(server: Server, request: bytes) -> int:
    with server.connect() as connection:
        connection.sendall(request)
        return int(connection.recv(12)[-3:])


FOREIGN = [
    ("Origin: https://evil.example",),
    ("Origin: https://evil.example", "Sec-Fetch-Site: cross-site"),
    ("Origin: https://evil.example", "Sec-Fetch-Site: same-origin"),
    ("Origin: https://evil.example", "Sec-Fetch-Site: none"),
    ("Origin: null",),
    ("Origin: null", "Sec-Fetch-Site: cross-site"),
    ("Origin:",),
    ("Origin: nonsense",),
    ("Origin: http://localhost:8066, http://evil.example",),
    ("Origin: http://localhost:8066@evil.example",),
    ("Origin: http://localhost.evil.example:8066",),
    # Another program of the same machine.
    ("Origin: http://localhost:3000",),
    ("Origin: http://localhost",),
    ("Sec-Fetch-Site: cross-site",),
    ("Sec-Fetch-Site: same-site",),
    ("Sec-Fetch-Site: nonsense",),
    ("Origin: http://localhost:8066", "Sec-Fetch-Site: cross-site"),
    ("Origin: http://localhost:8066", "Sec-Fetch-Site: same-site"),
]


@pytest.mark.parametrize("headers", FOREIGN, ids=str)
@pytest.mark.parametrize("path", ["upload", "ingest", "move"])
def test_post_that_a_page_of_another_site_has_caused_is_refused_before_its_body(
    server: Server, path: str, headers: tuple[str, ...]
) -> None:
    request = post(*headers, "Content-Length: 500000", "Expect: 100-continue", path=path) + b"\r\n"
    with server.leaves_nothing(), server.connect() as connection:
        connection.sendall(request)
        assert connection.recv(len(CONTINUE), socket.MSG_PEEK) != CONTINUE
        number, document, _ = answered(connection)
    assert (number, document["code"]) == (403, "cross_site")
    assert "allowed_hosts" in document["message"]


@pytest.mark.parametrize(
    "headers",
    [
        (),
        ("Origin: http://localhost:8066",),
        ("Origin: HTTPS://LOCALHOST:8066",),
        ("Origin: https://localhost:8066", "Sec-Fetch-Site: same-origin"),
        ("Sec-Fetch-Site: same-origin",),
        ("Sec-Fetch-Site: none",),
        ("Referer: https://evil.example/",),
    ],
    ids=str,
)
def test_post_of_the_services_own_page_or_of_no_page_is_accepted(server: Server, headers: tuple[str, ...]) -> None:
    assert status(server, post(*headers) + BODY) == 200


@pytest.mark.parametrize(
    ("host", "origin"),
    [
        ("ingest", "https://ingest"),
        ("ingest:443", "https://ingest"),
        ("ingest", "http://ingest:80"),
        ("INGEST.", "https://ingest"),
        ("[::2]:8066", "http://[::2]:8066"),
    ],
)
def test_origin_and_host_are_the_same_however_they_are_written(unlisted: Server, host: str, origin: str) -> None:
    assert status(unlisted, post(f"Origin: {origin}", host=host) + BODY) == 200


@pytest.mark.parametrize("site", ["same-site", "cross-site"])
def test_page_of_a_listed_host_may_upload(listing: Server, site: str) -> None:
    headers = (f"Sec-Fetch-Site: {site}", "Origin: https://portal.example.org:8443")
    assert status(listing, post(*headers, host=LISTED_HOST) + BODY) == 200
    assert status(listing, post(*headers, host="127.0.0.1:8066") + BODY) == 200


def test_page_of_another_site_may_send_a_read_but_not_see_the_answer(server: Server) -> None:
    # A browser hides the answer from a page of another site, because no header permits access (CORS).
    request = get("localhost")[:-2] + head("Origin: https://evil.example", "Sec-Fetch-Site: cross-site")
    with server.connect() as connection:
        connection.sendall(request + b"\r\n")
        received = connection.recv(65536)
    assert received.startswith(b"HTTP/1.1 200")
    assert b"access-control" not in received.lower()


@pytest.mark.parametrize(
    "host",
    ["localhost", "LOCALHOST:8066", "localhost.", "ingest.localhost", "127.0.0.1:8066", "127.1.2.3", "[::1]:8066", "[::1]"],
)  # fmt: skip
def test_without_authentication_names_of_this_machine_are_accepted(server: Server, host: str) -> None:
    assert status(server, get(host)) == 200
    assert status(server, post(host=host) + BODY) == 200


@pytest.mark.parametrize(
    "host",
    ["evil.example", "evil.example:8066", "localhost.evil.example", "127.0.0.1.evil.example", "10.1.2.3", "[::2]", "0"],
)  # fmt: skip
def test_without_authentication_a_name_of_another_host_is_refused(server: Server, host: str) -> None:
    for path in ("/", "/get_state/1", "/docs", "/openapi.json", "/nowhere"):
        assert refused(server, get(host, path)) == "421 host_not_allowed"
    with server.leaves_nothing():
        assert refused(server, post(host=host) + BODY) == "421 host_not_allowed"


def test_probes_are_answered_under_any_host_name(server: Server, listing: Server) -> None:
    for each in (server, listing):
        assert status(each, get("10.9.8.7:8066", "/healthz")) == 200
        assert status(each, get("10.9.8.7:8066", "/readyz")) == 200


@pytest.mark.parametrize("host", ["evil.example", "ingest.example.org:8443", "10.1.2.3", "api"])
def test_with_authentication_and_without_a_list_any_name_is_accepted(unlisted: Server, host: str) -> None:
    assert status(unlisted, get(host)) == 200
    assert status(unlisted, post(host=host) + BODY) == 200


@pytest.mark.parametrize(
    ("host", "answer"),
    [
        (LISTED_HOST, 200), ("INGEST.example.org:8443", 200), ("10.1.2.3:8066", 200), ("localhost", 200), ("127.0.0.1", 200),
        ("evil.example", 421), ("example.org", 421), (f"a.{LISTED_HOST}", 421), ("10.1.2.4", 421),
    ],
)  # fmt: skip
def test_listed_hosts_and_no_others_are_names_of_the_service(listing: Server, host: str, answer: int) -> None:
    assert status(listing, get(host)) == answer
    assert status(listing, post(host=host) + BODY) == answer


def test_a_star_accepts_any_name_but_no_page_of_another_site(unchecked: Server) -> None:
    assert status(unchecked, post(host="evil.example") + BODY) == 200
    assert refused(unchecked, post("Origin: https://evil.example") + BODY) == "403 cross_site"


@pytest.mark.parametrize("path", ["/", "/healthz", "/get_state/1", "/nowhere"])
def test_request_without_a_host_is_refused(server: Server, path: str) -> None:
    assert refused(server, head(f"GET {path} HTTP/1.1") + b"\r\n") == "400 host_invalid"


@pytest.mark.parametrize("path", ["upload", "ingest", "move"])
def test_upload_without_a_host_is_refused(server: Server, path: str) -> None:
    with server.leaves_nothing():
        assert refused(server, head(f"POST /{path} HTTP/1.1") + BODY) == "400 host_invalid"


def test_client_of_http_1_0_need_not_name_a_host(server: Server) -> None:
    assert status(server, head("GET / HTTP/1.0") + b"\r\n") == 200
    assert status(server, head("POST /upload HTTP/1.0") + BODY) == 200


@pytest.mark.parametrize(
    "host", ["", "a b", "a/b", "a@b", "a,b", "localhost:port", "http://localhost", "[::1", "a\xe9"]
)
def test_malformed_host_is_refused(unlisted: Server, host: str) -> None:
    assert refused(unlisted, get(host)) == "400 host_invalid"


def test_two_hosts_are_refused(unlisted: Server) -> None:
    assert refused(unlisted, get("a")[:-2] + b"Host: a\r\n\r\n") == "400 bad_request"
