"""One wrapper of requests: time-outs, credentials, certificates and proxies; every failure becomes a typed error."""

from __future__ import annotations

import ssl
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urljoin, urlsplit

import requests
from requests.auth import AuthBase

from pacifica_ingest_client.errors import (
    CertificateUntrusted,
    ClientError,
    NotFound,
    RequestRefused,
    ServiceFailed,
    ServiceUnavailable,
    UsageError,
)

# The first also limits the sending of one block of the body (`service.body`).
CONNECT_SECONDS = 30
# The service may sync gigabytes to its disk before it answers.
ANSWER_SECONDS = 300
REDIRECTS = range(300, 400)
# Answers after which the same request can succeed later: too early, locked, in conflict, too many; and outages.
LATER = frozenset({408, 409, 423, 425, 429, 502, 503, 504, 507})
SERVER_ERRORS = range(500, 600)
NOT_FOUND = 404
MAX_TEXT = 500
BLOCK = 1024 * 1024
# The texts of OpenSSL for a certificate that is not trusted; other TLS errors are broken connections.
UNTRUSTED = ("CERTIFICATE_VERIFY_FAILED", "doesn't match")


@dataclass(frozen=True)
class Access:
    """Who calls, and by which way. `token` is called for each request, so that a renewed token is used."""

    token: Callable[[], str] | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    ca_file: str | None = None
    proxy: str | None = None


class _BearerToken(AuthBase):
    """Sends the token; with an `auth` of its own, requests does not read ~/.netrc."""

    def __init__(self, token: Callable[[], str]) -> None:
        self._token = token

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        request.headers["Authorization"] = f"Bearer {self._token()}"
        return request


class Connection:
    """Sends requests to the service at one URL. Environment variables for proxies (HTTPS_PROXY, NO_PROXY) apply."""

    def __init__(self, url: str, access: Access) -> None:
        """Prepare the requests; raises UsageError if the file of certificates cannot be used."""
        _check_certificates(access.ca_file)
        self.url = url.rstrip("/")
        self._session = requests.Session()
        self._session.auth = _BearerToken(access.token) if access.token else None
        # As bytes, because the service reads names in UTF-8, and requests would write Latin-1.
        self._session.headers.update({name: value.encode() for name, value in access.headers.items()})
        self._verify = access.ca_file
        self._proxies = {"http": access.proxy, "https": access.proxy} if access.proxy else None

    def close(self) -> None:
        """Close the connections."""
        self._session.close()

    def request(
        self,
        method: str,
        address: str,
        *,
        headers: Mapping[str, str] | None = None,
        params: Mapping[str, str] | None = None,
        data: Iterable[bytes] | None = None,
        stream: bool = False,
    ) -> requests.Response:
        """Send a request to a path or a URL of the service; return the answer if it is a success.

        With `stream`, the body of the answer is not read yet.

        Raises ServiceUnavailable, ServiceFailed, RequestRefused, NotFound, CertificateUntrusted, UsageError.
        """
        try:
            answer = self._session.request(
                method,
                self.absolute(address),
                headers=dict(headers or {}),
                params=params,
                data=data,
                stream=stream,
                timeout=(CONNECT_SECONDS, ANSWER_SECONDS),
                allow_redirects=False,
                verify=self._verify,
                proxies=self._proxies,
            )
        except requests.RequestException as error:
            raise self._translated(error) from error
        if not answer.ok or answer.status_code in REDIRECTS:
            raise _error_of(answer)
        return answer

    def download(self, address: str) -> Iterator[bytes]:
        """Yield the blocks of an answer, which may be larger than the memory; raises the errors of `request`."""
        with self.request("GET", address, stream=True) as answer:
            try:
                yield from answer.iter_content(BLOCK)
            except requests.RequestException as error:
                raise self._translated(error) from error

    def absolute(self, address: str) -> str:
        """Return the URL of a path, or of a `Location`; raises ServiceFailed for a URL of another host."""
        parts = urlsplit(self.url)
        # Behind a proxy that serves the service below a path, the service may know that path or not.
        is_below = address.startswith("/") and not address.startswith(f"{parts.path}/")
        url = self.url + address if is_below else urljoin(f"{self.url}/", address)
        if urlsplit(url)[:2] != parts[:2]:
            raise ServiceFailed(f"the service at {self.url} named another server: {url}")
        return url

    def _translated(self, error: requests.RequestException) -> ClientError:
        if isinstance(error, requests.exceptions.SSLError) and any(text in str(error) for text in UNTRUSTED):
            return CertificateUntrusted(
                f"the certificate of {self.url} is not trusted: {_reason(error)}; name the facility's with --ca-file"
            )
        if isinstance(error, (requests.ConnectionError, requests.Timeout, requests.exceptions.ChunkedEncodingError)):
            return ServiceUnavailable(f"{self.url} is unavailable: {_reason(error)}")
        return UsageError(f"{self.url} cannot be used: {_reason(error)}")


def json_of(answer: requests.Response) -> dict[str, Any]:
    """Return the JSON object of an answer; raises ServiceFailed."""
    try:
        document = answer.json()
    except ValueError as error:
        raise ServiceFailed(f"{answer.url} answered with something other than JSON; is it the right URL?") from error
    if not isinstance(document, dict):
        raise ServiceFailed(f"{answer.url} answered with JSON that is not an object; is it the right URL?")
    return document


def linked_job(answer: requests.Response) -> int | None:
    """Return the job that the `Link` of an answer names."""
    name = answer.links.get("related", {}).get("url", "").rpartition("/")[2]
    return int(name) if name.isdecimal() else None


def _check_certificates(path: str | None) -> None:
    """Raise UsageError here, because requests would report a broken connection."""
    try:
        if path is not None:
            ssl.create_default_context(cafile=path)
    except OSError as error:
        raise UsageError(f"the certificates in {path} cannot be used: {error.strerror or error}") from error


def _error_of(answer: requests.Response) -> ClientError:
    status, document = answer.status_code, _document(answer)
    code, message = str(document.get("code", "")), str(document.get("message", "")) or _text(answer)
    text = f"{answer.url} answered {status} {answer.reason}: {message}"
    if status in REDIRECTS:
        return RequestRefused(f"{answer.url} redirects to {answer.headers.get('Location')}; use that URL", status)
    job_id = linked_job(answer)
    if status in LATER and job_id is None:
        return ServiceUnavailable(text, _retry_after(answer), answered=True, code=code)
    if status in SERVER_ERRORS:
        return ServiceFailed(text)
    refused = NotFound if status == NOT_FOUND else RequestRefused
    return refused(text, status, code, document, job_id)


def _document(answer: requests.Response) -> dict[str, Any]:
    """Return the JSON of an error; another server in between may answer without."""
    try:
        document = answer.json()
    except ValueError:
        return {}
    return document if isinstance(document, dict) else {}


def _text(answer: requests.Response) -> str:
    return " ".join(answer.text[:MAX_TEXT].split()) or "no text"


def _retry_after(answer: requests.Response) -> float | None:
    value = answer.headers.get("Retry-After", "")
    return float(value) if value.isdecimal() else None


def _reason(error: BaseException) -> str:
    """Return the text of the innermost error: requests and urllib3 wrap it several times."""
    text, inner = "", error
    seen: BaseException | None = error
    while seen is not None:
        inner = seen
        text = getattr(inner, "strerror", None) or str(inner) or text
        seen = inner.__cause__ or inner.__context__
    return text or type(inner).__name__
