"""The answers that the client of resumable uploads reads."""

from http import HTTPStatus

import pytest

from bench.tus_client import expect, parse_head

HEAD = b'HTTP/1.1 204 NO CONTENT\r\nServer: gunicorn\r\nUpload-Offset:  1048576 \r\nLink: </jobs/17>; rel="related"'


def test_head_has_its_status_and_headers_in_lower_case() -> None:
    answer = parse_head(HEAD)
    assert answer.status == 204
    assert answer.headers == {"server": "gunicorn", "upload-offset": "1048576", "link": '</jobs/17>; rel="related"'}
    assert answer.offset == 1048576


def test_head_without_headers() -> None:
    assert parse_head(b"HTTP/1.1 200 OK").headers == {}


def test_expected_status_is_returned() -> None:
    answer = parse_head(HEAD)
    assert expect(answer, HTTPStatus.NO_CONTENT) is answer


def test_other_status_is_an_error_that_names_both() -> None:
    with pytest.raises(RuntimeError, match="HTTP 409 instead of 204"):
        expect(parse_head(b"HTTP/1.1 409 CONFLICT\r\n"), HTTPStatus.NO_CONTENT)
