"""Digests of bodies: declared ones are verified before the job is committed, a wanted one is returned."""

import base64
import hashlib
import io
from collections.abc import Callable, Iterator

import pytest
import requests
from flask import Flask

from api.receiving.digests import declared_digests
from api.receiving.hashing import hash_file, hashing
from api.resources import resources_of
from tests.api.clients import POST, answered
from tests.api.live_server import Server, execute

# Several blocks, and a part of one.
BODY = bytes(range(256)) * 10_000 + b"end"
DOCUMENT = b'[{"destinationTable": "Files", "source": "/data/a"}]'
JSON = {"Content-Type": "application/json"}
NAMES = {"sha-256": "sha256", "sha-512": "sha512"}
HEADERS = ("Repr-Digest", "Content-Digest")
BLOCK = 1024


def field(algorithm: str, body: bytes = BODY) -> str:
    """Return the value of a digest header."""
    digest = base64.b64encode(hashlib.new(NAMES[algorithm], body).digest()).decode()
    return f"{algorithm}=:{digest}:"


def send(server: Server, headers: dict[str, str], body: bytes | Iterator[bytes] = BODY) -> requests.Response:
    return requests.post(f"{server.url}/ingest", data=body, headers=headers, timeout=30)


def refusal(answer: requests.Response) -> str:
    return f"{answer.status_code} {answer.json()['code']}"


def blocks(body: bytes = BODY) -> Iterator[bytes]:
    return (body[start : start + 70_001] for start in range(0, len(body), 70_001))


@pytest.mark.parametrize("header", HEADERS)
@pytest.mark.parametrize("algorithm", NAMES)
@pytest.mark.parametrize("chunked", [False, True], ids=["with a length", "in chunks"])
class TestDeclaredDigest:
    def test_body_with_this_digest_becomes_a_job(
        self, server: Server, header: str, algorithm: str, chunked: bool
    ) -> None:
        answer = send(server, {header: field(algorithm)}, blocks() if chunked else BODY)
        assert answer.status_code == 200, answer.text
        row = server.rows()[answer.json()["job_id"]]
        assert (server.spool / row["spool_name"]).read_bytes() == BODY

    def test_body_with_another_digest_leaves_nothing(
        self, server: Server, header: str, algorithm: str, chunked: bool
    ) -> None:
        damaged = b"x" + BODY[1:]
        with server.leaves_nothing():
            answer = send(server, {header: field(algorithm)}, blocks(damaged) if chunked else damaged)
        assert refusal(answer) == "400 digest_mismatch"
        assert header in answer.json()["message"]
        assert field(algorithm, damaged) in answer.json()["message"]


@pytest.mark.parametrize("wrong", NAMES)
def test_every_declared_digest_is_verified(server: Server, wrong: str) -> None:
    values = {algorithm: field(algorithm, b"other" if algorithm == wrong else BODY) for algorithm in NAMES}
    with server.leaves_nothing():
        answer = send(server, {"Repr-Digest": ", ".join(values.values())})
    assert refusal(answer) == "400 digest_mismatch"


def test_both_headers_are_verified(server: Server) -> None:
    with server.leaves_nothing():
        answer = send(server, {"Repr-Digest": field("sha-256"), "Content-Digest": field("sha-256", b"other")})
    assert refusal(answer) == "400 digest_mismatch"


def test_header_in_two_lines_is_one_list(server: Server) -> None:
    head = POST + f"Repr-Digest: {field('sha-512', b'x')}\r\nRepr-Digest: {field('sha-256', b'y')}\r\n".encode()
    with server.leaves_nothing(), server.connect() as connection:
        connection.sendall(head + b"Content-Length: 1\r\n\r\nx")
        status, document, _ = answered(connection)
    assert (status, document["code"]) == (400, "digest_mismatch")
    assert field("sha-256", b"x") in document["message"]


def test_cut_body_is_reported_as_incomplete_and_not_as_another_one(server: Server) -> None:
    head = POST + f"Repr-Digest: {field('sha-256')}\r\nContent-Length: {len(BODY)}\r\n\r\n".encode()
    with server.leaves_nothing(), server.connect() as connection:
        connection.sendall(head + BODY[:-1])
        connection.shutdown(1)
        assert answered(connection)[1]["code"] == "body_incomplete"


def test_refusal_is_an_event_with_its_code(server: Server) -> None:
    refused = "SELECT count(*) FROM event WHERE kind = 'upload_refused' AND code = 'digest_mismatch'"
    before = execute(server.database_url, refused)[0][0]
    send(server, {"Repr-Digest": field("sha-256", b"other")})
    assert execute(server.database_url, refused)[0][0] == before + 1


@pytest.mark.parametrize(
    "value",
    ["", "md5=:AAAA:", "sha=:AAAA:, unixsum=:AAAA:, crc32c=:AAAA:", "sha-384=1", "sha-256-v2=:AAAA:", "md5=(1 2)"],
)
@pytest.mark.parametrize("header", HEADERS)
def test_unsupported_algorithms_are_ignored(server: Server, header: str, value: str) -> None:
    assert send(server, {header: value}).status_code == 200


def test_supported_algorithm_is_verified_beside_an_unsupported_one(server: Server) -> None:
    with server.leaves_nothing():
        answer = send(server, {"Repr-Digest": f"md5=:AAAA:, {field('sha-256', b'other')}"})
    assert refusal(answer) == "400 digest_mismatch"


