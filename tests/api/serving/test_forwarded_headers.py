"""Headers with which a proxy can change a request for gunicorn have no effect here, whatever peer sends them."""

from collections.abc import Iterator

import pytest

from tests.api.clients import answered, refused
from tests.api.live_server import Server, environment_of
from tests.api.server_process import server_process

# gunicorn trusts this machine by default, so each request here comes from an address that it would have trusted.
HEADERS = [
    "SCRIPT_NAME: /docs",
    "SCRIPT_NAME: /get_state",
    "Script_Name: /get_state",
    "SCRIPT-NAME: /get_state",
    "PATH_INFO: /docs",
    "Path_Info: /docs",
    "REMOTE_USER: adam",
    "REMOTE_ADDR: 10.0.0.1",
    "X-Forwarded-Proto: https",
    "X-Forwarded-Proto: nonsense\r\nX-Forwarded-Ssl: on",
    "X-Forwarded-Protocol: ssl\r\nX-Forwarded-Proto: http",
    "X-Forwarded-Prefix: /get_state",
    "X-Forwarded-Host: evil.example",
    "X-Forwarded-For: 10.0.0.1",
    "X_Forwarded_For: 10.0.0.1",
    "Forwarded: for=10.0.0.1;host=evil.example;proto=https",
    "X-Script-Name: /get_state",
    "X-Original-URL: /docs",
    "X-Rewrite-URL: /docs",
]


@pytest.fixture(scope="module")
def trusting(database_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """Yield a server whose environment configures gunicorn to trust every peer, and a path prefix."""
    spool = tmp_path_factory.mktemp("trusting") / "spool"
    spool.mkdir()
    variables = {**environment_of(spool, database_url), "FORWARDED_ALLOW_IPS": "*", "SCRIPT_NAME": "/mounted"}
    # gunicorn reads the first variable when it is imported.
    with server_process(spool.parent, variables, new_interpreter=True) as process:
        yield Server(("127.0.0.1", process.port), spool, database_url, process.id)


@pytest.mark.parametrize("headers", HEADERS)
@pytest.mark.parametrize("which", ["server", "trusting"])
def test_proxy_headers_change_neither_path_nor_scheme_and_are_accepted(
    request: pytest.FixtureRequest, which: str, headers: str
) -> None:
    server: Server = request.getfixturevalue(which)
    start = f"GET /get_state/999999999999 HTTP/1.1\r\nHost: localhost\r\n{headers}\r\n\r\n"
    assert refused(server, start.encode()) == "404 job_unknown"
    assert refused(server, start.replace("/get_state/999999999999", "/nowhere").encode()) == "404 not_found"


def test_proxy_protocol_is_not_supported(server: Server) -> None:
    with server.connect() as connection:
        connection.sendall(b"PROXY TCP4 10.0.0.1 10.0.0.2 1 2\r\nGET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
        assert answered(connection)[0] == 400


def test_http_2_is_not_supported(server: Server) -> None:
    assert refused(server, b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n") == "400 bad_request"
    upgrade = b"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAAP__\r\n\r\n"
    with server.connect() as connection:
        connection.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\n" + upgrade)
        assert connection.recv(12) == b"HTTP/1.1 200"