MALFORMED = {
    "no base64": "sha-256=:no base64:",
    "hexadecimal digits": f"sha-256={hashlib.sha256(BODY).hexdigest()}",
    "the form of the Digest header of RFC 3230": "SHA-256=X48E9qOokqqrvdts8nOJRJN3OWDUoyWxBf7kbu9DBPE=",
    "a text": f'sha-256="{hashlib.sha256(BODY).hexdigest()}"',
    "without a value": "sha-256",
    "an inner list": "sha-256=(:AAAA: :AAAA:)",
    "too few bytes": "sha-256=:AAAA:",
    "the bytes of another algorithm": field("sha-512").replace("sha-512", "sha-256"),
    "no end": "sha-256=:AAAA",
    "not ASCII": "sha-256=ä",
}


@pytest.mark.parametrize("header", HEADERS)
@pytest.mark.parametrize("value", MALFORMED.values(), ids=MALFORMED)
@pytest.mark.parametrize("path", ["ingest", "upload", "move"])
def test_malformed_header_is_refused_before_the_body_is_read(
    server: Server, header: str, value: str, path: str
) -> None:
    head = f"POST /{path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n{header}: {value}\r\n"
    with server.leaves_nothing(), server.connect() as connection:
        connection.sendall(head.encode("latin-1") + b"Content-Length: 500000\r\n\r\n")
        status, document, _ = answered(connection)
    assert (status, document["code"]) == (400, "digest_invalid")
    assert f"send {header}: sha-256=:<base64 of the digest>:" in document["message"]


class TestWantedDigest:
    @pytest.mark.parametrize(
        ("preferences", "returned"),
        [
            ("sha-256=1", "sha-256"),
            ("sha-512=10", "sha-512"),
            ("sha-256=3, sha-512=7", "sha-512"),
            ("sha-256=7, sha-512=3", "sha-256"),
            ("md5=10, sha-256=1", "sha-256"),
            ("sha-512=0, sha-256=1", "sha-256"),
            ("sha-256=1;parameter=2", "sha-256"),
        ],
    )
    def test_the_preferred_digest_of_the_stored_bytes_is_returned(
        self, server: Server, preferences: str, returned: str
    ) -> None:
        answer = send(server, {"Want-Repr-Digest": preferences})
        assert answer.headers["Repr-Digest"] == field(returned)

    @pytest.mark.parametrize("preferences", ["", "md5=10", "sha-256=0", "md5=1.5"])
    def test_nothing_is_returned_without_an_acceptable_algorithm(self, server: Server, preferences: str) -> None:
        answer = send(server, {"Want-Repr-Digest": preferences})
        assert answer.status_code == 200
        assert "Repr-Digest" not in answer.headers

    @pytest.mark.parametrize("preferences", ["sha-256", "sha-256=11", "sha-256=-1", "sha-256=1.5", "sha-256=a", "="])
    def test_malformed_preference_is_refused(self, server: Server, preferences: str) -> None:
        with server.leaves_nothing():
            answer = send(server, {"Want-Repr-Digest": preferences})
        assert refusal(answer) == "400 digest_invalid"
        assert "send Want-Repr-Digest: sha-256=1" in answer.json()["message"]

    def test_another_digest_may_be_declared(self, server: Server) -> None:
        answer = send(server, {"Repr-Digest": field("sha-256"), "Want-Repr-Digest": "sha-512=1"})
        assert answer.headers["Repr-Digest"] == field("sha-512")

    def test_no_digest_is_returned_unless_it_is_wanted(self, server: Server) -> None:
        assert "Repr-Digest" not in send(server, {"Repr-Digest": field("sha-256")}).headers


class TestMove:
    def test_digest_of_a_move_document_is_verified_before_the_document_is(self, server: Server) -> None:
        with server.leaves_nothing():
            answer = requests.post(
                f"{server.url}/move", b"no JSON", headers={**JSON, "Repr-Digest": field("sha-256")}, timeout=30
            )
        assert refusal(answer) == "400 digest_mismatch"

    def test_digest_of_a_move_document_is_returned(self, server: Server) -> None:
        wanted = {**JSON, "Content-Digest": field("sha-256", DOCUMENT), "Want-Repr-Digest": "sha-256=1"}
        answer = requests.post(f"{server.url}/move", DOCUMENT, headers=wanted, timeout=30)
        assert answer.headers["Repr-Digest"] == field("sha-256", DOCUMENT)


def test_nothing_is_hashed_without_a_header(make_app: Callable[..., Flask], monkeypatch: pytest.MonkeyPatch) -> None:
    app = make_app()
    monkeypatch.setattr("api.receiving.hashing.ALGORITHMS", {})
    assert app.test_client().post("/ingest", data=BODY).status_code == 200
    assert [path.stat().st_size for path in resources_of(app).settings.volume_path.iterdir()] == [len(BODY)]


@pytest.mark.parametrize("size", [0, 1, BLOCK - 1, BLOCK, BLOCK + 1, 10 * BLOCK])
def test_digests_of_a_file_are_those_of_hashlib(size: int) -> None:
    body = (b"0123456789" * size)[:size]
    found = hash_file(io.BytesIO(body), NAMES, BLOCK)
    assert found == {algorithm: hashlib.new(name, body).digest() for algorithm, name in NAMES.items()}


def test_file_is_hashed_from_its_position() -> None:
    file = io.BytesIO(b"skipped" + BODY)
    file.seek(len("skipped"))
    assert hash_file(file, ["sha-256"], BLOCK) == {"sha-256": hashlib.sha256(BODY).digest()}


def test_error_of_a_body_ends_its_threads_and_is_raised() -> None:
    class Broken:
        def read(self, _size: int, /) -> bytes:
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError), hashing(Broken(), NAMES) as hashed:
        hashed.read(BLOCK)


def test_stored_header_is_read_like_one_of_a_request() -> None:
    (declared,) = declared_digests({"Repr-Digest": field("sha-256")}, "Repr-Digest")
    assert (declared.algorithm, declared.value) == ("sha-256", hashlib.sha256(BODY).digest())
